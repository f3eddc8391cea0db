#include "model/knob.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "model/units.h"

namespace treeline {

namespace {

/// mm/page_counter.c: PAGE_COUNTER_MAX pages, as v1 prints an absent limit and everything above it.
int64_t v1_unlimited_bytes(const KnobContext& context) {
  return INT64_MAX / context.page_size * context.page_size;
}
/// kernel/sched/sched.h: WEIGHT_IDLEPRIO, the shares of a cpu.idle group (sched_group_set_idle).
constexpr int64_t kIdleShares = 3;

int64_t round_for(const KnobInfo& info, int64_t value, const KnobContext& context) {
  // mm/hugetlb_cgroup.c, hugetlb_cgroup_write: whole huge pages.
  constexpr int64_t kHugePage = 2 << 20;
  if (info.rounding == Rounding::HugePageDown) return value / kHugePage * kHugePage;
  return info.rounding == Rounding::PageDown ? value / context.page_size * context.page_size : value;
}

std::string number_or_max(const std::optional<int64_t>& value) {
  return value ? std::to_string(*value) : "max";
}

KnobWrite make_write(const KnobInfo& info, std::string_view file, std::string value, std::string expected) {
  return {info.knob, info.controller, std::string(file), std::move(value), std::move(expected)};
}

std::string partition_state(int64_t number) {
  constexpr std::array<std::string_view, 3> kNames{"member", "root", "isolated"};
  return std::string(kNames[static_cast<size_t>(std::clamp<int64_t>(number, 0, 2))]);
}

bool is_idle_group(const Limits& limits) { return amount(limits, Knob::CpuIdle) == 1; }

std::vector<KnobWrite> encode_memory_v1(const KnobInfo& info, const Amount& amount_value,
                                        const Limits& limits, const KnobContext& context) {
  std::optional<int64_t> bytes = amount_value.value;
  if (info.knob == Knob::MemorySwapMax && bytes) {
    const std::optional<int64_t> memory = amount(limits, Knob::MemoryMax);
    if (!memory) return {};  // memsw below an unlimited memory.limit would be refused
    const int64_t below = *memory / context.page_size * context.page_size;
    bytes = std::min(v1_unlimited_bytes(context) - below, *bytes) + below;
  }
  if (!bytes) return {make_write(info, info.v1_files[0], "-1", std::to_string(v1_unlimited_bytes(context)))};
  return {make_write(info, info.v1_files[0], std::to_string(*bytes),
                     std::to_string(round_for(info, *bytes, context)))};
}

std::vector<KnobWrite> encode_amount(const KnobInfo& info, const Amount& value, const Limits& limits,
                                     const KnobContext& context) {
  const bool v1 = context.version == CgroupVersion::V1;
  if (v1 && info.controller == Controller::Memory) return encode_memory_v1(info, value, limits, context);
  const std::string_view file = v1 ? info.v1_files[0] : info.name;
  const int64_t number = value.value.value_or(0);
  switch (info.knob) {
    case Knob::CpuWeight: {
      const int64_t shares = shares_from_weight(number);
      const bool idle = is_idle_group(limits);
      if (v1) {
        return {make_write(info, file, std::to_string(shares), std::to_string(idle ? kIdleShares : shares))};
      }
      return {make_write(info, file, std::to_string(number), idle ? "0" : std::to_string(number))};
    }
    case Knob::IoWeight:
      return {make_write(info, file, std::to_string(number),
                         v1 ? std::to_string(number) : fmt::format("default {}", number))};
    case Knob::Freeze:
      if (v1) {
        const std::string state = number == 1 ? "FROZEN" : "THAWED";
        return {make_write(info, file, state, state)};
      }
      break;
    case Knob::CpusetPartition:
      return {make_write(info, file, partition_state(number), partition_state(number))};
    default:
      break;
  }
  if (!value.value) return {make_write(info, file, "max", "max")};
  return {make_write(info, file, std::to_string(number), std::to_string(round_for(info, number, context)))};
}

std::vector<KnobWrite> encode_bandwidth(const KnobInfo& info, const CpuBandwidth& value,
                                        const KnobContext& context) {
  const std::string period = std::to_string(value.period_us);
  if (context.version == CgroupVersion::V2) {
    const std::string text = fmt::format("{} {}", number_or_max(value.quota_us), period);
    return {make_write(info, info.name, text, text)};
  }
  // Period first: a fresh node has no quota, so that every period is legal.
  const std::string quota = value.quota_us ? std::to_string(*value.quota_us) : "-1";
  return {make_write(info, info.v1_files[0], period, period),
          make_write(info, info.v1_files[1], quota, quota)};
}

std::vector<KnobWrite> encode_rates(const KnobInfo& info, const IoRates& rates, const KnobContext& context) {
  if (context.device.empty()) return {};
  const std::array<std::optional<int64_t>, 4> values{rates.read_bytes, rates.write_bytes, rates.read_ops,
                                                     rates.write_ops};
  if (context.version == CgroupVersion::V2) {
    const std::string text =
        fmt::format("{} rbps={} wbps={} riops={} wiops={}", context.device, number_or_max(values[0]),
                    number_or_max(values[1]), number_or_max(values[2]), number_or_max(values[3]));
    const bool any = std::any_of(values.begin(), values.end(), [](const auto& v) { return v.has_value(); });
    return {make_write(info, info.name, text, any ? text : "")};
  }
  std::vector<KnobWrite> writes;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!values[i]) continue;  // a fresh node has none
    const std::string text = fmt::format("{} {}", context.device, *values[i]);
    writes.push_back(make_write(info, info.v1_files[i], text, *values[i] == 0 ? "" : text));
  }
  return writes;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  return text;
}

