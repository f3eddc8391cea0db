#include "cgroup/cgroup_tree.h"

#include <gmock/gmock.h>

#include "tests/cgroup/host.h"

namespace treeline::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::set<Controller> all_controllers() {
  std::set<Controller> all;
  for (const KnobInfo& info : knob_table()) all.insert(info.controller);
  all.insert(Controller::Cpuacct);
  return all;
}

//  t ─┬─ a ── c
//     └─ b
Tree small_tree() { return {{{"t", kNoParent, {}}, {"a", 0, {}}, {"b", 0, {}}, {"c", 1, {}}}}; }

class CgroupTrees : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (!IsSkipped() && !hierarchies_.find(Controller::Pids)) GTEST_SKIP() << "no pids controller";
  }
  Result<CgroupTree> create(const Tree& tree) const { return create(tree, hierarchies_); }
  Result<CgroupTree> create(const Tree& tree, const Hierarchies& hierarchies) const {
    return CgroupTree::create(hierarchies, machine_, owner_, tree, all_controllers());
  }
  KnobContext context(const KnobWrite& write) const { return machine_.knob_context(write.controller); }
  std::vector<KnobWrite> writes(Knob knob, const KnobValue& value, const Limits& limits = {}) const {
    return encode(knob, value, limits, machine_.knob_context(knob_info(knob).controller));
  }
};

TEST_F(CgroupTrees, StandInEveryHierarchyBelowTheirOwner) {
  const auto groups = create(small_tree());
  ASSERT_TRUE(groups) << to_string(groups.error());
  for (const Hierarchy& hierarchy : hierarchies_.all()) {
    if (!groups->uses(hierarchy.controllers[0])) continue;
    for (const std::string node : {"t", "t/a", "t/b", "t/a/c"}) {
      EXPECT_TRUE(exists(hierarchy.base + "/" + owner_ + "/" + node + "/cgroup.procs"))
          << hierarchy.mount << node;
    }
    EXPECT_EQ(groups->path(3, hierarchy.controllers[0]), hierarchy.base + "/" + owner_ + "/t/a/c");
  }
}

TEST_F(CgroupTrees, UseOnlyTheHierarchiesOfTheirControllers) {
  if (!is_v1(Controller::Pids) || !is_v1(Controller::Cpu))
    GTEST_SKIP() << "one hierarchy holds all controllers";
  auto groups = CgroupTree::create(hierarchies_, machine_, owner_, small_tree(), {Controller::Pids});
  ASSERT_TRUE(groups) << to_string(groups.error());
  EXPECT_TRUE(groups->uses(Controller::Pids));
  EXPECT_FALSE(groups->uses(Controller::Cpu));
  EXPECT_EQ(groups_with(hierarchies_, owner_).size(), 1U);
  EXPECT_EQ(groups->write(0, {Knob::CpuWeight, Controller::Cpu, "cpu.shares", "100", "100"}), ENOENT);
}

