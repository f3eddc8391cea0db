#include <gmock/gmock.h>
#include <sys/resource.h>

#include "model/error.h"
#include "tests/executor/executor_process.h"

namespace treeline::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

int code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -1; }

class ExecutorProgram : public ExecutorTest {
 protected:
  /// Waits until all workers of a long run have been attached.
  bool is_running(const ExecutorProcess& process, size_t tasks) {
    return poll_until([&] { return members(group(process, Controller::Pids, "t/a/c")).size() >= tasks; });
  }
};

TEST_F(ExecutorProgram, RefusesAGarbledRequest) {
  for (const std::string garbage : {"", "x", "{}\n", "{}\n{}\n", "not json\nat all\n"}) {
    ExecutorProcess process(garbage, scratch());
    const auto answer = process.answer();
    ASSERT_FALSE(answer) << garbage;
    EXPECT_THAT(to_string(answer.error()), Not(HasSubstr("the executor's answer"))) << garbage;
  }
}

TEST_F(ExecutorProgram, RefusesAScenarioThatIsNotValid) {
  Scenario scenario = scenario_of({{17, Idle{}}});
  ExecutorProcess process(request(scenario), scratch());
  const auto answer = process.answer();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::InvalidInput);
  EXPECT_THAT(to_string(answer.error()), HasSubstr("/workers/0/node"));
}

TEST_F(ExecutorProgram, RunsOnlyForTheParentThatStartedIt) {
  ExecutorProcess process(request(scenario_of({})), scratch(), {}, 1);
  EXPECT_EQ(code_of(process.wait()), exit_code::kInfrastructure);
  EXPECT_THAT(groups_with(hierarchies_, process.owner()), IsEmpty());
}

TEST_F(ExecutorProgram, KnowsNoOtherFaultsThanThePlantedOnes) {
  ExecutorProcess process(request(scenario_of({})), scratch(), {"--fault", "of-my-own"});
  EXPECT_EQ(code_of(process.wait()), exit_code::kInvalidInput);
}

TEST_F(ExecutorProgram, WorksBelowAGivenRoot) {
  const OwnRoot root(hierarchies_, machine_);
  ExecutorProcess process(request(scenario_of({{3, Idle{}}}, 20'000'000)), scratch(),
                          {"--cgroup-root", root.name()});
  const std::string below =
      hierarchies_.find(Controller::Pids)->mount + "/" + root.name() + "/" + process.owner();
  EXPECT_TRUE(poll_until([&] { return members(below + "/t/a/c").size() == 1; }));
  EXPECT_THAT(groups_with(hierarchies_, process.owner()), IsEmpty());
  process.terminate();
  EXPECT_FALSE(process.answer());
  EXPECT_FALSE(exists(below));
}

TEST_F(ExecutorProgram, SeesTheWeightOfTheGroupsAboveItsOwn) {
  if (!machine_.has(Knob::CpuWeight)) GTEST_SKIP() << "no cpu.weight";
  const OwnRoot root(hierarchies_, machine_);
  ExecutorProcess below(request(scenario_of({{3, Idle{}}})), scratch(), {"--cgroup-root", root.name() + "/"});
  const auto seen = below.answer();
  ASSERT_TRUE(seen) << to_string(seen.error());
  ASSERT_EQ(seen->groups_above.size(), 1u);
  EXPECT_EQ(seen->groups_above[0].shares, 1'024);
  ExecutorProcess at_top(request(scenario_of({{3, Idle{}}})), scratch());
  const auto seen_at_top = at_top.answer();
  ASSERT_TRUE(seen_at_top) << to_string(seen_at_top.error());
  EXPECT_TRUE(seen_at_top->groups_above.empty());
}

TEST_F(ExecutorProgram, ItsWorkersAreOrdinaryTasksWhereItIsNicedItself) {
  ASSERT_EQ(::setpriority(PRIO_PROCESS, 0, 5), 0);
  ExecutorProcess process(request(scenario_of({{3, Idle{}}}, 20'000'000)), scratch());
  ASSERT_EQ(::setpriority(PRIO_PROCESS, 0, 0), 0);
  ASSERT_TRUE(is_running(process, 1));
  for (const pid_t worker : members(group(process, Controller::Pids, "t/a/c"))) {
    EXPECT_EQ(::getpriority(PRIO_PROCESS, static_cast<id_t>(worker)), 0);
  }
  process.terminate();
  EXPECT_FALSE(process.answer());
}

TEST_F(ExecutorProgram, ItsWorkersHaveNoneOfItsResourceLimits) {
  constexpr rlim_t kEnoughToStart = 1 << 30;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit lower{kEnoughToStart, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &lower), 0);
  ExecutorProcess process(request(scenario_of({{3, Idle{}}}, 20'000'000)), scratch());
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ASSERT_TRUE(is_running(process, 1));
  const auto workers = members(group(process, Controller::Pids, "t/a/c"));
  rlimit of_worker{};
  EXPECT_EQ(::prlimit(workers.at(0), RLIMIT_FSIZE, nullptr, &of_worker), 0);
  EXPECT_EQ(of_worker.rlim_cur, RLIM_INFINITY);
  EXPECT_EQ(of_worker.rlim_max, RLIM_INFINITY);
  process.terminate();
  EXPECT_FALSE(process.answer());
}

