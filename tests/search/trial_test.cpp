#include "search/trial.h"

#include <gtest/gtest.h>

#include "oracle/oracle.h"
#include "tests/search/fake_machine.h"

namespace treeline::testing {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr std::string_view kEntitlement[] = {"cpu.entitlement"};

/// t{10/20 ms}: one hog, which got all of its quota for a second while a CPU was away for `gap_ns`.
struct HalfACpu {
  explicit HalfACpu(int64_t gap_ns) {
    scenario.tree.nodes = {{"t", kNoParent, {{Knob::CpuMax, CpuBandwidth{10'000, 20'000}}}}};
    scenario.workers = {{kRoot, CpuHog{}}};
    scenario.window.length_us = 1'000'000;
    trial.observation = quiet_observation(scenario, fake_facts());
    Observation& seen = trial.observation;
    seen.window_ns = seen.final_at_ns = 1'000 * kMs;
    seen.nodes[0].before[Counter::CpuUsageNs] = 0;
    seen.nodes[0].after[Counter::CpuUsageNs] = 500 * kMs;
    seen.workers[0].end = WorkerEnd::Stopped;
    seen.noise = {{0, gap_ns, 0, 0, 0}, {1, gap_ns, 0, 0, 0}};
    trial.verdict = *judge(scenario, seen);
  }
  Scenario scenario;
  Trial trial;
};

TEST(Noise, OfACpuThatWasAwayForLongMakesARunWorthRepeating) {
  const HalfACpu noisy(400 * kMs);
  EXPECT_TRUE(drowned_in_noise(noisy.scenario, noisy.trial, kEntitlement));
}

TEST(Noise, IsNotToBlameForWhatWasJudged) {
  const HalfACpu calm(0);
  EXPECT_FALSE(drowned_in_noise(calm.scenario, calm.trial, kEntitlement));
}

TEST(Noise, IsNotToBlameForWhatNothingCouldHaveShown) {
  HalfACpu noisy(400 * kMs);
  noisy.trial.observation.window_ns = noisy.trial.observation.final_at_ns = 30 * kMs;
  noisy.trial.observation.nodes[0].after[Counter::CpuUsageNs] = 15 * kMs;
  noisy.trial.verdict = *judge(noisy.scenario, noisy.trial.observation);
  EXPECT_FALSE(drowned_in_noise(noisy.scenario, noisy.trial, kEntitlement));
}

}  // namespace
}  // namespace treeline::testing
