#include "tests/cli/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "model/error.h"
#include "model/json.h"
#include "tests/model/mutator.h"
#include "tests/sanitized.h"

namespace treeline::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// A file in a folder of its own, both removed at the end.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text) {
    std::string pattern = (std::filesystem::temp_directory_path() / "treeline-cli-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data()) ? pattern : "";
    write(text);
  }
  ~TemporaryFile() {
    std::error_code error;
    std::filesystem::remove_all(folder_, error);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const std::string& folder() const { return folder_; }
  std::string path() const { return folder_ + "/case.json"; }
  void write(const std::string& text) const { std::ofstream(path(), std::ios::binary) << text; }

 private:
  std::string folder_;
};

Scenario small_scenario() {
  Scenario scenario;
  scenario.tree.nodes = {{"trunk", kNoParent, {{Knob::PidsMax, Amount{7}}}}, {"twig", 0, {}}};
  scenario.workers = {{1, ForkStorm{3}}};
  scenario.window = {100'000, true, 2'000};
  return scenario;
}

TEST(Command, HelpNamesEverySubcommand) {
  const Ended ended = treeline_command("--help");
  EXPECT_EQ(ended.code(), 0);
  for (const char* name : {"run", "replay", "show", "doctor", "history", "nightly", "plan", "job", "merge"})
    EXPECT_THAT(ended.said, HasSubstr(name));
}

TEST(Command, AnUnknownSubcommandOptionOrPropertyIsInvalidInput) {
  for (const char* arguments : {"", "climb", "run --no-such-option", "run --property no_such_property",
                                "run --count many", "run --fault no-such-fault", "show", "replay"}) {
    const Ended ended = treeline_command(arguments);
    EXPECT_EQ(ended.code(), exit_code::kInvalidInput) << arguments << ": " << ended.said;
    EXPECT_FALSE(ended.said.empty()) << arguments;
  }
}

TEST(Command, AnUnknownPropertyIsAnsweredWithThoseThatThereAre) {
  const Ended ended = treeline_command("run --property no_such_property");
  EXPECT_THAT(ended.said, HasSubstr("no_such_property"));
  EXPECT_THAT(ended.said, HasSubstr("cpu_bandwidth"));
}

TEST(ShowCommand, DrawsTheTreeOfABareScenario) {
  const TemporaryFile file(to_json(small_scenario(), 2));
  const Ended ended = treeline_command("show " + file.path());
  EXPECT_EQ(ended.code(), 0) << ended.said;
  EXPECT_THAT(ended.said, HasSubstr(draw(small_scenario())));
}

TEST(ShowCommand, ShowsWhatACounterexampleFound) {
  Counterexample example;
  example.scenario = small_scenario();
  example.signature = Signature{"pids.max", Controller::Pids, "v1"};
  example.verdict = Verdict{{{"pids.max", Controller::Pids, 0, Status::Violated, 7, 8, 8.0 / 7, "tasks",
                              "8 tasks where 7 are allowed"}}};
  const TemporaryFile file(to_json(example, 2));
  const Ended ended = treeline_command("show " + file.path());
  EXPECT_EQ(ended.code(), 0) << ended.said;
  EXPECT_THAT(ended.said, HasSubstr("8 tasks where 7 are allowed"));
  EXPECT_THAT(ended.said, HasSubstr("twig"));
}

