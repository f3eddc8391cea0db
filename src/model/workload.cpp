#include "model/workload.h"

#include <fmt/format.h>

#include "model/units.h"

namespace treeline {

namespace {

template <typename... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <typename... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

std::string_view kind_name(MemoryKind kind) {
  switch (kind) {
    case MemoryKind::Anonymous:
      return "anonymous";
    case MemoryKind::File:
      return "file";
    case MemoryKind::Shared:
      break;
  }
  return "shared";
}

}  // namespace

std::string_view workload_kind(const Workload& workload) {
  return std::visit(Overloaded{[](const CpuHog&) { return std::string_view("cpu_hog"); },
                               [](const MemoryHog&) { return std::string_view("memory_hog"); },
                               [](const IoHog&) { return std::string_view("io_hog"); },
                               [](const ForkStorm&) { return std::string_view("fork_storm"); },
                               [](const Mixed&) { return std::string_view("mixed"); },
                               [](const Idle&) { return std::string_view("idle"); }},
                    workload);
}

std::string describe(const Workload& workload) {
  return std::visit(
      Overloaded{[](const CpuHog& hog) {
                   std::string text = "cpu hog";
                   if (hog.threads > 1) text += fmt::format(" ×{}", hog.threads);
                   if (hog.duty_percent < 100) {
                     text += fmt::format(" at {}% of {}", hog.duty_percent, format_us(hog.cycle_us));
                   }
                   return text;
                 },
                 [](const MemoryHog& hog) {
                   return fmt::format("memory hog {} {}{}", format_bytes(hog.bytes), kind_name(hog.kind),
                                      hog.hold ? "" : ", freed");
                 },
                 [](const IoHog& hog) {
                   return fmt::format("io hog {} {} blocks of {}", hog.direct ? "direct" : "buffered",
                                      hog.direction == IoDirection::Read ? "read" : "write",
                                      format_bytes(hog.block_bytes));
                 },
                 [](const ForkStorm& storm) {
                   std::string text = fmt::format("fork storm ×{}", storm.forks);
                   if (storm.pause_us > 0) text += fmt::format(", one in {}", format_us(storm.pause_us));
                   return text;
                 },
                 [](const Mixed& mixed) {
                   return fmt::format("mixed {}% cpu, {}, {} forks", mixed.duty_percent,
                                      format_bytes(mixed.bytes), mixed.forks);
                 },
                 [](const Idle&) { return std::string("idle"); }},
      workload);
}

bool settles(const Workload& workload) {
  return std::holds_alternative<MemoryHog>(workload) || std::holds_alternative<ForkStorm>(workload) ||
         std::holds_alternative<Idle>(workload);
}

}  // namespace treeline
