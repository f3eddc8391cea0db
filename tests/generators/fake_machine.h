#pragma once

#include <numeric>
#include <string>
#include <utility>

#include "generators/constraints.h"
#include "model/machine_facts.h"

namespace treeline {

/// A machine that does not exist: by default v1, two CPUs, every controller and every knob that v1 has, 8 GiB
/// of memory, a block device, no swap; all its CPUs but the first may go offline. Each call changes one fact:
///   FakeMachine().cpus(8).without(Controller::Io).facts()
class FakeMachine {
 public:
  FakeMachine() {
    facts_.kernel_release = "6.12.0-fake";
    facts_.mode = "v1";
    facts_.memory_bytes = int64_t{8} << 30;
    facts_.device = "254:0";
    facts_.mems = {0};
    facts_.base_slice_ns = 3'000'000;
    for (const Controller controller :
         {Controller::Cpu, Controller::Cpuacct, Controller::Memory, Controller::Pids, Controller::Cpuset,
          Controller::Io, Controller::Freezer}) {
      facts_.controllers[controller] = CgroupVersion::V1;
    }
    for (const KnobInfo& info : knob_table()) {
      if (!info.v1_files.empty()) facts_.knobs.insert(info.knob);
    }
    cpus(2);
  }

  FakeMachine& cpus(int count) {
    facts_.cpus.resize(static_cast<size_t>(count));
    std::iota(facts_.cpus.begin(), facts_.cpus.end(), 0);
    return with_hotplug();
  }
  /// CPUs with other numbers than 0, 1, …
  FakeMachine& cpu_ids(std::vector<int> ids) {
    facts_.cpus = std::move(ids);
    return with_hotplug();
  }
  FakeMachine& mems(std::vector<int> ids) {
    facts_.mems = std::move(ids);
    return *this;
  }
  FakeMachine& memory(int64_t bytes) {
    facts_.memory_bytes = bytes;
    return *this;
  }
  FakeMachine& swap(int64_t bytes) {
    facts_.swap_bytes = bytes;
    return *this;
  }
  FakeMachine& without(Controller controller) {
    facts_.controllers.erase(controller);
    for (const KnobInfo& info : knob_table()) {
      if (info.controller == controller) facts_.knobs.erase(info.knob);
    }
    if (controller == Controller::Io) facts_.device.clear();
    return *this;
  }
  FakeMachine& without(Knob knob) {
    facts_.knobs.erase(knob);
    return *this;
  }
  FakeMachine& without_device() {
    facts_.device.clear();
    return without(Knob::IoMax);
  }
  /// The same controllers with the v2 interface and its knobs.
  FakeMachine& v2() {
    facts_.mode = "v2";
    facts_.controllers.erase(Controller::Cpuacct);
    facts_.controllers[Controller::Core] = CgroupVersion::V2;
    facts_.controllers[Controller::Hugetlb] = CgroupVersion::V2;
    for (auto& [controller, version] : facts_.controllers) version = CgroupVersion::V2;
    for (const KnobInfo& info : knob_table()) {
      if (facts_.controllers.contains(info.controller)) facts_.knobs.insert(info.knob);
    }
    return *this;
  }

  const MachineFacts& facts() const { return facts_; }
  Constraints constraints() const { return constraints_for(facts_); }

 private:
  FakeMachine& with_hotplug() {
    facts_.hotplug_cpus.assign(facts_.cpus.begin() + 1, facts_.cpus.end());
    return *this;
  }

  MachineFacts facts_;
};

/// The machines on which every property of the generators is checked, with a name each.
inline std::vector<std::pair<std::string, FakeMachine>> fake_machines() {
  return {{"one cpu", FakeMachine().cpus(1)},
          {"two cpus", FakeMachine()},
          {"eight cpus", FakeMachine().cpus(8)},
          {"sixty-four cpus", FakeMachine().cpus(64)},
          {"odd cpu ids, two memory nodes", FakeMachine().cpu_ids({1, 3, 4}).mems({0, 1})},
          {"swap", FakeMachine().swap(1 << 30)},
          {"little memory", FakeMachine().memory(100 << 20)},
          {"no cpu", FakeMachine().without(Controller::Cpu)},
          {"no memory", FakeMachine().without(Controller::Memory)},
          {"no pids", FakeMachine().without(Controller::Pids)},
          {"no cpuset", FakeMachine().without(Controller::Cpuset)},
          {"no io", FakeMachine().without(Controller::Io)},
          {"no device", FakeMachine().without_device()},
          {"no freezer", FakeMachine().without(Controller::Freezer)},
          {"no burst, no idle", FakeMachine().without(Knob::CpuMaxBurst).without(Knob::CpuIdle)},
          {"v2", FakeMachine().v2()},
          {"v2, one cpu, swap", FakeMachine().v2().cpus(1).swap(32 << 20)},
          {"v2, little memory", FakeMachine().v2().memory(100 << 20)}};
}

}  // namespace treeline