TEST_F(CgroupTrees, ReadEachKnobBackAsItWasWritten) {
  const int64_t odd_bytes = (32 << 20) + 123;  // rounded down to pages
  const std::vector<std::pair<Knob, KnobValue>> values{{Knob::CpuMax, CpuBandwidth{20'000, 50'000}},
                                                       {Knob::CpuMaxBurst, Amount{5'000}},
                                                       {Knob::CpuWeight, Amount{50}},
                                                       {Knob::MemoryMax, Amount{odd_bytes}},
                                                       {Knob::MemorySwapMax, Amount{odd_bytes}},
                                                       {Knob::MemoryHigh, Amount{odd_bytes}},
                                                       {Knob::MemoryLow, Amount{odd_bytes}},
                                                       {Knob::MemoryMin, Amount{odd_bytes}},
                                                       {Knob::MemoryOomGroup, Amount{1}},
                                                       {Knob::PidsMax, Amount{17}},
                                                       {Knob::CpusetCpus, IdSet{{machine_.cpus[0]}}},
                                                       {Knob::CpusetMems, IdSet{{machine_.mems[0]}}},
                                                       {Knob::CpusetPartition, Amount{0}},
                                                       {Knob::IoMax, IoRates{1 << 20, 2 << 20, 100, 200}},
                                                       {Knob::IoWeight, Amount{200}},
                                                       {Knob::Freeze, Amount{1}}};
  Tree tree = small_tree();
  auto groups = create(tree);
  ASSERT_TRUE(groups) << to_string(groups.error());
  size_t checked = 0;
  for (const auto& [knob, value] : values) {
    if (!machine_.has(knob)) continue;
    SCOPED_TRACE(knob_info(knob).name);
    tree[2].limits[knob] = value;
    for (const KnobWrite& write : writes(knob, value, tree[2].limits)) {
      EXPECT_EQ(groups->write(2, write), 0) << write.file;
      EXPECT_EQ(groups->read(2, write, context(write)), write.expected) << write.file;
      ++checked;
    }
  }
  EXPECT_GT(checked, 0U);
}

TEST_F(CgroupTrees, MakeAnIdleGroup) {
  if (!machine_.has(Knob::CpuIdle)) GTEST_SKIP() << "no cpu.idle";
  auto groups = create(small_tree());
  ASSERT_TRUE(groups) << to_string(groups.error());
  const KnobWrite idle = writes(Knob::CpuIdle, Amount{1})[0];
  EXPECT_EQ(groups->write(2, idle), 0);
  EXPECT_EQ(groups->read(2, idle, context(idle)), "1");
  const KnobWrite weight = writes(Knob::CpuWeight, Amount{50})[0];
  EXPECT_EQ(groups->write(2, weight), EINVAL) << "an idle group's weight is fixed";
}

TEST_F(CgroupTrees, KeepTheErrnoOfARefusalAndTheOldValue) {
  if (!is_v1(Controller::Cpu) || !is_v1(Controller::Pids)) GTEST_SKIP() << "needs v1's files";
  auto groups = create(small_tree());
  ASSERT_TRUE(groups) << to_string(groups.error());
  const KnobWrite period{Knob::CpuMax, Controller::Cpu, "cpu.cfs_period_us", "50000", "50000"};
  ASSERT_EQ(groups->write(0, period), 0);
  EXPECT_EQ(groups->write(0, {Knob::CpuMax, Controller::Cpu, "cpu.cfs_period_us", "500", ""}), EINVAL);
  EXPECT_EQ(groups->read(0, period, context(period)), "50000");
  EXPECT_EQ(groups->write(0, {Knob::PidsMax, Controller::Pids, "pids.max", "-5", ""}), EINVAL);
  EXPECT_EQ(groups->write(0, {Knob::PidsMax, Controller::Pids, "pids.max", "many", ""}), EINVAL);
}

TEST_F(CgroupTrees, KeepTheErrnosOfAHierarchysRules) {
  if (!is_v1(Controller::Cpu) || !is_v1(Controller::Cpuset)) GTEST_SKIP() << "v1's rules";
  auto groups = create(small_tree());
  ASSERT_TRUE(groups) << to_string(groups.error());
  ASSERT_EQ(groups->write_all(0, writes(Knob::CpuMax, CpuBandwidth{20'000, 100'000})), 0);
  EXPECT_EQ(groups->write_all(1, writes(Knob::CpuMax, CpuBandwidth{30'000, 100'000})), EINVAL);
  EXPECT_EQ(groups->write_all(1, writes(Knob::CpuMax, CpuBandwidth{10'000, 50'000})), 0);
  if (machine_.cpus.size() < 2) return;
  const IdSet first{{machine_.cpus[0]}};
  const IdSet second{{machine_.cpus[1]}};
  ASSERT_EQ(groups->write_all(3, writes(Knob::CpusetCpus, first)), 0);
  ASSERT_EQ(groups->write_all(1, writes(Knob::CpusetCpus, first)), 0);
  EXPECT_EQ(groups->write_all(3, writes(Knob::CpusetCpus, second)), EACCES);
  EXPECT_EQ(groups->write_all(1, writes(Knob::CpusetCpus, second)), EBUSY);
}

TEST_F(CgroupTrees, StopAtTheFirstRefusalOfMany) {
  if (!is_v1(Controller::Cpu)) GTEST_SKIP() << "needs v1's files";
  auto groups = create(small_tree());
  ASSERT_TRUE(groups) << to_string(groups.error());
  const KnobWrite shares{Knob::CpuWeight, Controller::Cpu, "cpu.shares", "512", "512"};
  const KnobWrite bad{Knob::CpuMax, Controller::Cpu, "cpu.cfs_period_us", "1", ""};
  const KnobWrite quota{Knob::CpuMax, Controller::Cpu, "cpu.cfs_quota_us", "40000", "40000"};
  EXPECT_EQ(groups->write_all(1, {shares, bad, quota}), EINVAL);
  EXPECT_EQ(groups->read(1, shares, context(shares)), "512");
  EXPECT_EQ(groups->read(1, quota, context(quota)), "-1");
}

TEST_F(CgroupTrees, TellAnAbsentFile) {
  auto groups = create(small_tree());
  ASSERT_TRUE(groups) << to_string(groups.error());
  const KnobWrite absent{Knob::PidsMax, Controller::Pids, "pids.absent", "1", "1"};
  EXPECT_NE(groups->write(0, absent), 0);
  const auto read = groups->read(0, absent, context(absent));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().errnum, ENOENT);
}

TEST_F(CgroupTrees, TakeAProcessInEveryHierarchy) {
  auto groups = create(small_tree());
  ASSERT_TRUE(groups) << to_string(groups.error());
  const Child child;
  const auto attached = groups->attach(child.pid(), 3);
  ASSERT_TRUE(attached) << to_string(attached.error());
  for (const Hierarchy& hierarchy : hierarchies_.all()) {
    if (!groups->uses(hierarchy.controllers[0])) continue;
    EXPECT_EQ(members(groups->path(3, hierarchy.controllers[0])), std::vector<pid_t>{child.pid()})
        << hierarchy.mount;
  }
}

TEST_F(CgroupTrees, TakeAProcessInOneHierarchyOnly) {
  if (!is_v1(Controller::Cpu) || !is_v1(Controller::Pids))
    GTEST_SKIP() << "one hierarchy holds all controllers";
  auto groups = create(small_tree());
  ASSERT_TRUE(groups) << to_string(groups.error());
  const Child child;
  ASSERT_TRUE(groups->attach(child.pid(), 1, Controller::Pids));
  EXPECT_EQ(members(groups->path(1, Controller::Pids)), std::vector<pid_t>{child.pid()});
  EXPECT_THAT(members(groups->path(1, Controller::Cpu)), IsEmpty());
  ASSERT_TRUE(groups->attach_to_owner(child.pid(), Controller::Pids));
  EXPECT_THAT(members(groups->path(1, Controller::Pids)), IsEmpty());
  EXPECT_EQ(members(hierarchies_.find(Controller::Pids)->base + "/" + owner_),
            std::vector<pid_t>{child.pid()});
}

TEST_F(CgroupTrees, ReportAProcessThatIsGone) {
  auto groups = create(small_tree());
  ASSERT_TRUE(groups) << to_string(groups.error());
  Child child;
  child.kill();
  ASSERT_NE(child.wait(), -1);
  const auto attached = groups->attach(child.pid(), 1);
  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().errnum, ESRCH);
}

