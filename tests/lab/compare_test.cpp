#include "compare/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "fixtures/test_machine.h"

namespace treeline::testing {
namespace {

constexpr const char* kMachine = "Lab/debian-6.12/v2";
/// Scenarios for a metamorphic relation; where it is to be broken, some must have siblings.
constexpr int kRelated = 6;
constexpr int kBroken = 12;

struct Faults {
  std::optional<PlantedFault> a;
  std::optional<PlantedFault> b;
};

/// The same kernel twice.
Result<Comparison> compare_with(const Faults& faults, const char* property, int count, Transform transform,
                                std::string& unavailable) {
  NamedTestMachine a = open_named_test_machine(kMachine, faults.a);
  NamedTestMachine b = open_named_test_machine(kMachine, faults.b);
  unavailable = a.unavailable + b.unavailable;
  if (!unavailable.empty()) return Comparison{};
  CompareOptions options;
  options.properties = {find_property(property)};
  options.count = static_cast<uint64_t>(count);
  options.shrink_figures = 0;
  options.transform = transform;
  return compare(*a.machine, *b.machine, options);
}

Result<Comparison> compare_quotas(std::optional<PlantedFault> fault, std::string& unavailable) {
  return compare_with({std::nullopt, fault}, "cpu_bandwidth", 4, unchanged, unavailable);
}

TEST(LabCompare, AnEqualKernelDoesNotDiffer) {
  std::string unavailable;
  const auto result = compare_quotas(std::nullopt, unavailable);
  if (!unavailable.empty()) GTEST_SKIP() << unavailable;
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_EQ(result->scenarios, 4u);
  EXPECT_THAT(by_frequency(*result), ::testing::IsEmpty());
}

TEST(LabCompare, AKernelWithAPlantedFaultDiffers) {
  std::string unavailable;
  const auto result = compare_quotas(PlantedFault::CpuQuotaLow, unavailable);
  if (!unavailable.empty()) GTEST_SKIP() << unavailable;
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_THAT(by_frequency(*result), ::testing::Contains("cpu_usage_ns"));
}

/// A metamorphic relation, and a defect that breaks it.
struct Relation {
  const char* name;
  Transform transform;
  PlantedFault fault;
  const char* figure;  ///< In which it shows.
};
void PrintTo(const Relation& relation, std::ostream* out) { *out << relation.name; }

class LabRelation : public ::testing::TestWithParam<Relation> {
 protected:
  Result<Comparison> compare_transformed(std::optional<PlantedFault> fault, std::string& unavailable) const {
    return compare_with({fault, fault}, "pids", fault ? kBroken : kRelated, GetParam().transform,
                        unavailable);
  }
};

/// What pids.max governs, and what the kernel answers. A level more costs CPU time and kernel memory, a
/// longer name, too.
bool is_limited(const std::string& figure) {
  constexpr std::string_view kLimited[] = {"pids_", "worker forks", "write ", "read ", "mkdir"};
  return std::any_of(std::begin(kLimited), std::end(kLimited),
                     [&](std::string_view begin) { return figure.starts_with(begin); });
}

TEST_P(LabRelation, HoldsOnAKernel) {
  std::string unavailable;
  const auto result = compare_transformed(std::nullopt, unavailable);
  if (!unavailable.empty()) GTEST_SKIP() << unavailable;
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_EQ(result->scenarios, static_cast<uint64_t>(kRelated));
  for (const std::string& figure : by_frequency(*result)) EXPECT_FALSE(is_limited(figure)) << figure;
}

TEST_P(LabRelation, IsBrokenByAPlantedFault) {
  std::string unavailable;
  const auto result = compare_transformed(GetParam().fault, unavailable);
  if (!unavailable.empty()) GTEST_SKIP() << unavailable;
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_THAT(by_frequency(*result), ::testing::Contains(GetParam().figure));
}

INSTANTIATE_TEST_SUITE_P(
    Relations, LabRelation,
    ::testing::Values(Relation{"Rename", renamed, PlantedFault::PidsMaxLongNameUnset, "pids_peak"},
                      Relation{"Permute", permuted, PlantedFault::PidsUsageLeaks, "pids_current"},
                      Relation{"Wrap", wrapped, PlantedFault::AttachedToParent, "pids_peak"},
                      Relation{"Tighten", tightened, PlantedFault::PidsMaxSmallUnset, "pids_peak"}),
    [](const auto& relation) { return std::string(relation.param.name); });

}  // namespace
}  // namespace treeline::testing
