#include "cgroup/teardown.h"

#include <gmock/gmock.h>

#include <optional>

#include "cgroup/cgroup_tree.h"
#include "tests/cgroup/host.h"

namespace treeline::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

//  t ── a ── b
class Teardown : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (IsSkipped()) return;
    if (!hierarchies_.find(Controller::Pids)) GTEST_SKIP() << "no pids controller";
    Result<CgroupTree> made = CgroupTree::create(
        hierarchies_, machine_, owner_, {{{"t", kNoParent, {}}, {"a", 0, {}}, {"b", 1, {}}}},
        {Controller::Cpu, Controller::Memory, Controller::Pids, Controller::Freezer, Controller::Cpuset});
    ASSERT_TRUE(made) << to_string(made.error());
    groups_.emplace(std::move(*made));
  }
  void TearDown() override {
    groups_.reset();
    HostTest::TearDown();
  }

  void attach(const Child& child, NodeId node) {
    const auto attached = groups_->attach(child.pid(), node);
    ASSERT_TRUE(attached) << to_string(attached.error());
  }
  /// Freezes the node and waits until its state says so.
  void freeze(NodeId node) {
    const std::string group = groups_->path(node, Controller::Freezer);
    const bool v1 = is_v1(Controller::Freezer);
    ASSERT_EQ(v1 ? write_file(group + "/freezer.state", "FROZEN") : write_file(group + "/cgroup.freeze", "1"),
              0);
    ASSERT_TRUE(poll_until([&] {
      return v1 ? read_file(group + "/freezer.state").value_or("") == "FROZEN\n"
                : read_file(group + "/cgroup.events").value_or("").find("frozen 1") != std::string::npos;
    }));
  }
  std::vector<Folder> folders() const {
    std::vector<Folder> result;
    for (const Hierarchy& hierarchy : hierarchies_.all()) {
      result.push_back({hierarchy.base + "/" + owner_, hierarchy.version});
    }
    return result;
  }
  void expect_all_gone() const { EXPECT_THAT(groups_with(hierarchies_, owner_), IsEmpty()); }

  std::optional<CgroupTree> groups_;
};

TEST_F(Teardown, RemovesAnEmptyTree) {
  ASSERT_TRUE(groups_->destroy());
  expect_all_gone();
}

TEST_F(Teardown, EndsProcessesOnEveryLevel) {
  if (!is_v1(Controller::Pids)) GTEST_SKIP() << "v2 keeps processes out of inner groups";
  Child top;
  Child middle;
  Child bottom;
  attach(top, 0);
  attach(middle, 1);
  attach(bottom, 2);
  const auto destroyed = groups_->destroy();
  ASSERT_TRUE(destroyed) << to_string(destroyed.error());
  expect_all_gone();
  EXPECT_TRUE(killed(top.wait()));
  EXPECT_TRUE(killed(middle.wait()));
  EXPECT_TRUE(killed(bottom.wait()));
}

TEST_F(Teardown, EndsAProcessInTheOwnersOwnGroup) {
  if (!is_v1(Controller::Pids)) GTEST_SKIP() << "v2 keeps processes out of inner groups";
  Child child;
  ASSERT_TRUE(groups_->attach_to_owner(child.pid(), Controller::Pids));
  ASSERT_TRUE(groups_->destroy());
  EXPECT_TRUE(killed(child.wait()));
  expect_all_gone();
}

TEST_F(Teardown, SparesProcessesOutside) {
  const Child outside;
  Child inside;
  attach(inside, 2);
  ASSERT_TRUE(groups_->destroy());
  EXPECT_TRUE(killed(inside.wait()));
  EXPECT_FALSE(has_ended(outside.pid()));
}

TEST_F(Teardown, RemovesAFrozenGroupWithTasksInside) {
  if (!hierarchies_.find(Controller::Freezer)) GTEST_SKIP() << "no freezer";
  Child child;
  attach(child, 2);
  freeze(2);
  const auto destroyed = groups_->destroy();
  ASSERT_TRUE(destroyed) << to_string(destroyed.error());
  EXPECT_TRUE(killed(child.wait()));
  expect_all_gone();
}

