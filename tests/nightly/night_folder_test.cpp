#include "nightly/night_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/search/fake_machine.h"

namespace treeline::testing {
namespace {

namespace fs = std::filesystem;
constexpr int64_t kNoon = 1'780'000'000;

TEST(NightFolder, IsClaimedUntilItsOwnerEnds) {
  const TemporaryFolder results;
  std::string name;
  {
    const auto made = NightFolder::make(results.path(), kNoon);
    ASSERT_TRUE(made) << to_string(made.error());
    name = made->name();
    EXPECT_TRUE(fs::is_directory(made->path()));
    const auto second = NightFolder::claim(results.path(), name);
    ASSERT_TRUE(second) << to_string(second.error());
    EXPECT_FALSE(*second);
  }
  const auto later = NightFolder::claim(results.path(), name);
  ASSERT_TRUE(later) << to_string(later.error());
  EXPECT_TRUE(*later);
}

TEST(NightFolder, TwoOfOneSecondHaveNamesOfTheirOwn) {
  const TemporaryFolder results;
  const auto one = NightFolder::make(results.path(), kNoon), other = NightFolder::make(results.path(), kNoon);
  ASSERT_TRUE(one && other);
  EXPECT_EQ(other->name(), one->name() + "-2");
}

TEST(NightFolder, LatestPointsToTheLastOne) {
  const TemporaryFolder results;
  for (int64_t i = 0; i < 2; ++i) {
    const auto made = NightFolder::make(results.path(), kNoon + i);
    ASSERT_TRUE(made);
    ASSERT_TRUE(made->point_latest());
    EXPECT_EQ(fs::read_symlink(results.path() + "/nights/latest"), made->name());
  }
}

TEST(SweepNights, RemovesWhatNoKeptNightOwnsAndNothingElse) {
  const TemporaryFolder results;
  auto database = ResultsDb::open(results.path() + "/results.db");
  ASSERT_TRUE(database);
  Nights nights(*database);
  const auto make = [&](int64_t at) { return NightFolder::make(results.path(), at)->name(); };
  const std::string kept = make(kNoon), orphan = make(kNoon + 1), removed = make(kNoon + 2);
  const auto claimed = NightFolder::make(results.path(), kNoon + 3);
  ASSERT_TRUE(claimed);
  ASSERT_TRUE(nights.begin(kept, 1, 1));
  ASSERT_TRUE(nights.remove(nights.begin(removed, 1, 1)->id));
  const std::string folder = results.path() + "/nights/";
  fs::create_directory(folder + "of-somebody-else");
  ASSERT_TRUE(sweep_nights(results.path(), nights));
  EXPECT_TRUE(fs::exists(folder + kept));
  EXPECT_FALSE(fs::exists(folder + orphan));
  EXPECT_FALSE(fs::exists(folder + removed));
  EXPECT_TRUE(fs::exists(claimed->path()));
  EXPECT_TRUE(fs::exists(folder + "of-somebody-else"));
}

TEST(FolderNameOf, TellsMachinesApart) {
  EXPECT_EQ(folder_name_of("Lab/debian-6.12/v2", ""), "Lab-debian-6.12-v2");
  EXPECT_EQ(folder_name_of("Host", "io-limit-unset"), "Host-io-limit-unset");
  EXPECT_NE(folder_name_of("Lab/k/v2/cmdline=a b", ""), folder_name_of("Lab/k/v2/cmdline=a?b", ""));
}

}  // namespace
}  // namespace treeline::testing
