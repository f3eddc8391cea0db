#include "machine/host_machine.h"

#include <gmock/gmock.h>
#include <sched.h>

#include <cstdlib>
#include <fstream>

#include "tests/cgroup/host.h"

namespace treeline::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Host : public HostTest {
 protected:
  HostOptions options() const {
    HostOptions options;
    options.scratch_dir = folder_.path();
    return options;
  }
  Result<std::unique_ptr<HostMachine>> open(HostOptions with) const {
    return HostMachine::open(std::move(with));
  }
  /// A program that stands in for the executor.
  std::string script(const std::string& body) const {
    const std::string path = program_.path() + "/executor";
    std::ofstream(path) << "#!/bin/sh\n" << body << "\n";
    ::chmod(path.c_str(), 0755);
    return path;
  }

  TempFolder folder_;
  TempFolder program_;
};

Scenario one_node(Workload workload, int64_t length_us = 50'000) {
  Scenario scenario;
  scenario.tree = {{{"t", kNoParent, {}}}};
  scenario.workers = {{0, std::move(workload)}};
  scenario.window.length_us = length_us;
  return scenario;
}

TEST_F(Host, KnowsThisMachine) {
  const auto host = open(options());
  ASSERT_TRUE(host) << to_string(host.error());
  const MachineFacts& facts = (*host)->facts();
  EXPECT_EQ((*host)->name(), "Host");
  EXPECT_FALSE((*host)->deterministic());
  EXPECT_EQ(facts.page_size, ::sysconf(_SC_PAGESIZE));
  EXPECT_THAT(facts.hz, ::testing::AnyOf(100, 250, 300, 1000));
  EXPECT_THAT(facts.mode, ::testing::AnyOf("v1", "v2", "hybrid"));
  EXPECT_THAT(read_file("/proc/sys/kernel/osrelease").value_or(""), HasSubstr(facts.kernel_release));
  EXPECT_THAT(facts.kernel_release, Not(IsEmpty()));
  EXPECT_THAT(facts.libcgroup_version, Not(IsEmpty()));
  EXPECT_GT(facts.memory_bytes, 0);
  EXPECT_GE(facts.swap_bytes, 0);
  EXPECT_GT(facts.cfs_slice_us, 0);
  EXPECT_GT(facts.base_slice_ns, 0);
  EXPECT_THAT(facts.mems, Not(IsEmpty()));
}

TEST_F(Host, KnowsTheCpusItMayUse) {
  const auto host = open(options());
  ASSERT_TRUE(host) << to_string(host.error());
  cpu_set_t own;
  ASSERT_EQ(sched_getaffinity(0, sizeof own, &own), 0);
  const std::vector<int>& cpus = (*host)->facts().cpus;
  EXPECT_THAT(cpus, Not(IsEmpty()));
  EXPECT_TRUE(std::is_sorted(cpus.begin(), cpus.end()));
  for (const int cpu : cpus) EXPECT_TRUE(CPU_ISSET(cpu, &own)) << cpu;
}

TEST_F(Host, HasTheKnobsOfItsControllers) {
  const auto host = open(options());
  ASSERT_TRUE(host) << to_string(host.error());
  const MachineFacts& facts = (*host)->facts();
  EXPECT_THAT(facts.knobs, Not(IsEmpty()));
  for (const Knob knob : facts.knobs) {
    SCOPED_TRACE(knob_info(knob).name);
    const Controller controller = knob_info(knob).controller;
    ASSERT_TRUE(facts.controllers.contains(controller));
    EXPECT_TRUE(facts.mount_flags.contains(controller));
    if (facts.controllers.at(controller) == CgroupVersion::V1) {
      EXPECT_THAT(knob_info(knob).v1_files, Not(IsEmpty()));
    }
  }
  EXPECT_EQ(facts.controllers.contains(Controller::Pids), facts.has(Knob::PidsMax));
  EXPECT_TRUE(!facts.device.empty() || !facts.has(Knob::IoMax));
}

TEST_F(Host, RunsAScenarioAndLeavesNothing) {
  const auto host = open(options());
  ASSERT_TRUE(host) << to_string(host.error());
  for (int run = 0; run < 2; ++run) {
    const auto seen = (*host)->run(one_node(IoHog{false, IoDirection::Write, 4096, 1 << 16}));
    ASSERT_TRUE(seen) << to_string(seen.error());
    EXPECT_EQ(seen->machine, (*host)->facts());
    EXPECT_EQ(seen->workers.at(0).end, WorkerEnd::Stopped);
    EXPECT_TRUE(folder_.empty());
    EXPECT_THAT(groups_with(hierarchies_, run_group_name(::getpid())), IsEmpty());
  }
}

