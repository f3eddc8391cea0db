#include "lab/snapshot_files.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <filesystem>

#include "lab/cache.h"
#include "lab/zero_bytes.h"
#include "machine/process.h"

namespace treeline {

namespace {

namespace fs = std::filesystem;

constexpr size_t kCopyBytes = 1 << 20;

/// Calls `use(offset, bytes)` for all data of a file, which is read without its holes.
template <typename Use>
Result<void> for_each_block(const Fd& fd, const Use& use) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return fail(ErrorKind::Infrastructure, "look at", "a file", errno);
  std::string block(kCopyBytes, '\0');
  off_t at = 0;
  while ((at = ::lseek(fd.get(), at, SEEK_DATA)) >= 0 && at < status.st_size) {
    const off_t end = ::lseek(fd.get(), at, SEEK_HOLE);
    while (at < end) {
      const auto length = static_cast<size_t>(std::min<off_t>(kCopyBytes, end - at));
      const ssize_t got = ::pread(fd.get(), block.data(), length, at);
      if (got <= 0) return fail(ErrorKind::Infrastructure, "read", "a snapshot", got < 0 ? errno : EIO);
      if (Result<void> used = use(at, std::string_view(block.data(), static_cast<size_t>(got))); !used)
        return used;
      at += got;
    }
  }
  return {};
}

/// Copies `from`, leaving out the pages that are zero: most of a guest's memory.
Result<void> copy_sparse(const Fd& from, const std::string& path) {
  constexpr size_t kPage = 4096;
  if (auto made = write_new_file(path, ""); !made) return made;
  const Fd to(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  struct stat status {};
  if (!to || ::fstat(from.get(), &status) != 0 || ::ftruncate(to.get(), status.st_size) != 0) {
    return fail(ErrorKind::Infrastructure, "size the file", path, errno);
  }
  return for_each_block(from, [&](off_t at, std::string_view block) -> Result<void> {
    for (size_t i = 0; i < block.size(); i += kPage) {
      const std::string_view page = block.substr(i, kPage);
      if (is_zero(page)) continue;
      if (::pwrite(to.get(), page.data(), page.size(), at + static_cast<off_t>(i)) !=
          static_cast<ssize_t>(page.size())) {
        return fail(ErrorKind::Infrastructure, "write", path, errno ? errno : ENOSPC,
                    "make room there, or give another folder with --cache");
      }
    }
    return {};
  });
}

/// "NAME SIZE CHECKSUM". Zero pages do not count, so that holes may come and go.
Result<std::string> manifest_line(const std::string& name, const Fd& fd) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return fail(ErrorKind::Infrastructure, "look at", name, errno);
  uLong sum = crc32(0, nullptr, 0);
  const auto summed = for_each_block(fd, [&](off_t at, std::string_view block) -> Result<void> {
    constexpr size_t kPage = 4096;
    for (size_t i = 0; i < block.size(); i += kPage) {
      const std::string_view page = block.substr(i, kPage);
      if (is_zero(page)) continue;
      const auto place = static_cast<uint64_t>(at) + i;
      sum = crc32(sum, reinterpret_cast<const Bytef*>(&place), sizeof place);
      sum = crc32(sum, reinterpret_cast<const Bytef*>(page.data()), static_cast<uInt>(page.size()));
    }
    return {};
  });
  if (!summed) return tl::unexpected(summed.error());
  return fmt::format("{} {} {:08x}\n", name, status.st_size, sum);
}

Result<Fd> open_file(const std::string& path, int flags) {
  Fd fd(::open(path.c_str(), flags | O_CLOEXEC));
  if (!fd) return fail(ErrorKind::Infrastructure, "open", path, errno);
  return fd;
}

struct Contents {
  SnapshotFiles files;
  std::string manifest;
};

Result<Contents> read_contents(const std::string& folder, int numa_nodes) {
  Contents contents;
  const auto add = [&](const std::string& name, int flags) -> Result<Fd> {
    Result<Fd> fd = open_file(folder + "/" + name, flags);
    if (!fd) return fd;
    const Result<std::string> line = manifest_line(name, *fd);
    if (!line) return tl::unexpected(line.error());
    contents.manifest += *line;
    return fd;
  };
  for (int node = 0; node < numa_nodes; ++node) {
    // QEMU wants to open it for writing, though it maps it privately.
    Result<Fd> memory = add(fmt::format("ram{}", node), O_RDWR);
    if (!memory) return tl::unexpected(memory.error());
    contents.files.memory.push_back(std::move(*memory));
  }
  Result<Fd> state = add("state", O_RDONLY);
  if (!state) return tl::unexpected(state.error());
  contents.files.state = std::move(*state);
  const Result<Fd> facts = add("facts.json", O_RDONLY);
  if (!facts) return tl::unexpected(facts.error());
  Result<std::string> text = read_all(*facts);
  if (!text) return tl::unexpected(text.error());
  contents.files.facts = std::move(*text);
  return contents;
}

}  // namespace

Result<void> save_snapshot_files(const std::string& folder, const std::vector<Fd>& memory,
                                 const std::string& state, const std::string& facts,
                                 const std::string& console) {
  for (size_t node = 0; node < memory.size(); ++node) {
    if (auto copied = copy_sparse(memory[node], fmt::format("{}/ram{}", folder, node)); !copied)
      return copied;
  }
  for (const auto& [name, text] :
       {std::pair{"state", &state}, std::pair{"facts.json", &facts}, std::pair{"console.txt", &console}}) {
    if (auto written = write_new_file(fmt::format("{}/{}", folder, name), *text); !written) return written;
  }
  const Result<Contents> contents = read_contents(folder, static_cast<int>(memory.size()));
  if (!contents) return tl::unexpected(contents.error());
  return write_new_file(folder + "/manifest", contents->manifest);
}

Result<SnapshotFiles> open_snapshot_files(const std::string& folder, int numa_nodes) {
  const Result<std::string> manifest = read_file(folder + "/manifest");
  if (!manifest) return tl::unexpected(manifest.error());
  Result<Contents> contents = read_contents(folder, numa_nodes);
  if (!contents) return tl::unexpected(contents.error());
  if (contents->manifest != *manifest) {
    return fail(ErrorKind::Infrastructure, "use the snapshot", folder, 0, "it is damaged");
  }
  ::utimensat(AT_FDCWD, (folder + "/manifest").c_str(), nullptr, 0);  // when it was last used
  return std::move(contents->files);
}

void drop_old_snapshots(const std::string& folder, size_t kept) {
  std::vector<std::pair<fs::file_time_type, fs::path>> all;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const auto used = fs::last_write_time(entry.path() / "manifest", error);
    if (entry.is_directory(error)) all.emplace_back(error ? fs::file_time_type::min() : used, entry.path());
  }
  std::sort(all.rbegin(), all.rend());
  for (size_t i = kept; i < all.size(); ++i) fs::remove_all(all[i].second, error);
}

}  // namespace treeline
