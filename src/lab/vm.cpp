#include "lab/vm.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <sstream>

namespace treeline {

namespace {

using Clock = std::chrono::steady_clock;

/// Between the end of QEMU's control socket and its own.
constexpr auto kDyingLimit = std::chrono::seconds(10);

int milliseconds_until(Deadline deadline, int64_t most) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, most));
}

}  // namespace

void Vm::Unmap::operator()(Mailbox* memory) const { ::munmap(memory, kMailboxBytes); }

Result<Vm> Vm::start(const LabShape& shape, VmStart start, const VmFiles& files) {
  Vm vm;
  Result<Fd> mailbox = make_memory_file("mailbox", kMailboxBytes);
  if (!mailbox) return tl::unexpected(mailbox.error());
  Result<Fd> console = make_memory_file("console");
  if (!console) return tl::unexpected(console.error());
  Result<Fd> errors = make_memory_file("errors");
  if (!errors) return tl::unexpected(errors.error());
  void* const memory = ::mmap(nullptr, kMailboxBytes, PROT_READ | PROT_WRITE, MAP_SHARED, mailbox->get(), 0);
  if (memory == MAP_FAILED) return fail(ErrorKind::Infrastructure, "map", "the mailbox", errno);
  vm.mailbox_.reset(new (memory) Mailbox);
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return fail(ErrorKind::Infrastructure, "make", "the control socket", errno);
  }
  vm.control_ = Fd(ends[0]);
  const Fd theirs(ends[1]);
  ProcessOptions options;
  options.descriptors = {{errors->get(), 2},
                         {theirs.get(), qemu_fd::kControl},
                         {console->get(), qemu_fd::kConsole},
                         {mailbox->get(), qemu_fd::kMailbox}};
  if (files.state >= 0) options.descriptors.emplace_back(files.state, qemu_fd::kState);
  if (files.kernel >= 0) options.descriptors.emplace_back(files.kernel, qemu_fd::kKernel);
  if (files.initramfs >= 0) options.descriptors.emplace_back(files.initramfs, qemu_fd::kInitramfs);
  for (size_t i = 0; i < files.memory.size(); ++i) {
    options.descriptors.emplace_back(files.memory[i], qemu_fd::kMemory + static_cast<int>(i));
  }
  if (!files.preloaded.empty()) options.environment.push_back("LD_PRELOAD=" + files.preloaded);
  Result<Process> process = Process::start(qemu_command(shape, start), options);
  if (!process) return tl::unexpected(process.error());
  vm.process_.emplace(std::move(*process));
  vm.console_ = std::move(*console);
  vm.errors_ = std::move(*errors);
  return vm;
}

Vm::~Vm() = default;

void Vm::post_request(std::string_view text) {
  std::memcpy(mailbox_->text(), text.data(), text.size());
  mailbox_->length = text.size();
  mailbox_->state.store(Mailbox::State::Request, std::memory_order_release);
}

std::string_view Vm::text() const {
  return {mailbox_->text(), std::min<size_t>(mailbox_->length, kMailboxTextBytes)};
}

Result<void> Vm::send(const std::vector<std::string>& commands) {
  std::string text;
  for (const std::string& command : commands) text += command + "\n";
  if (::send(control_.get(), text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size())) {
    const int errnum = errno;
    process_->wait(Clock::now() + kDyingLimit);
    return fail(ErrorKind::Infrastructure, "talk to", kQemu, errnum, how_it_ended());
  }
  return {};
}

std::optional<std::string> Vm::read_control() {
  char buffer[4096];
  const ssize_t got = ::recv(control_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
  if (got > 0) said_.append(buffer, static_cast<size_t>(got));
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) control_open_ = false;
  const size_t error = said_.find("{\"error\"");
  if (error == std::string::npos || said_.find('\n', error) == std::string::npos) return std::nullopt;
  return said_.substr(error, said_.find_first_of("\r\n", error) - error);
}