TEST_F(CgroupTrees, LeaveNothingWhenTheyCannotBeMade) {
  Tree tree = small_tree();
  tree.nodes.push_back({"x\ny", 2, {}});  // kernel/cgroup/cgroup.c, cgroup_mkdir refuses it
  const auto groups = create(tree);
  ASSERT_FALSE(groups);
  EXPECT_THAT(to_string(groups.error()), HasSubstr("create the group"));
  EXPECT_THAT(groups_with(hierarchies_, owner_), IsEmpty());
}

TEST_F(CgroupTrees, StandBelowAGivenRoot) {
  const OwnRoot root(hierarchies_, machine_);
  const auto below = root.hierarchies();
  ASSERT_TRUE(below) << to_string(below.error());
  auto groups = create(small_tree(), *below);
  ASSERT_TRUE(groups) << to_string(groups.error());
  EXPECT_THAT(groups_with(hierarchies_, owner_), IsEmpty());
  EXPECT_EQ(groups_with(*below, owner_).size(), groups_with(*below, "treeline-").size());
  EXPECT_THAT(groups->path(3, Controller::Pids), HasSubstr(root.name() + "/" + owner_ + "/t/a/c"));
  const Child child;
  ASSERT_TRUE(groups->attach(child.pid(), 3));
  EXPECT_EQ(members(groups->path(3, Controller::Pids)), std::vector<pid_t>{child.pid()});
  const KnobWrite pids = writes(Knob::PidsMax, Amount{9})[0];
  EXPECT_EQ(groups->write(3, pids), 0);
  EXPECT_EQ(groups->read(3, pids, context(pids)), "9");
  const auto destroyed = groups->destroy();
  EXPECT_TRUE(destroyed) << to_string(destroyed.error());
  EXPECT_THAT(groups_with(*below, "treeline-"), IsEmpty());
}

}  // namespace
}  // namespace treeline::testing
