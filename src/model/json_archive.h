#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/error.h"
#include "model/knob.h"
#include "model/scenario.h"

/// Internal to src/model: one description of a struct's fields, `fields(archive, value)`, serves writing and
/// strict reading. Both archives offer
///   field(name, value)                      required
///   with_default(name, value)               may be absent in a file; always written
///   optional(name, std::optional)           absent if empty
///   sparse(name, value)                     absent if it is the default
///   choice(name, value, names)              an enum by name, in enum order
namespace treeline::json_detail {

using Json = nlohmann::ordered_json;

/// Thrown by readers, caught in read(): never leaves src/model.
struct Refusal {
  std::string path;
  std::string message;
};

using Names = std::span<const std::string_view>;

class Writer;
class Reader;

template <typename T>
concept HasFields = requires(Writer& writer, T& value) {
  fields(writer, value);
};

class Writer {
 public:
  static constexpr bool kReads = false;
  explicit Writer(Json& out) : out_(out) { out_ = Json::object(); }

  template <typename T>
  void field(const char* name, const T& value) {
    out_[name] = to_json(value);
  }
  template <typename T>
  void with_default(const char* name, const T& value) {
    field(name, value);
  }
  template <typename T>
  void optional(const char* name, const std::optional<T>& value) {
    if (value) field(name, *value);
  }
  template <typename T>
  void sparse(const char* name, const T& value) {
    if (value != T{}) field(name, value);
  }
  template <typename E>
  void choice(const char* name, const E& value, Names names) {
    out_[name] = names[static_cast<size_t>(value)];
  }

  void put(const char* name, Json value) { out_[name] = std::move(value); }

  static Json to_json(int64_t value) { return value; }
  static Json to_json(int value) { return value; }
  static Json to_json(uint64_t value) { return value; }
  static Json to_json(bool value) { return value; }
  static Json to_json(double value) { return std::isfinite(value) ? value : 0.0; }
  static Json to_json(const std::string& value) { return value; }
  static Json to_json(const IdSet& value) { return format_id_set(value); }
  template <typename T>
  static Json to_json(const std::vector<T>& values) {
    Json list = Json::array();
    for (const T& value : values) list.push_back(to_json(value));
    return list;
  }
  template <HasFields T>
  static Json to_json(const T& value) {
    Json object;
    Writer writer(object);
    fields(writer, const_cast<T&>(value));  // NOLINT: a Writer only reads
    return object;
  }

 private:
  Json& out_;
};

class Reader {
 public:
  static constexpr bool kReads = true;
  Reader(const Json& in, std::string path) : in_(in), path_(std::move(path)) {
    if (!in_.is_object()) throw Refusal{path_, "must be an object"};
  }

  template <typename T>
  void field(const char* name, T& value) {
    read(require(name), path_ + "/" + name, value);
  }
  template <typename T>
  void with_default(const char* name, T& value) {
    if (const Json* found = find(name)) read(*found, path_ + "/" + name, value);
  }
  template <typename T>
  void optional(const char* name, std::optional<T>& value) {
    if (const Json* found = find(name)) read(*found, path_ + "/" + name, value.emplace());
  }
  template <typename T>
  void sparse(const char* name, T& value) {
    with_default(name, value);
  }
  template <typename E>
  void choice(const char* name, E& value, Names names) {
    const Json& in = require(name);
    for (size_t i = 0; in.is_string() && i < names.size(); ++i) {
      if (in.get_ref<const std::string&>() == names[i]) {
        value = static_cast<E>(i);
        return;
      }
    }
    std::string message = "must be one of";
    for (const std::string_view known : names) message += " \"" + std::string(known) + "\"";
    throw Refusal{path_ + "/" + name, message};
  }