TEST(ShowCommand, ShowsTheCourseOfUsageAgainstItsBoundAndLatencies) {
  Counterexample example;
  example.scenario = small_scenario();
  example.scenario.tree.nodes[0].limits = {{Knob::MemoryMax, Amount{8 << 20}}};
  Observation seen;
  seen.machine.hz = 250;
  seen.window_ns = 40'000'000;
  seen.nodes.resize(example.scenario.tree.nodes.size());
  seen.workers.resize(example.scenario.workers.size());
  seen.nodes[0].wakeup_latency = {9, 60'000, 2'000'000, 3'500'000};
  for (int64_t i = 1; i <= 4; ++i) {
    seen.nodes[0].series.push_back(
        {i * 10'000'000, {{Counter::CpuUsageNs, i * 5'000'000}, {Counter::MemoryCurrent, i << 20}}});
  }
  example.observation = seen;
  const TemporaryFile file(to_json(example, 2));
  const Ended ended = treeline_command("show " + file.path());
  EXPECT_EQ(ended.code(), 0) << ended.said;
  EXPECT_THAT(ended.said, HasSubstr("wake-up p50 0.060, p99 2.000, max 3.500 ms of 9"));
  EXPECT_THAT(ended.said, HasSubstr("at most 0.50 CPUs"));
  EXPECT_THAT(ended.said, HasSubstr("at most 4.00 MiB, memory.max 8.00 MiB"));
  EXPECT_THAT(ended.said, HasSubstr("▁"));
}

TEST(ShowCommand, NamesAFileThatIsNotThere) {
  for (const char* command : {"show", "replay"}) {
    const Ended ended = treeline_command(std::string(command) + " /no/such/file.json");
    EXPECT_EQ(ended.code(), exit_code::kInvalidInput) << ended.said;
    EXPECT_THAT(ended.said, HasSubstr("/no/such/file.json"));
    EXPECT_THAT(ended.said, HasSubstr("No such file"));
  }
}

TEST(HistoryCommand, RefusesAFolderWithoutResultsAndATimeThatIsNone) {
  const Ended nothing = treeline_command("history --results /no/such/folder");
  EXPECT_EQ(nothing.code(), exit_code::kInvalidInput) << nothing.said;
  EXPECT_THAT(nothing.said, HasSubstr("/no/such/folder/results.db"));
  const TemporaryFile file("no database, but a file that is long enough to be read as one");
  std::filesystem::rename(file.path(), file.folder() + "/results.db");
  const Ended damaged = treeline_command("history --results " + file.folder());
  EXPECT_EQ(damaged.code(), exit_code::kInvalidInput) << damaged.said;
  EXPECT_THAT(damaged.said, HasSubstr("damaged"));
}

TEST(ShowCommand, PointsAtTheFaultInAFile) {
  std::string text = to_json(small_scenario());
  text.replace(text.find("pids.max"), 8, "pods.max");
  const TemporaryFile file(text);
  for (const char* command : {"show ", "replay "}) {
    const Ended ended = treeline_command(command + file.path());
    EXPECT_EQ(ended.code(), exit_code::kInvalidInput) << ended.said;
    EXPECT_THAT(ended.said, HasSubstr("pods.max"));
  }
}

TEST(ShowCommand, AThousandMutatedFilesGiveOneClearErrorOrAreShown) {
  model_test::Mutator mutator(to_json(small_scenario()), 1);
  const TemporaryFile file("");
  int refused = 0;
  for (int i = 0; i < times(1000); ++i) {
    const std::string mutant = i % 2 == 0 ? mutator.changed_bytes() : mutator.changed_structure();
    file.write(mutant);
    const Ended shown = treeline_command("show " + file.path());
    if (shown.code() == 0) continue;
    ++refused;
    ASSERT_EQ(shown.code(), exit_code::kInvalidInput) << mutant << '\n' << shown.said;
    ASSERT_EQ(std::count(shown.said.begin(), shown.said.end(), '\n'), 1) << mutant << '\n' << shown.said;
    // The same file is refused before anything is run.
    const Ended replayed = treeline_command("replay " + file.path());
    ASSERT_EQ(replayed.code(), exit_code::kInvalidInput) << mutant << '\n' << replayed.said;
  }
  EXPECT_GT(refused, times(500));
}

TEST(ReplayCommand, GoesToTheMachineThatTheFileNames) {
  Counterexample example;
  example.scenario = small_scenario();
  example.machine = "Lab/no-such-kernel/v2";
  const TemporaryFile file(to_json(example, 2));
  const Ended ended = treeline_command("replay " + file.path());
  EXPECT_EQ(ended.code(), exit_code::kInvalidInput) << ended.said;
  EXPECT_THAT(ended.said, HasSubstr("on Lab/no-such-kernel/v2, as the file says"));
  EXPECT_THAT(ended.said, HasSubstr("--kernel"));
}

TEST(ReplayCommand, GoesToTheHostIfTheFileNamesNone) {
  const TemporaryFile file(to_json(small_scenario(), 2));
  const Ended ended = treeline_command("replay " + file.path());
  EXPECT_THAT(ended.said, HasSubstr("on Host, since the file names no machine"));
}

TEST(ReportCommand, WritesThePageJunitAndKtap) {
  const TemporaryFile file("");
  std::filesystem::rename(file.path(), file.folder() + "/results.db");  // empty, so a new database
  const std::string in = "--results " + file.folder();
  const Ended ended = treeline_command("report " + in + " --junit " + file.folder() + "/x.xml --ktap " +
                                       file.folder() + "/x.ktap");
  EXPECT_EQ(ended.code(), 0) << ended.said;
  for (const char* name : {"/report.html", "/x.xml", "/x.ktap"}) {
    EXPECT_THAT(ended.said, HasSubstr("wrote " + file.folder() + name));
    EXPECT_GT(std::filesystem::file_size(file.folder() + name), 0u) << name;
  }
}

TEST(ReportCommand, SaysWhichFolderOrFileToGive) {
  const TemporaryFile file("");
  const Ended missing = treeline_command("report --results " + file.folder());
  EXPECT_EQ(missing.code(), exit_code::kInvalidInput) << missing.said;
  EXPECT_THAT(missing.said, HasSubstr("--results"));
  std::filesystem::rename(file.path(), file.folder() + "/results.db");
  const Ended unwritable =
      treeline_command("report --results " + file.folder() + " -o " + file.folder() + "/none/x.html");
  EXPECT_EQ(unwritable.code(), exit_code::kInvalidInput) << unwritable.said;
  EXPECT_THAT(unwritable.said, HasSubstr("give a file in a folder that is there"));
}

TEST(ReportCommand, AFullDiskIsTroubleAndLeavesNoPartOfThePage) {
  const TemporaryFile file("");
  std::filesystem::rename(file.path(), file.folder() + "/results.db");
  const std::string in = "report --results " + file.folder();
  ASSERT_EQ(treeline_command(in).code(), 0);  // makes the database, which the limit below would stop
  const std::string pages = file.folder() + "/pages";
  std::filesystem::create_directory(pages);
  // No file above 40 KiB (80 blocks of sh's ulimit): less than a page has, more than SQLite's index of its
  // log.
  const Ended full = treeline_command(in + " -o " + pages + "/x.html", "trap '' XFSZ; ulimit -f 80;");
  EXPECT_EQ(full.code(), exit_code::kInfrastructure) << full.said;
  EXPECT_THAT(full.said, HasSubstr(pages + "/x.html"));
  EXPECT_TRUE(std::filesystem::is_empty(pages));
}

TEST(DoctorCommand, SaysOfEveryPropertyWhetherItCanBeTested) {
  const Ended ended = treeline_command("doctor");
  EXPECT_TRUE(ended.code() == 0 || ended.code() == exit_code::kUnavailable) << ended.said;
  for (const char* name : {"cpu_bandwidth", "memory", "pids", "cpuset", "io", "freezer", "rules"}) {
    EXPECT_THAT(ended.said, HasSubstr(name));
  }
}

TEST(DoctorCommand, DocumentsEveryKnob) {
  const Ended ended = treeline_command("doctor --knobs");
  EXPECT_EQ(ended.code(), 0) << ended.said;
  for (const KnobInfo& info : knob_table()) {
    EXPECT_THAT(ended.said, HasSubstr(std::string(info.name)));
    EXPECT_THAT(ended.said, HasSubstr(std::string(info.summary)));
  }
}

TEST(NightlyCommand, RefusesWhatIsWrongBeforeAnyMachineIsOpened) {
  const TemporaryFile list(R"({"schema":1,"failures":[{"reason":"x"}]})");
  struct Bad {
    std::string arguments;
    const char* says;
  };
  for (const Bad& bad : {Bad{"--property no_such_property", "cpu_bandwidth"},
                         {"--time soon", "write it like"},
                         {"--machine Lab/nowhere", "Lab/nowhere"},
                         {"--machine Host --machine Host", "once"},
                         {"--machine Host --fault no-such-fault", "no-such-fault"},
                         {"--machine Host --fault pids-off-by-one@Lab/debian-6.1/v2", "--machine"},
                         {"--known-failures " + list.path(), "/failures/0/signature"},
                         {"--known-failures /no/such/list.json", "/no/such/list.json"}}) {
    const Ended ended = treeline_command("nightly --results /no/such/folder " + bad.arguments);
    EXPECT_EQ(ended.code(), exit_code::kInvalidInput) << bad.arguments << ": " << ended.said;
    EXPECT_THAT(ended.said, HasSubstr(bad.says)) << bad.arguments;
  }
}

TEST(PlanCommand, RefusesWhatIsWrong) {
  struct Bad {
    std::string arguments;
    const char* says;
  };
  for (const Bad& bad : {Bad{"", "--machine"},
                         {"--machine Lab/nowhere", "Lab/nowhere"},
                         {"--machine Host --property no_such_property", "cpu_bandwidth"},
                         {"--machine Host --count 0", "--count"},
                         {"--machine Host --job-size 0", "--job-size"},
                         {"--machine Host --job-time soon", "write it like"},
                         {"--machine Host --fault no-such-fault", "no-such-fault"},
                         {"--machine Host --count 1000000 --job-size 1", "greater --job-size"}}) {
    const Ended ended = treeline_command("plan " + bad.arguments);
    EXPECT_EQ(ended.code(), exit_code::kInvalidInput) << bad.arguments << ": " << ended.said;
    EXPECT_THAT(ended.said, HasSubstr(bad.says)) << bad.arguments;
  }
}

TEST(PlanCommand, PrintsTheJobsAndLeavesAnotherPlanAlone) {
  const std::string options = "--machine Host --property pids --seed 1 --count 5 --job-size 2";
  const Ended printed = treeline_command("plan " + options);
  EXPECT_EQ(printed.code(), 0) << printed.said;
  EXPECT_EQ(std::count(printed.said.begin(), printed.said.end(), '\n'), 3) << printed.said;
  const TemporaryFile file("");
  const std::string folder = file.folder() + "/batch";
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(treeline_command("plan " + folder + " " + options).said, HasSubstr("3 jobs, seed 1"));
  }
  std::ifstream plan(folder + "/plan.jsonl");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(plan), {}), printed.said);
  const Ended other = treeline_command("plan " + folder + " " + options + " --fault pids-off-by-one");
  EXPECT_EQ(other.code(), exit_code::kInvalidInput) << other.said;
  EXPECT_THAT(other.said, HasSubstr("another plan"));
}

