#include "executor/probe_runner.h"

#include <algorithm>
#include <array>

#include "cgroup/fd.h"
#include "model/controllers.h"

namespace treeline {

namespace {

using Writes = std::vector<KnobWrite>;

std::vector<std::string> read_all(const CgroupTree& groups, NodeId node, const Writes& writes,
                                  const KnobContext& context) {
  std::vector<std::string> texts;
  for (const KnobWrite& write : writes) texts.push_back(groups.read(node, write, context).value_or(""));
  return texts;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : " ") + text;
  return all;
}

/// What sets a file back to the state in which it reads as nothing. write() of no bytes would do nothing.
std::string nothing(const KnobWrite& write, const KnobContext& context) {
  if (write.knob != Knob::IoMax) return "\n";
  return context.version == CgroupVersion::V1 ? context.device + " 0"
                                              : encode(write.knob, IoRates{}, {}, context)[0].value;
}

/// Two rounds: of two files that depend on each other, the second may have to be put back first.
void put_back(CgroupTree& groups, NodeId node, const Writes& writes, const std::vector<std::string>& texts,
              const KnobContext& context) {
  for (int round = 0; round < 2; ++round) {
    for (size_t i = 0; i < writes.size(); ++i) {
      KnobWrite write = writes[i];
      write.value = texts[i].empty() ? nothing(write, context) : texts[i];
      groups.write(node, write);
    }
  }
}

/// cpu.idle, cpu.weight.nice and cpu.weight are one weight. Idle first, which resets the others.
constexpr std::array kWeightKnobs{Knob::CpuIdle, Knob::CpuWeightNice, Knob::CpuWeight};

bool is_weight(Knob knob) {
  return std::find(kWeightKnobs.begin(), kWeightKnobs.end(), knob) != kWeightKnobs.end();
}

/// What one of the files reads as does not tell the others' value (cpu.weight.nice reads as the nearest
/// level): the node's own goes back as it was first written.
void put_weight_back(CgroupTree& groups, NodeId node, const Limits& own, const KnobContext& context) {
  for (const Knob knob : kWeightKnobs) {
    const auto limit = own.find(knob);
    if (limit == own.end()) continue;
    for (const KnobWrite& write : encode(knob, limit->second, own, context)) groups.write(node, write);
  }
}

}  // namespace

std::string read_joined(const CgroupTree& groups, NodeId node, const std::vector<KnobWrite>& writes,
                        const KnobContext& context) {
  return joined(read_all(groups, node, writes, context));
}

std::string read_below(const CgroupTree& groups, const Scenario& scenario, const Action& action,
                       const MachineFacts& machine) {
  const KnobContext context = machine.knob_context(action.controller);
  return text_below(scenario, action, machine, [&](NodeId node, const KnobWrite& write) {
    return groups.read(node, write, context).value_or(kNoFile);
  });
}

std::vector<ProbeObservation> run_probes(CgroupTree& groups, const Scenario& scenario,
                                         const MachineFacts& machine) {
  std::vector<ProbeObservation> observations;
  for (const Probe& probe : scenario.probes) {
    const KnobContext context = machine.knob_context(knob_info(probe.knob).controller);
    const Writes writes = encode(probe.knob, probe.value, scenario.tree[probe.node].limits, context);
    const std::vector<std::string> before = read_all(groups, probe.node, writes, context);
    ProbeObservation observation;
    observation.read_before = joined(before);
    for (const KnobWrite& write : writes) {
      observation.write_errno = groups.write(probe.node, write);
      if (observation.write_errno != 0) break;
    }
    observation.read_after = read_joined(groups, probe.node, writes, context);
    put_back(groups, probe.node, writes, before, context);
    if (is_weight(probe.knob)) {
      put_weight_back(groups, probe.node, scenario.tree[probe.node].limits, context);
    }
    observations.push_back(std::move(observation));
  }
  return observations;
}

}  // namespace treeline
