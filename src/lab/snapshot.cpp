#include "lab/snapshot.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "executor/wire.h"
#include "lab/cache.h"
#include "lab/initramfs.h"
#include "lab/snapshot_files.h"
#include "model/hash.h"
#include "model/json.h"

namespace treeline {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kQmpLimit = std::chrono::seconds(20);
/// Each takes the guest's touched memory on disk.
constexpr size_t kSnapshotsKept = 12;
/// Of what a snapshot's folder holds: raised when it changes.
constexpr std::string_view kFormat = "2";

const std::string kCapabilities =
    R"({"execute":"migrate-set-capabilities","arguments":{"capabilities":[)"
    R"({"capability":"x-ignore-shared","state":true},{"capability":"events","state":true}]}})";

/// A restored QEMU announces its network cards for a second, by timers of the host's clock, even if it has
/// none. Each such timer ends the vCPU's turn at an instant of the host's (accel/tcg/tcg-accel-ops-icount.c,
/// icount_get_limit).
const std::string kNoAnnouncements =
    R"({"execute":"migrate-set-parameters","arguments":{"announce-rounds":0}})";

/// An outgoing "fd:" wants its descriptor by SCM_RIGHTS; a shell's redirection does the same.
std::string save_to(const Fd& state) {
  return fmt::format(R"({{"execute":"migrate","arguments":{{"uri":"exec:cat >/proc/{}/fd/{}"}}}})",
                     ::getpid(), state.get());
}

std::string restore_from_state_fd() {
  return fmt::format(R"({{"execute":"migrate-incoming","arguments":{{"uri":"fd:{}"}}}})", qemu_fd::kState);
}

/// For each shared memory block the stream holds its name, size and guest address, and the restoring side
/// refuses another address (QEMU, migration/ram.c, ram_load_precopy: "Mismatched GPAs"). A PCI BAR is not
/// mapped there yet, and its address is 0: say so in the stream. The BAR's own registers come later and map
/// it.
Result<std::string> with_unmapped_mailbox(std::string state) {
  constexpr std::string_view kName = "/mailbox";
  std::string size(sizeof(uint64_t), '\0');
  for (size_t i = 0; i < size.size(); ++i)
    size[size.size() - 1 - i] = static_cast<char>(kMailboxBytes >> (8 * i));
  const size_t at = state.find(std::string(kName) + size);
  if (at == std::string::npos || at + kName.size() + 2 * size.size() > state.size()) {
    return fail(ErrorKind::Infrastructure, "find the mailbox in the state saved by", kQemu, 0,
                "this version of QEMU saves it in another form: use 7.2");
  }
  state.replace(at + kName.size() + size.size(), sizeof(uint64_t), sizeof(uint64_t), '\0');
  return state;
}

/// Why a guest did not come up.
Error boot_error(Vm& vm, const SnapshotOptions& options, bool in_time) {
  const std::string console = vm.console();
  const std::string kept = options.cache + "/failed-boot-console.txt";
  (void)write_new_file(kept, console);
  std::string why = "it did not say that it is ready in time";
  if (in_time) why = panic_in(console).value_or(vm.how_it_ended());
  const std::string last = last_console_lines(console);
  return Error{ErrorKind::Infrastructure, "boot", options.kernel.image, in_time ? 0 : ETIMEDOUT,
               fmt::format("{}; {} (all of it: {})", why,
                           last.empty() ? "the console is empty: is it an x86-64 kernel with "
                                          "CONFIG_SERIAL_8250_CONSOLE and CONFIG_BLK_DEV_INITRD?"
                                        : "the console's last lines: " + last,
                           kept)};
}

/// Boots, waits until the guest is ready, and saves devices and memory into the entry.
Result<void> build(const SnapshotOptions& options, const std::string& initramfs, const CacheEntry& entry) {
  // Needed here only: a damaged kernel has another key than the good one's snapshot.
  if (auto whole = check_package(options.kernel); !whole) return whole;
  std::vector<Fd> memory;
  VmFiles files;
  for (int node = 0; node < options.shape.numa_nodes; ++node) {
    Result<Fd> fd =
        make_memory_file("ram", static_cast<size_t>(options.shape.memory_bytes / options.shape.numa_nodes));
    if (!fd) return tl::unexpected(fd.error());
    files.memory.push_back(fd->get());
    memory.push_back(std::move(*fd));
  }
  const Fd kernel(::open(options.kernel.image.c_str(), O_RDONLY | O_CLOEXEC));
  if (!kernel) return fail(ErrorKind::InvalidInput, "open", options.kernel.image, errno);
  Result<Fd> initrd = make_memory_file("initramfs");
  if (!initrd) return tl::unexpected(initrd.error());
  if (!write_all(initrd->get(), initramfs)) {
    return fail(ErrorKind::Infrastructure, "write", "the initramfs", errno);
  }
  Result<Fd> state = make_memory_file("state");
  if (!state) return tl::unexpected(state.error());
  files.kernel = kernel.get();
  files.initramfs = initrd->get();
  Result<Vm> vm = Vm::start(options.shape, VmStart::Boot, files);
  if (!vm) return tl::unexpected(vm.error());
  if (auto sent = vm->send({R"({"execute":"qmp_capabilities"})", kCapabilities}); !sent) return sent;
  const Result<bool> in_time = vm->wait_for_boot(Clock::now() + options.boot_limit, options.shape.cpus > 1);
  if (!in_time) return tl::unexpected(in_time.error());
  if (vm->state() == Mailbox::State::CannotServe) {
    const Result<Observation> why = decode_answer(vm->text());
    return tl::unexpected(why ? Error{} : why.error());
  }
  if (vm->state() != Mailbox::State::Ready) return tl::unexpected(boot_error(*vm, options, *in_time));
  const std::string facts(vm->text());
  // Saved while it runs: a clone then goes on by itself, and nobody need talk to it.
  if (auto sent = vm->send({save_to(*state)}); !sent) return sent;
  if (auto saved = vm->wait_for_event("\"MIGRATION\"", "\"completed\"", Clock::now() + kQmpLimit); !saved) {
    return saved;
  }
  if (auto quit = vm->send({R"({"execute":"quit"})"}); !quit) return quit;
  if (const auto ended = vm->wait_for_end(Clock::now() + kQmpLimit); !ended || !*ended) {
    return fail(ErrorKind::Infrastructure, "end", kQemu, ETIMEDOUT);
  }
  Result<std::string> saved_state = read_all(*state);
  if (!saved_state) return tl::unexpected(saved_state.error());
  saved_state = with_unmapped_mailbox(std::move(*saved_state));
  if (!saved_state) return tl::unexpected(saved_state.error());
  return save_snapshot_files(entry.path(), memory, *saved_state, facts, vm->console());
}

Result<std::string> qemu_version() {
  Result<std::string> version = run_tool({kQemu, "--version"}, std::chrono::seconds(20));
  if (!version && version.error().kind == ErrorKind::Unavailable) {
    version.error().advice = "install the package qemu-system-x86 (scripts/setup does)";
  }
  return version;
}

/// The name of the snapshot: everything that it depends on.
Result<std::string> key_of(const SnapshotOptions& options, const std::string& initramfs) {
  Result<std::string> version = qemu_version();
  if (!version) return version;
  Result<std::string> kernel = read_file(options.kernel.image);
  if (!kernel) return kernel;
  uint64_t hash = hash_of(*version, hash_of(kFormat));
  for (const std::string& word : qemu_command(options.shape, VmStart::Boot))
    hash = hash_of(word + '\n', hash);
  hash = hash_of(initramfs, hash_of(*kernel, hash));
  return fmt::format("{:016x}", hash);
}

}  // namespace

