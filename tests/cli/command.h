#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

namespace treeline::testing {

/// How a command ended, and all that it said on both streams.
struct Ended {
  int status = -1;  ///< As from waitpid.
  std::string said;
  bool exited() const { return WIFEXITED(status); }
  int code() const { return exited() ? WEXITSTATUS(status) : -1; }
};

/// Runs it through the shell.
inline Ended command_line(const std::string& line) {
  Ended ended;
  FILE* pipe = ::popen((line + " 2>&1 </dev/null").c_str(), "r");
  if (!pipe) return ended;
  char buffer[4096];
  for (size_t got = 0; (got = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    ended.said.append(buffer, got);
  ended.status = ::pclose(pipe);
  return ended;
}

/// Runs `treeline ARGUMENTS`.
inline Ended treeline_command(const std::string& arguments, const std::string& before = "") {
  return command_line(before + " " TREELINE_BIN_DIR "/treeline " + arguments);
}

/// In a child: becomes `treeline ARGUMENTS`, which is told nothing and whose words nobody hears.
[[noreturn]] inline void become_treeline(std::vector<std::string> arguments) {
  const int null = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
  arguments.insert(arguments.begin(), TREELINE_BIN_DIR "/treeline");
  std::vector<char*> words;
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  ::execv(words[0], words.data());
  ::_exit(127);
}

}  // namespace treeline::testing
