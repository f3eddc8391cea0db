#pragma once

#include <sys/mman.h>

#include <algorithm>

#include "executor/wire.h"
#include "model/scenario.h"
#include "tests/cgroup/host.h"

namespace treeline::testing {

/// The program treeline-executor with one request, as a machine runs it.
class ExecutorProcess {
 public:
  ExecutorProcess(const std::string& request, const std::string& scratch, std::vector<std::string> more = {},
                  pid_t parent = ::getpid())
      : request_(::memfd_create("request", MFD_CLOEXEC)), answer_(::memfd_create("answer", MFD_CLOEXEC)) {
    write_all(request_.get(), request);
    ::lseek(request_.get(), 0, SEEK_SET);
    static int runs = 0;
    owner_ = run_group_name(::getpid(), std::to_string(runs++));
    std::vector<std::string> words{TREELINE_BIN_DIR "/treeline-executor",
                                   "--owner",
                                   owner_,
                                   "--scratch",
                                   scratch,
                                   "--parent",
                                   std::to_string(parent)};
    words.insert(words.end(), more.begin(), more.end());
    child_.emplace([&] { become(words); });
  }

  pid_t pid() const { return child_->pid(); }
  const std::string& owner() const { return owner_; }
  void terminate() const { ::kill(pid(), SIGTERM); }
  void kill() const { child_->kill(); }
  int wait() { return child_->wait(); }
  /// What it has answered; an error if it did not exit with 0.
  Result<Observation> answer() {
    const int status = wait();
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      return fail(ErrorKind::Infrastructure, "run", "treeline-executor", 0,
                  "status " + std::to_string(status));
    }
    ::lseek(answer_.get(), 0, SEEK_SET);
    std::string text;
    char buffer[65536];
    for (ssize_t got = 0; (got = ::read(answer_.get(), buffer, sizeof buffer)) > 0;) {
      text.append(buffer, static_cast<size_t>(got));
    }
    return decode_answer(text);
  }

 private:
  [[noreturn]] void become(std::vector<std::string>& words) const {
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const int request = ::fcntl(request_.get(), F_DUPFD, 10);
    const int answer = ::fcntl(answer_.get(), F_DUPFD, 10);
    ::dup2(request, kRequestFd);
    ::dup2(answer, kAnswerFd);
    ::close_range(5, ~0U, 0);
    ::prctl(PR_SET_PDEATHSIG, 0);  // it sets its own
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }

  Fd request_;
  Fd answer_;
  std::string owner_;
  std::optional<Child> child_;
};

class ExecutorTest : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (!IsSkipped() && !hierarchies_.find(Controller::Pids)) GTEST_SKIP() << "no pids controller";
  }
  std::string scratch() const { return folder_.path() + "/run"; }
  std::string request(const Scenario& scenario) const { return encode_request({machine_, scenario}); }
  /// Runs to the end, and sees that no file is left.
  Result<Observation> run(const Scenario& scenario, std::vector<std::string> more = {}) {
    for (const Fault& fault : validate(scenario)) ADD_FAILURE() << fault.json_path << ": " << fault.message;
    ExecutorProcess process(request(scenario), scratch(), std::move(more));
    Result<Observation> observation = process.answer();
    EXPECT_TRUE(folder_.empty());
    return observation;
  }
  bool has(Knob knob) const { return machine_.has(knob); }
  /// The group of the executor's run, in the controller's hierarchy.
  std::string group(const ExecutorProcess& process, Controller controller, const std::string& path) const {
    return hierarchies_.find(controller)->base + "/" + process.owner() + "/" + path;
  }

  TempFolder folder_;
};

//  t ─┬─ a ── c
//     └─ b
inline Scenario scenario_of(std::vector<Worker> workers, int64_t length_us = 150'000) {
  Scenario scenario;
  scenario.tree = {{{"t", kNoParent, {}}, {"a", 0, {}}, {"b", 0, {}}, {"c", 1, {}}}};
  scenario.workers = std::move(workers);
  scenario.window.length_us = length_us;
  return scenario;
}

/// Ends as soon as all workers have settled; the length is only for a hang.
inline Scenario settling(std::vector<Worker> workers) {
  Scenario scenario = scenario_of(std::move(workers), 30'000'000);
  scenario.window.until_settled = true;
  return scenario;
}

inline int64_t value(const Counters& counters, Counter counter) {
  return get(counters, counter).value_or(-1);
}

#define ASSERT_RAN(observation) ASSERT_TRUE(observation) << to_string((observation).error())

}  // namespace treeline::testing
