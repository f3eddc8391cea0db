#include <gmock/gmock.h>

#include <cstdlib>
#include <future>

#include "machine/host_machine.h"
#include "tests/cgroup/host.h"

/// What is left when a process of the pipeline is killed in the middle of a run: nothing.
namespace treeline::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

pid_t parent_of(pid_t pid) {
  const std::string text = read_file("/proc/" + std::to_string(pid) + "/stat").value_or("");
  const size_t name_end = text.rfind(')');
  return name_end == std::string::npos ? 0 : std::atoi(text.c_str() + name_end + 4);
}

//  t ── a: a fork storm, two hogs and a writer, 9 tasks
Scenario busy(int64_t length_us) {
  Scenario scenario;
  scenario.tree = {{{"t", kNoParent, {}}, {"a", 0, {}}}};
  scenario.workers = {
      {1, ForkStorm{5}}, {1, CpuHog{2, 50, 10'000}}, {1, IoHog{false, IoDirection::Write, 4096, 1 << 20}}};
  scenario.window.length_us = length_us;
  return scenario;
}
constexpr size_t kTasks = 8;  // processes: worker and 5 children, hog, writer

class KilledRun : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (!IsSkipped() && !hierarchies_.find(Controller::Pids)) GTEST_SKIP() << "no pids controller";
  }

  /// The members of node t/a of the one run that `owner` has going; empty until `least` are there.
  std::vector<pid_t> workers_of(pid_t owner, size_t least = kTasks) const {
    for (const std::string& group : groups_with(hierarchies_, run_group_name(owner) + "-")) {
      std::vector<pid_t> found = members(group + "/t/a");
      if (found.size() >= least) return found;
    }
    return {};
  }
  bool is_frozen(pid_t owner) const {
    for (const std::string& group : groups_with(hierarchies_, run_group_name(owner) + "-")) {
      if (read_file(group + "/t/a/freezer.state").value_or("") == "FROZEN\n") return true;
      if (read_file(group + "/t/a/cgroup.events").value_or("").find("frozen 1") != std::string::npos)
        return true;
    }
    return false;
  }
  /// The executor that runs these workers: the child of `owner` among their ancestors. 0: none.
  static pid_t executor_of(const std::vector<pid_t>& workers, pid_t owner) {
    for (pid_t pid = workers.empty() ? 0 : workers[0]; pid > 1; pid = parent_of(pid)) {
      if (parent_of(pid) == owner) return pid;
    }
    return 0;
  }
  HostOptions options() const {
    HostOptions options;
    options.scratch_dir = folder_.path();
    return options;
  }
  static void expect_ended(const std::vector<pid_t>& pids) {
    for (const pid_t pid : pids) EXPECT_TRUE(poll_until([&] { return has_ended(pid); })) << pid;
  }

  TempFolder folder_;
};

TEST_F(KilledRun, OfItsExecutorIsAnInfrastructureError) {
  const auto host = HostMachine::open(options());
  ASSERT_TRUE(host) << to_string(host.error());
  auto run = std::async(std::launch::async, [&] { return (*host)->run(busy(30'000'000)); });
  std::vector<pid_t> workers;
  const bool started = poll_until([&] { return !(workers = workers_of(::getpid())).empty(); });
  const pid_t executor = executor_of(workers, ::getpid());
  if (executor > 0) ::kill(executor, SIGKILL);
  const auto seen = run.get();
  ASSERT_TRUE(started);
  ASSERT_GT(executor, 0);
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().kind, ErrorKind::Infrastructure);
  EXPECT_THAT(to_string(seen.error()), HasSubstr("SIGKILL"));
  EXPECT_THAT(groups_with(hierarchies_, run_group_name(::getpid())), IsEmpty());
  EXPECT_TRUE(folder_.empty());
  expect_ended(workers);
  EXPECT_TRUE(has_ended(executor));
  const auto next = (*host)->run(busy(50'000));
  EXPECT_TRUE(next) << "the machine is still good: " << to_string(next.error());
}

/// Frozen workers cannot die with their executor.
TEST_F(KilledRun, OfItsExecutorWithFrozenWorkersIsToldAtOnce) {
  if (!machine_.has(Knob::Freeze)) GTEST_SKIP() << "no freezer";
  const auto host = HostMachine::open(options());
  ASSERT_TRUE(host) << to_string(host.error());
  Scenario scenario = busy(5'000'000);
  scenario.actions = {{200'000, Action::Kind::Freeze, 1}};
  auto run = std::async(std::launch::async, [&] { return (*host)->run(scenario); });
  const bool frozen = poll_until([&] { return is_frozen(::getpid()); });
  const std::vector<pid_t> workers = workers_of(::getpid(), 1);
  const pid_t executor = executor_of(workers, ::getpid());
  if (executor > 0) ::kill(executor, SIGKILL);
  const auto seen = run.get();
  ASSERT_TRUE(frozen);
  ASSERT_GT(executor, 0);
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().kind, ErrorKind::Infrastructure);
  EXPECT_THAT(to_string(seen.error()), HasSubstr("SIGKILL"));
  EXPECT_THAT(groups_with(hierarchies_, run_group_name(::getpid())), IsEmpty());
  EXPECT_TRUE(folder_.empty());
  expect_ended(workers);
}

/// The executor notices its machine's death and cleans up by itself.
TEST_F(KilledRun, OfItsMachineLeavesNothing) {
  Child machine([&] {
    auto host = HostMachine::open(options());
    if (host) (void)(*host)->run(busy(30'000'000));
    ::_exit(1);
  });
  const std::string name = run_group_name(machine.pid());
  std::vector<pid_t> workers;
  ASSERT_TRUE(poll_until([&] { return !(workers = workers_of(machine.pid())).empty(); }));
  const pid_t executor = executor_of(workers, machine.pid());
  ASSERT_GT(executor, 0);
  machine.kill();
  EXPECT_TRUE(killed(machine.wait()));
  EXPECT_TRUE(poll_until([&] { return has_ended(executor); }));
  EXPECT_THAT(groups_with(hierarchies_, name), IsEmpty());
  EXPECT_TRUE(folder_.empty());
  expect_ended(workers);
}

/// Both at once: the next Treeline removes what they left.
TEST_F(KilledRun, OfAllIsSweptByTheNextMachine) {
  Child machine([&] {
    auto host = HostMachine::open(options());
    if (host) (void)(*host)->run(busy(30'000'000));
    ::_exit(1);
  });
  const std::string name = run_group_name(machine.pid());
  std::vector<pid_t> workers;
  ASSERT_TRUE(poll_until([&] { return !(workers = workers_of(machine.pid())).empty(); }));
  const pid_t executor = executor_of(workers, machine.pid());
  ASSERT_GT(executor, 0);
  ASSERT_EQ(::kill(executor, SIGSTOP), 0);  // it shall not clean up
  machine.kill();
  EXPECT_TRUE(killed(machine.wait()));
  ASSERT_EQ(::kill(executor, SIGKILL), 0);
  expect_ended(workers);
  const auto next = HostMachine::open(options());
  ASSERT_TRUE(next) << to_string(next.error());
  EXPECT_THAT(groups_with(hierarchies_, name), IsEmpty());
  EXPECT_TRUE(folder_.empty());
}

}  // namespace
}  // namespace treeline::testing
