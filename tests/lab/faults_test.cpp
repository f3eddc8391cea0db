#include <gmock/gmock.h>
#include <signal.h>
#include <sys/mount.h>

#include <fstream>
#include <future>
#include <random>

#include "fixtures/environment.h"
#include "generators/constraints.h"
#include "generators/property.h"
#include "search/search.h"
#include "tests/lab/lab.h"

/// What goes wrong around a run is an error that says what, never a verdict, and leaves nothing behind.
namespace treeline::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

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

/// In the middle of a file.
void flip_bit(const std::string& path) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const auto middle = static_cast<std::streamoff>(fs::file_size(path) / 2);
  file.seekg(middle);
  const int byte = file.get();
  file.seekp(middle);
  file.put(static_cast<char>(byte ^ 1));
}

class LabFault : public LabTest {
 protected:
  LabOptions with_cache(const std::string& cache) const {
    LabOptions with = options();
    with.cache = cache;
    return with;
  }
  /// TREELINE_KILLS: how often QEMU is killed.
  static uint64_t kills() { return number_from("TREELINE_KILLS", 5); }
  /// Kills this process's QEMU at an instant of the time `span` after it came up. Which one does not matter.
  bool kill_qemu_within(std::chrono::microseconds span) {
    const auto wait = std::chrono::microseconds(random_() % static_cast<uint64_t>(span.count()));
    const auto kill_one = [&] {
      const std::vector<pid_t> qemus = children_named(kQemuName);
      return !qemus.empty() && ::kill(qemus[0], SIGKILL) == 0;
    };
    if (!poll_until([] { return !children_named(kQemuName).empty(); })) return false;
    std::this_thread::sleep_for(wait);
    return poll_until(kill_one);  // by now it may be the next one's turn
  }

 private:
  std::mt19937_64 random_{1};
};