std::string_view device_line(std::string_view text, const std::string& device) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (line.size() > device.size() && line.starts_with(device) && line[device.size()] == ' ') {
      return trimmed(line);
    }
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return {};
}

std::optional<Illegality> out_of_range(const KnobInfo& info, const std::optional<int64_t>& value) {
  if (!value) {
    if (info.unlimited_allowed) return std::nullopt;
    return Illegality{"", "\"max\" is not legal here"};
  }
  if (*value >= info.min && *value <= info.max) return std::nullopt;
  return Illegality{"", fmt::format("{} is outside {} … {}", *value, info.min, info.max)};
}

}  // namespace

bool overlap(const IdSet& one, const IdSet& other) {
  return std::any_of(one.ids.begin(), one.ids.end(),
                     [&](int id) { return std::binary_search(other.ids.begin(), other.ids.end(), id); });
}

std::vector<KnobWrite> encode(Knob knob, const KnobValue& value, const Limits& limits,
                              const KnobContext& context) {
  const KnobInfo& info = knob_info(knob);
  if (context.version == CgroupVersion::V1 && info.v1_files.empty()) return {};
  if (const auto* bandwidth = std::get_if<CpuBandwidth>(&value)) {
    return encode_bandwidth(info, *bandwidth, context);
  }
  if (const auto* rates = std::get_if<IoRates>(&value)) return encode_rates(info, *rates, context);
  if (const auto* ids = std::get_if<IdSet>(&value)) {
    const std::string text = format_id_set(*ids);
    return {
        make_write(info, context.version == CgroupVersion::V1 ? info.v1_files[0] : info.name, text, text)};
  }
  return encode_amount(info, std::get<Amount>(value), limits, context);
}

std::vector<KnobWrite> encode_all(const Limits& limits, const KnobContext& context) {
  std::vector<KnobWrite> writes;
  for (const auto& [knob, value] : limits) {
    std::vector<KnobWrite> more = encode(knob, value, limits, context);
    std::move(more.begin(), more.end(), std::back_inserter(writes));
  }
  return writes;
}

