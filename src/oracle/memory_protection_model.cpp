#include "oracle/memory_protection_model.h"

#include <algorithm>

namespace treeline {

namespace {

int64_t claimed(const ProtectedGroup& group) { return std::min(group.usage, group.protection); }

/// page_counter::children_min_usage or children_low_usage of every group.
std::vector<int64_t> claimed_by_children(std::span<const ProtectedGroup> groups) {
  std::vector<int64_t> sums(groups.size(), 0);
  for (const ProtectedGroup& group : groups) {
    if (group.parent >= 0) sums[static_cast<size_t>(group.parent)] += claimed(group);
  }
  return sums;
}

/// a·b/c in whole numbers; the product of two sizes may not fit 64 bits.
int64_t scaled(int64_t a, int64_t b, int64_t c) {
  __extension__ using Wide = __int128;
  return static_cast<int64_t>(static_cast<Wide>(a) * b / c);
}

int64_t share_of(const ProtectedGroup& group, const ProtectedGroup& parent, int64_t parent_effective,
                 int64_t siblings_claim, bool recursive) {
  const int64_t claim = claimed(group);
  if (siblings_claim > parent_effective) return scaled(claim, parent_effective, siblings_claim);
  const int64_t unclaimed = parent_effective - siblings_claim;
  const int64_t unprotected = parent.usage - siblings_claim;
  if (!recursive || unclaimed <= 0 || unprotected <= 0 || group.usage <= claim) return claim;
  return claim + scaled(unclaimed, group.usage - claim, unprotected);
}

/// Calls child(i) for the target's children and deeper(i) for all below these, parents first.
template <typename Child, typename Deeper>
void walk_below(std::span<const ProtectedGroup> groups, size_t target, Child child, Deeper deeper) {
  std::vector<bool> is_below(groups.size(), false);
  for (size_t i = 0; i < groups.size(); ++i) {
    if (groups[i].parent < 0) continue;
    const auto parent = static_cast<size_t>(groups[i].parent);
    if (parent != target && !is_below[parent]) continue;
    is_below[i] = true;
    parent == target ? child(i) : deeper(i);
  }
}

}  // namespace

std::vector<int64_t> effective_protection(std::span<const ProtectedGroup> groups, size_t target,
                                          bool recursive) {
  const std::vector<int64_t> claims = claimed_by_children(groups);
  std::vector<int64_t> effective(groups.size(), 0);
  walk_below(
      groups, target, [&](size_t i) { effective[i] = groups[i].protection; },
      [&](size_t i) {
        const auto parent = static_cast<size_t>(groups[i].parent);
        effective[i] = share_of(groups[i], groups[parent], effective[parent], claims[parent], recursive);
      });
  return effective;
}

std::vector<int64_t> guaranteed_protection(std::span<const ProtectedGroup> groups, size_t target) {
  const std::vector<int64_t> claims = claimed_by_children(groups);
  std::vector<int64_t> guaranteed(groups.size(), 0);
  walk_below(
      groups, target, [&](size_t i) { guaranteed[i] = groups[i].protection; },
      [&](size_t i) {
        const auto parent = static_cast<size_t>(groups[i].parent);
        const int64_t siblings = claims[parent] - claimed(groups[i]);
        guaranteed[i] = std::clamp<int64_t>(guaranteed[parent] - siblings, 0, groups[i].protection);
      });
  return guaranteed;
}

}  // namespace treeline
