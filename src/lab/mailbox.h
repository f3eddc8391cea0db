#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace treeline {

/// Head of the memory that a lab guest shares with its host: BAR 2 of QEMU's ivshmem-plain device, which the
/// guest maps from sysfs without a driver. `length` bytes of text follow the head.
///
///   host:  Request  (one line: a planted fault's name or "-"; then the scenario's JSON), before the clone
///   starts guest: Ready    (machine facts' JSON), Running, Answered (executor/wire.h), CannotServe or
///   Overran (why)
struct Mailbox {
  enum class State : uint32_t {
    Booting = 0,
    Ready = 1,        ///< Detected, and waiting for a request: the point where the snapshot is taken.
    CannotServe = 2,  ///< This kernel lacks what the lab needs.
    Request = 3,
    Running = 4,
    Answered = 5,
    Overran = 6,  ///< The run's deadline in virtual time was over.
  };
  std::atomic<State> state{State::Booting};
  uint32_t reserved = 0;
  uint64_t length = 0;

  char* text() { return reinterpret_cast<char*>(this + 1); }
};
static_assert(sizeof(Mailbox) == 16 && std::atomic<Mailbox::State>::is_always_lock_free);

/// Sparse on the host. The largest observation must fit.
inline constexpr size_t kMailboxBytes = 64u << 20;
inline constexpr size_t kMailboxTextBytes = kMailboxBytes - sizeof(Mailbox);

/// PCI identity of ivshmem (QEMU, docs/specs/ivshmem-spec.txt).
inline constexpr const char* kMailboxVendor = "0x1af4";
inline constexpr const char* kMailboxDevice = "0x1110";

/// I/O port of isa-debug-exit: a write of any value ends QEMU at once.
inline constexpr uint16_t kExitPort = 0xf4;

}  // namespace treeline
