#include "generators/swarm.h"

#include "generators/gens.h"

namespace treeline {

rc::Gen<Swarm> swarm_gen(const Constraints& constraints, std::set<Knob> menu,
                         std::vector<WorkloadKind> workloads) {
  return rc::gen::exec([machine_knobs = constraints.machine.knobs, menu = std::move(menu),
                        workloads = std::move(workloads)] {
           Swarm swarm;
           const int feature_percent = *one_of(std::vector{0, 25, 50, 75, 100});
           for (const Knob knob : menu) {
             if (machine_knobs.contains(knob) && *chance(feature_percent)) swarm.knobs.insert(knob);
           }
           swarm.workloads = *each_with(50, workloads);
           if (swarm.workloads.empty()) swarm.workloads = {*one_of(workloads)};
           swarm.suggested = *chance(60);
           swarm.actions = *chance(40);
           swarm.probes = *chance(40);
           swarm.limit_percent = *uniform(15, 80);
           return swarm;
         })
      .as("swarm");
}

}  // namespace treeline
