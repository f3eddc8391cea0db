#pragma once

#include <string>
#include <string_view>

#include "model/error.h"
#include "model/observation.h"
#include "model/scenario.h"

namespace treeline {

/// What passes between a machine and its executor. A request is two lines of JSON, machine facts and
/// scenario, up to the end of file. An answer is one line, "ok" or an error's fields, then the observation's
/// JSON.
inline constexpr int kRequestFd = 3;
inline constexpr int kAnswerFd = 4;

struct Request {
  MachineFacts machine;
  Scenario scenario;
};

std::string encode_request(const Request& request);
Result<Request> read_request(int fd);
std::string encode_answer(const Result<Observation>& answer);
bool write_answer(int fd, const Result<Observation>& answer);
Result<Observation> decode_answer(std::string_view text);

/// All of `text`, whatever it takes; false on an error.
bool write_all(int fd, std::string_view text);

}  // namespace treeline
