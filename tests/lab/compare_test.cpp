#include "compare/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/test_machine.h"

namespace treeline::testing {
namespace {

constexpr const char* kMachine = "Lab/debian-6.12/v2";

/// The same kernel twice, the second one with `fault`.
Result<Comparison> compare_with(std::optional<PlantedFault> fault, std::string& unavailable) {
  NamedTestMachine a = open_named_test_machine(kMachine);
  NamedTestMachine b = open_named_test_machine(kMachine, fault);
  unavailable = a.unavailable + b.unavailable;
  if (!unavailable.empty()) return Comparison{};
  CompareOptions options;
  options.properties = {find_property("cpu_bandwidth")};
  options.count = 4;
  options.shrink_figures = 0;
  return compare(*a.machine, *b.machine, options);
}

TEST(LabCompare, AnEqualKernelDoesNotDiffer) {
  std::string unavailable;
  const auto result = compare_with(std::nullopt, unavailable);
  if (!unavailable.empty()) GTEST_SKIP() << unavailable;
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_EQ(result->scenarios, 4u);
  EXPECT_THAT(by_frequency(*result), ::testing::IsEmpty());
}

TEST(LabCompare, AKernelWithAPlantedFaultDiffers) {
  std::string unavailable;
  const auto result = compare_with(PlantedFault::CpuQuotaLow, unavailable);
  if (!unavailable.empty()) GTEST_SKIP() << unavailable;
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_THAT(by_frequency(*result), ::testing::Contains("cpu_usage_ns"));
}

}  // namespace
}  // namespace treeline::testing
