#include <array>

#include "model/json.h"
#include "model/json_fields.h"

namespace treeline {

using json_detail::Json;
using json_detail::Reader;
using json_detail::Refusal;
using json_detail::Writer;

namespace {

constexpr std::array<std::string_view, 3> kMemoryKinds{"anonymous", "file", "shared"};
constexpr std::array<std::string_view, 3> kTouchOrders{"forward", "backward", "random"};
constexpr std::array<std::string_view, 2> kIoDirections{"read", "write"};
constexpr std::array<std::string_view, 5> kStrategies{"leaves_only", "all_nodes", "random", "depth",
                                                      "custom"};

Json json_number_or_max(const std::optional<int64_t>& value) { return value ? Json(*value) : Json("max"); }

std::optional<int64_t> read_number_or_max(const Json& in, const std::string& path) {
  if (in.is_string() && in.get_ref<const std::string&>() == "max") return std::nullopt;
  if (!in.is_number_integer()) throw Refusal{path, "must be an integer or \"max\""};
  return Reader::integer(in, path, INT64_MIN, INT64_MAX);
}

}  // namespace

namespace json_detail {

Json knob_value_to_json(const KnobValue& value) {
  Json out;
  if (const auto* bandwidth = std::get_if<CpuBandwidth>(&value)) {
    out["quota_us"] = json_number_or_max(bandwidth->quota_us);
    out["period_us"] = bandwidth->period_us;
    return out;
  }
  if (const auto* set = std::get_if<IdSet>(&value)) return format_id_set(*set);
  if (const auto* rates = std::get_if<IoRates>(&value)) {
    out = Json::object();
    if (rates->read_bytes) out["read_bytes"] = *rates->read_bytes;
    if (rates->write_bytes) out["write_bytes"] = *rates->write_bytes;
    if (rates->read_ops) out["read_ops"] = *rates->read_ops;
    if (rates->write_ops) out["write_ops"] = *rates->write_ops;
    return out;
  }
  return json_number_or_max(std::get<Amount>(value).value);
}

KnobValue knob_value_from_json(Knob knob, const Json& in, const std::string& path) {
  switch (knob_info(knob).type) {
    case KnobType::Bandwidth: {
      Reader reader(in, path);
      CpuBandwidth bandwidth;
      bandwidth.quota_us = read_number_or_max(reader.require("quota_us"), path + "/quota_us");
      reader.field("period_us", bandwidth.period_us);
      reader.refuse_unknown();
      return bandwidth;
    }
    case KnobType::IdSet: {
      IdSet set;
      Reader::read(in, path, set);
      return set;
    }
    case KnobType::IoRates: {
      Reader reader(in, path);
      IoRates rates;
      reader.optional("read_bytes", rates.read_bytes);
      reader.optional("write_bytes", rates.write_bytes);
      reader.optional("read_ops", rates.read_ops);
      reader.optional("write_ops", rates.write_ops);
      reader.refuse_unknown();
      return rates;
    }
    case KnobType::Amount:
    case KnobType::Flag:
    case KnobType::Partition:
      break;
  }
  return Amount{read_number_or_max(in, path)};
}

Knob knob_from_json(const std::string& name, const std::string& path) {
  const std::optional<Knob> knob = knob_from_name(name);
  if (!knob) throw Refusal{path, "is not a known knob; `treeline doctor --knobs` lists them"};
  return *knob;
}

}  // namespace json_detail

template <typename Archive>
void archive_limits(Archive& archive, Limits& limits) {
  if constexpr (Archive::kReads) {
    const Json* in = archive.find("limits");
    if (!in) return;
    const std::string path = archive.path() + "/limits";
    if (!in->is_object()) throw Refusal{path, "must be an object"};
    for (const auto& item : in->items()) {
      const std::string knob_path = path + "/" + item.key();
      const Knob knob = json_detail::knob_from_json(item.key(), knob_path);
      limits[knob] = json_detail::knob_value_from_json(knob, item.value(), knob_path);
    }
  } else {
    Json out = Json::object();
    for (const auto& [knob, value] : limits) {
      out[std::string(knob_info(knob).name)] = json_detail::knob_value_to_json(value);
    }
    archive.put("limits", std::move(out));
  }
}

template <typename Archive>
void fields(Archive& archive, Node& node) {
  archive.field("name", node.name);
  if constexpr (Archive::kReads) {
    if (archive.find("parent")) archive.field("parent", node.parent);
  } else if (node.parent != kNoParent) {
    archive.field("parent", node.parent);
  }
  archive_limits(archive, node.limits);
  archive.sparse("thread_root", node.is_thread_root);
}

template <typename Archive>
void workload_fields(Archive& archive, CpuHog& hog) {
  archive.with_default("threads", hog.threads);
  archive.with_default("duty_percent", hog.duty_percent);
  archive.with_default("cycle_us", hog.cycle_us);
}
template <typename Archive>
void workload_fields(Archive& archive, MemoryHog& hog) {
  archive.choice("memory", hog.kind, kMemoryKinds);
  archive.field("bytes", hog.bytes);
  archive.with_default("chunk_bytes", hog.chunk_bytes);
  archive.choice("order", hog.order, kTouchOrders);
  archive.with_default("hold", hog.hold);
}
template <typename Archive>
void workload_fields(Archive& archive, IoHog& hog) {
  archive.with_default("direct", hog.direct);
  archive.choice("direction", hog.direction, kIoDirections);
  archive.field("block_bytes", hog.block_bytes);
  archive.field("file_bytes", hog.file_bytes);
}
template <typename Archive>
void workload_fields(Archive& archive, ForkStorm& storm) {
  archive.field("forks", storm.forks);
  archive.with_default("pause_us", storm.pause_us);
}
template <typename Archive>
void workload_fields(Archive& archive, Mixed& mixed) {
  archive.field("duty_percent", mixed.duty_percent);
  archive.field("bytes", mixed.bytes);
  archive.field("forks", mixed.forks);
}
template <typename Archive>
void workload_fields(Archive& /*archive*/, Idle& /*idle*/) {}

/// The variant's alternative of that kind, with its defaults.
template <size_t I = 0>
Workload workload_of_kind(const std::string& kind, const std::string& path) {
  if constexpr (I == std::variant_size_v<Workload>) {
    throw Refusal{path, "must be one of cpu_hog memory_hog io_hog fork_storm mixed idle"};
  } else {
    Workload workload{std::in_place_index<I>};
    return workload_kind(workload) == kind ? workload : workload_of_kind<I + 1>(kind, path);
  }
}

template <typename Archive>
void fields(Archive& archive, Workload& workload) {
  std::string kind(workload_kind(workload));
  archive.field("kind", kind);
  if constexpr (Archive::kReads) workload = workload_of_kind(kind, archive.path() + "/kind");
  std::visit([&](auto& work) { workload_fields(archive, work); }, workload);
}

template <typename Archive>
void fields(Archive& archive, Worker& worker) {
  archive.field("node", worker.node);
  archive.field("workload", worker.workload);
}

template <typename Archive>
void fields(Archive& archive, Strategy& strategy) {
  archive.choice("kind", strategy.kind, kStrategies);
  archive.with_default("percent", strategy.percent);
  archive.with_default("depth", strategy.depth);
  archive.with_default("custom", strategy.custom);
}

/// A knob and the value that it is to get.
template <typename Archive>
void archive_setting(Archive& archive, Knob& knob, KnobValue& value) {
  std::string name(knob_info(knob).name);
  archive.field("knob", name);
  if constexpr (Archive::kReads) {
    knob = json_detail::knob_from_json(name, archive.path() + "/knob");
    value = json_detail::knob_value_from_json(knob, archive.require("value"), archive.path() + "/value");
  } else {
    archive.put("value", json_detail::knob_value_to_json(value));
  }
}

template <typename Archive>
void fields(Archive& archive, Action& action) {
  archive.field("at_us", action.at_us);
  archive.choice("kind", action.kind, kActionNames);
  if (moves_a_cpu(action)) {
    archive.field("cpu", action.cpu);
  } else {
    archive.field("node", action.node);
  }
  if (has_setting(action)) archive_setting(archive, action.knob, action.value);
  if (has_worker(action)) archive.field("worker", action.worker);
  if (action.kind == Action::Kind::MigrateThread) archive.field("thread", action.thread);
  if (has_controller(action)) json_detail::archive_controller(archive, action.controller);
}

template <typename Archive>
void fields(Archive& archive, Probe& probe) {
  archive.field("node", probe.node);
  archive_setting(archive, probe.knob, probe.value);
}

template <typename Archive>
void fields(Archive& archive, Window& window) {
  archive.field("length_us", window.length_us);
  archive.with_default("until_settled", window.until_settled);
  archive.with_default("sample_every_us", window.sample_every_us);
}

template <typename Archive>
void fields(Archive& archive, Requirements& requirements) {
  archive.with_default("cpus", requirements.cpus);
  archive.with_default("memory_bytes", requirements.memory_bytes);
  archive.with_default("block_device", requirements.block_device);
}

template <typename Archive>
void scenario_fields(Archive& archive, Scenario& scenario) {
  json_detail::schema_field(archive);
  archive.field("tree", scenario.tree.nodes);
  archive.with_default("strategy", scenario.strategy);
  archive.with_default("workers", scenario.workers);
  archive.with_default("actions", scenario.actions);
  archive.with_default("probes", scenario.probes);
  archive.with_default("window", scenario.window);
  archive.with_default("requirements", scenario.requirements);
}

void fields(Writer& archive, Scenario& value) { scenario_fields(archive, value); }

void fields(Reader& archive, Scenario& value) {
  scenario_fields(archive, value);
  const std::vector<Fault> faults = validate(value);
  if (!faults.empty()) throw Refusal{archive.path() + faults[0].json_path, faults[0].message};
}

std::string to_json(const Scenario& value, int indent) { return json_detail::write_text(value, indent); }

Result<Scenario> scenario_from_json(std::string_view text) {
  return json_detail::read_text<Scenario>(text, "scenario");
}

}  // namespace treeline
