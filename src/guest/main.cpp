#include <fmt/format.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "cgroup/hierarchies.h"
#include "executor/executor.h"
#include "executor/wire.h"
#include "guest/mailbox_device.h"
#include "guest/system.h"
#include "model/json.h"

/// treeline-init: the /init of a lab guest (lab/lab_machine.h). Sets the guest up, tells the host what
/// machine it is, waits there to be cloned, runs one scenario, answers and ends the virtual machine.
namespace treeline::guest {
namespace {

constexpr const char* kScratch = "/var/tmp";
/// Constant, so that paths and strings are equal in all clones.
constexpr const char* kOwner = "treeline-1-0";
/// Nothing outside takes time from a virtual CPU, and each look costs it some: a gap that is shorter than a
/// tick changes no bound (oracle/demand.h, tick_or_gap_ns).
constexpr int64_t kNoisePeriodUs = 4'000;
/// Beyond the window, in virtual time: more than all of the executor's own deadlines together.
constexpr time_t kAllowanceSeconds = 60;

Mailbox* mailbox = nullptr;

/// Async-signal-safe: the executor may be anywhere.
void overrun(int) {
  mailbox->length = 0;
  mailbox->state.store(Mailbox::State::Overran);
  power_off();
}

void limit_virtual_time(const Scenario& scenario) {
  struct sigaction action {};
  action.sa_handler = overrun;
  ::sigaction(SIGALRM, &action, nullptr);
  itimerval timer{};
  timer.it_value.tv_sec = scenario.window.length_us / 1'000'000 + kAllowanceSeconds;
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

struct Prepared {
  Hierarchies hierarchies;
  MachineFacts facts;
};

Result<Prepared> prepare() {
  const Result<Settings> settings = read_settings();
  if (!settings) return tl::unexpected(settings.error());
  if (auto done = load_modules(); !done) return tl::unexpected(done.error());
  if (auto done = mount_cgroups(settings->mode); !done) return tl::unexpected(done.error());
  if (auto done = mount_scratch(kScratch); !done) return tl::unexpected(done.error());
  if (auto done = enable_swap(settings->swap_bytes); !done) return tl::unexpected(done.error());
  Result<Hierarchies> hierarchies = Hierarchies::detect("");
  if (!hierarchies) return tl::unexpected(hierarchies.error());
  Result<MachineFacts> facts = detect_machine(*hierarchies, kScratch);
  if (!facts) return tl::unexpected(facts.error());
  for (const int cpu : facts->cpus) {
    const std::string file = fmt::format("/sys/devices/system/cpu/cpu{}/online", cpu);
    if (::access(file.c_str(), W_OK) == 0) facts->hotplug_cpus.push_back(cpu);
  }
  return Prepared{std::move(*hierarchies), std::move(*facts)};
}

Result<Observation> serve(const Prepared& prepared, std::string_view request) {
  ExecutorOptions options{kOwner, fmt::format("{}/{}", kScratch, kOwner), {}, kNoisePeriodUs};
  const size_t end = std::min(request.find('\n'), request.size());
  const std::string_view fault = request.substr(0, end);
  options.fault = planted_fault_from_name(fault);
  if (!options.fault && fault != "-") {
    return fail(ErrorKind::InvalidInput, "plant the fault", std::string(fault));
  }
  const Result<Scenario> scenario = scenario_from_json(request.substr(std::min(end + 1, request.size())));
  if (!scenario) return tl::unexpected(scenario.error());
  limit_virtual_time(*scenario);
  return execute(prepared.hierarchies, prepared.facts, *scenario, options);
}

void live() {
  const Result<void> mounted = mount_basics();
  Result<Mailbox*> found = map_mailbox();
  if (!mounted || !found) {
    fmt::print("treeline-init: {}\n", to_string(mounted ? found.error() : mounted.error()));
    power_off();
  }
  mailbox = *found;
  const Result<Prepared> prepared = prepare();
  if (!prepared) {
    post(*mailbox, Mailbox::State::CannotServe, encode_answer(tl::unexpected(prepared.error())));
    power_off();
  }
  ::signal(SIGPIPE, SIG_IGN);
  fmt::print("treeline-init: ready\n");
  std::fflush(stdout);
  quiet_console();
  post(*mailbox, Mailbox::State::Ready, to_json(prepared->facts));
  const std::string_view request = wait_for_request(*mailbox);
  mailbox->state.store(Mailbox::State::Running);
  const std::string answer = encode_answer(serve(*prepared, request));
  post(*mailbox, Mailbox::State::Answered, answer);
}

}  // namespace
}  // namespace treeline::guest

int main() {
  treeline::guest::live();
  treeline::guest::power_off();
}
