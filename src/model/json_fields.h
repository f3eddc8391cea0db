#pragma once

#include "model/json_archive.h"
#include "model/scenario.h"
#include "model/verdict.h"

/// Internal to src/model: types that more than one file reads and writes.
namespace treeline {

void fields(json_detail::Writer& archive, Scenario& value);
void fields(json_detail::Reader& archive, Scenario& value);
void fields(json_detail::Writer& archive, Verdict& value);
void fields(json_detail::Reader& archive, Verdict& value);
void fields(json_detail::Writer& archive, Signature& value);
void fields(json_detail::Reader& archive, Signature& value);
struct MachineFacts;
void fields(json_detail::Writer& archive, MachineFacts& value);
void fields(json_detail::Reader& archive, MachineFacts& value);
struct Observation;
void fields(json_detail::Writer& archive, Observation& value);
void fields(json_detail::Reader& archive, Observation& value);

namespace json_detail {

Json knob_value_to_json(const KnobValue& value);
KnobValue knob_value_from_json(Knob knob, const Json& in, const std::string& path);
Knob knob_from_json(const std::string& name, const std::string& path);

template <typename Archive, typename MaybeConst>
void archive_controller(Archive& archive, MaybeConst& controller) {
  if constexpr (Archive::kReads) {
    std::string name;
    archive.field("controller", name);
    const std::optional<Controller> known = controller_from_name(name);
    if (!known) throw Refusal{archive.path() + "/controller", "is no controller's name"};
    controller = *known;
  } else {
    archive.field("controller", std::string(controller_name(controller)));
  }
}

}  // namespace json_detail
}  // namespace treeline
