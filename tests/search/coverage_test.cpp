#include <gtest/gtest.h>

#include <set>

#include "generators/property.h"
#include "model/planted_fault.h"
#include "oracle/oracle.h"

/// What holds the parts together: an invariant that no generator aims at, or that nothing is known to break,
/// would pass vacuously.
namespace treeline {
namespace {

std::set<std::string_view> invariant_names() {
  std::set<std::string_view> names;
  for (const Invariant& invariant : invariants()) names.insert(invariant.name);
  return names;
}

TEST(Coverage, EveryInvariantIsTheAimOfAProperty) {
  std::set<std::string_view> aims;
  for (const Property& property : properties()) aims.insert(property.aims.begin(), property.aims.end());
  EXPECT_EQ(aims, invariant_names());
}

TEST(Coverage, EveryInvariantCatchesAPlantedFault) {
  std::set<std::string_view> caught;
  for (const PlantedFaultInfo& info : planted_fault_table()) {
    caught.insert(info.invariant);
    EXPECT_NE(find_property(info.property), nullptr) << info.name << ": " << info.property;
  }
  EXPECT_EQ(caught, invariant_names());
}

}  // namespace
}  // namespace treeline
