#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "model/machine_facts.h"
#include "model/units.h"
#include "model/verdict.h"

namespace treeline {
namespace {

TEST(Error, SaysWhatWhereWhyAndWhatToDo) {
  EXPECT_EQ(to_string(Error{ErrorKind::Unavailable, "write knob", "/x/cpu.max", EACCES, "run as root"}),
            "write knob /x/cpu.max: Permission denied (EACCES): run as root");
  EXPECT_EQ(to_string(Error{ErrorKind::InvalidInput, "read scenario", "/tree/0", 0, "must be an object"}),
            "read scenario /tree/0: must be an object");
  EXPECT_EQ(to_string(Error{ErrorKind::Infrastructure, "fork", "", EAGAIN, ""}),
            "fork: Resource temporarily unavailable (EAGAIN)");
  EXPECT_EQ(to_string(Error{ErrorKind::Infrastructure, "fork", "", 0, ""}), "fork");
}

TEST(Error, BearsAnUnknownErrno) {
  EXPECT_THAT(to_string(Error{ErrorKind::Infrastructure, "ioctl", "x", 99'999, "why"}),
              testing::HasSubstr("ioctl x"));
}

TEST(Error, KindSelectsTheExitCode) {
  EXPECT_EQ(exit_code_of(ErrorKind::InvalidInput), 2);
  EXPECT_EQ(exit_code_of(ErrorKind::Unavailable), 77);
  EXPECT_EQ(exit_code_of(ErrorKind::Infrastructure), 99);
}

TEST(Units, AreExact) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(12 << 10), "12 KiB");
  EXPECT_EQ(format_bytes(64 << 20), "64 MiB");
  EXPECT_EQ(format_bytes(int64_t{3} << 30), "3 GiB");
  EXPECT_EQ(format_bytes((64 << 20) + 1), "67108865 B");
  EXPECT_EQ(format_bytes(-4096), "-4 KiB");
  EXPECT_EQ(format_us(0), "0 us");
  EXPECT_EQ(format_us(999), "999 us");
  EXPECT_EQ(format_us(1'500), "1500 us");
  EXPECT_EQ(format_us(10'000), "10 ms");
  EXPECT_EQ(format_us(2'000'000), "2 s");
}

TEST(Workload, DescribesItself) {
  EXPECT_EQ(describe(CpuHog{}), "cpu hog");
  EXPECT_EQ(describe(CpuHog{2, 50, 10'000}), "cpu hog ×2 at 50% of 10 ms");
  EXPECT_EQ(describe(MemoryHog{MemoryKind::File, 4097, 4096, TouchOrder::Forward, false}),
            "memory hog 4097 B file, freed");
  EXPECT_EQ(describe(IoHog{false, IoDirection::Write, 8192, 1 << 20}),
            "io hog buffered write blocks of 8 KiB");
  EXPECT_EQ(describe(ForkStorm{3}), "fork storm ×3");
  EXPECT_EQ(describe(Mixed{30, 1 << 20, 2}), "mixed 30% cpu, 1 MiB, 2 forks");
  EXPECT_EQ(describe(Idle{}), "idle");
}

TEST(Workload, KindsAreTheJsonNames) {
  const std::vector<Workload> all{CpuHog{}, MemoryHog{}, IoHog{}, ForkStorm{}, Mixed{}, Idle{}};
  std::vector<std::string_view> kinds;
  for (const Workload& workload : all) kinds.push_back(workload_kind(workload));
  EXPECT_THAT(kinds, testing::ElementsAre("cpu_hog", "memory_hog", "io_hog", "fork_storm", "mixed", "idle"));
}

TEST(Strategy, DescribesItself) {
  EXPECT_EQ(describe(Strategy{}), "leaves only");
  EXPECT_EQ(describe(Strategy{Strategy::Kind::AllNodes, 0, 0, ""}), "all nodes");
  EXPECT_EQ(describe(Strategy{Strategy::Kind::Random, 40, 0, ""}), "random, 40% of nodes");
  EXPECT_EQ(describe(Strategy{Strategy::Kind::Depth, 0, 2, ""}), "depth 2");
  EXPECT_EQ(describe(Strategy{Strategy::Kind::Custom, 0, 0, "odd"}), "custom: odd");
}

Finding finding(std::string invariant, Status status) {
  Finding result;
  result.invariant = std::move(invariant);
  result.status = status;
  return result;
}

TEST(Verdict, IsAsBadAsItsWorstFinding) {
  EXPECT_EQ(Verdict{}.status(), Status::NotApplicable);
  Verdict verdict;
  for (const Status status : {Status::NotApplicable, Status::Held, Status::Inconclusive, Status::Violated}) {
    verdict.findings.insert(verdict.findings.begin(), finding("x", status));
    EXPECT_EQ(verdict.status(), status);
  }
  verdict.findings.push_back(finding("y", Status::Held));
  EXPECT_EQ(verdict.status(), Status::Violated);
}

TEST(Verdict, AnInconclusiveOneIsNotHeld) {
  const Verdict verdict{{finding("x", Status::Held), finding("y", Status::Inconclusive)}};
  EXPECT_EQ(verdict.status(), Status::Inconclusive);
  EXPECT_EQ(verdict.worst(), nullptr);
}

TEST(Verdict, WorstIsTheFirstViolatedFinding) {
  const Verdict verdict{{finding("held", Status::Held), finding("first", Status::Violated),
                         finding("second", Status::Violated)}};
  ASSERT_NE(verdict.worst(), nullptr);
  EXPECT_EQ(verdict.worst()->invariant, "first");
}

TEST(Signature, IsInvariantControllerAndMode) {
  Finding violated = finding("cpu.bandwidth", Status::Violated);
  violated.controller = Controller::Cpu;
  violated.node = 3;
  const Signature signature = signature_of(violated, "v1");
  EXPECT_EQ(signature, (Signature{"cpu.bandwidth", Controller::Cpu, "v1"}));
  EXPECT_EQ(to_string(signature), "cpu.bandwidth (cpu, v1)");
  EXPECT_NE(signature, signature_of(violated, "v2"));
  violated.node = 0;
  EXPECT_EQ(signature, signature_of(violated, "v1")) << "shrinking moves nodes";
}

TEST(MachineFacts, GiveEachControllerItsOwnContext) {
  MachineFacts facts;
  facts.page_size = 65'536;
  facts.device = "8:0";
  facts.controllers = {{Controller::Cpu, CgroupVersion::V1}, {Controller::Memory, CgroupVersion::V2}};
  EXPECT_EQ(facts.knob_context(Controller::Cpu), (KnobContext{CgroupVersion::V1, 65'536, "8:0"}));
  EXPECT_EQ(facts.knob_context(Controller::Memory), (KnobContext{CgroupVersion::V2, 65'536, "8:0"}));
  EXPECT_EQ(facts.tick_ns(), 4'000'000);
}

}  // namespace
}  // namespace treeline
