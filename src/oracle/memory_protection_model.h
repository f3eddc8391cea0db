#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

/// The kernel's proportional protection (memory.min, memory.low of v2) as pure arithmetic, in pages.
namespace treeline {

/// A group as reclaim sees it.
struct ProtectedGroup {
  int parent = -1;         ///< Index of its parent, which comes before it; the first group has none.
  int64_t usage = 0;       ///< memory.current, so never less than that of its children together.
  int64_t protection = 0;  ///< memory.min or memory.low of the group itself.
};

/// What each group is protected with against reclaim for the limit of group `target`: mm/page_counter.c,
/// effective_protection and page_counter_calculate_protection (until 6.11 in mm/memcontrol.c). The target's
/// own protection is ignored, and so is that of all that is not below it: 0. A child of the target has what
/// was set. Further down, what the children claim and use is theirs as long as it fits what their parent has;
/// else each gets its part of that, in proportion to what it claims and uses. With `recursive` (mount option
/// memory_recursiveprot), what they leave unclaimed is shared by their unprotected usage.
std::vector<int64_t> effective_protection(std::span<const ProtectedGroup> groups, size_t target,
                                          bool recursive);

/// What each group is protected with at least, whatever the groups use up to `usage` each, in either mode:
///
///   g(child of the target) = protection;   g(v) = min(protection, g(parent) − Σ min(protection, usage)),
///
/// the sum over v's siblings, and none below 0. For e of the function above, and u the group's own usage at
/// that time, e ≥ min(u, g): while u ≤ g nothing is overcommitted, or only by others; above it, the part
/// u·E/(u+S) that is left when E < u+S is no less than E−S, since S·(u+S−E) ≥ 0. So reclaim, which takes what
/// is above e, can never talk a group down below g, in whatever order it looks at the siblings.
std::vector<int64_t> guaranteed_protection(std::span<const ProtectedGroup> groups, size_t target);

}  // namespace treeline
