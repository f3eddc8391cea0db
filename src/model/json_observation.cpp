#include <array>

#include "model/json.h"
#include "model/json_fields.h"

namespace treeline {

using json_detail::Json;
using json_detail::Reader;
using json_detail::Refusal;
using json_detail::Writer;

namespace {

constexpr std::array<std::string_view, 2> kVersions{"v1", "v2"};
constexpr std::array<std::string_view, 6> kEnds{"finished", "stopped", "oom_killed",
                                                "killed",   "failed",  "not_started"};

template <typename Archive>
void archive_knob(Archive& archive, Knob& knob) {
  std::string name(knob_info(knob).name);
  archive.field("knob", name);
  if constexpr (Archive::kReads) knob = json_detail::knob_from_json(name, archive.path() + "/knob");
}

/// A map in JSON: an object whose keys are the names of an enum's values.
template <typename Map, typename ToName, typename FromName>
void archive_map(Writer& archive, const char* name, Map& map, ToName to_name, FromName /*from_name*/) {
  Json out = Json::object();
  for (const auto& [key, value] : map) out[std::string(to_name(key))] = Writer::to_json(value);
  archive.put(name, std::move(out));
}
template <typename Map, typename ToName, typename FromName>
void archive_map(Reader& archive, const char* name, Map& map, ToName /*to_name*/, FromName from_name) {
  const Json& in = archive.require(name);
  const std::string path = archive.path() + "/" + name;
  if (!in.is_object()) throw Refusal{path, "must be an object"};
  for (const auto& item : in.items()) {
    const auto key = from_name(item.key());
    if (!key) throw Refusal{path + "/" + item.key(), "is not a known key"};
    Reader::read(item.value(), path + "/" + item.key(), map[*key]);
  }
}

template <typename Archive>
void archive_counters(Archive& archive, const char* name, Counters& counters) {
  archive_map(
      archive, name, counters, [](Counter counter) { return counter_info(counter).name; },
      [](const std::string& text) { return counter_from_name(text); });
}

template <typename Archive>
void archive_config(Archive& archive, std::map<std::string, std::string>& config) {
  archive_map(
      archive, "config", config, [](const std::string& key) { return key; },
      [](const std::string& text) { return std::optional<std::string>(text); });
}

template <typename Archive>
void archive_controllers(Archive& archive, MachineFacts& facts) {
  std::map<Controller, std::string> versions;
  for (const auto& [controller, version] : facts.controllers) {
    versions[controller] = kVersions[static_cast<size_t>(version)];
  }
  const auto to_name = [](Controller controller) { return controller_name(controller); };
  const auto from_name = [](const std::string& text) { return controller_from_name(text); };
  archive_map(archive, "controllers", versions, to_name, from_name);
  archive_map(archive, "mount_flags", facts.mount_flags, to_name, from_name);
  if constexpr (Archive::kReads) {
    for (const auto& [controller, version] : versions) {
      if (version != kVersions[0] && version != kVersions[1]) {
        throw Refusal{archive.path() + "/controllers/" + std::string(controller_name(controller)),
                      "versions are \"v1\" and \"v2\""};
      }
      facts.controllers[controller] = version == kVersions[0] ? CgroupVersion::V1 : CgroupVersion::V2;
    }
  }
}

template <typename Archive>
void archive_knobs(Archive& archive, std::set<Knob>& knobs) {
  std::vector<std::string> names;
  names.reserve(knobs.size());
  for (const Knob knob : knobs) names.emplace_back(knob_info(knob).name);
  archive.field("knobs", names);
  if constexpr (Archive::kReads) {
    for (size_t i = 0; i < names.size(); ++i) {
      knobs.insert(json_detail::knob_from_json(names[i], archive.path() + "/knobs/" + std::to_string(i)));
    }
  }
}

template <typename Archive>
void facts_fields(Archive& archive, MachineFacts& facts) {
  archive.field("kernel_release", facts.kernel_release);
  archive.field("libcgroup_version", facts.libcgroup_version);
  archive.field("mode", facts.mode);
  archive.field("hz", facts.hz);
  archive.field("page_size", facts.page_size);
  archive.field("cpus", facts.cpus);
  archive.with_default("online_cpus", facts.online_cpus);
  archive.with_default("hotplug_cpus", facts.hotplug_cpus);
  archive.field("mems", facts.mems);
  archive.field("memory_bytes", facts.memory_bytes);
  archive.field("swap_bytes", facts.swap_bytes);
  archive.field("cfs_slice_us", facts.cfs_slice_us);
  archive.field("base_slice_ns", facts.base_slice_ns);
  archive.field("device", facts.device);
  archive_controllers(archive, facts);
  archive_knobs(archive, facts.knobs);
  archive_config(archive, facts.config);
}

}  // namespace

template <typename Archive>
void fields(Archive& archive, Sample& sample) {
  archive.field("at_ns", sample.at_ns);
  archive.field("took_ns", sample.took_ns);
  archive_counters(archive, "counters", sample.counters);
}

template <typename Archive>
void fields(Archive& archive, Readback& readback) {
  archive_knob(archive, readback.knob);
  archive.field("file", readback.file);
  archive.field("read", readback.read);
  archive.field("write_errno", readback.write_errno);
}

template <typename Archive>
void fields(Archive& archive, Latency& latency) {
  archive.field("count", latency.count);
  archive.field("p50_ns", latency.p50_ns);
  archive.field("p99_ns", latency.p99_ns);
  archive.field("max_ns", latency.max_ns);
}

template <typename Archive>
void fields(Archive& archive, NodeObservation& node) {
  archive.field("readbacks", node.readbacks);
  archive_counters(archive, "before", node.before);
  archive_counters(archive, "after", node.after);
  archive_counters(archive, "drained", node.drained);
  archive.field("series", node.series);
  archive.with_default("child_errno", node.child_errno);
  archive.with_default("wakeup_latency", node.wakeup_latency);
  archive.with_default("run_delay", node.run_delay);
}

template <typename Archive>
void fields(Archive& archive, ProbeObservation& probe) {
  archive.field("write_errno", probe.write_errno);
  archive.field("read_before", probe.read_before);
  archive.field("read_after", probe.read_after);
}

template <typename Archive>
void fields(Archive& archive, WorkerSample& sample) {
  archive.field("at_ns", sample.at_ns);
  archive.field("cpu_ns", sample.cpu_ns);
  archive.field("progress", sample.progress);
  archive.field("rss_bytes", sample.rss_bytes);
  archive.sparse("thread_cpu_ns", sample.thread_cpu_ns);
}

template <typename Archive>
void fields(Archive& archive, ThreadObservation& thread) {
  archive.field("cpu_clock_ns", thread.cpu_clock_ns);
  archive.field("cpus_seen", thread.cpus_seen);
  archive.field("cpus_by_stretch", thread.cpus_by_stretch);
  archive.field("cpus_allowed", thread.cpus_allowed);
}

template <typename Archive>
void fields(Archive& archive, WorkerObservation& worker) {
  archive.choice("end", worker.end, kEnds);
  archive.field("exit_status", worker.exit_status);
  archive.field("first_errno", worker.first_errno);
  archive.field("first_error", worker.first_error);
  archive.field("started_ns", worker.started_ns);
  archive.field("settled_ns", worker.settled_ns);
  archive.field("held_still", worker.held_still);
  archive.with_default("wants_cpu", worker.wants_cpu);
  archive.field("ended_ns", worker.ended_ns);
  archive.field("user_ns", worker.user_ns);
  archive.field("system_ns", worker.system_ns);
  archive.field("attached_cpu_ns", worker.attached_cpu_ns);
  archive.field("cpu_clock_ns", worker.cpu_clock_ns);
  archive.field("progress", worker.progress);
  archive.field("bytes_touched", worker.bytes_touched);
  archive.field("bytes_moved", worker.bytes_moved);
  archive.field("io_ops", worker.io_ops);
  archive.field("fastest_op_ns", worker.fastest_op_ns);
  archive.field("forks_ok", worker.forks_ok);
  archive.field("forks_refused", worker.forks_refused);
  archive.field("max_rss_bytes", worker.max_rss_bytes);
  archive.field("held_rss_bytes", worker.held_rss_bytes);
  archive.field("voluntary_switches", worker.voluntary_switches);
  archive.field("involuntary_switches", worker.involuntary_switches);
  archive.field("run_delay_ns", worker.run_delay_ns);
  archive.with_default("attached_run_delay_ns", worker.attached_run_delay_ns);
  archive.with_default("wakeup_latency", worker.wakeup_latency);
  archive.with_default("run_delay", worker.run_delay);
  archive.field("cpus_seen", worker.cpus_seen);
  archive.with_default("cpus_by_stretch", worker.cpus_by_stretch);
  archive.field("cpus_allowed", worker.cpus_allowed);
  archive.field("series", worker.series);
  archive.sparse("threads", worker.threads);
}

template <typename Archive>
void fields(Archive& archive, ActionObservation& action) {
  archive.field("started_ns", action.started_ns);
  archive.field("completed_ns", action.completed_ns);
  archive.field("write_errno", action.write_errno);
  archive.field("progress", action.progress);
  archive.with_default("read", action.read);
}

template <typename Archive>
void fields(Archive& archive, CpuNoise& noise) {
  archive.field("cpu", noise.cpu);
  archive.field("max_gap_ns", noise.max_gap_ns);
  archive.field("steal_ns", noise.steal_ns);
  archive.field("idle_ns", noise.idle_ns);
  archive.field("busy_ns", noise.busy_ns);
  archive.with_default("idle_error_ns", noise.idle_error_ns);
}

template <typename Archive>
void fields(Archive& archive, GroupAbove& group) {
  archive.field("shares", group.shares);
  archive.field("beside", group.beside);
}

template <typename Archive>
void fields(Archive& archive, KernelHealth& health) {
  archive.field("taint_before", health.taint_before);
  archive.field("taint_after", health.taint_after);
  archive.field("log_readable", health.log_readable);
  archive.field("log", health.log);
}

template <typename Archive>
void observation_fields(Archive& archive, Observation& observation) {
  archive.field("machine", observation.machine);
  archive.field("first_attach_ns", observation.first_attach_ns);
  archive.field("final_at_ns", observation.final_at_ns);
  archive.field("window_ns", observation.window_ns);
  archive.field("overhead_ns", observation.overhead_ns);
  archive.field("noise_is_realtime", observation.noise_is_realtime);
  archive.with_default("noise_began_ns", observation.noise_began_ns);
  archive.field("running_tasks", observation.running_tasks);
  archive.field("outside_shares", observation.outside_shares);
  archive.with_default("groups_above", observation.groups_above);
  archive.field("nodes", observation.nodes);
  archive.field("workers", observation.workers);
  archive.field("actions", observation.actions);
  archive.field("probes", observation.probes);
  archive.field("noise", observation.noise);
  archive.field("health", observation.health);
}

void fields(Writer& archive, MachineFacts& value) { facts_fields(archive, value); }
void fields(Reader& archive, MachineFacts& value) {
  facts_fields(archive, value);
  if (value.hz < 1) throw Refusal{archive.path() + "/hz", "must be positive"};  // both are divided by
  if (value.page_size < 1) throw Refusal{archive.path() + "/page_size", "must be positive"};
}
void fields(Writer& archive, Observation& value) { observation_fields(archive, value); }
void fields(Reader& archive, Observation& value) { observation_fields(archive, value); }

std::string to_json(const Observation& value, int indent) { return json_detail::write_text(value, indent); }
std::string to_json(const MachineFacts& value, int indent) { return json_detail::write_text(value, indent); }

Result<Observation> observation_from_json(std::string_view text) {
  return json_detail::read_text<Observation>(text, "observation");
}
Result<MachineFacts> machine_facts_from_json(std::string_view text) {
  return json_detail::read_text<MachineFacts>(text, "machine facts");
}

}  // namespace treeline
