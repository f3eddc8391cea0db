#include "model/latency.h"

#include <algorithm>
#include <bit>

namespace treeline {

namespace {

constexpr int kBits = 3;
constexpr int kPerOctave = 1 << kBits;

}  // namespace

int latency_bucket(int64_t ns) {
  const auto value = static_cast<uint64_t>(std::max<int64_t>(ns, 0));
  if (value < kPerOctave) return static_cast<int>(value);
  const int octave = static_cast<int>(std::bit_width(value)) - 1;
  const auto place = static_cast<int>(value >> (octave - kBits)) & (kPerOctave - 1);
  return std::min((octave - kBits + 1) * kPerOctave + place, kLatencyBuckets - 1);
}

int64_t latency_bucket_end_ns(int bucket) {
  if (bucket < kPerOctave) return bucket;
  const int octave = bucket / kPerOctave + kBits - 1;
  return (int64_t{kPerOctave + bucket % kPerOctave + 1} << (octave - kBits)) - 1;
}

void LatencyHistogram::add(int64_t ns, int64_t count) {
  if (count <= 0) return;
  add_bucket(latency_bucket(ns), count);
  add_max(ns);
}

void LatencyHistogram::add_bucket(int bucket, int64_t count) {
  buckets_[static_cast<size_t>(bucket)] += count;
  count_ += count;
}

void LatencyHistogram::add_max(int64_t ns) { max_ns_ = std::max(max_ns_, ns); }

void LatencyHistogram::add(const LatencyHistogram& other) {
  for (int bucket = 0; bucket < kLatencyBuckets; ++bucket) {
    add_bucket(bucket, other.buckets_[static_cast<size_t>(bucket)]);
  }
  add_max(other.max_ns_);
}

int64_t LatencyHistogram::quantile_ns(int64_t percent) const {
  const int64_t rank = (count_ * percent + 99) / 100;
  int64_t seen = 0;
  int bucket = 0;
  for (; bucket < kLatencyBuckets - 1; ++bucket) {
    seen += buckets_[static_cast<size_t>(bucket)];
    if (seen >= rank) break;
  }
  return std::min(latency_bucket_end_ns(bucket), max_ns_);
}

Latency LatencyHistogram::summary() const {
  if (count_ == 0) return {};
  return {count_, quantile_ns(50), quantile_ns(99), max_ns_};
}

}  // namespace treeline
