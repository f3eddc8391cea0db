#include <gmock/gmock.h>
#include <signal.h>
#include <sys/mount.h>

#include <fstream>
#include <future>
#include <random>

#include "tests/lab/lab.h"

/// What goes wrong around a run is an error that says what, never a verdict, and leaves nothing behind.
namespace treeline::testing {
namespace {

using ::testing::HasSubstr;

namespace fs = std::filesystem;

/// A cache of the test's own, with the kernels of the usual one.
class OwnCache {
 public:
  OwnCache() {
    std::error_code error;
    fs::create_directory_symlink(default_cache_folder() + "/kernels", folder_.path() + "/kernels", error);
  }
  const std::string& path() const { return folder_.path(); }

 private:
  TempFolder folder_;
};

class LabFault : public LabTest {
 protected:
  LabOptions with_cache(const std::string& cache) const {
    LabOptions with = options();
    with.cache = cache;
    return with;
  }
};

TEST_F(LabFault, ALostQemuIsAnInfrastructureError) {
  const Scenario scenario = one_node({}, CpuHog{1, 100, 10'000}, 60'000'000);
  std::mt19937 random(1);
  constexpr int kKills = 10;
  for (int i = 0; i < kKills; ++i) {
    auto run = std::async(std::launch::async, [&] { return lab_->run(scenario); });
    std::vector<pid_t> qemus;
    ASSERT_TRUE(poll_until([&] { return !(qemus = children_named(kQemuName)).empty(); }));
    std::this_thread::sleep_for(
        std::chrono::microseconds(random() % 300'000));  // the instant does not matter
    ::kill(qemus[0], SIGKILL);
    const auto seen = run.get();
    ASSERT_FALSE(seen);
    EXPECT_EQ(seen.error().kind, ErrorKind::Infrastructure);
    EXPECT_THAT(to_string(seen.error()), HasSubstr("SIGKILL"));
  }
  EXPECT_TRUE(lab_->run(LabMachine::self_check_scenario()));
}

TEST_F(LabFault, QemuDiesWithItsMachine) {
  Child machine([&] {
    (void)lab_->run(one_node({}, CpuHog{1, 100, 10'000}, 60'000'000));
    ::_exit(1);
  });
  const auto qemus = [&] {
    std::vector<pid_t> found;
    std::istringstream text(read_file("/proc/" + std::to_string(machine.pid()) + "/task/" +
                                      std::to_string(machine.pid()) + "/children")
                                .value_or(""));
    for (pid_t pid = 0; text >> pid;) found.push_back(pid);
    return found;
  };
  std::vector<pid_t> found;
  ASSERT_TRUE(poll_until([&] { return !(found = qemus()).empty(); }));
  machine.kill();
  machine.wait();
  EXPECT_TRUE(poll_until([&] { return has_ended(found[0]); }));
}

TEST_F(LabFault, APanicIsToldInItsOwnWords) {
  LabOptions with = options();
  with.shape.cmdline = "sysctl.vm.panic_on_oom=2";
  auto lab = LabMachine::open(with);
  ASSERT_TRUE(lab) << to_string(lab.error());
  const auto seen = (*lab)->run(
      one_node({{Knob::MemoryMax, Amount{4 << 20}}}, MemoryHog{MemoryKind::Anonymous, 16 << 20}, 1'000'000));
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().kind, ErrorKind::Infrastructure);
  EXPECT_THAT(to_string(seen.error()), HasSubstr("Kernel panic - not syncing: Out of memory"));
}

TEST_F(LabFault, ARunThatOverrunsIsEnded) {
  LabOptions with = options();
  with.grace = std::chrono::milliseconds(1'000);
  with.per_second = std::chrono::milliseconds(0);
  auto lab = LabMachine::open(with);
  ASSERT_TRUE(lab) << to_string(lab.error());
  const auto seen = (*lab)->run(one_node({}, CpuHog{1, 100, 10'000}, 60'000'000));
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().kind, ErrorKind::Infrastructure);
  EXPECT_EQ(seen.error().errnum, ETIMEDOUT);
}

/// A machine goes on with the files that it has open.
TEST_F(LabFault, ACacheThatIsRemovedDoesNotDisturbAnOpenMachine) {
  const OwnCache cache;
  auto lab = LabMachine::open(with_cache(cache.path()));
  ASSERT_TRUE(lab) << to_string(lab.error());
  fs::remove_all((*lab)->snapshot_folder());
  const auto seen = (*lab)->run(LabMachine::self_check_scenario());
  EXPECT_TRUE(seen) << to_string(seen.error());
}

/// Cut short, changed by one bit, without its manifest.
TEST_F(LabFault, ADamagedSnapshotIsBuiltAgain) {
  const OwnCache cache;
  auto lab = LabMachine::open(with_cache(cache.path()));
  ASSERT_TRUE(lab) << to_string(lab.error());
  const std::string folder = (*lab)->snapshot_folder();
  const std::vector<std::function<void()>> damages{
      [&] { fs::resize_file(folder + "/state", 1'000); },
      [&] {
        std::fstream memory(folder + "/ram0", std::ios::in | std::ios::out | std::ios::binary);
        memory.seekg(1 << 20);
        const int byte = memory.get();
        memory.seekp(1 << 20);
        memory.put(static_cast<char>(byte ^ 1));
      },
      [&] { fs::remove(folder + "/manifest"); },
  };
  for (const auto& damage : damages) {
    damage();
    auto again = LabMachine::open(with_cache(cache.path()));
    ASSERT_TRUE(again) << to_string(again.error());
    EXPECT_TRUE((*again)->was_built());
    EXPECT_TRUE((*again)->run(LabMachine::self_check_scenario()));
  }
  auto whole = LabMachine::open(with_cache(cache.path()));
  ASSERT_TRUE(whole) << to_string(whole.error());
  EXPECT_FALSE((*whole)->was_built());
}

TEST_F(LabFault, AKernelThatIsNoneIsRefused) {
  const TempFolder folder;
  LabOptions with = options();
  with.kernel_path = folder.path() + "/bzImage";
  auto missing = LabMachine::open(with);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().errnum, ENOENT);
  std::ofstream(with.kernel_path) << std::string(1 << 20, 'x');
  auto wrong = LabMachine::open(with);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().kind, ErrorKind::InvalidInput);
  EXPECT_THAT(wrong.error().advice, HasSubstr("bzImage"));
}

/// The head of a kernel, and nothing that could run behind it.
TEST_F(LabFault, AKernelThatDoesNotBootIsTold) {
  const TempFolder folder;
  std::string damaged = read_file(lab_->kernel().image).value_or("");
  ASSERT_GT(damaged.size(), 1u << 20);
  std::fill(damaged.begin() + 0x8000, damaged.end(), '\xf4');
  LabOptions with = options();
  with.kernel_path = folder.path() + "/bzImage";
  with.boot_limit = std::chrono::seconds(5);
  std::ofstream(with.kernel_path, std::ios::binary) << damaged;
  auto lab = LabMachine::open(with);
  ASSERT_FALSE(lab);
  EXPECT_EQ(lab.error().kind, ErrorKind::Infrastructure);
  EXPECT_THAT(to_string(lab.error()), HasSubstr("bzImage"));
  EXPECT_THAT(to_string(lab.error()), HasSubstr("console"));
}

TEST_F(LabFault, AKernelWithoutItsModulesNamesTheOptions) {
  LabOptions with = options();
  with.kernel_path = lab_->kernel().image;
  auto lab = LabMachine::open(with);
  ASSERT_FALSE(lab);
  EXPECT_EQ(lab.error().kind, ErrorKind::Unavailable);
  EXPECT_THAT(to_string(lab.error()), HasSubstr("CONFIG_BLK_DEV_NULL_BLK"));
}

TEST_F(LabFault, WithoutQemuTheLabIsUnavailable) {
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", "/nonexistent", 1);
  const auto lab = LabMachine::open(options());
  ::setenv("PATH", path.c_str(), 1);
  ASSERT_FALSE(lab);
  EXPECT_EQ(lab.error().kind, ErrorKind::Unavailable);
  EXPECT_THAT(to_string(lab.error()), HasSubstr("qemu-system-x86"));
}

TEST_F(LabFault, AFullCacheIsTold) {
  const TempFolder folder;
  if (::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=8m") != 0) GTEST_SKIP() << "cannot mount";
  std::error_code error;
  fs::create_directory_symlink(default_cache_folder() + "/kernels", folder.path() + "/kernels", error);
  const auto lab = LabMachine::open(with_cache(folder.path()));
  const bool left = fs::is_empty(folder.path() + "/snapshots", error);
  ::umount2(folder.path().c_str(), MNT_DETACH);
  ASSERT_FALSE(lab);
  EXPECT_EQ(lab.error().kind, ErrorKind::Infrastructure);
  EXPECT_EQ(lab.error().errnum, ENOSPC) << to_string(lab.error());
  EXPECT_THAT(to_string(lab.error()), HasSubstr("--cache"));
  EXPECT_TRUE(left) << "what was begun is removed";
}

}  // namespace
}  // namespace treeline::testing
