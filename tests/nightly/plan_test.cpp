#include "nightly/plan.h"

#include <gtest/gtest.h>

namespace treeline::testing {
namespace {

constexpr int64_t kNoon = 1'780'000'000;
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
      plan_for({night(1, kNoon - 900), night(2, kNoon - 300), night(3, kNoon - 100)}, kNoon, false);
  ASSERT_TRUE(plan.resume);
  EXPECT_EQ(plan.resume->id, 3);
  EXPECT_EQ(plan.left_s, 500);
  EXPECT_EQ(ids(plan.close), (Ids{1, 2}));
}

TEST(PlanFor, ResumesNoneWhoseTimeIsOver) {
  const Abandoned plan = plan_for({night(1, kNoon - 600)}, kNoon, false);
  EXPECT_FALSE(plan.resume);
  EXPECT_EQ(ids(plan.close), (Ids{1}));
}

TEST(PlanFor, ResumesNoneIfAFreshOneIsAskedFor) {
  const Abandoned plan = plan_for({night(1, kNoon - 10)}, kNoon, true);
  EXPECT_FALSE(plan.resume);
  EXPECT_EQ(ids(plan.close), (Ids{1}));
}

TEST(PlanFor, GivesNoMoreThanTheBudgetAfterAClockWasSetBack) {
  EXPECT_EQ(plan_for({night(1, kNoon + kDay)}, kNoon, false).left_s, 600);
}

TEST(ToRemove, KeepsTheLatest) {
  const std::vector<Night> nights{night(1, 0, kNoon - 3), night(2, 0, kNoon - 2), night(3, 0, kNoon - 1)};
  EXPECT_EQ(ids(to_remove(nights, {2, 0}, kNoon)), (Ids{1}));
  EXPECT_EQ(ids(to_remove(nights, {3, 0}, kNoon)), (Ids{}));
  EXPECT_EQ(ids(to_remove(nights, {0, 0}, kNoon)), (Ids{}));
}

TEST(ToRemove, RemovesTheOld) {
  const std::vector<Night> nights{night(1, 0, kNoon - 3 * kDay - 1), night(2, 0, kNoon - 3 * kDay),
                                  night(3, 0, kNoon)};
  EXPECT_EQ(ids(to_remove(nights, {0, 3}, kNoon)), (Ids{1}));
  EXPECT_EQ(ids(to_remove(nights, {1, 3}, kNoon)), (Ids{2, 1}));
}

TEST(ToRemove, LeavesAloneWhatRunsAndWhatIsRemoved) {
  Night removed = night(1, 0, kNoon - 9 * kDay);
  removed.removed = true;
  EXPECT_EQ(ids(to_remove({removed, night(2, kNoon - 9 * kDay), night(3, 0, kNoon)}, {1, 1}, kNoon)),
            (Ids{}));
}

}  // namespace
}  // namespace treeline::testing
