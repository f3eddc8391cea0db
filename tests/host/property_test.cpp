#include "fixtures/property_test.h"

namespace treeline {
namespace {

TEST_P(PropertyTest, HoldsOnEveryTree) {
  const auto known = known_failures_from_file(TREELINE_TESTS_DIR "/known-failures.json");
  ASSERT_TRUE(known) << to_string(known.error());
  search_for_violations(*known);
}

INSTANTIATE_TEST_SUITE_P(Host, PropertyTest, ::testing::ValuesIn(all_properties("Host")), property_name);

}  // namespace
}  // namespace treeline