std::string expected_text(const std::vector<KnobWrite>& writes) {
  std::vector<std::string_view> texts;
  texts.reserve(writes.size());
  for (const KnobWrite& write : writes) texts.push_back(write.expected);
  return fmt::format("{}", fmt::join(texts, " "));
}

std::string normalize_readback(const KnobWrite& write, std::string_view text, const KnobContext& context) {
  if (knob_info(write.knob).type == KnobType::IoRates) return std::string(device_line(text, context.device));
  return std::string(trimmed(text));
}

namespace {

std::optional<Illegality> why_illegal(const KnobInfo& info, const CpuBandwidth& bandwidth) {
  if (bandwidth.period_us < kMinPeriodUs || bandwidth.period_us > kMaxPeriodUs) {
    return Illegality{"/period_us",
                      fmt::format("{} is outside {} … {}", bandwidth.period_us, kMinPeriodUs, kMaxPeriodUs)};
  }
  auto why = out_of_range(info, bandwidth.quota_us);
  if (why) why->json_path = "/quota_us";
  return why;
}

std::optional<Illegality> why_illegal(const KnobInfo& info, const IdSet& set) {
  if (set.ids.empty()) return Illegality{"", "must not be empty"};
  if (!std::is_sorted(set.ids.begin(), set.ids.end(), std::less_equal<>())) {
    return Illegality{"", "must be sorted and unique"};
  }
  if (set.ids.front() < info.min || set.ids.back() > info.max)
    return Illegality{"", "has an id out of range"};
  return std::nullopt;
}

std::optional<Illegality> why_illegal(const KnobInfo& info, const IoRates& rates) {
  const std::array<std::pair<const char*, const std::optional<int64_t>*>, 4> fields{
      {{"/read_bytes", &rates.read_bytes},
       {"/write_bytes", &rates.write_bytes},
       {"/read_ops", &rates.read_ops},
       {"/write_ops", &rates.write_ops}}};
  for (size_t i = 0; i < fields.size(); ++i) {
    const auto& [path, rate] = fields[i];
    auto why = out_of_range(info, *rate);
    // Operations per second are 32 bit wide: block/blk-throttle.c, tg_set_conf_uint.
    const bool counts_operations = i >= 2;
    if (counts_operations && *rate && (**rate < 1 || **rate >= UINT32_MAX)) {
      why = Illegality{"", fmt::format("{} is outside 1 … {}", **rate, UINT32_MAX - 1)};
    }
    if (why) return Illegality{path, why->message};
  }
  return std::nullopt;
}

std::optional<Illegality> why_illegal(const KnobInfo& info, const Amount& number) {
  return out_of_range(info, number.value);
}

}  // namespace

size_t value_index(KnobType type) {
  switch (type) {
    case KnobType::Bandwidth:
      return 1;
    case KnobType::IdSet:
      return 2;
    case KnobType::IoRates:
      return 3;
    case KnobType::Amount:
    case KnobType::Flag:
    case KnobType::Partition:
      break;
  }
  return 0;
}

std::optional<Illegality> why_illegal(Knob knob, const KnobValue& value) {
  const KnobInfo& info = knob_info(knob);
  if (value.index() != value_index(info.type)) return Illegality{"", "is of another type than the knob"};
  return std::visit([&](const auto& typed) { return why_illegal(info, typed); }, value);
}

int64_t shares_from_weight(int64_t weight) {
  constexpr int64_t kFarOutside = int64_t{1} << 40;  // a probe may carry any number
  return (std::clamp(weight, -kFarOutside, kFarOutside) * 1024 + 50) / 100;
}

int64_t shares_from_nice(int64_t nice) {
  constexpr std::array<int64_t, 40> kPrioToWeight{
      88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904,
      3906,  3121,  2501,  1991,  1586,  1277,  1024,  820,   655,   526,   423,  335,  272,  215,
      172,   137,   110,   87,    70,    56,    45,    36,    29,    23,    18,   15};
  return kPrioToWeight[static_cast<size_t>(nice + 20)];
}

