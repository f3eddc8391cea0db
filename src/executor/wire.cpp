#include "executor/wire.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <vector>

#include "model/json.h"

namespace treeline {

namespace {

constexpr char kSeparator = '\x1f';

std::vector<std::string> split(std::string_view line) {
  std::vector<std::string> parts;
  while (true) {
    const size_t end = line.find(kSeparator);
    parts.emplace_back(line.substr(0, end));
    if (end == std::string_view::npos) return parts;
    line.remove_prefix(end + 1);
  }
}

tl::unexpected<Error> garbled(const char* what) {
  return fail(ErrorKind::Infrastructure, "understand", what, EPROTO);
}

}  // namespace

std::string encode_request(const Request& request) {
  return to_json(request.machine) + "\n" + to_json(request.scenario) + "\n";
}

Result<Request> read_request(int fd) {
  std::string text;
  char buffer[65536];
  for (ssize_t got = 0; (got = ::read(fd, buffer, sizeof buffer)) != 0;) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(ErrorKind::Infrastructure, "read", "the request", errno);
    text.append(buffer, static_cast<size_t>(got));
  }
  const size_t end = text.find('\n');
  if (end == std::string::npos) return garbled("the request");
  Result<MachineFacts> machine = machine_facts_from_json(std::string_view(text).substr(0, end));
  if (!machine) return tl::unexpected(machine.error());
  Result<Scenario> scenario = scenario_from_json(std::string_view(text).substr(end + 1));
  if (!scenario) return tl::unexpected(scenario.error());
  return Request{std::move(*machine), std::move(*scenario)};
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

std::string encode_answer(const Result<Observation>& answer) {
  if (answer) return "ok\n" + to_json(*answer);
  const Error& error = answer.error();
  std::string line =
      fmt::format("error{0}{1}{0}{2}{0}{3}{0}{4}{0}{5}", kSeparator, static_cast<int>(error.kind),
                  error.errnum, error.operation, error.path, error.advice);
  for (char& c : line) c = c == '\n' ? ' ' : c;
  return line + "\n";
}

bool write_answer(int fd, const Result<Observation>& answer) { return write_all(fd, encode_answer(answer)); }

Result<Observation> decode_answer(std::string_view text) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return garbled("the executor's answer");
  if (text.substr(0, end) == "ok") {
    Result<Observation> observation = observation_from_json(text.substr(end + 1));
    if (!observation) observation.error().kind = ErrorKind::Infrastructure;  // no file of the user's
    return observation;
  }
  const std::vector<std::string> parts = split(text.substr(0, end));
  if (parts.size() != 6 || parts[0] != "error") return garbled("the executor's answer");
  const int kind = std::clamp(std::atoi(parts[1].c_str()), 0, 2);
  return tl::unexpected(
      Error{static_cast<ErrorKind>(kind), parts[3], parts[4], std::atoi(parts[2].c_str()), parts[5]});
}

}  // namespace treeline
