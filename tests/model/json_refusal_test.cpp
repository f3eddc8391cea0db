#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/json.h"
#include "rich_values.h"

namespace treeline::model_test {
namespace {

/// One fault in an otherwise valid file, and the place that the error must name.
struct BadEdit {
  const char* name;
  const char* from;
  const char* to;
  const char* path;
};

void PrintTo(const BadEdit& edit, std::ostream* out) { *out << edit.from << " → " << edit.to; }

/// `name` of a parameterized test.
const auto kName = [](const auto& test) { return std::string(test.param.name); };

template <typename T>
void expect_refused(const Result<T>& result, const std::string& path) {
  ASSERT_FALSE(result) << "was accepted";
  EXPECT_EQ(result.error().path, path) << to_string(result.error());
  EXPECT_EQ(result.error().kind, ErrorKind::InvalidInput);
  EXPECT_EQ(result.error().errnum, 0);
  EXPECT_THAT(result.error().operation, ::testing::StartsWith("read "));
  EXPECT_FALSE(result.error().advice.empty());
}

/// A chain t/a/b with a limit, a worker, an action and a probe.
std::string scenario_text() {
  return R"({"schema":1,"tree":[{"name":"t"},{"name":"a","parent":0,"limits":{"memory.max":65536}},)"
         R"({"name":"b","parent":0,"limits":{"cpu.max":{"quota_us":5000,"period_us":10000},)"
         R"("io.max":{"read_ops":7},"cpuset.cpus":"0-1","cpu.idle":0}}],)"
         R"("strategy":{"kind":"random","percent":50,"depth":2,"custom":"c"},)"
         R"("workers":[{"node":1,"workload":{"kind":"cpu_hog","threads":3,"duty_percent":60,"cycle_us":20000}},)"
         R"({"node":2,"workload":{"kind":"memory_hog","memory":"file","bytes":1048576,"chunk_bytes":8192,)"
         R"("order":"random","hold":true}},)"
         R"({"node":2,"workload":{"kind":"io_hog","direct":true,"direction":"read","block_bytes":512,)"
         R"("file_bytes":32768}},)"
         R"({"node":2,"workload":{"kind":"fork_storm","forks":9}},)"
         R"({"node":2,"workload":{"kind":"mixed","duty_percent":70,"bytes":16384,"forks":4}},)"
         R"({"node":2,"workload":{"kind":"idle"}}],)"
         R"("actions":[{"at_us":1500,"kind":"freeze","node":1},{"at_us":2500,"kind":"thaw","node":1}],)"
         R"("probes":[{"node":2,"knob":"pids.max","value":-1}],)"
         R"("window":{"length_us":90000,"until_settled":false,"sample_every_us":4000},)"
         R"("requirements":{"cpus":2,"memory_bytes":77,"block_device":false}})";
}

TEST(JsonRefusal, TheUneditedScenarioIsAccepted) {
  const Result<Scenario> scenario = scenario_from_json(scenario_text());
  EXPECT_TRUE(scenario) << to_string(scenario.error());
}

class ScenarioFile : public ::testing::TestWithParam<BadEdit> {};

TEST_P(ScenarioFile, IsRefusedWithTheJsonPath) {
  const BadEdit& edit = GetParam();
  expect_refused(scenario_from_json(edited(scenario_text(), edit.from, edit.to)), edit.path);
}

INSTANTIATE_TEST_SUITE_P(
    Document, ScenarioFile,
    ::testing::Values(
        BadEdit{"UnknownKey", R"("tree":)", R"("extra":1,"tree":)", "/extra"},
        BadEdit{"MissingSchema", R"("schema":1,)", "", "/schema"},
        BadEdit{"FutureSchema", R"("schema":1)", R"("schema":2)", "/schema"},
        BadEdit{"SchemaAsText", R"("schema":1)", R"("schema":"1")", "/schema"},
        BadEdit{"MissingTree", R"("tree":[{"name":"t"},)", R"("workers":[{"name":"t"},)", "/workers"},
        BadEdit{"NullStrategy", R"({"kind":"random","percent":50,"depth":2,"custom":"c"})", "null",
                "/strategy"},
        BadEdit{"UnknownStrategy", R"("kind":"random")", R"("kind":"some")", "/strategy/kind"},
        BadEdit{"PercentOver100", R"("percent":50)", R"("percent":101)", "/strategy/percent"},
        BadEdit{"NegativeDepth", R"("depth":2)", R"("depth":-1)", "/strategy/depth"},
        BadEdit{"EmptyWindow", R"("length_us":90000)", R"("length_us":999)", "/window/length_us"},
        BadEdit{"EndlessWindow", R"("length_us":90000)", R"("length_us":60000001)", "/window/length_us"},
        BadEdit{"TooManySamples", R"("sample_every_us":4000)", R"("sample_every_us":999)",
                "/window/sample_every_us"},
        BadEdit{"UntilSettledWithActions", R"("until_settled":false)", R"("until_settled":true)",
                "/window/until_settled"},
        BadEdit{"UntilSettledAsNumber", R"("until_settled":false)", R"("until_settled":0)",
                "/window/until_settled"},
        BadEdit{"NoCpus", R"("cpus":2)", R"("cpus":0)", "/requirements/cpus"},
        BadEdit{"NegativeMemory", R"("memory_bytes":77)", R"("memory_bytes":-1)",
                "/requirements/memory_bytes"},
        BadEdit{"BlockDeviceAsText", R"("block_device":false)", R"("block_device":"no")",
                "/requirements/block_device"},
        BadEdit{"UnknownRequirement", R"("cpus":2)", R"("cores":2)", "/requirements/cores"}),
    kName);

INSTANTIATE_TEST_SUITE_P(
    Tree, ScenarioFile,
    ::testing::Values(
        BadEdit{"RootWithParent", R"({"name":"t"})", R"({"name":"t","parent":0})", "/tree/0/parent"},
        BadEdit{"SecondRoot", R"("parent":0,"limits":{"memory)", R"("limits":{"memory)", "/tree/1/parent"},
        BadEdit{"OwnParent", R"("name":"a","parent":0)", R"("name":"a","parent":1)", "/tree/1/parent"},
        BadEdit{"Cycle", R"("name":"a","parent":0)", R"("name":"a","parent":2)", "/tree/1/parent"},
        BadEdit{"ParentOutside", R"("name":"b","parent":0)", R"("name":"b","parent":99)", "/tree/2/parent"},
        BadEdit{"ParentAsText", R"("name":"b","parent":0)", R"("name":"b","parent":"t")", "/tree/2/parent"},
        BadEdit{"ParentAsDouble", R"("name":"b","parent":0)", R"("name":"b","parent":0.0)", "/tree/2/parent"},
        BadEdit{"ParentBeyondInt", R"("name":"b","parent":0)", R"("name":"b","parent":4294967296)",
                "/tree/2/parent"},
        BadEdit{"DuplicateName", R"("name":"b")", R"("name":"a")", "/tree/2/name"},
        BadEdit{"EmptyName", R"("name":"b")", R"("name":"")", "/tree/2/name"},
        BadEdit{"NameThatLeavesTheTree", R"("name":"b")", R"("name":"..")", "/tree/2/name"},
        BadEdit{"NameWithSlash", R"("name":"b")", R"("name":"a/b")", "/tree/2/name"},
        BadEdit{"NameOfAControlFile", R"("name":"b")", R"("name":"cgroup.procs")", "/tree/2/name"},
        BadEdit{"NameWithNul", R"("name":"b")", R"("name":"b\u0000")", "/tree/2/name"},
        BadEdit{"NameTooLong", R"("name":"b")", R"("name":"abcdefghijklmnopqrstuvwxyz0123456")",
                "/tree/2/name"},
        BadEdit{"NameAsNumber", R"("name":"b")", R"("name":7)", "/tree/2/name"},
        BadEdit{"NodeWithoutName", R"("name":"b",)", "", "/tree/2/name"},
        BadEdit{"NodeWithUnknownKey", R"("name":"b",)", R"("name":"b","kids":[],)", "/tree/2/kids"},
        BadEdit{"NodeAsText", R"({"name":"t"})", R"("t")", "/tree/0"}),
    kName);

INSTANTIATE_TEST_SUITE_P(
    Limits, ScenarioFile,
    ::testing::Values(
        BadEdit{"AsList", R"({"memory.max":65536})", "[1]", "/tree/1/limits"},
        BadEdit{"UnknownKnob", "memory.max", "memory.most", "/tree/1/limits/memory.most"},
        BadEdit{"V1Name", "memory.max", "memory.limit_in_bytes", "/tree/1/limits/memory.limit_in_bytes"},
        BadEdit{"NegativeBytes", ":65536", ":-1", "/tree/1/limits/memory.max"},
        BadEdit{"DoubleBytes", ":65536", ":65536.0", "/tree/1/limits/memory.max"},
        BadEdit{"ExponentBytes", ":65536", ":1e6", "/tree/1/limits/memory.max"},
        BadEdit{"BytesBeyondInt64", ":65536", ":9223372036854775808", "/tree/1/limits/memory.max"},
        BadEdit{"BytesBeyondUint64", ":65536", ":99999999999999999999", "/tree/1/limits/memory.max"},
        BadEdit{"BytesAsText", ":65536", R"(:"65536")", "/tree/1/limits/memory.max"},
        BadEdit{"BytesAsMaxima", ":65536", R"(:"MAX")", "/tree/1/limits/memory.max"},
        BadEdit{"BytesAsBool", ":65536", ":true", "/tree/1/limits/memory.max"},
        BadEdit{"BytesAsNull", ":65536", ":null", "/tree/1/limits/memory.max"},
        BadEdit{"FlagOutOfRange", R"("cpu.idle":0)", R"("cpu.idle":2)", "/tree/2/limits/cpu.idle"},
        BadEdit{"FlagAsBool", R"("cpu.idle":0)", R"("cpu.idle":false)", "/tree/2/limits/cpu.idle"},
        BadEdit{"FlagWithoutLimit", R"("cpu.idle":0)", R"("cpu.idle":"max")", "/tree/2/limits/cpu.idle"},
        BadEdit{"BandwidthAsNumber", R"({"quota_us":5000,"period_us":10000})", "5000",
                "/tree/2/limits/cpu.max"},
        BadEdit{"MissingQuota", R"("quota_us":5000,)", "", "/tree/2/limits/cpu.max/quota_us"},
        BadEdit{"QuotaAsDouble", R"("quota_us":5000)", R"("quota_us":5e3)",
                "/tree/2/limits/cpu.max/quota_us"},
        BadEdit{"QuotaTooSmall", R"("quota_us":5000)", R"("quota_us":999)",
                "/tree/2/limits/cpu.max/quota_us"},
        BadEdit{"MissingPeriod", R"(,"period_us":10000)", "", "/tree/2/limits/cpu.max/period_us"},
        BadEdit{"PeriodWithoutLimit", R"("period_us":10000)", R"("period_us":"max")",
                "/tree/2/limits/cpu.max/period_us"},
        BadEdit{"PeriodTooShort", R"("period_us":10000)", R"("period_us":999)",
                "/tree/2/limits/cpu.max/period_us"},
        BadEdit{"PeriodTooLong", R"("period_us":10000)", R"("period_us":1000001)",
                "/tree/2/limits/cpu.max/period_us"},
        BadEdit{"UnknownBandwidthKey", R"("quota_us":5000)", R"("burst_us":1,"quota_us":5000)",
                "/tree/2/limits/cpu.max/burst_us"},
        BadEdit{"RateAsText", R"("read_ops":7)", R"("read_ops":"max")", "/tree/2/limits/io.max/read_ops"},
        BadEdit{"RateOfNothing", R"("read_ops":7)", R"("read_ops":0)", "/tree/2/limits/io.max/read_ops"},
        BadEdit{"UnknownRate", R"("read_ops":7)", R"("riops":7)", "/tree/2/limits/io.max/riops"},
        BadEdit{"EmptySet", R"("0-1")", R"("")", "/tree/2/limits/cpuset.cpus"},
        BadEdit{"BackwardSet", R"("0-1")", R"("1-0")", "/tree/2/limits/cpuset.cpus"},
        BadEdit{"RepeatedId", R"("0-1")", R"("0,0")", "/tree/2/limits/cpuset.cpus"},
        BadEdit{"HugeRange", R"("0-1")", R"("0-2000000000")", "/tree/2/limits/cpuset.cpus"},
        BadEdit{"SetAsList", R"("0-1")", "[0,1]", "/tree/2/limits/cpuset.cpus"}),
    kName);

INSTANTIATE_TEST_SUITE_P(
    Workers, ScenarioFile,
    ::testing::Values(
        BadEdit{"NodeOutside", R"({"node":1,"workload")", R"({"node":3,"workload")", "/workers/0/node"},
        BadEdit{"NodeNegative", R"({"node":1,"workload")", R"({"node":-1,"workload")", "/workers/0/node"},
        BadEdit{"UnknownKind", R"("kind":"idle")", R"("kind":"lazy")", "/workers/5/workload/kind"},
        BadEdit{"MissingKind", R"("kind":"idle")", "", "/workers/5/workload/kind"},
        BadEdit{"KeyOfAnotherKind", R"("kind":"idle")", R"("kind":"idle","forks":1)",
                "/workers/5/workload/forks"},
        BadEdit{"NoThreads", R"("threads":3)", R"("threads":0)", "/workers/0/workload/threads"},
        BadEdit{"TooManyThreads", R"("threads":3)", R"("threads":65)", "/workers/0/workload/threads"},
        BadEdit{"NoDuty", R"("duty_percent":60)", R"("duty_percent":0)", "/workers/0/workload/duty_percent"},
        BadEdit{"DutyOver100", R"("duty_percent":60)", R"("duty_percent":101)",
                "/workers/0/workload/duty_percent"},
        BadEdit{"CycleTooShort", R"("cycle_us":20000)", R"("cycle_us":999)", "/workers/0/workload/cycle_us"},
        BadEdit{"CycleTooLong", R"("cycle_us":20000)", R"("cycle_us":1000001)",
                "/workers/0/workload/cycle_us"},
        BadEdit{"UnknownMemory", R"("memory":"file")", R"("memory":"tape")", "/workers/1/workload/memory"},
        BadEdit{"UnknownOrder", R"("order":"random")", R"("order":"any")", "/workers/1/workload/order"},
        BadEdit{"MissingBytes", R"("bytes":1048576,)", "", "/workers/1/workload/bytes"},
        BadEdit{"TooFewBytes", R"("bytes":1048576)", R"("bytes":4095)", "/workers/1/workload/bytes"},
        BadEdit{"TooManyBytes", R"("bytes":1048576)", R"("bytes":1073741825)", "/workers/1/workload/bytes"},
        BadEdit{"ChunkBelowAPage", R"("chunk_bytes":8192)", R"("chunk_bytes":4095)",
                "/workers/1/workload/chunk_bytes"},
        BadEdit{"ChunkBeyondBytes", R"("chunk_bytes":8192)", R"("chunk_bytes":1048577)",
                "/workers/1/workload/chunk_bytes"},
        BadEdit{"UnknownDirection", R"("direction":"read")", R"("direction":"both")",
                "/workers/2/workload/direction"},
        BadEdit{"OddBlock", R"("block_bytes":512)", R"("block_bytes":513)",
                "/workers/2/workload/block_bytes"},
        BadEdit{"NoBlock", R"("block_bytes":512)", R"("block_bytes":0)", "/workers/2/workload/block_bytes"},
        BadEdit{"BlockTooLarge", R"("block_bytes":512)", R"("block_bytes":1049088)",
                "/workers/2/workload/block_bytes"},
        BadEdit{"FileBelowBlock", R"("file_bytes":32768)", R"("file_bytes":511)",
                "/workers/2/workload/file_bytes"},
        BadEdit{"FileTooLarge", R"("file_bytes":32768)", R"("file_bytes":67108865)",
                "/workers/2/workload/file_bytes"},
        BadEdit{"NoForks", R"("forks":9)", R"("forks":0)", "/workers/3/workload/forks"},
        BadEdit{"NegativePause", R"("forks":9)", R"("forks":9,"pause_us":-1)",
                "/workers/3/workload/pause_us"},
        BadEdit{"LongPause", R"("forks":9)", R"("forks":9,"pause_us":1000001)",
                "/workers/3/workload/pause_us"},
        BadEdit{"ForkBomb", R"("forks":9)", R"("forks":257)", "/workers/3/workload/forks"},
        BadEdit{"MixedWithoutDuty", R"("duty_percent":70)", R"("duty_percent":0)",
                "/workers/4/workload/duty_percent"},
        BadEdit{"MixedWithFewBytes", R"("bytes":16384)", R"("bytes":0)", "/workers/4/workload/bytes"},
        BadEdit{"MixedForkBomb", R"("forks":4)", R"("forks":257)", "/workers/4/workload/forks"}),
    kName);

INSTANTIATE_TEST_SUITE_P(
    Timeline, ScenarioFile,
    ::testing::Values(
        BadEdit{"OutOfOrder", R"("at_us":2500)", R"("at_us":1499)", "/actions/1/at_us"},
        BadEdit{"BeforeTheStart", R"("at_us":1500)", R"("at_us":-1)", "/actions/0/at_us"},
        BadEdit{"AfterTheWindow", R"("at_us":2500)", R"("at_us":90001)", "/actions/1/at_us"},
        BadEdit{"UnknownAction", R"("kind":"thaw")", R"("kind":"melt")", "/actions/1/kind"},
        BadEdit{"ActionOutside", R"("kind":"thaw","node":1)", R"("kind":"thaw","node":3)", "/actions/1/node"},
        BadEdit{"ChangeOfAnUnknownKnob", R"("kind":"thaw","node":1)",
                R"("kind":"set_limit","node":1,"knob":"memory.most","value":131072)", "/actions/1/knob"},
        BadEdit{"ChangeThatIsNotOffered", R"("kind":"thaw","node":1)",
                R"("kind":"set_limit","node":1,"knob":"io.weight","value":1)", "/actions/1/knob"},
        BadEdit{"ChangeOutOfRange", R"("kind":"thaw","node":1)",
                R"("kind":"set_limit","node":1,"knob":"memory.max","value":-1)", "/actions/1/value"},
        BadEdit{"ChangeWithTextValue", R"("kind":"thaw","node":1)",
                R"("kind":"set_limit","node":1,"knob":"memory.max","value":"131072")", "/actions/1/value"},
        BadEdit{"ChangeWithoutValue", R"("kind":"thaw","node":1)",
                R"("kind":"set_limit","node":1,"knob":"memory.max")", "/actions/1/value"},
        BadEdit{"ChangeWithoutKnob", R"("kind":"thaw","node":1)",
                R"("kind":"set_limit","node":1,"value":131072)", "/actions/1/knob"},
        BadEdit{"ValueOfAThaw", R"("kind":"thaw","node":1)", R"("kind":"thaw","node":1,"value":3)",
                "/actions/1/value"},
        BadEdit{"ProbeOutside", R"({"node":2,"knob")", R"({"node":3,"knob")", "/probes/0/node"},
        BadEdit{"ProbeOfUnknownKnob", R"("knob":"pids.max")", R"("knob":"pids.most")", "/probes/0/knob"},
        BadEdit{"ProbeOfAnotherType", R"("knob":"pids.max")", R"("knob":"cpu.max")", "/probes/0/value"},
        BadEdit{"ProbeWithoutValue", R"(,"value":-1)", "", "/probes/0/value"},
        BadEdit{"ProbeWithTextValue", R"("value":-1)", R"("value":"-1")", "/probes/0/value"}),
    kName);

INSTANTIATE_TEST_SUITE_P(
    DuplicateKey, ScenarioFile,
    ::testing::Values(BadEdit{"AtTheTop", R"("schema":1,)", R"("schema":1,"schema":1,)", "/schema"},
                      BadEdit{"InANode", R"("name":"b",)", R"("name":"b","name":"c",)", "/tree/2/name"},
                      BadEdit{"InLimits", R"("cpu.idle":0)", R"("cpu.idle":0,"cpu.idle":0)",
                              "/tree/2/limits/cpu.idle"},
                      BadEdit{"ByAnEscape", R"("cpu.idle":0)", R"("cpu.idle":0,"cpu\u002eidle":0)",
                              "/tree/2/limits/cpu.idle"}),
    kName);

std::string counterexample_text() {
  Counterexample example = rich_counterexample();
  example.scenario = *scenario_from_json(scenario_text());
  example.observation.reset();
  example.verdict->findings = {{"cpu.bandwidth", Controller::Cpu, 2, Status::Violated, 1.5, 3, 2, "ns", "s"}};
  return to_json(example);
}

TEST(JsonRefusal, TheUneditedCounterexampleIsAccepted) {
  const Result<Counterexample> example = counterexample_from_json(counterexample_text());
  EXPECT_TRUE(example) << to_string(example.error());
}

class CounterexampleFile : public ::testing::TestWithParam<BadEdit> {};

TEST_P(CounterexampleFile, IsRefusedWithTheJsonPath) {
  const BadEdit& edit = GetParam();
  expect_refused(counterexample_from_json(edited(counterexample_text(), edit.from, edit.to)), edit.path);
}

INSTANTIATE_TEST_SUITE_P(
    Fields, CounterexampleFile,
    ::testing::Values(
        BadEdit{"FutureSchema", R"({"schema":1,"scenario")", R"({"schema":2,"scenario")", "/schema"},
        BadEdit{"FutureScenario", R"("scenario":{"schema":1)", R"("scenario":{"schema":2)",
                "/scenario/schema"},
        BadEdit{"MissingScenario", R"("scenario":)", R"("scene":)", "/scenario"},
        BadEdit{"FaultInTheScenario", R"("threads":3)", R"("threads":0)",
                "/scenario/workers/0/workload/threads"},
        BadEdit{"FaultInTheOriginal", R"("original":{"schema":1,"tree":[{"name":"t")",
                R"("original":{"schema":1,"tree":[{"name":"/")", "/original/tree/0/name"},
        BadEdit{"UnknownKey", R"("shrink_runs":77)", R"("shrink_runs":77,"seed":1)", "/seed"},
        BadEdit{"NegativeSeed", R"("seed":18446744073709551615)", R"("seed":-1)", "/provenance/seed"},
        BadEdit{"SeedBeyondUint64", R"("seed":18446744073709551615)", R"("seed":18446744073709551616)",
                "/provenance/seed"},
        BadEdit{"SeedAsDouble", R"("seed":18446744073709551615)", R"("seed":1.0)", "/provenance/seed"},
        BadEdit{"PropertyAsNumber", R"("property":"cpu_bandwidth")", R"("property":1)",
                "/provenance/property"},
        BadEdit{"UnknownSignatureController", R"("controller":"cpu","mode":"v1")",
                R"("controller":"gpu","mode":"v1")", "/signature/controller"},
        BadEdit{"MissingMode", R"(,"mode":"v1")", "", "/signature/mode"},
        BadEdit{"UnknownStatus", R"("status":"violated")", R"("status":"failed")",
                "/verdict/findings/0/status"},
        BadEdit{"FindingOfNoNode", R"("node":2,"status")", R"("node":3,"status")",
                "/verdict/findings/0/node"},
        BadEdit{"FindingOfNegativeNode", R"("node":2,"status")", R"("node":-1,"status")",
                "/verdict/findings/0/node"},
        BadEdit{"BoundAsText", R"("bound":1.5)", R"("bound":"1.5")", "/verdict/findings/0/bound"},
        BadEdit{"RateAsNumber", R"("rate":{"violated":5,"runs":6})", R"("rate":0.8)", "/rate"},
        BadEdit{"NullObservation", R"("original_rate":)", R"("observation":null,"original_rate":)",
                "/observation"},
        BadEdit{"ProvenAsNumber", R"("minimum_proven":true)", R"("minimum_proven":1)", "/minimum_proven"}),
    kName);

class MachineFile : public ::testing::TestWithParam<BadEdit> {};

TEST_P(MachineFile, IsRefusedWithTheJsonPath) {
  const BadEdit& edit = GetParam();
  expect_refused(machine_facts_from_json(edited(to_json(rich_machine()), edit.from, edit.to)), edit.path);
}

INSTANTIATE_TEST_SUITE_P(
    Fields, MachineFile,
    ::testing::Values(BadEdit{"MissingRelease", R"("kernel_release":"6.18.5",)", "", "/kernel_release"},
                      BadEdit{"CpuAsText", R"("cpus":[0,1,5])", R"("cpus":[0,"1"])", "/cpus/1"},
                      BadEdit{"CpusAsText", R"("cpus":[0,1,5])", R"("cpus":"0-1")", "/cpus"},
                      BadEdit{"UnknownController", R"("controllers":{"cpu":"v1")",
                              R"("controllers":{"gpu":"v1")", "/controllers/gpu"},
                      BadEdit{"UnknownVersion", R"("cpu":"v1")", R"("cpu":"v3")", "/controllers/cpu"},
                      BadEdit{"VersionAsNumber", R"("cpu":"v1")", R"("cpu":1)", "/controllers/cpu"},
                      BadEdit{"UnknownKnob", R"("knobs":["cpu.max",)", R"("knobs":["cpu.most",)", "/knobs/0"},
                      BadEdit{"FlagsAsList", R"("mount_flags":{"memory":"rw,memory_recursiveprot"})",
                              R"("mount_flags":[])", "/mount_flags"},
                      BadEdit{"ConfigAsBool", R"("CFS_BANDWIDTH":"y")", R"("CFS_BANDWIDTH":true)",
                              "/config/CFS_BANDWIDTH"},
                      // Bounds divide by these.
                      BadEdit{"NoTicks", R"("hz":1000)", R"("hz":0)", "/hz"},
                      BadEdit{"NoPages", R"("page_size":16384)", R"("page_size":0)", "/page_size"}),
    kName);

class ObservationFile : public ::testing::TestWithParam<BadEdit> {};

TEST_P(ObservationFile, IsRefusedWithTheJsonPath) {
  const BadEdit& edit = GetParam();
  expect_refused(observation_from_json(edited(to_json(rich_observation()), edit.from, edit.to)), edit.path);
}

INSTANTIATE_TEST_SUITE_P(
    Fields, ObservationFile,
    ::testing::Values(
        BadEdit{"FaultInTheMachine", R"("mode":"hybrid")", R"("mode":2)", "/machine/mode"},
        BadEdit{"UnknownEnd", R"("end":"oom_killed")", R"("end":"tired")", "/workers/1/end"},
        BadEdit{"BadCpusSeen", R"("cpus_seen":"0-1,7")", R"("cpus_seen":"7,0")", "/workers/1/cpus_seen"},
        BadEdit{"UnknownKnobReadBack", R"("knob":"cgroup.freeze")", R"("knob":"x")",
                "/nodes/1/readbacks/1/knob"},
        BadEdit{"ProgressAsText", R"("progress":[1,2,3])", R"("progress":[1,2,"3"])",
                "/actions/0/progress/2"},
        BadEdit{"GapAsDouble", R"("max_gap_ns":40000000)", R"("max_gap_ns":4e7)", "/noise/0/max_gap_ns"},
        BadEdit{"LogAsText", R"("log_readable":true,"log":[)", R"("log_readable":true,"log":[1,)",
                "/health/log/0"},
        BadEdit{"MissingHealth", R"("health":)", R"("wealth":)", "/health"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(JsonRefusal, AnUnknownCounterIsNamed) {
  Observation observation;
  observation.machine = rich_machine();
  observation.nodes.resize(1);
  observation.nodes[0].series = {{1, {{Counter::PidsCurrent, 3}}}};
  const std::string text = to_json(observation);
  expect_refused(observation_from_json(edited(text, R"("pids_current":3)", R"("pids":3)")),
                 "/nodes/0/series/0/counters/pids");
  expect_refused(observation_from_json(edited(text, R"("pids_current":3)", R"("pids_current":3.5)")),
                 "/nodes/0/series/0/counters/pids_current");
}

TEST(JsonRefusal, AnObservationOfAnotherScenarioIsRefused) {
  Counterexample example = rich_counterexample();
  example.observation->nodes.pop_back();
  EXPECT_FALSE(counterexample_from_json(to_json(example)));
}

TEST(JsonRefusal, TextThatIsNotJsonIsRefusedAtTheRoot) {
  for (const std::string text : {"",
                                 " ",
                                 "{",
                                 "}",
                                 "null",
                                 "[]",
                                 "1",
                                 "\"scenario\"",
                                 "{\"schema\":1,}",
                                 "{'schema':1}",
                                 "nan",
                                 "NaN",
                                 "{\"schema\":NaN}",
                                 "{\"schema\":Infinity}",
                                 "{\"schema\":01}",
                                 "{\"schema\":1e999}",
                                 "// c\n{}",
                                 "\xef\xbb\xbf",
                                 "{\"\xff\":1}",
                                 "{\"schema\":\"\xc0\xaf\"}",
                                 "{\"schema\":\"\\ud800\"}",
                                 "{} {}"}) {
    const Result<Scenario> scenario = scenario_from_json(text);
    ASSERT_FALSE(scenario) << text;
    EXPECT_EQ(scenario.error().kind, ErrorKind::InvalidInput) << text;
    EXPECT_EQ(scenario.error().path, "/") << text;
    EXPECT_FALSE(scenario.error().advice.empty()) << text;
  }
}

TEST(JsonRefusal, AnEmptyDocumentMissesItsSchema) { expect_refused(scenario_from_json("{}"), "/schema"); }

TEST(JsonRefusal, AMillionOpenBracketsAreRefused) {
  for (const char* unit : {"[", "{\"a\":"}) {
    std::string text;
    for (int i = 0; i < 1'000'000; ++i) text += unit;
    const Result<Scenario> scenario = scenario_from_json(text);
    ASSERT_FALSE(scenario);
    EXPECT_EQ(scenario.error().kind, ErrorKind::InvalidInput);
    EXPECT_LT(to_string(scenario.error()).size(), 1'000u) << "one clear error, not the file";
  }
}

TEST(JsonRefusal, ATooLongFileIsRefusedBeforeItIsParsed) {
  const std::string text(kMaxJsonBytes + 1, ' ');
  expect_refused(scenario_from_json(text), "/");
}

std::string scenario_with_nodes(int nodes, bool chain) {
  std::string text = R"({"schema":1,"tree":[{"name":"t"})";
  for (int i = 1; i < nodes; ++i) {
    text += R"(,{"name":"n)" + std::to_string(i) + R"(","parent":)" + std::to_string(chain ? i - 1 : 0) + "}";
  }
  return text + "]}";
}

TEST(JsonRefusal, ATreeWithoutNodesIsRefused) {
  expect_refused(scenario_from_json(R"({"schema":1,"tree":[]})"), "/tree");
}
TEST(JsonRefusal, ATooDeepTreeIsRefusedAtItsFirstTooDeepNode) {
  EXPECT_TRUE(scenario_from_json(scenario_with_nodes(kMaxDepth + 1, true)));
  expect_refused(scenario_from_json(scenario_with_nodes(kMaxDepth + 3, true)), "/tree/33");
}
TEST(JsonRefusal, ATreeOfTooManyNodesIsRefused) {
  EXPECT_TRUE(scenario_from_json(scenario_with_nodes(kMaxNodes, false)));
  expect_refused(scenario_from_json(scenario_with_nodes(kMaxNodes + 1, false)), "/tree");
}

TEST(JsonRefusal, TooManyOfAnythingIsRefused) {
  Scenario scenario = plain_scenario();
  scenario.workers.assign(kMaxWorkers + 1, Worker{});
  expect_refused(scenario_from_json(to_json(scenario)), "/workers");
  scenario = plain_scenario();
  scenario.actions.assign(65, Action{});
  expect_refused(scenario_from_json(to_json(scenario)), "/actions");
  scenario = plain_scenario();
  scenario.probes.assign(257, Probe{kRoot, Knob::PidsMax, Amount{1}});
  expect_refused(scenario_from_json(to_json(scenario)), "/probes");
}

}  // namespace
}  // namespace treeline::model_test
