#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/lab_shape.h"
#include "lab/mailbox.h"
#include "lab/qemu_command.h"
#include "machine/process.h"

namespace treeline {

/// What a virtual machine is started from. Open files, so that a cache entry that is replaced meanwhile does
/// no harm. `memory` has one file for each NUMA node.
struct VmFiles {
  std::vector<int> memory;
  int state = -1;
  int kernel = -1;
  int initramfs = -1;
  std::string preloaded;  ///< A library that QEMU loads first; "": none.
};

/// One QEMU process with its mailbox, console and control socket. All of them end with it.
class Vm {
 public:
  static Result<Vm> start(const LabShape& shape, VmStart start, const VmFiles& files);
  Vm(Vm&&) noexcept = default;
  Vm& operator=(Vm&&) = delete;
  ~Vm();

  /// Writes the request before the guest looks for it.
  void post_request(std::string_view text);
  Mailbox::State state() const { return mailbox_->state.load(std::memory_order_acquire); }
  std::string_view text() const;

  /// Sends QMP commands, {"execute": …} each, without waiting for their answers.
  Result<void> send(const std::vector<std::string>& commands);
  /// Until QMP says a line that holds both words. Infrastructure if it says an error, at QEMU's end, or at
  /// the deadline.
  Result<void> wait_for_event(std::string_view one, std::string_view other, Deadline deadline);
  /// Until the guest has set another state than Booting, QEMU has ended, or the deadline (false) is reached.
  /// After qmp_capabilities. Several CPUs are stopped and let go again and again: QEMU (7.2,
  /// rr_cpu_thread_fn) gives the first one all instructions until the next timer and the others none unless
  /// it pauses or is kicked, and a kernel that polls for the second one (6.1, do_boot_cpu) would do so for
  /// ever.
  Result<bool> wait_for_boot(Deadline deadline, bool has_several_cpus);
  /// Until QEMU has ended; QMP errors end it. False at the deadline.
  Result<bool> wait_for_end(Deadline deadline);

  pid_t pid() const { return process_->pid(); }
  bool has_ended() { return process_->has_ended(); }
  /// Ended by the guest, as it should be: not by a signal, nor by an error of QEMU's.
  bool ended_by_guest() const;
  /// "QEMU was killed by SIGKILL", with its own last words.
  std::string how_it_ended() const;
  std::string console() const;

 private:
  Vm() = default;
  /// Reads what QMP has said; an error's text if it has said one.
  std::optional<std::string> read_control();

  std::optional<Process> process_;
  Fd control_;
  Fd console_;
  Fd errors_;
  std::string said_;  ///< By QMP, and not looked at yet.
  bool control_open_ = true;
  struct Unmap {
    void operator()(Mailbox* memory) const;
  };
  std::unique_ptr<Mailbox, Unmap> mailbox_;
};

/// The console's last lines, as one line.
std::string last_console_lines(const std::string& console, size_t count = 6);
/// The console's lines, without time stamps.
std::vector<std::string> kernel_lines(const std::string& console);
/// "Kernel panic - …" if the console says so.
std::optional<std::string> panic_in(const std::string& console);
/// Whether the kernel is not to blame: the guest's /init ended, or the machine is too small to hold it.
bool is_harness_panic(const std::string& panic);

}  // namespace treeline
