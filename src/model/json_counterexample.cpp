#include <array>
#include <tuple>

#include "model/json.h"
#include "model/json_fields.h"

namespace treeline {

using json_detail::Json;
using json_detail::Reader;
using json_detail::Refusal;
using json_detail::Writer;

namespace {

constexpr std::array<std::string_view, 4> kStatuses{"not_applicable", "held", "inconclusive", "violated"};

}  // namespace

template <typename Archive>
void fields(Archive& archive, Finding& finding) {
  archive.field("invariant", finding.invariant);
  json_detail::archive_controller(archive, finding.controller);
  archive.field("node", finding.node);
  archive.choice("status", finding.status, kStatuses);
  archive.field("bound", finding.bound);
  archive.field("observed", finding.observed);
  archive.field("margin", finding.margin);
  archive.field("unit", finding.unit);
  archive.field("sentence", finding.sentence);
}

template <typename Archive>
void fields(Archive& archive, Provenance& provenance) {
  archive.field("property", provenance.property);
  archive.field("seed", provenance.seed);
  archive.field("index", provenance.index);
  archive.with_default("fault", provenance.fault);
}

template <typename Archive>
void fields(Archive& archive, Rate& rate) {
  archive.field("violated", rate.violated);
  archive.field("runs", rate.runs);
}

template <typename Archive>
void signature_fields(Archive& archive, Signature& signature) {
  archive.field("invariant", signature.invariant);
  json_detail::archive_controller(archive, signature.controller);
  archive.field("mode", signature.mode);
}

void refuse_other(const Scenario& scenario, const Observation& observation) {
  const std::array<std::tuple<const char*, size_t, size_t>, 4> lists{
      {{"nodes", observation.nodes.size(), scenario.tree.nodes.size()},
       {"workers", observation.workers.size(), scenario.workers.size()},
       {"actions", observation.actions.size(), scenario.actions.size()},
       {"probes", observation.probes.size(), scenario.probes.size()}}};
  for (const auto& [name, seen, expected] : lists) {
    if (seen == expected) continue;
    throw Refusal{std::string("/observation/") + name,
                  "has " + std::to_string(seen) + ", the scenario " + std::to_string(expected)};
  }
}

template <typename Archive>
void fields(Archive& archive, Counterexample& example) {
  json_detail::schema_field(archive);
  archive.field("scenario", example.scenario);
  archive.optional("original", example.original);
  archive.optional("provenance", example.provenance);
  archive.with_default("machine", example.machine);
  archive.optional("signature", example.signature);
  archive.optional("verdict", example.verdict);
  archive.optional("observation", example.observation);
  archive.with_default("original_rate", example.original_rate);
  archive.with_default("rate", example.rate);
  archive.with_default("shrink_runs", example.shrink_runs);
  archive.with_default("minimum_proven", example.minimum_proven);
  archive.with_default("flaky", example.flaky);
  if constexpr (Archive::kReads) {
    // A finding's node indexes the tree wherever it is shown.
    for (size_t i = 0; example.verdict && i < example.verdict->findings.size(); ++i) {
      const NodeId node = example.verdict->findings[i].node;
      if (node < 0 || node >= example.scenario.tree.size()) {
        throw Refusal{"/verdict/findings/" + std::to_string(i) + "/node", "there is no such node"};
      }
    }
    if (example.observation) refuse_other(example.scenario, *example.observation);
  }
}

void fields(Writer& archive, Verdict& value) { archive.field("findings", value.findings); }
void fields(Reader& archive, Verdict& value) { archive.field("findings", value.findings); }
void fields(Writer& archive, Signature& value) { signature_fields(archive, value); }
void fields(Reader& archive, Signature& value) { signature_fields(archive, value); }

std::string to_json(const Verdict& value, int indent) { return json_detail::write_text(value, indent); }
std::string to_json(const Counterexample& value, int indent) {
  return json_detail::write_text(value, indent);
}

Result<Verdict> verdict_from_json(std::string_view text) {
  return json_detail::read_text<Verdict>(text, "verdict");
}

Result<Counterexample> counterexample_from_json(std::string_view text) {
  return json_detail::read_text<Counterexample>(text, "counterexample");
}

Result<Counterexample> counterexample_from_file(const std::string& path) {
  constexpr const char* kAdvice = "give a scenario or counterexample file that treeline wrote";
  const Result<std::string> read = json_detail::read_input(path, kAdvice);
  if (!read) return tl::unexpected(read.error());
  const std::string& text = *read;
  bool bare_scenario = false;
  try {
    const Json json = json_detail::parse_strict(text);
    bare_scenario = json.is_object() && !json.contains("scenario") && json.contains("tree");
  } catch (const Refusal&) {
    // Reported below, with its path.
  }
  Result<Counterexample> result = bare_scenario ? scenario_from_json(text).map([](Scenario scenario) {
    Counterexample example;
    example.scenario = std::move(scenario);
    return example;
  })
                                                : counterexample_from_json(text);
  if (!result) result.error().path = path + " at " + result.error().path;
  return result;
}

}  // namespace treeline
