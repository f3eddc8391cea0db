#include "model/observation.h"

#include <array>

namespace treeline {

std::string_view end_name(WorkerEnd end) {
  constexpr std::array<std::string_view, 6> kNames{"finished", "stopped", "OOM-killed",
                                                   "killed",   "failed",  "not started"};
  return kNames[static_cast<size_t>(end)];
}

}  // namespace treeline
