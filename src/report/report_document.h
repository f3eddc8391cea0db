#pragma once

#include <string>

#include "report/report_data.h"

namespace treeline {

/// Failures are told in full, the last seen first, until so many or so many bytes are reached; the others by
/// their names, numbers and commands.
inline constexpr size_t kMaxDetailed = 40;
inline constexpr size_t kMaxDetailBytes = 3 << 19;

/// All that the page shows, as JSON that is valid UTF-8 and holds no '<'. Figures are rounded to six digits.
/// `folder` is where the counterexample files are looked for.
std::string report_document(const ReportData& data, const std::string& folder);

/// The page itself, which needs no other file.
std::string report_page(const std::string& document);

}  // namespace treeline
