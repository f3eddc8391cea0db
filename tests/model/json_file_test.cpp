#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "model/json.h"
#include "rich_values.h"

namespace treeline::model_test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class CounterexampleFromFile : public testing::Test {
 protected:
  CounterexampleFromFile() {
    std::string pattern = testing::TempDir() + "treeline-model-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~CounterexampleFromFile() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string file(const std::string& content) const {
    const std::string path = folder_ / "case.json";
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

  std::filesystem::path folder_;
};

TEST_F(CounterexampleFromFile, ReadsACounterexample) {
  const Result<Counterexample> example =
      counterexample_from_file(file(to_json(rich_counterexample(), 2) + "\n"));
  ASSERT_TRUE(example) << to_string(example.error());
  EXPECT_EQ(*example, rich_counterexample());
}

TEST_F(CounterexampleFromFile, ReadsABareScenario) {
  const Result<Counterexample> example = counterexample_from_file(file(to_json(rich_scenario())));
  ASSERT_TRUE(example) << to_string(example.error());
  Counterexample expected;
  expected.scenario = rich_scenario();
  EXPECT_EQ(*example, expected);
}

TEST_F(CounterexampleFromFile, NamesAFileThatIsNotThere) {
  const std::string path = folder_ / "none.json";
  const Result<Counterexample> example = counterexample_from_file(path);
  ASSERT_FALSE(example);
  EXPECT_EQ(example.error().kind, ErrorKind::InvalidInput);
  EXPECT_EQ(example.error().errnum, ENOENT);
  EXPECT_EQ(example.error().path, path);
  EXPECT_THAT(to_string(example.error()), HasSubstr("No such file or directory (ENOENT)"));
}

/// Files of before the machine was recorded.
TEST_F(CounterexampleFromFile, NeedsNoMachine) {
  const std::string text =
      edited(to_json(rich_counterexample()), R"("machine":"Lab/debian-6.12/v2/2cpus",)", "");
  const Result<Counterexample> example = counterexample_from_file(file(text));
  ASSERT_TRUE(example) << to_string(example.error());
  EXPECT_EQ(example->machine, "");
}

TEST_F(CounterexampleFromFile, RefusesAMachineThatIsNoName) {
  const std::string text = edited(to_json(rich_counterexample()), R"("Lab/debian-6.12/v2/2cpus")", "2");
  const std::string path = file(text);
  const Result<Counterexample> example = counterexample_from_file(path);
  ASSERT_FALSE(example);
  EXPECT_EQ(example.error().path, path + " at /machine");
}

TEST_F(CounterexampleFromFile, RefusesAFolder) {
  const Result<Counterexample> example = counterexample_from_file(folder_);
  ASSERT_FALSE(example);
  EXPECT_EQ(example.error().kind, ErrorKind::InvalidInput);
  EXPECT_THAT(example.error().path, StartsWith(folder_.string()));
  EXPECT_FALSE(example.error().advice.empty());
}

TEST_F(CounterexampleFromFile, BlamesNoEarlierErrnoForAnEmptyFile) {
  const std::string path = file("");
  errno = EXDEV;
  const Result<Counterexample> example = counterexample_from_file(path);
  ASSERT_FALSE(example);
  EXPECT_EQ(example.error().kind, ErrorKind::InvalidInput);
  EXPECT_THAT(example.error().path, StartsWith(path));
  EXPECT_EQ(example.error().errnum, 0) << to_string(example.error());
}

TEST_F(CounterexampleFromFile, NamesTheFileAndTheJsonPathOfAFault) {
  const std::string path = file(edited(to_json(rich_counterexample()), R"("forks":12)", R"("forks":0)"));
  const Result<Counterexample> example = counterexample_from_file(path);
  ASSERT_FALSE(example);
  EXPECT_EQ(example.error().path, path + " at /scenario/workers/4/workload/forks");
}

TEST_F(CounterexampleFromFile, NamesTheJsonPathOfAFaultInABareScenario) {
  const std::string path = file(edited(to_json(rich_scenario()), R"("forks":12)", R"("forks":0)"));
  const Result<Counterexample> example = counterexample_from_file(path);
  ASSERT_FALSE(example);
  EXPECT_EQ(example.error().path, path + " at /workers/4/workload/forks");
}

TEST_F(CounterexampleFromFile, RefusesWhatIsNotJson) {
  const std::string path = file(
      "\x7f"
      "ELF\x02\x01\x01");
  const Result<Counterexample> example = counterexample_from_file(path);
  ASSERT_FALSE(example);
  EXPECT_EQ(example.error().kind, ErrorKind::InvalidInput);
  EXPECT_EQ(example.error().path, path + " at /");
}

}  // namespace
}  // namespace treeline::model_test
