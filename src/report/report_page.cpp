#include "report/assets.h"
#include "report/report_document.h"

namespace treeline {

std::string report_page(const std::string& document) {
  using namespace report_assets;
  struct Part {
    std::string_view mark, text;
  };
  const Part parts[] = {{"@UPLOT_CSS@", uplot_css()},         {"@PAGE_CSS@", page_css()},
                        {"@UPLOT_LICENSE@", uplot_license()}, {"@DOCUMENT@", document},
                        {"@UPLOT_JS@", uplot_js()},           {"@PAGE_JS@", page_js()}};
  // In the template's order, so that no mark is looked for in what was put in.
  const std::string_view page = page_html();
  std::string text;
  size_t from = 0;
  for (const Part& part : parts) {
    const size_t mark = page.find(part.mark, from);
    text += page.substr(from, mark - from);
    text += part.text;
    from = mark + part.mark.size();
  }
  text += page.substr(from);
  return text;
}

}  // namespace treeline
