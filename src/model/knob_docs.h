#pragma once

#include <string>

namespace treeline {

/// The table of knobs as Markdown: names on both versions, range, rounding, meaning.
std::string knob_documentation();

}  // namespace treeline