  const Json& require(const char* name) {
    const Json* found = find(name);
    if (!found) throw Refusal{path_ + "/" + name, "is missing"};
    return *found;
  }
  const Json* find(const char* name) {
    used_.insert(name);
    const auto found = in_.find(name);
    return found == in_.end() ? nullptr : &*found;
  }
  const std::string& path() const { return path_; }
  /// Call when all fields were read.
  void refuse_unknown() const {
    for (const auto& item : in_.items()) {
      if (!used_.contains(item.key())) throw Refusal{path_ + "/" + item.key(), "is not a known key"};
    }
  }

  static int64_t integer(const Json& in, const std::string& path, int64_t least, int64_t most) {
    if (!in.is_number_integer()) throw Refusal{path, "must be an integer"};
    const bool too_large = in.is_number_unsigned() && in.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX);
    if (too_large || in.get<int64_t>() < least || in.get<int64_t>() > most) {
      throw Refusal{path, "is outside " + std::to_string(least) + " … " + std::to_string(most)};
    }
    return in.get<int64_t>();
  }
  static void read(const Json& in, const std::string& path, int64_t& value) {
    value = integer(in, path, INT64_MIN, INT64_MAX);
  }
  static void read(const Json& in, const std::string& path, int& value) {
    value = static_cast<int>(integer(in, path, INT32_MIN, INT32_MAX));
  }
  static void read(const Json& in, const std::string& path, uint64_t& value) {
    if (!in.is_number_unsigned()) throw Refusal{path, "must be a non-negative integer"};
    value = in.get<uint64_t>();
  }
  static void read(const Json& in, const std::string& path, bool& value) {
    if (!in.is_boolean()) throw Refusal{path, "must be true or false"};
    value = in.get<bool>();
  }
  static void read(const Json& in, const std::string& path, double& value) {
    if (!in.is_number()) throw Refusal{path, "must be a number"};
    value = in.get<double>();
  }
  static void read(const Json& in, const std::string& path, std::string& value) {
    if (!in.is_string()) throw Refusal{path, "must be a string"};
    value = in.get<std::string>();
  }
  static void read(const Json& in, const std::string& path, IdSet& value) {
    std::string text;
    read(in, path, text);
    Result<IdSet> parsed = parse_id_set(text);
    if (!parsed) throw Refusal{path, parsed.error().advice};
    value = std::move(*parsed);
  }
  template <typename T>
  static void read(const Json& in, const std::string& path, std::vector<T>& values) {
    if (!in.is_array()) throw Refusal{path, "must be a list"};
    values.clear();
    for (size_t i = 0; i < in.size(); ++i) {
      T value{};
      read(in[i], path + "/" + std::to_string(i), value);
      values.push_back(std::move(value));
    }
  }
  template <HasFields T>
  static void read(const Json& in, const std::string& path, T& value) {
    Reader reader(in, path);
    fields(reader, value);
    reader.refuse_unknown();
  }

 private:
  const Json& in_;
  std::string path_;
  std::set<std::string> used_;
};

/// Text to document: refuses bad syntax, duplicate keys, too deep nesting and too long input.
Json parse_strict(std::string_view text);

/// The whole file; InvalidInput with the advice if it cannot be read.
Result<std::string> read_input(const std::string& path, const std::string& advice);

/// The field "schema", which is this treeline's or is refused.
template <typename Archive>
void schema_field(Archive& archive) {
  int schema = kSchemaVersion;
  archive.field("schema", schema);
  if constexpr (Archive::kReads) {
    if (schema == kSchemaVersion) return;
    throw Refusal{archive.path() + "/schema",
                  "this treeline reads schema " + std::to_string(kSchemaVersion) + " only"};
  }
}

std::string dump(const Json& json, int indent);

template <typename T>
std::string write_text(const T& value, int indent) {
  return dump(Writer::to_json(value), indent);
}

template <typename T>
Result<T> read_text(std::string_view text, const char* what) {
  try {
    T value{};
    Reader::read(parse_strict(text), "", value);
    return value;
  } catch (const Refusal& refusal) {
    return fail(ErrorKind::InvalidInput, std::string("read ") + what,
                refusal.path.empty() ? "/" : refusal.path, 0, refusal.message);
  }
}

}  // namespace treeline::json_detail
