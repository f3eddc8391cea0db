#include "lab/cpio.h"

#include <fmt/format.h>
#include <sys/stat.h>

namespace treeline {

void CpioArchive::add_folder(std::string_view name) { add(name, S_IFDIR | 0755, {}); }

void CpioArchive::add_file(std::string_view name, std::string_view contents, uint32_t permissions) {
  add(name, S_IFREG | permissions, contents);
}

void CpioArchive::add_character_device(std::string_view name, uint32_t major, uint32_t minor) {
  add(name, S_IFCHR | 0600, {}, major, minor);
}

std::string CpioArchive::finish() {
  add("TRAILER!!!", 0, {});
  return std::move(bytes_);
}

void CpioArchive::add(std::string_view name, uint32_t mode, std::string_view contents, uint32_t major,
                      uint32_t minor) {
  bytes_ += "070701";
  const uint32_t fields[] = {
      next_inode_++,
      mode,
      0,  // uid
      0,  // gid
      1,  // links
      0,  // time
      static_cast<uint32_t>(contents.size()),
      0,  // device of the file itself
      0,
      major,
      minor,
      static_cast<uint32_t>(name.size() + 1),
      0,  // checksum: none in this form
  };
  for (const uint32_t field : fields) bytes_ += fmt::format("{:08X}", field);
  bytes_ += name;
  bytes_ += '\0';
  pad();
  bytes_ += contents;
  pad();
}

void CpioArchive::pad() { bytes_.resize((bytes_.size() + 3) / 4 * 4, '\0'); }

}  // namespace treeline
