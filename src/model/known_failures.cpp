#include "model/known_failures.h"

#include <algorithm>
#include <iterator>

#include "model/controllers.h"
#include "model/json_fields.h"

namespace treeline {

using json_detail::Json;
using json_detail::Reader;
using json_detail::Refusal;

namespace {

std::optional<Knob> find_changeable(const std::string& name) {
  const auto knobs = changeable_knobs();
  const auto found =
      std::find_if(knobs.begin(), knobs.end(), [&](Knob knob) { return knob_info(knob).name == name; });
  return found == knobs.end() ? std::nullopt : std::optional(*found);
}

std::optional<Controller> find_switchable(const std::string& name) {
  const auto known = switchable_controllers();
  const auto found = std::find_if(known.begin(), known.end(),
                                  [&](Controller controller) { return controller_name(controller) == name; });
  return found == known.end() ? std::nullopt : std::optional(*found);
}

}  // namespace

/// The file.
struct KnownFailures {
  std::vector<KnownFailure> all;
};

template <typename Archive>
void fields(Archive& archive, KernelRange& range) {
  archive.optional("from", range.from);
  archive.optional("to", range.to);
  if constexpr (Archive::kReads) {
    for (const auto& [name, bound] : {std::pair("/from", range.from), std::pair("/to", range.to)}) {
      if (bound && !is_kernel_release(*bound)) {
        throw Refusal{archive.path() + name, "must be a kernel release like \"6.1\" or \"6.12.30\""};
      }
    }
    if (range.from && range.to && !range.holds(*range.from)) {
      throw Refusal{archive.path() + "/to", "is older than from"};
    }
  }
}

template <typename Archive>
void fields(Archive& archive, KnownFailure& known) {
  archive.field("signature", known.signature);
  std::optional<std::string> changes;
  if (known.changes) changes = std::string(knob_info(*known.changes).name);
  archive.optional("changes", changes);
  std::optional<std::string> switches;
  if (known.switches) switches = std::string(controller_name(*known.switches));
  archive.optional("switches", switches);
  archive.optional("machine", known.machine);
  archive.optional("kernels", known.kernels);
  archive.field("reason", known.reason);
  if constexpr (Archive::kReads) {
    if (known.reason.empty()) throw Refusal{archive.path() + "/reason", "must say why it is accepted"};
    known.changes = changes ? find_changeable(*changes) : std::nullopt;
    if (changes && !known.changes) throw Refusal{archive.path() + "/changes", "no action changes this knob"};
    known.switches = switches ? find_switchable(*switches) : std::nullopt;
    if (switches && !known.switches)
      throw Refusal{archive.path() + "/switches", "no action switches this controller"};
    if (const Json* tree = archive.find("tree")) {
      Scenario bare;
      Reader::read(Json{{"schema", kSchemaVersion}, {"tree", *tree}}, archive.path(), bare);
      known.tree = std::move(bare.tree);
    }
  }
}

template <typename Archive>
void fields(Archive& archive, KnownFailures& list) {
  json_detail::schema_field(archive);
  archive.field("failures", list.all);
}

bool KnownFailure::concerns(const std::string& on, const std::string& release,
                            const std::string& mode) const {
  if (signature.mode != mode || (machine && *machine != on)) return false;
  return !kernels || kernels->holds(release);
}

bool KnownFailure::is(const Signature& failed, const Scenario& minimal) const {
  return signature == failed && (!tree || *tree == minimal.tree) &&
         (!changes || treeline::changes(minimal, *changes)) &&
         (!switches || treeline::switches(minimal, *switches));
}

bool KnownFailure::takes_in(const Signature& violated, const Scenario& drawn) const {
  return !tree && is(violated, drawn);
}

std::vector<KnownFailure> concerning(const std::vector<KnownFailure>& known, const std::string& machine,
                                     const std::string& release, const std::string& mode) {
  std::vector<KnownFailure> those;
  std::copy_if(known.begin(), known.end(), std::back_inserter(those),
               [&](const KnownFailure& entry) { return entry.concerns(machine, release, mode); });
  return those;
}

const KnownFailure* find_listed(const std::vector<KnownFailure>& known, const std::string& machine,
                                const std::string& release, const Signature& failed,
                                const Scenario& minimal) {
  const auto found = std::find_if(known.begin(), known.end(), [&](const KnownFailure& entry) {
    return entry.concerns(machine, release, failed.mode) && entry.is(failed, minimal);
  });
  return found == known.end() ? nullptr : &*found;
}

bool NotPursued::holds(const Signature& violated, const Scenario& drawn) const {
  return signatures.contains(violated) ||
         std::any_of(listed.begin(), listed.end(),
                     [&](const KnownFailure& known) { return known.takes_in(violated, drawn); });
}

Result<std::vector<KnownFailure>> known_failures_from_json(std::string_view text) {
  Result<KnownFailures> list = json_detail::read_text<KnownFailures>(text, "known failures");
  if (!list) return tl::unexpected(list.error());
  return std::move(list->all);
}

Result<std::vector<KnownFailure>> known_failures_from_file(const std::string& path) {
  constexpr const char* kAdvice = "give a list of known failures, as README.md shows one";
  const Result<std::string> text = json_detail::read_input(path, kAdvice);
  if (!text) return tl::unexpected(text.error());
  Result<std::vector<KnownFailure>> list = known_failures_from_json(*text);
  if (!list) list.error().path = path + " at " + list.error().path;
  return list;
}

}  // namespace treeline
