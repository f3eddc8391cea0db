#include "lab/lab_name.h"

#include <fmt/format.h>

#include <charconv>

namespace treeline {

namespace {

constexpr std::string_view kCmdline = "cmdline=";

/// The number of a part like "64MiB-swap"; nullopt if it is in another unit.
std::optional<int64_t> number_in(std::string_view part, std::string_view unit) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
  const std::string_view rest = part.substr(static_cast<size_t>(end - part.data()));
  constexpr int64_t kMost = 1 << 24;
  return error == std::errc() && rest == unit && number <= kMost ? std::optional(number) : std::nullopt;
}

void read_part(std::string_view part, LabShape& shape) {
  if (const auto cpus = number_in(part, "cpus")) shape.cpus = static_cast<int>(*cpus);
  if (const auto nodes = number_in(part, "nodes")) shape.numa_nodes = static_cast<int>(*nodes);
  if (const auto memory = number_in(part, "MiB")) shape.memory_bytes = *memory << 20;
  if (const auto swap = number_in(part, "MiB-swap")) shape.swap_bytes = *swap << 20;
}

}  // namespace

std::string lab_name(const std::string& kernel, const LabShape& shape) {
  const LabShape usual;
  std::string name = fmt::format("Lab/{}/{}", kernel, shape.mode);
  if (shape.cpus != usual.cpus) name += fmt::format("/{}cpus", shape.cpus);
  if (shape.numa_nodes != usual.numa_nodes) name += fmt::format("/{}nodes", shape.numa_nodes);
  if (shape.memory_bytes != usual.memory_bytes) name += fmt::format("/{}MiB", shape.memory_bytes >> 20);
  if (shape.swap_bytes != usual.swap_bytes) name += fmt::format("/{}MiB-swap", shape.swap_bytes >> 20);
  if (!shape.cmdline.empty()) name += fmt::format("/{}{}", kCmdline, shape.cmdline);
  return name;
}

Result<LabOptions> lab_options_from_name(const std::string& name) {
  LabOptions options;
  std::string_view rest = name;
  for (int place = 0; !rest.empty(); ++place) {
    // The last part may hold slashes of its own.
    const bool is_last = place > 2 && rest.starts_with(kCmdline);
    const std::string_view part = rest.substr(0, is_last ? rest.npos : rest.find('/'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    if (place == 1) options.kernel = part;
    if (place == 2) options.shape.mode = part;
    if (is_last) options.shape.cmdline = part.substr(kCmdline.size());
    if (place > 2) read_part(part, options.shape);
  }
  // Writing it again is the whole grammar: what was not understood, or was not said as it is here, differs.
  if (lab_name(options.kernel, options.shape) != name) {
    return fail(ErrorKind::InvalidInput, "find the machine", name, 0,
                fmt::format("write Host, or {}", kLabNameForm));
  }
  if (Result<void> good = check_shape(options.shape); !good) return tl::unexpected(good.error());
  return options;
}

}  // namespace treeline
