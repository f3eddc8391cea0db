#include "cgroup/run_group.h"

#include <gmock/gmock.h>

#include <optional>

#include "tests/cgroup/host.h"

namespace treeline::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(RunGroupName, CarriesPidAndTag) {
  const std::string name = run_group_name(::getpid(), "7");
  EXPECT_TRUE(name.starts_with("treeline-" + std::to_string(::getpid()) + "-")) << name;
  EXPECT_TRUE(name.ends_with("-7")) << name;
  EXPECT_EQ(name, run_group_name(::getpid()) + "-7");
  EXPECT_TRUE(is_run_group_name(name));
  EXPECT_TRUE(is_run_group_name(run_group_name(::getpid())));
}

TEST(RunGroupName, DoesNotMistakeOtherNames) {
  for (const std::string name : {"", "treeline", "treeline-", "treeline-12", "treeline-12-", "treeline-x-1",
                                 "treeline-1-x", "treeline-1-2x", "Treeline-1-2", "xtreeline-1-2"}) {
    EXPECT_FALSE(is_run_group_name(name)) << name;
    EXPECT_FALSE(owner_is_alive(name)) << name;
  }
}

/// remove_run_group() ends all that is below such a name.
TEST(RunGroupName, IsOneFolderName) {
  EXPECT_FALSE(is_run_group_name("treeline-1-2-/../x"));
  EXPECT_FALSE(is_run_group_name("treeline-1-2-x/y"));
}

TEST(RunGroupOwner, LivesAsLongAsItsProcess) {
  EXPECT_TRUE(owner_is_alive(run_group_name(::getpid(), "x")));
  Child child;
  const std::string name = run_group_name(child.pid());
  EXPECT_TRUE(owner_is_alive(name));
  child.kill();
  ASSERT_TRUE(poll_until([&] { return state_of(child.pid()) == 'Z'; }));
  EXPECT_FALSE(owner_is_alive(name)) << "a zombie owns nothing";
  child.wait();
  EXPECT_FALSE(owner_is_alive(name));
}

TEST(RunGroupOwner, IsNotWhoeverGotItsPidLater) {
  EXPECT_FALSE(owner_is_alive("treeline-" + std::to_string(::getpid()) + "-1"));
}

TEST(RunGroupOwner, IsFoundWhateverItsProgramIsCalled) {
  const Child odd([] { ::prctl(PR_SET_NAME, "a) Z 1 (b"); });
  ASSERT_TRUE(poll_until([&] {
    return read_file("/proc/" + std::to_string(odd.pid()) + "/comm").value_or("").starts_with("a)");
  }));
  const Child plain;
  const auto start = [](const std::string& name) { return std::stoull(name.substr(name.rfind('-') + 1)); };
  EXPECT_LE(start(run_group_name(odd.pid())), start(run_group_name(plain.pid())));
  EXPECT_GT(start(run_group_name(odd.pid())), 1U);
  EXPECT_TRUE(owner_is_alive(run_group_name(odd.pid())));
}

/// Sweeps below an own group, so that other Treelines on this machine have no part in it.
class Sweep : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (IsSkipped()) return;
    root_.emplace(hierarchies_, machine_);
    Result<Hierarchies> below = root_->hierarchies();
    ASSERT_TRUE(below) << to_string(below.error());
    below_ = std::move(*below);
  }
  void TearDown() override {
    root_.reset();
    HostTest::TearDown();
  }

  void make(const std::string& name) const {
    for (const Hierarchy& hierarchy : below_.all()) ::mkdir((hierarchy.base + "/" + name).c_str(), 0755);
    std::filesystem::create_directories(scratch_.path() + "/" + name + "/sub");
  }
  /// A child makes its root, as a run does, and exits without a word.
  std::string name_of_the_dead() const {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    Child owner([&] {
      const std::string name = run_group_name(::getpid(), "0");
      make(name);
      make(name + "/t");
      const ssize_t written = ::write(ends[1], name.data(), name.size());
      ::_exit(written == static_cast<ssize_t>(name.size()) ? 0 : 1);
    });
    char name[128] = {};
    EXPECT_EQ(owner.wait(), 0);
    EXPECT_GT(::read(ends[0], name, sizeof name - 1), 0);
    ::close(ends[0]);
    ::close(ends[1]);
    return name;
  }
  Result<std::vector<std::string>> sweep_all() const { return sweep(below_, scratch_.path()); }

  std::optional<OwnRoot> root_;
  Hierarchies below_;
  TempFolder scratch_;
};