TEST(JobCommand, RefusesAFolderWithoutAPlanAndAJobThatIsNotInIt) {
  for (const char* command : {"job", "merge"}) {
    const Ended ended = treeline_command(std::string(command) + " /no/such/batch");
    EXPECT_EQ(ended.code(), exit_code::kInvalidInput) << ended.said;
    EXPECT_THAT(ended.said, HasSubstr("/no/such/batch/plan.jsonl"));
  }
  const TemporaryFile file("");
  ASSERT_EQ(
      treeline_command("plan " + file.folder() + " --machine Host -p pids --count 5 --job-size 2").code(), 0);
  const Ended ended = treeline_command("job " + file.folder() + " --number 3");
  EXPECT_EQ(ended.code(), exit_code::kInvalidInput) << ended.said;
  EXPECT_THAT(ended.said, HasSubstr("0 to 2"));
  const Ended missing = treeline_command("merge " + file.folder() + " --list-missing");
  EXPECT_EQ(missing.said, "0,1,2\n");
}

/// scripts/nightly, with what is in `path` for PATH.
Ended nightly_script(const std::string& arguments, const std::string& path) {
  return command_line("PATH=" + path +
                      " TREELINE=" TREELINE_BIN_DIR "/treeline " TREELINE_TESTS_DIR "/../scripts/nightly " +
                      arguments);
}