int64_t shares_of(const Limits& limits) {
  constexpr int64_t kDefaultWeight = 100;
  if (is_idle_group(limits)) return kIdleShares;
  if (const auto nice = amount(limits, Knob::CpuWeightNice)) return shares_from_nice(*nice);
  return shares_from_weight(amount(limits, Knob::CpuWeight).value_or(kDefaultWeight));
}

std::string format_id_set(const IdSet& set) {
  std::string text;
  for (size_t i = 0; i < set.ids.size();) {
    size_t last = i;
    while (last + 1 < set.ids.size() && set.ids[last + 1] == set.ids[last] + 1) ++last;
    if (!text.empty()) text += ',';
    text += last == i ? std::to_string(set.ids[i]) : fmt::format("{}-{}", set.ids[i], set.ids[last]);
    i = last + 1;
  }
  return text;
}

Result<IdSet> parse_id_set(std::string_view text) {
  const auto refuse = [&] {
    return fail(ErrorKind::InvalidInput, "read id list", fmt::format("\"{}\"", text), 0,
                "expected ascending ids and ranges such as 0-2,5");
  };
  IdSet set;
  std::string_view rest = trimmed(text);
  if (rest.ends_with(',')) return refuse();
  while (!rest.empty()) {
    const std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    int first = 0;
    auto [end, error] = std::from_chars(item.data(), item.data() + item.size(), first);
    int last = first;
    if (error == std::errc() && end != item.data() + item.size() && *end == '-') {
      const auto range = std::from_chars(end + 1, item.data() + item.size(), last);
      end = range.ptr;
      error = range.ec;
    }
    constexpr int kTooLarge = 1 << 16;
    if (error != std::errc() || end != item.data() + item.size() || first < 0 || last < first ||
        last >= kTooLarge || (!set.ids.empty() && first <= set.ids.back())) {
      return refuse();
    }
    for (int id = first; id <= last; ++id) set.ids.push_back(id);
  }
  return set;
}

std::string describe(Knob knob, const KnobValue& value) {
  if (const auto* bandwidth = std::get_if<CpuBandwidth>(&value)) {
    return fmt::format("{}/{}", bandwidth->quota_us ? format_us(*bandwidth->quota_us) : "max",
                       format_us(bandwidth->period_us));
  }
  if (const auto* set = std::get_if<IdSet>(&value)) return format_id_set(*set);
  if (const auto* rates = std::get_if<IoRates>(&value)) {
    std::vector<std::string> parts;
    if (rates->read_bytes) parts.push_back(fmt::format("read {}/s", format_bytes(*rates->read_bytes)));
    if (rates->write_bytes) parts.push_back(fmt::format("write {}/s", format_bytes(*rates->write_bytes)));
    if (rates->read_ops) parts.push_back(fmt::format("{} reads/s", *rates->read_ops));
    if (rates->write_ops) parts.push_back(fmt::format("{} writes/s", *rates->write_ops));
    return parts.empty() ? "max" : fmt::format("{}", fmt::join(parts, " "));
  }
  const Amount& number = std::get<Amount>(value);
  if (!number.value) return "max";
  if (knob == Knob::CpuMaxBurst) return format_us(*number.value);
  if (knob == Knob::CpusetPartition) return partition_state(*number.value);
  const Controller controller = knob_info(knob).controller;
  const bool is_bytes = controller == Controller::Memory || controller == Controller::Hugetlb;
  return is_bytes && knob != Knob::MemoryOomGroup ? format_bytes(*number.value)
                                                  : std::to_string(*number.value);
}

std::optional<int64_t> amount(const Limits& limits, Knob knob) {
  const std::optional<Amount> value = get<Amount>(limits, knob);
  return value ? value->value : std::nullopt;
}

}  // namespace treeline
