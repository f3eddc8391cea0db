#pragma once

#include <cstdint>

namespace treeline {

/// mm/memcontrol.c: MEMCG_CHARGE_BATCH, pages that a CPU may hold charged in advance for a group
/// (memcg_stock).
inline constexpr int64_t kChargeBatchPages = 64;

}  // namespace treeline
