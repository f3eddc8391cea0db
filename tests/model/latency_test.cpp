#include "model/latency.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace treeline {
namespace {

TEST(LatencyHistogram, OfNothingIsNothing) { EXPECT_EQ(LatencyHistogram().summary(), Latency{}); }

TEST(LatencyHistogram, TellsTheMedianFromTheTail) {
  LatencyHistogram histogram;
  histogram.add(1'000, 98);
  histogram.add(1'000'000);
  histogram.add(9'000'000);
  const Latency seen = histogram.summary();
  EXPECT_EQ(seen.count, 100);
  EXPECT_EQ(latency_bucket(seen.p50_ns), latency_bucket(1'000));
  EXPECT_EQ(latency_bucket(seen.p99_ns), latency_bucket(1'000'000));
  EXPECT_EQ(seen.max_ns, 9'000'000);
}

TEST(LatencyHistogram, TakesWhatIsBeyondItsEnds) {
  LatencyHistogram histogram;
  histogram.add(-5);
  histogram.add(int64_t{1} << 50);
  histogram.add(3, 0);
  EXPECT_EQ(histogram.summary().count, 2);
  EXPECT_EQ(histogram.summary().p50_ns, 0);
  EXPECT_EQ(histogram.summary().max_ns, int64_t{1} << 50);
}

RC_GTEST_PROP(LatencyHistogram, BucketEndsAreAtMostAnEighthTooGreat, ()) {
  const auto ns = *rc::gen::inRange<int64_t>(0, int64_t{1} << 39);
  const int bucket = latency_bucket(ns);
  RC_ASSERT(bucket >= 0 && bucket < kLatencyBuckets);
  RC_ASSERT(latency_bucket_end_ns(bucket) >= ns);
  RC_ASSERT(latency_bucket_end_ns(bucket) - ns <= ns / 8);
  RC_ASSERT(bucket == 0 || latency_bucket_end_ns(bucket - 1) < ns);
}

RC_GTEST_PROP(LatencyHistogram, PercentilesAreInOrderAndMergingIsAdding, ()) {
  const auto waits = *rc::gen::nonEmpty(
      rc::gen::container<std::vector<int64_t>>(rc::gen::inRange<int64_t>(0, 1'000'000'000)));
  const auto cut = *rc::gen::inRange<size_t>(0, waits.size() + 1);
  LatencyHistogram all;
  LatencyHistogram first;
  LatencyHistogram second;
  for (size_t i = 0; i < waits.size(); ++i) {
    all.add(waits[i]);
    (i < cut ? first : second).add(waits[i]);
  }
  first.add(second);
  RC_ASSERT(first.summary() == all.summary());
  const Latency seen = all.summary();
  RC_ASSERT(seen.p50_ns <= seen.p99_ns && seen.p99_ns <= seen.max_ns);
  RC_ASSERT(seen.max_ns == *std::max_element(waits.begin(), waits.end()));
}

}  // namespace
}  // namespace treeline
