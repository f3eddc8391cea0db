#include "guest/mailbox_device.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "cgroup/fd.h"
#include "executor/wire.h"

namespace treeline::guest {

namespace {

/// Virtual time; a clone finds its request at the first look.
constexpr useconds_t kPollUs = 1'000;

bool is_mailbox(const std::filesystem::path& device) {
  return read_file(device / "vendor").value_or("").starts_with(kMailboxVendor) &&
         read_file(device / "device").value_or("").starts_with(kMailboxDevice);
}

}  // namespace

Result<Mailbox*> map_mailbox() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/bus/pci/devices", error)) {
    if (!is_mailbox(entry.path())) continue;
    if (const int errnum = write_file(entry.path() / "enable", "1")) {
      return fail(ErrorKind::Unavailable, "enable", entry.path().string(), errnum);
    }
    const std::string bar = entry.path() / "resource2";
    const Fd fd(::open(bar.c_str(), O_RDWR | O_SYNC | O_CLOEXEC));
    if (!fd) return fail(ErrorKind::Unavailable, "open", bar, errno);
    void* const memory = ::mmap(nullptr, kMailboxBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    if (memory == MAP_FAILED) return fail(ErrorKind::Unavailable, "map", bar, errno);
    // A device's memory is mapped whole and at once: fork would copy 16,384 page table entries.
    if (::madvise(memory, kMailboxBytes, MADV_DONTFORK) != 0) {
      return fail(ErrorKind::Unavailable, "keep from children", bar, errno);
    }
    return static_cast<Mailbox*>(memory);
  }
  return fail(ErrorKind::Unavailable, "find the mailbox in", "/sys/bus/pci/devices", ENODEV,
              "the kernel needs CONFIG_PCI, CONFIG_SYSFS and CONFIG_HAVE_PCI_MMAP");
}

void post(Mailbox& mailbox, Mailbox::State state, std::string_view text) {
  std::string instead;
  if (text.size() > kMailboxTextBytes) {
    instead = encode_answer(fail(ErrorKind::Infrastructure, "give back", "the observation", EFBIG,
                                 "sample less often or shorten the window"));
    text = instead;
  }
  std::memcpy(mailbox.text(), text.data(), text.size());
  mailbox.length = text.size();
  mailbox.state.store(state, std::memory_order_release);
}

std::string_view wait_for_request(Mailbox& mailbox) {
  while (mailbox.state.load(std::memory_order_acquire) != Mailbox::State::Request) ::usleep(kPollUs);
  return {mailbox.text(), std::min<size_t>(mailbox.length, kMailboxTextBytes)};
}

}  // namespace treeline::guest