TEST_F(Host, RunsBelowAGivenRoot) {
  const OwnRoot root(hierarchies_, machine_);
  HostOptions with = options();
  with.cgroup_root = root.name();
  const auto host = open(with);
  ASSERT_TRUE(host) << to_string(host.error());
  EXPECT_EQ((*host)->hierarchies().cgroup_root(), root.name());
  const auto seen = (*host)->run(one_node(Idle{}));
  ASSERT_TRUE(seen) << to_string(seen.error());
  EXPECT_EQ(seen->workers.at(0).end, WorkerEnd::Finished);
  EXPECT_THAT(groups_with((*host)->hierarchies(), "treeline-"), IsEmpty());
}

TEST_F(Host, SaysThatTheExecutorIsMissing) {
  HostOptions with = options();
  with.executor_path = "/nonexistent/treeline-executor";
  const auto host = open(with);
  ASSERT_FALSE(host);
  EXPECT_EQ(host.error().kind, ErrorKind::Unavailable);
  EXPECT_EQ(host.error().errnum, ENOENT);
  EXPECT_THAT(to_string(host.error()), HasSubstr("treeline-executor"));
  EXPECT_THAT(to_string(host.error()), HasSubstr("TREELINE_EXECUTOR"));
  EXPECT_THAT(to_string(host.error()), Not(HasSubstr("\n")));
}

TEST_F(Host, RefusesAScratchFolderThatIsNotThere) {
  HostOptions with = options();
  with.scratch_dir = "/nonexistent/scratch";
  const auto host = open(with);
  ASSERT_FALSE(host);
  EXPECT_EQ(host.error().kind, ErrorKind::InvalidInput);
  EXPECT_EQ(host.error().path, "/nonexistent/scratch");
  EXPECT_THAT(host.error().advice, HasSubstr("--scratch"));
}

TEST_F(Host, RefusesARootThatIsNotThere) {
  HostOptions with = options();
  with.cgroup_root = owner_ + "-missing";
  const auto host = open(with);
  ASSERT_FALSE(host);
  EXPECT_EQ(host.error().kind, ErrorKind::Unavailable);
}

TEST_F(Host, SaysWhyItCannotRunAScenario) {
  const auto host = open(options());
  ASSERT_TRUE(host) << to_string(host.error());
  Scenario scenario = one_node(Idle{});
  scenario.requirements.cpus = 8'000;
  const auto seen = (*host)->run(scenario);
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().kind, ErrorKind::Unavailable);
  EXPECT_THAT(to_string(seen.error()), HasSubstr("CPUs"));
}

TEST_F(Host, SaysHowTheExecutorFailed) {
  const std::vector<std::pair<std::string, std::string>> endings{{"exit 9", "it exited with 9"},
                                                                 {"kill -SEGV $$", "SIGSEGV"},
                                                                 {"echo ok >&4; exit 5", "it exited with 5"}};
  for (const auto& [body, words] : endings) {
    HostOptions with = options();
    with.executor_path = script(body);
    const auto host = open(with);
    ASSERT_TRUE(host) << to_string(host.error());
    const auto seen = (*host)->run(one_node(Idle{}));
    ASSERT_FALSE(seen) << body;
    EXPECT_EQ(seen.error().kind, ErrorKind::Infrastructure) << body;
    EXPECT_THAT(to_string(seen.error()), HasSubstr(words));
  }
}

TEST_F(Host, DoesNotTakeAnEmptyAnswerForAnObservation) {
  for (const std::string body :
       {"exit 0", "echo ok >&4", "echo nonsense >&4", "echo ok >&4; echo '{}' >&4"}) {
    HostOptions with = options();
    with.executor_path = script(body);
    const auto host = open(with);
    ASSERT_TRUE(host) << to_string(host.error());
    const auto seen = (*host)->run(one_node(Idle{}));
    ASSERT_FALSE(seen) << body;
    EXPECT_EQ(seen.error().kind, ErrorKind::Infrastructure) << body << ": " << to_string(seen.error());
  }
}

TEST_F(Host, SweepsWhatTheDeadLeftInTheScratchFolder) {
  Child gone([] { ::_exit(0); });
  const std::string dead = folder_.path() + "/treeline-" + std::to_string(gone.pid()) + "-1";
  ASSERT_NE(gone.wait(), -1);
  std::filesystem::create_directories(dead + "/files");
  std::filesystem::create_directories(folder_.path() + "/mine");
  ASSERT_TRUE(open(options()));
  EXPECT_FALSE(exists(dead));
  EXPECT_TRUE(exists(folder_.path() + "/mine"));
}

}  // namespace
}  // namespace treeline::testing
