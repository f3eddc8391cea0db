#include <gtest/gtest.h>

#include <set>

#include "generators/property.h"
#include "model/planted_fault.h"
#include "oracle/oracle.h"

/// What holds the parts together: a property whose aim is unknown would never count as judged, and an
/// invariant that nothing is known to break would pass vacuously.
namespace treeline {
namespace {

std::set<std::string_view> invariant_names() {
  std::set<std::string_view> names;
  for (const Invariant& invariant : invariants()) names.insert(invariant.name);
  return names;
}

TEST(Coverage, EveryPropertyAimsAtInvariantsThatExist) {
  const std::set<std::string_view> known = invariant_names();
  for (const Property& property : properties()) {
    EXPECT_FALSE(property.aims.empty()) << property.name;
    for (const std::string_view aim : property.aims) EXPECT_TRUE(known.contains(aim)) << aim;
  }
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
