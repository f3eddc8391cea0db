#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "command.h"

/// The nightly's units, of the checkout and as installed.
namespace treeline::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Systemd : public ::testing::Test {
 protected:
  void SetUp() override {
    if (command_line("command -v systemd-analyze").code() != 0) {
      GTEST_SKIP() << "there is no systemd-analyze here: apt-get install systemd";
    }
    std::string pattern = fs::temp_directory_path() / "treeline-systemd-XXXXXX";
    ASSERT_TRUE(::mkdtemp(pattern.data()));
    prefix_ = pattern;
  }
  void TearDown() override {
    std::error_code error;
    if (!prefix_.empty()) fs::remove_all(prefix_, error);
  }

  static void expect_accepted(const fs::path& folder) {
    for (const char* unit : {"treeline-nightly.service", "treeline-nightly.timer"}) {
      const Ended verified = command_line("systemd-analyze verify " + (folder / unit).string());
      EXPECT_EQ(verified.code(), 0) << verified.said;
      EXPECT_EQ(verified.said, "");
    }
  }

  fs::path prefix_;
};

TEST_F(Systemd, AcceptsTheUnitsOfTheCheckout) { expect_accepted(TREELINE_BIN_DIR "/../systemd"); }

TEST_F(Systemd, AcceptsTheUnitsThatAreInstalled) {
  const Ended installed = command_line(
      "cmake --install " TREELINE_BIN_DIR "/.. --component systemd --prefix " + prefix_.string());
  ASSERT_EQ(installed.code(), 0) << installed.said;
  const fs::path units = prefix_ / "lib/systemd/system";
  if (!fs::exists(units)) GTEST_SKIP() << "a build with the sanitizers installs nothing";
  fs::create_directory(prefix_ / "bin");
  fs::create_symlink(TREELINE_BIN_DIR "/treeline", prefix_ / "bin/treeline");
  expect_accepted(units);
  std::ostringstream service;
  service << std::ifstream(units / "treeline-nightly.service").rdbuf();
  const std::string data = (prefix_ / "share/treeline").string();
  EXPECT_THAT(service.str(), HasSubstr(" --corpus " + data + "/corpus --known-failures " + data +
                                       "/known-failures.json --time"));
}

TEST_F(Systemd, WouldRefuseAServiceWithoutItsProgram) {
  std::ostringstream service;
  service << std::ifstream(TREELINE_BIN_DIR "/../systemd/treeline-nightly.service").rdbuf();
  std::string text = service.str();
  text.insert(text.find("ExecStart=/") + 10, "/nowhere");
  std::ofstream(prefix_ / "treeline-nightly.service") << text;
  const Ended verified =
      command_line("systemd-analyze verify " + (prefix_ / "treeline-nightly.service").string());
  EXPECT_NE(verified.code(), 0);
  EXPECT_THAT(verified.said, HasSubstr("is not executable"));
}

}  // namespace
}  // namespace treeline::testing
