#include "nightly/plan.h"

#include <gtest/gtest.h>

namespace treeline::testing {
namespace {

constexpr int64_t kNow = 1'780'000'000;
constexpr int64_t kDay = 86'400;

Night night(int64_t id, int64_t began_at, std::optional<int64_t> ended_at = std::nullopt) {
  return {id, "night-" + std::to_string(id), began_at, 600, 1, ended_at, false};
}

std::vector<int64_t> ids(const std::vector<Night>& nights) {
  std::vector<int64_t> found;
  for (const Night& one : nights) found.push_back(one.id);
  return found;
}

using Ids = std::vector<int64_t>;

TEST(PlanFor, ResumesTheLatestThatHasTimeLeftAndClosesTheOthers) {
  const Abandoned plan =
      plan_for({night(1, kNow - 900), night(2, kNow - 300), night(3, kNow - 100)}, kNow, false);
  ASSERT_TRUE(plan.resume);
  EXPECT_EQ(plan.resume->id, 3);
  EXPECT_EQ(plan.left_s, 500);
  EXPECT_EQ(ids(plan.close), (Ids{1, 2}));
}

TEST(PlanFor, ResumesNoneWhoseTimeIsOver) {
  const Abandoned plan = plan_for({night(1, kNow - 600)}, kNow, false);
  EXPECT_FALSE(plan.resume);
  EXPECT_EQ(ids(plan.close), (Ids{1}));
}

TEST(PlanFor, ResumesNoneIfAFreshOneIsAskedFor) {
  const Abandoned plan = plan_for({night(1, kNow - 10)}, kNow, true);
  EXPECT_FALSE(plan.resume);
  EXPECT_EQ(ids(plan.close), (Ids{1}));
}

TEST(PlanFor, GivesNoMoreThanTheBudgetAfterAClockWasSetBack) {
  EXPECT_EQ(plan_for({night(1, kNow + kDay)}, kNow, false).left_s, 600);
}

TEST(ToRemove, KeepsTheLatest) {
  const std::vector<Night> nights{night(1, 0, kNow - 3), night(2, 0, kNow - 2), night(3, 0, kNow - 1)};
  EXPECT_EQ(ids(to_remove(nights, {2, 0}, kNow)), (Ids{1}));
  EXPECT_EQ(ids(to_remove(nights, {3, 0}, kNow)), (Ids{}));
  EXPECT_EQ(ids(to_remove(nights, {0, 0}, kNow)), (Ids{}));
}

TEST(ToRemove, RemovesTheOld) {
  const std::vector<Night> nights{night(1, 0, kNow - 3 * kDay - 1), night(2, 0, kNow - 3 * kDay),
                                  night(3, 0, kNow)};
  EXPECT_EQ(ids(to_remove(nights, {0, 3}, kNow)), (Ids{1}));
  EXPECT_EQ(ids(to_remove(nights, {1, 3}, kNow)), (Ids{2, 1}));
}

TEST(ToRemove, LeavesAloneWhatRunsAndWhatIsRemoved) {
  Night removed = night(1, 0, kNow - 9 * kDay);
  removed.removed = true;
  EXPECT_EQ(ids(to_remove({removed, night(2, kNow - 9 * kDay), night(3, 0, kNow)}, {1, 1}, kNow)), (Ids{}));
}

}  // namespace
}  // namespace treeline::testing
