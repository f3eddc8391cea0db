#include "model/knob_docs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/knob.h"

namespace treeline {

std::string knob_documentation() {
  std::string text = "| knob | controller | v1 files | range | meaning |\n|---|---|---|---|---|\n";
  for (const KnobInfo& info : knob_table()) {
    const std::string range =
        info.type == KnobType::IdSet
            ? "a list such as 0-2,5"
            : fmt::format("{} … {}{}", info.min, info.max, info.unlimited_allowed ? ", or max" : "");
    text += fmt::format("| {} | {} | {} | {}{} | {} |\n", info.name, controller_name(info.controller),
                        info.v1_files.empty() ? "none" : fmt::format("{}", fmt::join(info.v1_files, ", ")),
                        range, info.rounding == Rounding::PageDown ? ", whole pages" : "", info.summary);
  }
  return text;
}

}  // namespace treeline
