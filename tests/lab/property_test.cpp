#include "fixtures/property_test.h"

#include "fixtures/test_machine.h"

/// Every property on kernels of the lab.
namespace treeline {
namespace {

TEST_P(PropertyTest, HoldsOnEveryTree) { search_for_violations(TREELINE_TESTS_DIR "/known-failures.json"); }

INSTANTIATE_TEST_SUITE_P(Lab_debian_6_1_v1, PropertyTest,
                         ::testing::ValuesIn(all_properties("Lab/debian-6.1/v1")), property_name);
INSTANTIATE_TEST_SUITE_P(Lab_debian_6_1_v2, PropertyTest,
                         ::testing::ValuesIn(all_properties("Lab/debian-6.1/v2")), property_name);
INSTANTIATE_TEST_SUITE_P(Lab_debian_6_12_v2, PropertyTest,
                         ::testing::ValuesIn(all_properties("Lab/debian-6.12/v2")), property_name);
INSTANTIATE_TEST_SUITE_P(Lab_debian_6_1_v1_2cpus, PropertyTest,
                         ::testing::ValuesIn(some_properties(kV1CpusetLabMachine, kNeedCpusets)),
                         property_name);
INSTANTIATE_TEST_SUITE_P(Lab_debian_6_12_v2_2cpus_64MiB_swap, PropertyTest,
                         ::testing::ValuesIn(some_properties(kLargerLabMachine, kNeedLargerMachine)),
                         property_name);
INSTANTIATE_TEST_SUITE_P(Lab_debian_6_12_v2_4cpus, PropertyTest,
                         ::testing::ValuesIn(some_properties(kPartitionLabMachine, kNeedPartitions)),
                         property_name);

}  // namespace
}  // namespace treeline
