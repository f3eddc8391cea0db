#include "fixtures/property_test.h"

namespace treeline {
namespace {

TEST_P(PropertyTest, HoldsOnEveryTree) { search_for_violations(TREELINE_TESTS_DIR "/known-failures.json"); }

INSTANTIATE_TEST_SUITE_P(Host, PropertyTest, ::testing::ValuesIn(all_properties("Host")), property_name);

}  // namespace
}  // namespace treeline
