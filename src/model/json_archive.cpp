#include "model/json_archive.h"

#include <fmt/format.h>

#include "model/json.h"

namespace treeline::json_detail {

namespace {

constexpr int kMaxNesting = 16;

/// Follows the parse to refuse what the library would silently accept.
class Watch {
 public:
  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kMaxNesting) throw Refusal{"/", fmt::format("nested deeper than {} levels", kMaxNesting)};
    const auto level = static_cast<size_t>(depth);
    if (event == Json::parse_event_t::object_start) {
      keys_.resize(level + 1);
      keys_[level].clear();
    } else if (event == Json::parse_event_t::key && level >= 1) {
      const auto& name = parsed.get_ref<const std::string&>();
      if (!keys_[level - 1].insert(name).second) throw Refusal{"/…/" + name, "stands twice in one object"};
    }
    return true;
  }

 private:
  std::vector<std::set<std::string>> keys_;
};

}  // namespace

Json parse_strict(std::string_view text) {
  if (text.size() > kMaxJsonBytes) throw Refusal{"/", fmt::format("longer than {} bytes", kMaxJsonBytes)};
  Watch watch;
  const Json::parser_callback_t callback = [&watch](int depth, Json::parse_event_t event, Json& parsed) {
    return watch(depth, event, parsed);
  };
  try {
    return Json::parse(text.begin(), text.end(), callback);
  } catch (const nlohmann::json::exception& error) {
    throw Refusal{"/", fmt::format("is not JSON: {}", error.what())};
  }
}

std::string dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace treeline::json_detail
