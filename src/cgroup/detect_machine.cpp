#include <fmt/format.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <sstream>

#include "cgroup/fd.h"
#include "cgroup/hierarchies.h"

namespace treeline {

namespace {

/// The kernel's build configuration, from /proc/config.gz or /boot; empty where neither can be read.
std::string kernel_config_text(const std::string& release) {
  std::string text;
  if (gzFile file = gzopen("/proc/config.gz", "rb")) {
    char buffer[16384];
    for (int got = 0; (got = gzread(file, buffer, sizeof buffer)) > 0;) {
      text.append(buffer, static_cast<size_t>(got));
    }
    gzclose(file);
  }
  return text.empty() ? read_file("/boot/config-" + release).value_or("") : text;
}

/// The facts that bounds, generators or readers of a report care about.
constexpr std::string_view kConfigFacts[] = {"HZ",
                                             "PREEMPT_NONE",
                                             "PREEMPT_VOLUNTARY",
                                             "PREEMPT",
                                             "PREEMPT_RT",
                                             "NO_HZ_FULL",
                                             "CFS_BANDWIDTH",
                                             "RT_GROUP_SCHED",
                                             "UCLAMP_TASK_GROUP",
                                             "PARAVIRT_TIME_ACCOUNTING",
                                             "MEMCG",
                                             "MEMCG_V1",
                                             "CPUSETS",
                                             "CPUSETS_V1",
                                             "CGROUP_PIDS",
                                             "CGROUP_FREEZER",
                                             "BLK_CGROUP",
                                             "BLK_DEV_THROTTLING",
                                             "SWAP"};

std::map<std::string, std::string> config_facts(const std::string& text) {
  std::map<std::string, std::string> facts;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("CONFIG_")) continue;
    const size_t equals = line.find('=');
    const std::string name = line.substr(7, equals - 7);
    if (std::find(std::begin(kConfigFacts), std::end(kConfigFacts), name) != std::end(kConfigFacts)) {
      facts[name] = line.substr(equals + 1);
    }
  }
  return facts;
}

int64_t number_in(const std::string& path, int64_t otherwise) {
  const std::string text = read_file(path).value_or("");
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end != text.data() ? number : otherwise;
}

int64_t meminfo_bytes(const std::string& text, const std::string& key) {
  const size_t at = text.find(key + ":");
  if (at == std::string::npos) return 0;
  return std::strtoll(text.c_str() + at + key.size() + 1, nullptr, 10) * 1024;
}

std::vector<int> own_cpus() {
  cpu_set_t set;
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return {0};
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

std::vector<int> intersection(const std::vector<int>& one, const std::vector<int>& other) {
  std::vector<int> both;
  std::set_intersection(one.begin(), one.end(), other.begin(), other.end(), std::back_inserter(both));
  return both;
}

std::vector<int> ids_in(const std::string& path) {
  const Result<std::string> text = read_file(path);
  if (!text) return {};
  return parse_id_set(*text).value_or(IdSet{}).ids;
}

/// The cpus or mems that a group below `base` may have.
std::vector<int> ids_of_base(const Hierarchies& hierarchies, const std::string& name) {
  const Hierarchy* hierarchy = hierarchies.find(Controller::Cpuset);
  if (!hierarchy) return {};
  for (const std::string& file :
       {"cpuset.effective_" + name, "cpuset." + name + ".effective", "cpuset." + name}) {
    std::vector<int> ids = ids_in(hierarchy->base + "/" + file);
    if (!ids.empty()) return ids;
  }
  return {};
}

/// The disk that holds a folder, as io limits name it: whole disks only (blk-cgroup.c, blkg_conf_open_bdev
/// refuses partitions).
std::string whole_disk_of(const std::string& folder) {
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0 || major(status.st_dev) == 0) return {};
  const std::string link = fmt::format("/sys/dev/block/{}:{}", major(status.st_dev), minor(status.st_dev));
  std::error_code error;
  std::filesystem::path device = std::filesystem::canonical(link, error);
  if (error) return {};
  if (std::filesystem::exists(device / "partition", error)) device = device.parent_path();
  std::string numbers = read_file((device / "dev").string()).value_or("");
  while (!numbers.empty() && numbers.back() == '\n') numbers.pop_back();
  return numbers;
}