Result<Snapshot> Snapshot::open(const SnapshotOptions& options) {
  if (const Result<std::string> version = qemu_version(); !version) return tl::unexpected(version.error());
  const Result<CacheLock> lock = CacheLock::take(options.cache);
  if (!lock) return tl::unexpected(lock.error());
  const auto initramfs =
      build_initramfs(options.kernel, options.shape, options.init_program, options.cache + "/snapshots");
  if (!initramfs) return tl::unexpected(initramfs.error());
  const Result<std::string> key = key_of(options, *initramfs);
  if (!key) return tl::unexpected(key.error());
  Snapshot snapshot;
  snapshot.shape_ = options.shape;
  snapshot.turns_library_ = options.turns_library;
  snapshot.folder_ = fmt::format("{}/snapshots/{}", options.cache, *key);
  auto files = open_snapshot_files(snapshot.folder_, options.shape.numa_nodes);
  if (!files) {
    drop_old_snapshots(options.cache + "/snapshots", kSnapshotsKept - 1);
    Result<CacheEntry> entry = CacheEntry::begin(snapshot.folder_);
    if (!entry) return tl::unexpected(entry.error());
    if (auto built = build(options, *initramfs, *entry); !built) return tl::unexpected(built.error());
    if (auto kept = entry->keep(); !kept) return tl::unexpected(kept.error());
    files = open_snapshot_files(snapshot.folder_, options.shape.numa_nodes);
    if (!files) return tl::unexpected(files.error());
    snapshot.built_ = true;
  }
  Result<MachineFacts> facts = machine_facts_from_json(files->facts);
  if (!facts) return tl::unexpected(facts.error());
  snapshot.facts_ = std::move(*facts);
  snapshot.memory_ = std::move(files->memory);
  snapshot.state_ = std::move(files->state);
  return snapshot;
}

Result<Vm> Snapshot::clone(std::string_view request) const {
  if (request.size() > kMailboxTextBytes) {
    return fail(ErrorKind::InvalidInput, "deliver", "the scenario", EFBIG);
  }
  VmFiles files;
  files.preloaded = turns_library_;
  for (const Fd& fd : memory_) files.memory.push_back(fd.get());
  // A new description, since its offset is not to be shared among clones.
  const Fd state(::open(fmt::format("/proc/self/fd/{}", state_.get()).c_str(), O_RDONLY | O_CLOEXEC));
  if (!state) return fail(ErrorKind::Infrastructure, "open", folder_, errno);
  files.state = state.get();
  Result<Vm> vm = Vm::start(shape_, VmStart::Clone, files);
  if (!vm) return vm;
  vm->post_request(request);
  if (auto sent = vm->send(
          {R"({"execute":"qmp_capabilities"})", kCapabilities, kNoAnnouncements, restore_from_state_fd()});
      !sent) {
    return tl::unexpected(sent.error());
  }
  return vm;
}

}  // namespace treeline