TEST_F(ExecutorProgram, CleansUpWhenItIsTerminated) {
  ExecutorProcess process(
      request(scenario_of(
          {{3, ForkStorm{5}}, {3, CpuHog{}}, {2, IoHog{false, IoDirection::Write, 4096, 1 << 20}}},
          30'000'000)),
      scratch());
  ASSERT_TRUE(is_running(process, 7));
  const std::vector<pid_t> workers = members(group(process, Controller::Pids, "t/a/c"));
  process.terminate();
  const auto answer = process.answer();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::Infrastructure);
  EXPECT_EQ(answer.error().errnum, EINTR);
  EXPECT_THAT(groups_with(hierarchies_, process.owner()), IsEmpty());
  EXPECT_TRUE(folder_.empty());
  for (const pid_t pid : workers) EXPECT_TRUE(poll_until([&] { return has_ended(pid); })) << pid;
}

TEST_F(ExecutorProgram, CleansUpAFrozenTreeWhenItIsTerminated) {
  if (!has(Knob::Freeze)) GTEST_SKIP() << "no freezer";
  Scenario scenario = scenario_of({{3, CpuHog{}}}, 30'000'000);
  scenario.actions = {{0, Action::Kind::Freeze, 1}};
  ExecutorProcess process(request(scenario), scratch());
  ASSERT_TRUE(poll_until([&] {
    const std::string freezer = group(process, Controller::Freezer, "t/a");
    return read_file(freezer + "/freezer.state").value_or("") == "FROZEN\n" ||
           read_file(freezer + "/cgroup.events").value_or("").find("frozen 1") != std::string::npos;
  }));
  process.terminate();
  EXPECT_FALSE(process.answer());
  EXPECT_THAT(groups_with(hierarchies_, process.owner()), IsEmpty());
}

/// Its workers die with it; the groups are for its machine to remove.
TEST_F(ExecutorProgram, TakesItsWorkersAlongWhenItIsKilled) {
  ExecutorProcess process(request(scenario_of({{3, ForkStorm{5}}, {3, CpuHog{2, 100, 10'000}}}, 30'000'000)),
                          scratch());
  ASSERT_TRUE(is_running(process, 7));
  process.kill();
  EXPECT_TRUE(killed(process.wait()));
  EXPECT_TRUE(poll_until([&] { return members(group(process, Controller::Pids, "t/a/c")).empty(); }));
  const auto removed = remove_run_group(hierarchies_, process.owner());
  EXPECT_TRUE(removed) << to_string(removed.error());
}

TEST(Wire, CarriesAnErrorOverSeveralLines) {
  const Fd file(::memfd_create("answer", MFD_CLOEXEC));
  const Error error{ErrorKind::Unavailable, "do a\nthing", "/a b", ENOSPC, "free \"space\""};
  ASSERT_TRUE(write_answer(file.get(), tl::unexpected(error)));
  char text[512] = {};
  ASSERT_GT(::pread(file.get(), text, sizeof text - 1, 0), 0);
  const auto decoded = decode_answer(text);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error(), (Error{ErrorKind::Unavailable, "do a thing", "/a b", ENOSPC, "free \"space\""}));
}

TEST(Wire, TellsAnAnswerThatWasCutOff) {
  for (const std::string text : {"", "ok", "ok\n", "ok\n{\"schema\":", "error\n",
                                 "error\x1f"
                                 "1\n",
                                 "yes\n{}"}) {
    EXPECT_FALSE(decode_answer(text)) << text;
  }
}

}  // namespace
}  // namespace treeline::testing