/// kernel/sched/fair.c: sysctl_sched_base_slice and get_update_sysctl_factor (log scaling, at most 8 CPUs).
int64_t base_slice_ns(size_t cpus) {
  constexpr int64_t kUnscaledNs = 750'000;
  int64_t factor = 1;
  for (size_t n = std::min<size_t>(cpus, 8); n > 1; n /= 2) ++factor;
  return number_in("/sys/kernel/debug/sched/base_slice_ns", kUnscaledNs * factor);
}

std::set<Knob> knobs_of(const Hierarchies& hierarchies) {
  std::set<Knob> knobs;
  for (const KnobInfo& info : knob_table()) {
    const Hierarchy* hierarchy = hierarchies.find(info.controller);
    if (!hierarchy) continue;
    const bool present =
        hierarchy->version == CgroupVersion::V2
            ? hierarchy->files.contains(std::string(info.name))
            : !info.v1_files.empty() &&
                  std::all_of(info.v1_files.begin(), info.v1_files.end(), [&](std::string_view file) {
                    return hierarchy->files.contains(std::string(file));
                  });
    if (present) knobs.insert(info.knob);
  }
  return knobs;
}

}  // namespace

Result<MachineFacts> detect_machine(const Hierarchies& hierarchies, const std::string& scratch_dir) {
  MachineFacts facts;
  struct utsname names {};
  ::uname(&names);
  facts.kernel_release = names.release;
  facts.libcgroup_version = TREELINE_LIBCGROUP_VERSION;
  facts.mode = hierarchies.mode();
  facts.config = config_facts(kernel_config_text(facts.kernel_release));
  // Without the configuration, 100 Hz is the safe side: bounds that allow for a tick then allow for a long
  // one.
  facts.hz = facts.config.contains("HZ") ? std::strtoll(facts.config["HZ"].c_str(), nullptr, 10) : 100;
  facts.page_size = ::sysconf(_SC_PAGESIZE);
  facts.cpus = own_cpus();
  if (const std::vector<int> allowed = ids_of_base(hierarchies, "cpus"); !allowed.empty()) {
    facts.cpus = intersection(facts.cpus, allowed);
  }
  facts.mems = ids_of_base(hierarchies, "mems");
  if (facts.mems.empty()) facts.mems = {0};
  const std::string meminfo = read_file("/proc/meminfo").value_or("");
  facts.memory_bytes = meminfo_bytes(meminfo, "MemAvailable");
  facts.swap_bytes = meminfo_bytes(meminfo, "SwapTotal");
  facts.cfs_slice_us = number_in("/proc/sys/kernel/sched_cfs_bandwidth_slice_us", 5'000);
  facts.online_cpus = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  facts.base_slice_ns = base_slice_ns(static_cast<size_t>(facts.kernel_cpus()));
  facts.device = whole_disk_of(scratch_dir);
  for (const Hierarchy& hierarchy : hierarchies.all()) {
    for (const Controller controller : hierarchy.controllers) {
      facts.controllers[controller] = hierarchy.version;
      facts.mount_flags[controller] = hierarchy.flags;
    }
  }
  facts.knobs = knobs_of(hierarchies);
  if (facts.device.empty()) facts.knobs.erase(Knob::IoMax);
  if (facts.cpus.empty()) {
    return fail(ErrorKind::Unavailable, "find CPUs for the workers", "", 0,
                "the affinity of this process and the cpuset of --cgroup-root have no CPU in common");
  }
  return facts;
}

}  // namespace treeline