TEST_F(Teardown, RemovesTasksBelowFrozenAncestors) {
  if (!hierarchies_.find(Controller::Freezer)) GTEST_SKIP() << "no freezer";
  Child one;
  Child other;
  attach(one, 2);
  attach(other, 2);
  freeze(1);
  freeze(0);
  const auto destroyed = groups_->destroy();
  ASSERT_TRUE(destroyed) << to_string(destroyed.error());
  EXPECT_TRUE(killed(one.wait()));
  EXPECT_TRUE(killed(other.wait()));
  expect_all_gone();
}

TEST_F(Teardown, EndsAProcessThatIgnoresSignalsAndStops) {
  Child child([] {
    ::signal(SIGTERM, SIG_IGN);
    ::raise(SIGSTOP);
  });
  ASSERT_TRUE(poll_until([&] { return state_of(child.pid()) == 'T'; }));
  attach(child, 2);
  ASSERT_TRUE(groups_->destroy());
  EXPECT_TRUE(killed(child.wait()));
  expect_all_gone();
}

/// Children that fork again as fast as they can, up to pids.max.
TEST_F(Teardown, EndsAForkStorm) {
  const std::string pids = groups_->path(0, Controller::Pids);
  ASSERT_EQ(write_file(pids + "/pids.max", "48"), 0);
  int start[2];
  ASSERT_EQ(::pipe(start), 0);
  Child storm([&] {
    char byte = 0;
    if (::read(start[0], &byte, 1) != 1) ::_exit(1);
    while (true) {
      if (::fork() < 0) ::usleep(100);
    }
  });
  attach(storm, 2);
  ASSERT_EQ(::write(start[1], "x", 1), 1);
  ::close(start[0]);
  ::close(start[1]);
  ASSERT_TRUE(poll_until([&] { return members(groups_->path(2, Controller::Pids)).size() >= 40; }));
  const auto destroyed = groups_->destroy();
  ASSERT_TRUE(destroyed) << to_string(destroyed.error());
  EXPECT_TRUE(killed(storm.wait()));
  expect_all_gone();
}

TEST_F(Teardown, TellsWhatIsLeftAtTheDeadline) {
  Child child;
  attach(child, 2);
  const auto late = tear_down(folders(), std::chrono::milliseconds(0));
  ASSERT_FALSE(late) << "a live process was inside and no time was given";
  EXPECT_EQ(late.error().kind, ErrorKind::Infrastructure);
  EXPECT_THAT(to_string(late.error()), HasSubstr(owner_));
  const auto again = tear_down(folders(), std::chrono::seconds(10));
  EXPECT_TRUE(again) << to_string(again.error());
  EXPECT_TRUE(killed(child.wait()));
  expect_all_gone();
}

TEST_F(Teardown, CountsAFolderThatIsGoneAsRemoved) {
  ASSERT_TRUE(tear_down(folders(), std::chrono::seconds(10)));
  EXPECT_TRUE(tear_down(folders(), std::chrono::seconds(10)));
  EXPECT_TRUE(tear_down({}, std::chrono::seconds(10)));
  EXPECT_TRUE(groups_->destroy());
}

TEST_F(Teardown, RemovesGroupsThatTheTreeDoesNotKnow) {
  for (const Folder& folder : folders()) ::mkdir((folder.path + "/t/stranger").c_str(), 0755);
  ASSERT_TRUE(groups_->destroy());
  expect_all_gone();
}

TEST_F(Teardown, IsDoneOnceByTheLastOwner) {
  CgroupTree moved = std::move(*groups_);
  groups_.reset();
  EXPECT_TRUE(exists(moved.path(2, Controller::Pids)));
  {
    const CgroupTree last = std::move(moved);
    EXPECT_TRUE(exists(last.path(2, Controller::Pids)));
  }
  expect_all_gone();
}

TEST_F(Teardown, NeedsNoTreeToRemoveARunGroup) {
  Child child;
  attach(child, 2);
  const auto removed = remove_run_group(hierarchies_, owner_);
  ASSERT_TRUE(removed) << to_string(removed.error());
  EXPECT_TRUE(killed(child.wait()));
  expect_all_gone();
}

}  // namespace
}  // namespace treeline::testing
