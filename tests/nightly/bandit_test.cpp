#include "nightly/bandit.h"

#include <gtest/gtest.h>

#include <map>

namespace treeline::testing {
namespace {

/// How often each arm is chosen in so many visits of ten seconds, each as new as `fresh` says.
std::map<size_t, int> choices(Bandit& bandit, int visits, const std::map<size_t, int>& fresh) {
  std::map<size_t, int> chosen;
  for (int i = 0; i < visits; ++i) {
    const size_t arm = bandit.choose();
    ++chosen[arm];
    const auto found = fresh.find(arm);
    bandit.note(arm, found == fresh.end() ? 0 : found->second, 10);
  }
  return chosen;
}

TEST(Bandit, VisitsEveryArmInTurnFirst) {
  Bandit bandit(5);
  for (size_t arm = 0; arm < 5; ++arm) {
    EXPECT_EQ(bandit.choose(), arm);
    bandit.note(arm, arm == 0 ? 1000 : 0, 1);
  }
}

TEST(Bandit, SpendsMoreWhereBehavioursAreNewAndForgetsNoArm) {
  Bandit bandit(6);
  const std::map<size_t, int> chosen = choices(bandit, 120, {{2, 50}});
  EXPECT_GT(chosen.at(2), 80);
  for (size_t arm = 0; arm < 6; ++arm) EXPECT_GE(chosen.at(arm), 4) << arm;
}

TEST(Bandit, GoesElsewhereOnceAnArmIsExhausted) {
  Bandit bandit(3);
  choices(bandit, 20, {{0, 50}});
  const std::map<size_t, int> chosen = choices(bandit, 60, {{1, 5}});
  EXPECT_GT(chosen.at(1), chosen.at(0));
  EXPECT_GT(chosen.at(1), 30);
}

TEST(Bandit, TakesEqualArmsInTurn) {
  Bandit bandit(4);
  for (const auto& [arm, times] : choices(bandit, 40, {})) EXPECT_EQ(times, 10) << arm;
}

TEST(Bandit, NeverChoosesARetiredArm) {
  Bandit bandit(3);
  bandit.retire(0);
  EXPECT_FALSE(choices(bandit, 20, {{0, 9}}).contains(0));
  bandit.retire(1);
  EXPECT_FALSE(bandit.all_retired());
  EXPECT_EQ(bandit.choose(), 2u);
  bandit.retire(2);
  EXPECT_TRUE(bandit.all_retired());
}

}  // namespace
}  // namespace treeline::testing
