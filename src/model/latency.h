#pragma once

#include <array>
#include <cstdint>

namespace treeline {

/// How long tasks waited for a CPU, in ns. Without any wait counted all is 0.
struct Latency {
  int64_t count = 0;
  int64_t p50_ns = 0;  ///< Of the percentiles: at most an eighth too great, never too small.
  int64_t p99_ns = 0;
  int64_t max_ns = 0;  ///< Exact.
  bool operator==(const Latency&) const = default;
};

/// A log-scale histogram of fixed size, as HdrHistogram's: eight buckets for each power of two, up to 2^40 ns
/// (18 minutes); what is greater goes into the last one.
inline constexpr int kLatencyBuckets = 304;
int latency_bucket(int64_t ns);
/// The greatest value that goes into the bucket.
int64_t latency_bucket_end_ns(int bucket);

class LatencyHistogram {
 public:
  void add(int64_t ns, int64_t count = 1);
  void add_bucket(int bucket, int64_t count);
  void add_max(int64_t ns);
  void add(const LatencyHistogram& other);
  Latency summary() const;

 private:
  int64_t quantile_ns(int64_t percent) const;

  std::array<int64_t, kLatencyBuckets> buckets_{};
  int64_t count_ = 0;
  int64_t max_ns_ = 0;
};

}  // namespace treeline
