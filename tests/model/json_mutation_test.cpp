#include <gtest/gtest.h>

#include <random>

#include "model/json.h"
#include "rich_values.h"

namespace treeline::model_test {
namespace {

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

/// All that `show` and the start of `replay` do with a scenario: a valid one must survive it.
void use(const Scenario& scenario) {
  EXPECT_TRUE(validate(scenario).empty());
  EXPECT_FALSE(draw(scenario, {"note"}).empty());
  EXPECT_EQ(size_of(scenario).nodes, scenario.tree.size());
  for (const CgroupVersion version : {CgroupVersion::V1, CgroupVersion::V2}) {
    const KnobContext context{version, 4096, "8:0"};
    for (const Node& node : scenario.tree.nodes) encode_all(node.limits, context);
    for (const Probe& probe : scenario.probes) {
      encode(probe.knob, probe.value, scenario.tree[probe.node].limits, context);
    }
  }
}

/// Whether it was accepted. Then it is a value like any other; else there is one error with a place.
bool accepted_or_clearly_refused(const std::string& text) {
  const Result<Counterexample> example = counterexample_from_json(text);
  if (!example) {
    EXPECT_EQ(example.error().kind, ErrorKind::InvalidInput);
    EXPECT_EQ(example.error().path.substr(0, 1), "/");
    EXPECT_FALSE(example.error().advice.empty());
    EXPECT_FALSE(to_string(example.error()).empty());
    return false;
  }
  use(example->scenario);
  if (example->original) use(*example->original);
  const Result<Counterexample> again = counterexample_from_json(to_json(*example));
  if (!again) {
    ADD_FAILURE() << "is not read again: " << to_string(again.error());
  } else {
    EXPECT_EQ(*again, *example);
  }
  return true;
}

struct Tally {
  int accepted = 0;
  int refused = 0;
};

template <typename Mutate>
Tally try_mutations(int count, Mutate mutate) {
  Tally tally;
  for (int i = 0; i < count && !testing::Test::HasFailure(); ++i) {
    const std::string text = mutate();
    SCOPED_TRACE("mutation " + std::to_string(i));
    (accepted_or_clearly_refused(text) ? tally.accepted : tally.refused) += 1;
    if (testing::Test::HasFailure()) ADD_FAILURE() << text;
  }
  return tally;
}

TEST(JsonMutation, AThousandChangesOfBytesNeverCrash) {
  Mutator mutator(to_json(rich_counterexample()), 1);
  const Tally tally = try_mutations(1'000, [&] { return mutator.changed_bytes(); });
  // Some hit a digit or a text only; most break something. Else the test would try nothing.
  EXPECT_GT(tally.accepted, 10);
  EXPECT_GT(tally.refused, 500);
}

TEST(JsonMutation, AThousandChangesOfStructureNeverCrash) {
  Mutator mutator(to_json(rich_counterexample()), 2);
  const Tally tally = try_mutations(1'000, [&] { return mutator.changed_structure(); });
  EXPECT_GT(tally.accepted, 50);
  EXPECT_GT(tally.refused, 500);
}

TEST(JsonMutation, AThousandChangesOfABareScenarioNeverCrash) {
  Counterexample example;
  example.scenario = rich_scenario();
  Mutator mutator(to_json(example), 3);
  const Tally tally = try_mutations(1'000, [&] { return mutator.changed_structure(); });
  EXPECT_GT(tally.accepted, 20);
  EXPECT_GT(tally.refused, 500);
}

TEST(JsonMutation, EveryTruncationIsRefused) {
  const std::string text = to_json(rich_scenario());
  for (size_t length = 0; length < text.size(); ++length) {
    const Result<Scenario> scenario = scenario_from_json(text.substr(0, length));
    ASSERT_FALSE(scenario) << length;
    ASSERT_EQ(scenario.error().path, "/") << length;
  }
}

}  // namespace
}  // namespace treeline::model_test
