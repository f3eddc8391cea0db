#pragma once

#include <cstdint>

namespace treeline {

/// mm/memcontrol.c: MEMCG_CHARGE_BATCH, pages that a CPU may hold charged in advance for a group
/// (memcg_stock).
inline constexpr int64_t kChargeBatchPages = 64;
/// NR_MEMCG_STOCK, since 6.16; one before: groups for which a CPU may do so at a time.
inline constexpr int kStockSlots = 7;

}  // namespace treeline
