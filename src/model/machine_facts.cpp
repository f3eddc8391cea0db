#include "model/machine_facts.h"

namespace treeline {

KnobContext MachineFacts::knob_context(Controller controller) const {
  const auto found = controllers.find(controller);
  return {found == controllers.end() ? CgroupVersion::V1 : found->second, page_size, device};
}

}  // namespace treeline
