#pragma once

#include <string_view>

/// Files that are embedded into the program when it is built (embed.cmake).
namespace treeline::report_assets {

std::string_view page_html();
std::string_view page_css();
std::string_view page_js();
std::string_view uplot_css();
std::string_view uplot_js();
std::string_view uplot_license();

}  // namespace treeline::report_assets
