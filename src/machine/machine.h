#pragma once

#include <string>

#include "model/error.h"
#include "model/observation.h"
#include "model/scenario.h"

namespace treeline {

/// Something that runs scenarios on a kernel: the only impure stage of the pipeline.
class Machine {
 public:
  virtual ~Machine() = default;

  /// Reads like a path: "Host", "Lab/debian-6.12/v2".
  virtual std::string name() const = 0;
  virtual const MachineFacts& facts() const = 0;
  /// The same scenario gives the same observation, so one rerun settles a doubt.
  virtual bool deterministic() const = 0;
  /// So many calls of run() may go on at once, in threads of their own, without disturbing each other.
  virtual int lanes() const { return 1; }
  /// Runs the scenario to its end and leaves nothing behind. Errors: Unavailable if the machine cannot run
  /// this scenario (unmet() in model/rules.h says why), Infrastructure if the run itself failed. Never a
  /// verdict.
  virtual Result<Observation> run(const Scenario& scenario) = 0;
};

}  // namespace treeline
