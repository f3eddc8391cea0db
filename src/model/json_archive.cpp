#include "model/json_archive.h"

#include <fmt/format.h>

#include <cerrno>
#include <fstream>
#include <sstream>

#include "model/json.h"

namespace treeline::json_detail {

namespace {

constexpr int kMaxNesting = 16;

/// Follows the parse to refuse what the library would silently accept.
class Watch {
 public:
  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    using Event = Json::parse_event_t;
    if (depth > kMaxNesting) throw Refusal{"/", fmt::format("nested deeper than {} levels", kMaxNesting)};
    switch (event) {
      case Event::object_start:
      case Event::array_start:
        count_element();
        open_.push_back({event == Event::array_start, -1, "", {}});
        break;
      case Event::object_end:
      case Event::array_end:
        open_.pop_back();
        break;
      case Event::key:
        open_.back().key = parsed.get_ref<const std::string&>();
        if (!open_.back().keys.insert(open_.back().key).second) {
          throw Refusal{path(), "stands twice in one object"};
        }
        break;
      case Event::value:
        count_element();
        break;
    }
    return true;
  }

 private:
  struct Container {
    bool is_array;
    int index;  ///< Of the element that is being read.
    std::string key;
    std::set<std::string> keys;
  };

  void count_element() {
    if (!open_.empty()) ++open_.back().index;
  }

  std::string path() const {
    std::string text;
    for (const Container& container : open_) {
      text += "/" + (container.is_array ? std::to_string(container.index) : container.key);
    }
    return text;
  }

  std::vector<Container> open_;
};

}  // namespace

Result<std::string> read_input(const std::string& path, const std::string& advice) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(ErrorKind::InvalidInput, "open", path, errno, advice);
  errno = 0;
  std::ostringstream content;
  content << file.rdbuf();
  if (errno != 0) return fail(ErrorKind::InvalidInput, "read", path, errno, advice);
  return std::move(content).str();
}

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
