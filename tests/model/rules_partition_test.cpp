#include "model/rules_partition.h"

#include <gtest/gtest.h>

#include "model/rules.h"

namespace treeline {
namespace {

/// Four CPUs, of which the first is not the tree's.
MachineFacts machine() {
  MachineFacts facts;
  facts.cpus = {0, 1, 2, 3};
  facts.mems = {0};
  facts.memory_bytes = 1 << 30;
  facts.controllers = {{Controller::Cpuset, CgroupVersion::V2}};
  facts.knobs = {Knob::CpusetCpus, Knob::CpusetPartition};
  return facts;
}

Limits partition(std::vector<int> cpus, int64_t state = 1) {
  return {{Knob::CpusetCpus, IdSet{std::move(cpus)}}, {Knob::CpusetPartition, Amount{state}}};
}
Limits member(std::vector<int> cpus) { return {{Knob::CpusetCpus, IdSet{std::move(cpus)}}}; }

std::string cpus_of(const Tree& tree, NodeId node) {
  return format_id_set(effective_cpus(tree, node, machine()));
}
std::string state_of(const Tree& tree, NodeId node) {
  const auto writes = encode(Knob::CpusetPartition, tree[node].limits.at(Knob::CpusetPartition), {},
                             {CgroupVersion::V2, 4096, ""});
  return expected_readback(tree, node, writes.at(0), machine());
}

//  t 1-3 root ── a 1 isolated
//             ── b
//             ── c 2
TEST(Partitions, HaveTheirCpusToThemselves) {
  const Tree tree{{{"t", kNoParent, partition({1, 2, 3})},
                   {"a", 0, partition({1}, 2)},
                   {"b", 0, {}},
                   {"c", 0, member({2})}}};
  EXPECT_EQ(cpus_of(tree, 1), "1");
  EXPECT_EQ(cpus_of(tree, 0), "2-3");
  EXPECT_EQ(cpus_of(tree, 2), "2-3");
  EXPECT_EQ(cpus_of(tree, 3), "2");
  EXPECT_EQ(state_of(tree, 0), "root");
  EXPECT_EQ(state_of(tree, 1), "isolated");
}

TEST(Partitions, LeaveTheFirstCpuToTheRestOfTheMachine) {
  EXPECT_EQ(cpus_of({{{"t", kNoParent, partition({3})}}}, 0), "3");
  EXPECT_EQ(cpus_of({{{"t", kNoParent, {}}, {"a", 0, partition({3})}}}, 0), "1-3");
  EXPECT_EQ(cpus_of({{{"t", kNoParent, {}}}}, 0), "0-3");
  EXPECT_EQ(cpus_of({{{"t", kNoParent, {{Knob::CpusetPartition, Amount{0}}}}}}, 0), "0-3");
}

TEST(Partitions, AreInvalidBelowAMember) {
  const Tree tree{{{"t", kNoParent, member({1, 2})}, {"a", 0, partition({1}, 2)}, {"b", 1, partition({1})}}};
  EXPECT_EQ(state_of(tree, 1), "isolated invalid");
  EXPECT_EQ(state_of(tree, 2), "root invalid");
  EXPECT_EQ(cpus_of(tree, 0), "1-2") << "an invalid partition is a member";
  EXPECT_EQ(cpus_of(tree, 1), "1");
}

TEST(Partitions, AreInvalidWithoutCpus) {
  EXPECT_EQ(state_of({{{"t", kNoParent, {{Knob::CpusetPartition, Amount{1}}}}}}, 0), "root invalid");
}

TEST(Partitions, AreInvalidIfASiblingNamesTheirCpus) {
  const Tree tree{{{"t", kNoParent, partition({1, 2, 3})},
                   {"a", 0, partition({1, 2})},
                   {"b", 0, member({2, 3})},
                   {"c", 1, partition({1})}}};
  EXPECT_EQ(state_of(tree, 1), "root invalid");
  EXPECT_EQ(state_of(tree, 3), "root invalid") << "and so what is below";
  EXPECT_EQ(cpus_of(tree, 0), "1-3");
}

TEST(Partitions, MayGiveAllTheirCpusAwayButThenTakeNoTask) {
  Scenario scenario;
  scenario.tree = {{{"t", kNoParent, partition({1, 2})}, {"a", 0, partition({1, 2})}}};
  EXPECT_EQ(cpus_of(scenario.tree, 0), "");
  EXPECT_EQ(cpus_of(scenario.tree, 1), "1-2");
  scenario.workers = {{1, Idle{}}};
  EXPECT_TRUE(unmet(scenario, machine()).empty());
  scenario.workers = {{0, Idle{}}};
  ASSERT_EQ(unmet(scenario, machine()).size(), 1u);
  EXPECT_EQ(unmet(scenario, machine())[0].json_path, "/workers/0/node");
}

TEST(Partitions, NeedTheirOwnCpus) {
  Scenario scenario;
  scenario.tree = {{{"t", kNoParent, partition({0, 1})}}};
  ASSERT_EQ(unmet(scenario, machine()).size(), 1u);
  EXPECT_EQ(unmet(scenario, machine())[0].json_path, "/tree/0/limits/cpuset.cpus");
}

}  // namespace
}  // namespace treeline
