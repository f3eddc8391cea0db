#include <gtest/gtest.h>

#include "model/json.h"
#include "mutator.h"
#include "rich_values.h"
#include "tests/sanitized.h"

namespace treeline::model_test {
namespace {

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
  for (int i = 0; i < count && !::testing::Test::HasFailure(); ++i) {
    const std::string text = mutate();
    SCOPED_TRACE("mutation " + std::to_string(i));
    (accepted_or_clearly_refused(text) ? tally.accepted : tally.refused) += 1;
    if (::testing::Test::HasFailure()) ADD_FAILURE() << text;
  }
  return tally;
}

TEST(JsonMutation, AThousandChangesOfBytesNeverCrash) {
  Mutator mutator(to_json(rich_counterexample()), 1);
  // All of them with the sanitizers, too: of a tenth, too few would be accepted to be counted.
  const Tally tally = try_mutations(1'000, [&] { return mutator.changed_bytes(); });
  // Some hit a digit or a text only; most break something. Else the test would try nothing.
  EXPECT_GT(tally.accepted, 10);
  EXPECT_GT(tally.refused, 500);
}

TEST(JsonMutation, AThousandChangesOfStructureNeverCrash) {
  Mutator mutator(to_json(rich_counterexample()), 2);
  const Tally tally = try_mutations(times(1'000), [&] { return mutator.changed_structure(); });
  EXPECT_GT(tally.accepted, times(50));
  EXPECT_GT(tally.refused, times(500));
}

TEST(JsonMutation, AThousandChangesOfABareScenarioNeverCrash) {
  Counterexample example;
  example.scenario = rich_scenario();
  Mutator mutator(to_json(example), 3);
  const Tally tally = try_mutations(times(1'000), [&] { return mutator.changed_structure(); });
  EXPECT_GT(tally.accepted, times(20));
  EXPECT_GT(tally.refused, times(500));
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
