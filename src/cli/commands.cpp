#include "cli/commands.h"

#include <fmt/format.h>
#include <signal.h>

#include <cstdio>
#include <map>

namespace treeline::cli {

namespace {

volatile sig_atomic_t interrupted = 0;

void note(int) { interrupted = 1; }

}  // namespace

int report_error(const Error& error) {
  std::string line = to_string(error);
  for (char& c : line) c = c == '\n' ? ' ' : c;
  fmt::print(stderr, "treeline: {}\n", line);
  return exit_code_of(error.kind);
}

int code_or_report(const Result<int>& code) { return code ? *code : report_error(code.error()); }

Result<std::chrono::milliseconds> parse_time(const std::string& text) {
  size_t used = 0;
  double number = -1;
  try {
    number = std::stod(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  const std::string unit = used > 0 ? text.substr(used) : "?";
  const std::map<std::string, double> units{{"", 1}, {"s", 1}, {"m", 60}, {"h", 3'600}, {"d", 86'400}};
  const auto known = units.find(unit);
  if (!(number > 0 && number < 1e6) || known == units.end()) {
    return fail(ErrorKind::InvalidInput, "read the time", text, 0, "write it like 90s, 10m, 2h or 7d");
  }
  return std::chrono::milliseconds(static_cast<int64_t>(number * known->second * 1'000));
}

Result<std::vector<const Property*>> find_properties(const std::vector<std::string>& names) {
  std::vector<const Property*> found;
  for (const std::string& name : names) {
    found.push_back(find_property(name));
    if (found.back()) continue;
    std::string known;
    for (const Property& property : properties()) known += fmt::format(" {}", property.name);
    return fail(ErrorKind::InvalidInput, "find the property", name, 0, "the known ones are" + known);
  }
  return found;
}

Result<Ends> ends_of(uint64_t count, const std::string& time) {
  constexpr uint64_t kUsualCount = 100;
  if (time.empty()) return Ends{count > 0 ? count : kUsualCount, {}};
  const auto budget = parse_time(time);
  if (!budget) return tl::unexpected(budget.error());
  return Ends{count, *budget};
}

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = note;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

bool was_interrupted() { return interrupted != 0; }

}  // namespace treeline::cli
