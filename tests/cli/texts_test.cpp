#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <sstream>

#include "command.h"

/// The completion and the manual page name all that the help does.
namespace treeline::testing {
namespace {

using ::testing::HasSubstr;

/// First words of the lines below "Subcommands:".
std::set<std::string> commands() {
  std::istringstream lines(treeline_command("--help").said);
  std::set<std::string> names;
  bool is_list = false;
  for (std::string line; std::getline(lines, line);) {
    std::string name;
    std::istringstream(line) >> name;
    if (is_list && line.starts_with("  ") && line.size() > 2 && line[2] != ' ') names.insert(name);
    is_list = is_list || line == "Subcommands:";
  }
  return names;
}

std::set<std::string> options_of(const std::string& command) {
  const std::string help = treeline_command(command + " --help").said;
  std::set<std::string> names;
  const std::regex option("(^|[ ,\n])(--[a-z-]+)");
  for (std::sregex_iterator match(help.begin(), help.end(), option), end; match != end; ++match) {
    names.insert((*match)[2]);
  }
  return names;
}

/// What bash offers for the words, of which the last is to be completed.
std::string offered(const std::string& words) {
  return command_line("bash -c 'source <(" TREELINE_BIN_DIR "/treeline completion); COMP_WORDS=(" + words +
                      "); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _treeline; echo ${COMPREPLY[*]}'")
      .said;
}

TEST(Completion, IsBashAndNamesEveryCommandAndOption) {
  ASSERT_GE(commands().size(), 12U);
  EXPECT_EQ(command_line("bash -c 'bash -n <(" TREELINE_BIN_DIR "/treeline completion)'").said, "");
  const std::string offered_commands = offered("treeline \"\"");
  for (const std::string& command : commands()) {
    EXPECT_THAT(offered_commands, HasSubstr(command));
    const std::string offered_options = offered("treeline " + command + " --");
    for (const std::string& option : options_of(command)) {
      EXPECT_THAT(offered_options, HasSubstr(option)) << command;
    }
  }
}

TEST(Completion, OffersWhatBeginsAlikeAndTheValuesOfAnOption) {
  EXPECT_EQ(offered("treeline re"), "replay report\n");
  EXPECT_EQ(offered("treeline compare --property cpus"), "cpuset cpuset_change\n");
}

TEST(Manual, IsRoffAndNamesEveryCommandAndOption) {
  const std::string page = treeline_command("manual").said;
  for (const std::string& command : commands()) {
    EXPECT_THAT(page, HasSubstr("\n.SS treeline " + command));
    for (const std::string& option : options_of(command)) {
      EXPECT_THAT(page, HasSubstr(std::regex_replace(option, std::regex("-"), "\\-"))) << command;
    }
  }
  if (command_line("command -v groff").code() != 0) GTEST_SKIP() << "no groff to read it with";
  const Ended read = command_line(TREELINE_BIN_DIR "/treeline manual | groff -man -Tutf8 -ww -z");
  EXPECT_EQ(read.said, "");
}

}  // namespace
}  // namespace treeline::testing