Result<void> Vm::wait_for_event(std::string_view one, std::string_view other, Deadline deadline) {
  while (true) {
    if (const auto error = read_control()) {
      return fail(ErrorKind::Infrastructure, "control", kQemu, 0, *error);
    }
    std::istringstream lines(said_);
    for (std::string line; std::getline(lines, line);) {
      if (line.find(one) != std::string::npos && line.find(other) != std::string::npos) return {};
    }
    if (process_->has_ended() || !control_open_) {
      process_->wait(Clock::now() + kDyingLimit);
      return fail(ErrorKind::Infrastructure, "control", kQemu, 0, how_it_ended());
    }
    if (Clock::now() >= deadline) {
      return fail(ErrorKind::Infrastructure, "wait for an answer of", kQemu, ETIMEDOUT);
    }
    pollfd watched{control_.get(), POLLIN, 0};
    ::poll(&watched, 1, milliseconds_until(deadline, 1'000));
  }
}

Result<bool> Vm::wait_for_boot(Deadline deadline, bool has_several_cpus) {
  constexpr auto kTurn = std::chrono::milliseconds(50);
  Deadline next_turn = Clock::now();
  while (state() == Mailbox::State::Booting && !process_->has_ended()) {
    if (Clock::now() >= deadline) return false;
    if (has_several_cpus && Clock::now() >= next_turn) {
      if (auto sent = send({R"({"execute":"stop"})", R"({"execute":"cont"})"}); !sent) {
        return tl::unexpected(sent.error());
      }
      read_control();
      said_.clear();
      next_turn = Clock::now() + kTurn;
    }
    pollfd watched{process_->end_fd(), POLLIN, 0};
    ::poll(&watched, 1, milliseconds_until(deadline, 5));
  }
  return true;
}

Result<bool> Vm::wait_for_end(Deadline deadline) {
  while (!process_->has_ended()) {
    if (const auto error = read_control()) {
      return fail(ErrorKind::Infrastructure, "restore the snapshot in", kQemu, 0, *error);
    }
    if (Clock::now() >= deadline) return false;
    pollfd watched[2] = {{process_->end_fd(), POLLIN, 0}, {control_open_ ? control_.get() : -1, POLLIN, 0}};
    ::poll(watched, 2, milliseconds_until(deadline, 1'000));
  }
  return true;
}

bool Vm::ended_by_guest() const {
  // isa-debug-exit gives 2n+1; a restart gives 0. QEMU's own errors are 1 too, so the mailbox's state
  // decides.
  return WIFEXITED(process_->status());
}

std::string Vm::how_it_ended() const {
  std::string words = read_all(errors_).value_or("");
  std::replace(words.begin(), words.end(), '\n', ' ');
  return fmt::format("QEMU: {}{}{}", how_ended(process_->status()),
                     words.empty() ? "" : "; it said: ", words);
}

std::string Vm::console() const { return read_all(console_).value_or(""); }

namespace {

std::vector<std::string> console_lines(const std::string& console) {
  std::vector<std::string> lines;
  std::istringstream all(console);
  for (std::string line; std::getline(all, line);) {
    std::erase_if(line, [](char c) { return static_cast<unsigned char>(c) < ' '; });
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

}  // namespace

std::string last_console_lines(const std::string& console, size_t count) {
  const std::vector<std::string> lines = console_lines(console);
  std::string text;
  const size_t first = lines.size() > count ? lines.size() - count : 0;
  for (size_t i = first; i < lines.size(); ++i) text += (text.empty() ? "" : " | ") + lines[i];
  return text;
}

std::vector<std::string> kernel_lines(const std::string& console) {
  std::vector<std::string> lines = console_lines(console);
  for (std::string& line : lines) {
    // "[   12.345678] text"
    const size_t stamp = line.starts_with('[') ? line.find("] ") : std::string::npos;
    if (stamp != std::string::npos) line.erase(0, stamp + 2);
  }
  return lines;
}

bool is_harness_panic(const std::string& panic) {
  return panic.find("Attempted to kill init") != std::string::npos ||
         panic.find("System is deadlocked on memory") != std::string::npos;
}

std::optional<std::string> panic_in(const std::string& console) {
  const size_t at = console.find("Kernel panic");
  if (at == std::string::npos) return std::nullopt;
  return console.substr(at, console.find_first_of("\r\n", at) - at);
}

}  // namespace treeline
