#include "model/known_failures.h"

#include <algorithm>

#include "model/json_fields.h"

namespace treeline {

using json_detail::Json;
using json_detail::Reader;
using json_detail::Refusal;

namespace {

/// "6.1.0-28-amd64": 6, 1, 0, 28.
std::vector<int64_t> numbers_of(std::string_view release) {
  std::vector<int64_t> numbers;
  for (size_t at = 0; at < release.size();) {
    int64_t number = 0;
    const size_t begin = at;
    for (; at < release.size() && release[at] >= '0' && release[at] <= '9' && number < INT32_MAX; ++at) {
      number = number * 10 + (release[at] - '0');
    }
    if (at == begin) break;
    numbers.push_back(number);
    if (at == release.size() || (release[at] != '.' && release[at] != '-')) break;
    ++at;
  }
  return numbers;
}

/// Compares no further than the bound is written.
std::vector<int64_t> cut_to(std::vector<int64_t> numbers, size_t length) {
  numbers.resize(std::min(numbers.size(), length));
  return numbers;
}

std::optional<Knob> find_changeable(const std::string& name) {
  const auto knobs = changeable_knobs();
  const auto found =
      std::find_if(knobs.begin(), knobs.end(), [&](Knob knob) { return knob_info(knob).name == name; });
  return found == knobs.end() ? std::nullopt : std::optional(*found);
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
      if (bound && numbers_of(*bound).empty()) {
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
  archive.optional("machine", known.machine);
  archive.optional("kernels", known.kernels);
  archive.field("reason", known.reason);
  if constexpr (Archive::kReads) {
    if (known.reason.empty()) throw Refusal{archive.path() + "/reason", "must say why it is accepted"};
    known.changes = changes ? find_changeable(*changes) : std::nullopt;
    if (changes && !known.changes) throw Refusal{archive.path() + "/changes", "no action changes this knob"};
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

bool KernelRange::holds(std::string_view release) const {
  const std::vector<int64_t> numbers = numbers_of(release);
  if (from) {
    const std::vector<int64_t> least = numbers_of(*from);
    if (cut_to(numbers, least.size()) < least) return false;
  }
  if (!to) return true;
  const std::vector<int64_t> most = numbers_of(*to);
  return cut_to(numbers, most.size()) <= most;
}

bool KnownFailure::concerns(const std::string& on, const std::string& release,
                            const std::string& mode) const {
  if (signature.mode != mode || (machine && *machine != on)) return false;
  return !kernels || kernels->holds(release);
}

bool KnownFailure::is(const Signature& failed, const Scenario& minimal) const {
  return signature == failed && (!tree || *tree == minimal.tree) &&
         (!changes || treeline::changes(minimal, *changes));
}

bool KnownFailure::takes_in(const Signature& violated, const Scenario& drawn) const {
  return !tree && is(violated, drawn);
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