TEST_F(Sweep, RemovesWhatADeadProcessLeft) {
  const std::string name = name_of_the_dead();
  ASSERT_THAT(groups_with(below_, name), Not(IsEmpty()));
  const auto swept = sweep_all();
  ASSERT_TRUE(swept) << to_string(swept.error());
  EXPECT_THAT(*swept, ElementsAre(name));
  EXPECT_THAT(groups_with(below_, name), IsEmpty());
  EXPECT_TRUE(scratch_.empty());
}

TEST_F(Sweep, EndsTheProcessesThatADeadOneLeft) {
  const std::string name = name_of_the_dead();
  Child orphan;
  for (const Hierarchy& hierarchy : below_.all()) {
    const std::string group = hierarchy.base + "/" + name;
    write_file(group + "/cpuset.cpus", format_id_set(IdSet{machine_.cpus}));
    write_file(group + "/cpuset.mems", format_id_set(IdSet{machine_.mems}));
    ASSERT_EQ(write_file(group + "/cgroup.procs", std::to_string(orphan.pid())), 0) << group;
  }
  const auto swept = sweep_all();
  ASSERT_TRUE(swept) << to_string(swept.error());
  EXPECT_TRUE(killed(orphan.wait()));
  EXPECT_THAT(groups_with(below_, name), IsEmpty());
}

TEST_F(Sweep, LeavesTheGroupsOfTheLivingAlone) {
  const Child living;
  const std::string others = run_group_name(living.pid(), "3");
  const std::string own = run_group_name(::getpid(), "4");
  make(others);
  make(own);
  const std::string dead = name_of_the_dead();
  const auto swept = sweep_all();
  ASSERT_TRUE(swept) << to_string(swept.error());
  EXPECT_THAT(*swept, ElementsAre(dead));
  EXPECT_EQ(groups_with(below_, others).size(), below_.all().size());
  EXPECT_EQ(groups_with(below_, own).size(), below_.all().size());
  EXPECT_TRUE(exists(scratch_.path() + "/" + others + "/sub"));
}

TEST_F(Sweep, LeavesForeignGroupsAndFilesAlone) {
  make("treeline-notes");
  make("other");
  const auto swept = sweep_all();
  ASSERT_TRUE(swept) << to_string(swept.error());
  EXPECT_THAT(*swept, IsEmpty());
  EXPECT_EQ(groups_with(below_, "treeline-notes").size(), below_.all().size());
  EXPECT_TRUE(exists(scratch_.path() + "/other/sub"));
}

TEST_F(Sweep, RemovesAScratchFolderThatHasNoGroup) {
  const std::string name = name_of_the_dead();
  ASSERT_TRUE(remove_run_group(below_, name));
  std::filesystem::create_directories(scratch_.path() + "/" + name);
  const auto swept = sweep_all();
  ASSERT_TRUE(swept) << to_string(swept.error());
  EXPECT_THAT(*swept, Contains(name));
  EXPECT_TRUE(scratch_.empty());
}

TEST_F(Sweep, IsQuietWhenThereIsNothing) {
  const auto swept = sweep_all();
  ASSERT_TRUE(swept) << to_string(swept.error());
  EXPECT_THAT(*swept, IsEmpty());
}

TEST_F(Sweep, RemovalRefusesAForeignGroup) {
  make("other");
  const auto removed = remove_run_group(below_, "other");
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().kind, ErrorKind::InvalidInput);
  EXPECT_THAT(to_string(removed.error()), HasSubstr("other"));
  EXPECT_EQ(groups_with(below_, "other").size(), below_.all().size());
}

}  // namespace
}  // namespace treeline::testing
