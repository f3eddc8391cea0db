#include "oracle/kernel_health.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "oracle/finding.h"

namespace treeline {

namespace {

// What lib/bug.c, kernel/panic.c, kernel/watchdog.c, kernel/hung_task.c and kernel/rcu/tree_stall.h print.
constexpr std::string_view kAlarms[] = {"Kernel panic",
                                        "WARNING: ",
                                        "BUG: ",
                                        "Oops: ",
                                        "kernel BUG at",
                                        "general protection fault",
                                        "soft lockup",
                                        "hard LOCKUP",
                                        "blocked for more than",
                                        "detected stalls on CPUs",
                                        "detected expedited stalls on CPUs",
                                        "self-detected stall on CPU",
                                        "Unable to handle kernel",
                                        "UBSAN: ",
                                        "refcount_t: ",
                                        "list_add corruption",
                                        "list_del corruption"};

bool is_alarm(const std::string& line) {
  return std::any_of(std::begin(kAlarms), std::end(kAlarms),
                     [&](std::string_view alarm) { return line.find(alarm) != std::string::npos; });
}

}  // namespace

std::vector<Finding> judge_kernel_health(const Scenario& /*scenario*/, const Observation& observation) {
  const KernelHealth& health = observation.health;
  const Subject subject{"kernel.health", Controller::Core, kRoot, ""};
  // Of a kernel that died the first alarm tells more than its last words, of which the panic is one.
  const auto alarm = std::find_if(health.log.begin(), health.log.end(), is_alarm);
  if (observation.kernel_died() && alarm == health.log.end()) {
    return {is_true(subject, true, "the kernel died and said nothing", "what it said is unknown")};
  }
  const bool tainted = (health.taint_after & ~health.taint_before) != 0;
  if (alarm != health.log.end()) return {is_true(subject, false, fmt::format("the kernel says: {}", *alarm))};
  if (tainted) {
    return {is_true(
        subject, false,
        fmt::format("the kernel's taint went from {} to {}", health.taint_before, health.taint_after))};
  }
  return {is_true(subject, true, "no new warning and no new taint",
                  health.log_readable ? "" : "/dev/kmsg cannot be read")};
}

}  // namespace treeline
