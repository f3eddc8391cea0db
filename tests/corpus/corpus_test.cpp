#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "fixtures/test_machine.h"
#include "model/json.h"
#include "model/rules.h"
#include "search/search.h"

/// Each tests/corpus/*.json, a bare scenario or a counterexample of the past, is a test of its own: it must
/// not violate anything. With a signature, one of a few runs must also have been able to show it.
namespace treeline {
namespace {

std::vector<std::string> corpus_files() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(TREELINE_TESTS_DIR "/corpus")) {
    if (entry.path().extension() == ".json") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string test_name(const std::string& file) {
  std::string name = std::filesystem::path(file).stem().string();
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

class Corpus : public ::testing::TestWithParam<std::string> {};

TEST_P(Corpus, StaysFixed) {
  const auto example = counterexample_from_file(GetParam());
  ASSERT_TRUE(example) << to_string(example.error());
  const TestMachine host = open_test_machine();
  if (!host.machine) GTEST_SKIP() << host.unavailable;
  const std::vector<Fault> lacking = unmet(example->scenario, host.machine->facts());
  if (!lacking.empty()) GTEST_SKIP() << lacking[0].json_path << ": " << lacking[0].message;

  const auto result = replay(*host.machine, example->scenario, nullptr, 2);
  ASSERT_TRUE(result) << to_string(result.error());
  Counterexample seen = *example;
  seen.verdict = result->last_violated;
  seen.rate = result->rate;
  ASSERT_EQ(result->rate.violated, 0) << report(seen, GetParam());
  if (!example->signature) return;
  const std::vector<Finding>& findings = result->last.findings;
  const bool is_conclusive = std::any_of(findings.begin(), findings.end(), [&](const Finding& finding) {
    return finding.invariant == example->signature->invariant && finding.status == Status::Held;
  });
  if (!is_conclusive) GTEST_SKIP() << example->signature->invariant << " could not be judged";
}

INSTANTIATE_TEST_SUITE_P(Host, Corpus, ::testing::ValuesIn(corpus_files()),
                         [](const auto& file) { return test_name(file.param); });

TEST(CorpusFiles, AreThere) { EXPECT_FALSE(corpus_files().empty()); }

}  // namespace
}  // namespace treeline
