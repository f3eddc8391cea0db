#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>

#include "model/error.h"
#include "tests/cli/command.h"
#include "tests/lab/lab.h"

namespace treeline::testing {
namespace {

using ::testing::HasSubstr;

namespace fs = std::filesystem;

constexpr unsigned kNobody = 65534;

/// A user who may make no group tests a kernel all the same, and replays what was found there.
TEST(WithoutRoot, RunGoesOnInTheLab) {
  const fs::path kernel = fs::path(default_cache_folder()) / "kernels" / "debian-6.12";
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  if (!fs::exists(kernel)) GTEST_SKIP() << kernel << " is not there; any test of the lab fetches it";
  const TempFolder folder;
  fs::create_directories(folder.path() + "/kernels");
  fs::copy(kernel, folder.path() + "/kernels/debian-6.12", fs::copy_options::recursive);
  ASSERT_EQ(::chown(folder.path().c_str(), kNobody, kNobody), 0);
  fs::permissions(folder.path(), fs::perms::owner_all);
  const std::string as_nobody =
      "cd " + folder.path() +
      " && setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=" + folder.path() +
      " TREELINE_CACHE=" + folder.path();
  const Ended found = treeline_command("run -p pids -n 40 --seed 1 --fault pids-off-by-one", as_nobody);
  EXPECT_EQ(found.code(), exit_code::kViolated) << found.said;
  EXPECT_THAT(found.said, HasSubstr("cannot be tested, so Lab/debian-6.12/v2 is"));
  const Ended replayed =
      treeline_command("replay treeline-results/failures/*.json --fault pids-off-by-one", as_nobody);
  EXPECT_EQ(replayed.code(), exit_code::kViolated) << replayed.said;
  EXPECT_THAT(replayed.said, HasSubstr("on Lab/debian-6.12/v2, as the file says"));
  EXPECT_THAT(replayed.said, HasSubstr("1 of 1 observations are the same as the one in the file"));
}

}  // namespace
}  // namespace treeline::testing