TEST(NightlyScript, SaysWhatToDoWhereThereIsNoSlurm) {
  const TemporaryFile file("");
  const std::string tools = file.folder() + "/tools";
  std::filesystem::create_directory(tools);
  std::filesystem::create_symlink("/usr/bin/dirname", tools + "/dirname");
  const Ended ended = nightly_script("--engine slurm --machine Host", tools);
  EXPECT_EQ(ended.code(), exit_code::kUnavailable) << ended.said;
  EXPECT_THAT(ended.said, HasSubstr("slurm-client"));
  EXPECT_EQ(std::count(ended.said.begin(), ended.said.end(), '\n'), 1) << ended.said;
  EXPECT_EQ(nightly_script("--engine tmt", tools).code(), exit_code::kInvalidInput);
}

/// tests/lab/without_root_test.cpp is where it is there.
TEST(RunCommand, WithoutRootAndWithoutQemuSaysWhatIsMissing) {
  const bool is_root = ::geteuid() == 0;
  const std::string folder = ::testing::TempDir() + "treeline-nobody-" + std::to_string(::getpid());
  const Ended ended =
      treeline_command("run --count 1 --results " + folder,
                       std::string(is_root ? "setpriv --reuid 65534 --regid 65534 --clear-groups " : "") +
                           "env PATH=/nonexistent TREELINE_CACHE=" + folder);
  std::filesystem::remove_all(folder);
  if (ended.said.find("setpriv") != std::string::npos) GTEST_SKIP() << ended.said;
  if (!is_root && ended.code() == 0) GTEST_SKIP() << "this user may make groups";
  EXPECT_EQ(ended.code(), exit_code::kUnavailable) << ended.said;
  EXPECT_THAT(ended.said, HasSubstr("root"));
  EXPECT_THAT(ended.said, HasSubstr("nor can the lab serve"));
  EXPECT_EQ(std::count(ended.said.begin(), ended.said.end(), '\n'), 1) << ended.said;
  EXPECT_THAT(ended.said, Not(HasSubstr("terminate called")));
}

}  // namespace
}  // namespace treeline::testing