TEST_F(LabFault, ALostQemuIsAnInfrastructureError) {
  const Scenario scenario = one_node({}, CpuHog{1, 100, 10'000}, 60'000'000);
  for (uint64_t i = 0; i < kills(); ++i) {
    auto run = std::async(std::launch::async, [&] { return lab_->run(scenario); });
    ASSERT_TRUE(kill_qemu_within(std::chrono::milliseconds(500)));
    const auto seen = run.get();
    ASSERT_FALSE(seen);
    EXPECT_EQ(seen.error().kind, ErrorKind::Infrastructure);
    EXPECT_THAT(to_string(seen.error()), HasSubstr("SIGKILL"));
    EXPECT_EQ(count_descriptors(), descriptors_);
  }
  EXPECT_TRUE(lab_->run(LabMachine::self_check_scenario()));
}

/// At the boot, at the saving, at the check that clones are equal.
TEST_F(LabFault, ALostQemuWhileASnapshotIsMadeIsAnInfrastructureError) {
  const OwnCache cache;
  for (uint64_t i = 0; i < (kills() + 4) / 5; ++i) {
    auto opening = std::async(std::launch::async, [&] { return LabMachine::open(with_cache(cache.path())); });
    ASSERT_TRUE(kill_qemu_within(std::chrono::milliseconds(5'000)));
    const auto lab = opening.get();
    ASSERT_FALSE(lab);
    EXPECT_EQ(lab.error().kind, ErrorKind::Infrastructure);
    EXPECT_THAT(to_string(lab.error()), HasSubstr("SIGKILL"));
    EXPECT_THAT(begun_in(cache.path()), IsEmpty());
    EXPECT_EQ(count_descriptors(), descriptors_);
  }
  const auto lab = LabMachine::open(with_cache(cache.path()));
  ASSERT_TRUE(lab) << to_string(lab.error());
  EXPECT_TRUE((*lab)->run(LabMachine::self_check_scenario()));
}

/// The second waits for the first, and finds what it has built.
TEST_F(LabFault, TwoProcessesThatWantTheSameSnapshotDoNotCollide) {
  const OwnCache cache;
  enum Answer { kFailed, kBuilt, kFound };
  const auto open_and_run = [&] {
    const auto lab = LabMachine::open(with_cache(cache.path()));
    const bool good = lab && (*lab)->run(LabMachine::self_check_scenario());
    ::_exit(!good ? kFailed : (*lab)->was_built() ? kBuilt : kFound);
  };
  Child one(open_and_run);
  Child other(open_and_run);
  std::vector<int> answers;
  for (Child* child : {&one, &other}) {
    const int status = child->wait(std::chrono::minutes(5));
    ASSERT_TRUE(WIFEXITED(status)) << status;
    answers.push_back(WEXITSTATUS(status));
  }
  EXPECT_THAT(answers, ::testing::UnorderedElementsAre(kBuilt, kFound));
  const fs::directory_iterator kept(cache.path() + "/snapshots");
  EXPECT_EQ(std::distance(begin(kept), end(kept)), 1) << "nothing is left of the building";
  const auto whole = LabMachine::open(with_cache(cache.path()));
  ASSERT_TRUE(whole) << to_string(whole.error());
  EXPECT_FALSE((*whole)->was_built());
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

/// A kernel that dies of an OOM kill in a group: found, shrunk and replayed like any other defect.
TEST_F(LabFault, AKernelThatPanicsViolatesItsHealth) {
  LabOptions with = options();
  with.shape.cmdline = "sysctl.vm.panic_on_oom=2";
  auto lab = LabMachine::open(with);
  ASSERT_TRUE(lab) << to_string(lab.error());
  const TempFolder results;
  SearchOptions search_for;
  search_for.properties = {find_property("memory")};
  search_for.results_dir = results.path();
  const auto found = search(**lab, constraints_for((*lab)->facts()), search_for);
  ASSERT_TRUE(found) << to_string(found.error());
  ASSERT_EQ(found->failures.size(), 1U);
  const Counterexample& minimum = found->failures[0];
  EXPECT_EQ(minimum.signature->invariant, "kernel.health");
  EXPECT_THAT(report(minimum, found->files[0]), HasSubstr("Kernel panic - not syncing: Out of memory"));
  Size shape = size_of(minimum.scenario);
  shape.detail = 0;
  EXPECT_EQ(shape, (Size{1, 0, 1, 1, 0}));
  const auto again = replay(**lab, minimum.scenario, &*minimum.signature, 3, &*minimum.observation);
  ASSERT_TRUE(again) << to_string(again.error());
  EXPECT_EQ(again->rate.violated, 3);
  EXPECT_EQ(again->identical, 3);
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
      [&] { flip_bit(folder + "/ram0"); },
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

/// Cut short behind its head, and changed by one bit: the kernel, and a module.
TEST_F(LabFault, ADamagedKernelInTheCacheIsTold) {
  const TempFolder cache;
  const std::string package = cache.path() + "/kernels/" + options().kernel;
  fs::create_directories(package);
  fs::copy(lab_->kernel().package, package, fs::copy_options::recursive);
  const auto kernel = find_debian_kernel(options().kernel, cache.path());
  ASSERT_TRUE(kernel) << to_string(kernel.error());
  std::string module;
  for (const auto& entry : fs::recursive_directory_iterator(kernel->modules)) {
    if (entry.path().filename().string().starts_with("null_blk.ko")) module = entry.path().string();
  }
  ASSERT_NE(module, "");
  const std::vector<std::pair<std::string, std::function<void(const std::string&)>>> damages{
      {kernel->image, [](const std::string& path) { fs::resize_file(path, fs::file_size(path) / 2); }},
      {kernel->image, flip_bit},
      {module, flip_bit}};
  for (const auto& [path, damage] : damages) {
    fs::copy_file(path, path + ".whole");
    damage(path);
    const auto lab = LabMachine::open(with_cache(cache.path()));
    ASSERT_FALSE(lab);
    EXPECT_EQ(lab.error().kind, ErrorKind::Infrastructure);
    EXPECT_THAT(to_string(lab.error()), HasSubstr("the cache is damaged"));
    EXPECT_THAT(begun_in(cache.path()), IsEmpty());
    fs::rename(path + ".whole", path);
  }
  EXPECT_TRUE(check_package(*kernel));
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
