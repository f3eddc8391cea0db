#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

/// Files that someone has got wrong.
namespace treeline::model_test {

/// Where one value or one `"key": value` member stands in a text.
struct Span {
  size_t begin = 0;
  size_t end = 0;
  std::string cut(const std::string& text) const { return text.substr(begin, end - begin); }
};

/// Finds all values and members of a canonical (compact) JSON text.
class Spans {
 public:
  explicit Spans(const std::string& text) : text_(text) { value(); }
  const std::vector<Span>& values() const { return values_; }
  const std::vector<Span>& members() const { return members_; }

 private:
  void value() {
    const size_t begin = at_;
    if (text_[at_] == '"') {
      string();
    } else if (text_[at_] == '{' || text_[at_] == '[') {
      container(text_[at_] == '{');
    } else {
      at_ = text_.find_first_of(",]}", at_);
    }
    values_.push_back({begin, at_});
  }
  void string() {
    for (++at_; text_[at_] != '"'; ++at_) at_ += text_[at_] == '\\' ? 1 : 0;
    ++at_;
  }
  void container(bool object) {
    const char close = object ? '}' : ']';
    for (++at_; text_[at_] != close;) {
      const size_t begin = at_;
      if (object) {
        string();
        ++at_;  // the colon
      }
      value();
      members_.push_back({begin, at_});
      if (text_[at_] == ',') ++at_;
    }
    ++at_;
  }

  const std::string& text_;
  size_t at_ = 0;
  std::vector<Span> values_;
  std::vector<Span> members_;
};

/// Changes of one canonical JSON text, from a seed.
class Mutator {
 public:
  Mutator(std::string text, uint64_t seed) : text_(std::move(text)), spans_(text_), random_(seed) {}

  /// One to three changes of bytes.
  std::string changed_bytes() {
    std::string text = text_;
    for (size_t n = 1 + below(3); n > 0; --n) {
      const size_t at = below(text.size());
      switch (below(4)) {
        case 0:
          text.erase(at, 1 + below(8));
          break;
        case 1:
          text.insert(at, text.substr(at, 1 + below(16)));
          break;
        case 2:
          text[at] = static_cast<char>(below(256));
          break;
        default:
          text[at] = "{}[]\",:0123456789-+eE.\\ntfu "[below(28)];
      }
    }
    return text;
  }

  /// A change that leaves well-formed JSON (but may double a key).
  std::string changed_structure() {
    switch (below(4)) {
      case 0:
        return without(any(spans_.members()));
      case 1: {
        const Span member = any(spans_.members());
        return std::string(text_).insert(member.end, "," + member.cut(text_));
      }
      case 2:
        return with(any(spans_.values()), any(spans_.values()).cut(text_));
      default:
        return with(any(spans_.values()), kOddValues[below(kOddValues.size())]);
    }
  }

 private:
  inline static const std::vector<std::string> kOddValues{"null",
                                                          "true",
                                                          "[]",
                                                          "{}",
                                                          "\"\"",
                                                          "\"max\"",
                                                          "0",
                                                          "-1",
                                                          "1",
                                                          "2",
                                                          "0.5",
                                                          "1e300",
                                                          "-0",
                                                          "9223372036854775807",
                                                          "-9223372036854775808",
                                                          "18446744073709551615",
                                                          "4294967296",
                                                          "1000000",
                                                          "\"0-65535\"",
                                                          "\"\\u0000\"",
                                                          "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]"};

  size_t below(size_t bound) { return std::uniform_int_distribution<size_t>(0, bound - 1)(random_); }
  Span any(const std::vector<Span>& spans) { return spans[below(spans.size())]; }
  std::string with(const Span& span, const std::string& value) const {
    return std::string(text_).replace(span.begin, span.end - span.begin, value);
  }
  std::string without(Span span) const {
    if (text_[span.end] == ',') {
      ++span.end;
    } else if (text_[span.begin - 1] == ',') {
      --span.begin;
    }
    return with(span, "");
  }

  std::string text_;
  Spans spans_;
  std::mt19937_64 random_;
};

}  // namespace treeline::model_test
