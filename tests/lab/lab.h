#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "lab/lab_machine.h"
#include "model/json.h"
#include "tests/cgroup/host.h"

/// What the tests of the lab share.
namespace treeline::testing {

/// Processes of this one's own that are named so: "qemu-system-x86" (the kernel cuts names at 15 bytes).
inline std::vector<pid_t> children_named(const std::string& name) {
  std::vector<pid_t> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string text = read_file(entry.path().string() + "/stat").value_or("");
    const size_t open = text.find('(');
    const size_t close = text.rfind(')');
    if (open == std::string::npos || close == std::string::npos) continue;
    if (text.substr(open + 1, close - open - 1) != name || text[close + 2] == 'Z') continue;
    if (std::atoi(text.c_str() + close + 4) == ::getpid()) found.push_back(std::atoi(text.c_str()));
  }
  return found;
}

/// How many descriptors this process has: a file in memory that is not closed is one more.
inline size_t count_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

/// What this process has begun in a cache and not removed.
inline std::vector<std::string> begun_in(const std::string& cache) {
  std::vector<std::string> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(cache + "/snapshots", ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(run_group_name(::getpid()))) found.push_back(entry.path().string());
  }
  return found;
}

inline constexpr const char* kQemuName = "qemu-system-x86";

/// The lab with debian-6.1 and cgroup v1, or a skip that says what is missing. No test leaves a process, an
/// open file or a folder.
class LabTest : public ::testing::Test {
 protected:
  static LabOptions options() {
    LabOptions options;
    options.kernel = "debian-6.1";
    options.shape.mode = "v1";
    return options;
  }
  void SetUp() override {
    auto opened = LabMachine::open(options());
    if (!opened && opened.error().kind == ErrorKind::Unavailable) GTEST_SKIP() << to_string(opened.error());
    ASSERT_TRUE(opened) << to_string(opened.error());
    lab_ = std::move(*opened);
    descriptors_ = count_descriptors();
  }
  void TearDown() override {
    EXPECT_TRUE(children_named(kQemuName).empty());
    EXPECT_EQ(lab_ ? count_descriptors() : 0, descriptors_);
    EXPECT_THAT(begun_in(default_cache_folder()), ::testing::IsEmpty());
  }

  std::unique_ptr<LabMachine> lab_;
  size_t descriptors_ = 0;
};

/// One node with a limit and one worker.
inline Scenario one_node(Limits limits, Workload workload, int64_t length_us) {
  Scenario scenario;
  scenario.tree = {{{"t", kNoParent, std::move(limits)}}};
  scenario.workers = {{0, std::move(workload)}};
  scenario.window.length_us = length_us;
  return scenario;
}

}  // namespace treeline::testing
