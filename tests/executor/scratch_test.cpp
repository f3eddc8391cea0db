#include <gmock/gmock.h>

#include "tests/executor/executor_process.h"

namespace treeline::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kBlock = 64 << 10;

IoHog io_hog(bool direct, IoDirection direction) { return {direct, direction, kBlock, 1 << 20}; }

class ScratchFiles : public ExecutorTest {};

TEST_F(ScratchFiles, AreThereDuringTheRunOnly) {
  ExecutorProcess process(
      request(scenario_of({{2, Idle{}}, {3, io_hog(false, IoDirection::Write)}}, 20'000'000)), scratch());
  EXPECT_TRUE(poll_until([&] { return exists(scratch() + "/worker-1"); }));
  EXPECT_FALSE(exists(scratch() + "/worker-0"));
  ASSERT_TRUE(poll_until([&] { return !members(group(process, Controller::Pids, "t/a/c")).empty(); }));
  process.terminate();
  EXPECT_FALSE(process.answer());
  EXPECT_TRUE(folder_.empty());
}

TEST_F(ScratchFiles, CountWhatIsMoved) {
  const auto seen =
      run(scenario_of({{3, io_hog(false, IoDirection::Read)}, {2, io_hog(false, IoDirection::Write)}}));
  ASSERT_RAN(seen);
  for (const WorkerObservation& worker : seen->workers) {
    EXPECT_EQ(worker.first_error, "");
    EXPECT_EQ(worker.end, WorkerEnd::Stopped);
    EXPECT_EQ(worker.bytes_moved, worker.io_ops * kBlock);
    EXPECT_EQ(worker.progress, worker.io_ops);
    EXPECT_EQ(worker.fastest_op_ns > 0, worker.io_ops > 0);
  }
}

TEST_F(ScratchFiles, ReachTheDeviceWithDirectIo) {
  if (machine_.device.empty() || !machine_.controllers.contains(Controller::Io))
    GTEST_SKIP() << "no block device";
  const auto seen = run(scenario_of({{3, io_hog(true, IoDirection::Read)}}, 500'000));
  ASSERT_RAN(seen);
  const WorkerObservation& worker = seen->workers[0];
  ASSERT_EQ(worker.first_error, "");
  EXPECT_GT(worker.io_ops, 0);
  EXPECT_GE(value(seen->nodes[3].after, Counter::IoReadBytes), worker.bytes_moved);
  EXPECT_GE(value(seen->nodes[0].after, Counter::IoReadBytes), worker.bytes_moved);
}

TEST_F(ScratchFiles, BackMemoryOfTheFileKind) {
  MemoryHog hog;
  hog.kind = MemoryKind::File;
  hog.bytes = 4 << 20;
  const auto seen = run(settling({{3, hog}}));
  ASSERT_RAN(seen);
  EXPECT_EQ(seen->workers[0].end, WorkerEnd::Finished);
  EXPECT_EQ(seen->workers[0].bytes_touched, 4 << 20);
}

TEST_F(ScratchFiles, AreNotMadeForOthers) {
  ExecutorProcess process(request(settling({{3, MemoryHog{}}, {2, Idle{}}})), "/nonexistent/folder");
  const auto seen = process.answer();
  ASSERT_RAN(seen);
  EXPECT_EQ(seen->workers[0].end, WorkerEnd::Finished);
}

TEST_F(ScratchFiles, ThatCannotBeMadeAreAnInfrastructureError) {
  ExecutorProcess process(request(scenario_of({{3, io_hog(true, IoDirection::Read)}})),
                          "/nonexistent/folder");
  const auto seen = process.answer();
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().kind, ErrorKind::Infrastructure);
  EXPECT_EQ(seen.error().errnum, ENOENT);
  EXPECT_EQ(seen.error().path, "/nonexistent/folder");
  EXPECT_THAT(seen.error().advice, HasSubstr("--scratch"));
  EXPECT_THAT(groups_with(hierarchies_, process.owner()), IsEmpty());
}

}  // namespace
}  // namespace treeline::testing
