#include "model/known_failures.h"

#include <gtest/gtest.h>

namespace treeline::model_test {
namespace {

constexpr const char* kEntry =
    R"({"schema":1,"failures":[{"signature":{"invariant":"pids.max","controller":"pids","mode":"v2"},)"
    R"("tree":[{"name":"a","limits":{"pids.max":4}}],"machine":"Lab/debian-6.1/v2",)"
    R"("kernels":{"from":"6.1","to":"6.1.120"},"reason":"fixed upstream in 6.2"}]})";

std::string with(const std::string& from, const std::string& to) {
  std::string text = kEntry;
  const size_t at = text.find(from);
  return at == std::string::npos ? "" : text.replace(at, from.size(), to);
}

TEST(KnownFailures, AreReadWithAllThatNarrowsThem) {
  const auto known = known_failures_from_json(kEntry);
  ASSERT_TRUE(known) << to_string(known.error());
  ASSERT_EQ(known->size(), 1u);
  const KnownFailure& entry = known->front();
  const Signature signature{"pids.max", Controller::Pids, "v2"};
  EXPECT_EQ(entry.signature, signature);
  EXPECT_EQ(entry.reason, "fixed upstream in 6.2");
  Scenario minimal;
  minimal.tree.nodes = {{"a", kNoParent, {{Knob::PidsMax, Amount{4}}}}};
  EXPECT_TRUE(entry.is(signature, minimal));
  minimal.tree[kRoot].limits[Knob::PidsMax] = Amount{5};
  EXPECT_FALSE(entry.is(signature, minimal));
  EXPECT_TRUE(entry.concerns("Lab/debian-6.1/v2", "6.1.0-28-amd64", "v2"));
  EXPECT_FALSE(entry.concerns("Lab/debian-6.12/v2", "6.1.0-28-amd64", "v2"));
  EXPECT_FALSE(entry.concerns("Lab/debian-6.1/v2", "6.1.0-28-amd64", "hybrid"));
  EXPECT_FALSE(entry.concerns("Lab/debian-6.1/v2", "6.1.121", "v2"));
}

TEST(KnownFailures, WithoutATreeTakeInEveryTree) {
  const auto known = known_failures_from_json(with(R"("tree":[{"name":"a","limits":{"pids.max":4}}],)", ""));
  ASSERT_TRUE(known) << to_string(known.error());
  EXPECT_TRUE(known->front().is({"pids.max", Controller::Pids, "v2"}, Scenario{}));
  EXPECT_FALSE(known->front().is({"pids.fork", Controller::Pids, "v2"}, Scenario{}));
}

TEST(KnownFailures, OfAChangeAreThoseOfAScenarioThatMakesIt) {
  const auto known = known_failures_from_json(
      with(R"("tree":[{"name":"a","limits":{"pids.max":4}}],)", R"("changes":"pids.max",)"));
  ASSERT_TRUE(known) << to_string(known.error());
  const Signature signature{"pids.max", Controller::Pids, "v2"};
  Scenario minimal;
  minimal.tree.nodes = {{"a", kNoParent, {}}};
  EXPECT_FALSE(known->front().is(signature, minimal));
  minimal.actions = {{1'000, Action::Kind::SetLimit, kRoot, Knob::PidsMax, Amount{4}}};
  EXPECT_TRUE(known->front().is(signature, minimal));
  NotPursued counted{{}, *known};
  EXPECT_TRUE(counted.holds(signature, minimal));
  minimal.actions[0].knob = Knob::MemoryMax;
  EXPECT_FALSE(known->front().is(signature, minimal));
  EXPECT_FALSE(counted.holds(signature, minimal)) << "another defect behind the same invariant";
  counted.signatures = {signature};
  EXPECT_TRUE(counted.holds(signature, minimal));
}

TEST(KnownFailures, OfASwitchAreThoseOfAScenarioThatMakesIt) {
  const auto known = known_failures_from_json(
      with(R"("tree":[{"name":"a","limits":{"pids.max":4}}],)", R"("switches":"cpuset",)"));
  ASSERT_TRUE(known) << to_string(known.error());
  const Signature signature{"pids.max", Controller::Pids, "v2"};
  Scenario minimal;
  minimal.tree.nodes = {{"a", kNoParent, {}}, {"b", kRoot, {}}};
  EXPECT_FALSE(known->front().is(signature, minimal));
  minimal.actions = {{1'000, Action::Kind::DisableController, kRoot}};
  EXPECT_FALSE(known->front().is(signature, minimal)) << "of another controller";
  minimal.actions[0].controller = Controller::Cpuset;
  EXPECT_TRUE(known->front().is(signature, minimal));
}

TEST(KnownFailures, OfATreeMayBeTheMinimumOfAnyScenario) {
  const auto known = known_failures_from_json(kEntry);
  ASSERT_TRUE(known) << to_string(known.error());
  Scenario drawn;
  drawn.tree.nodes = {{"a", kNoParent, {{Knob::PidsMax, Amount{4}}}}};
  EXPECT_FALSE(known->front().takes_in({"pids.max", Controller::Pids, "v2"}, drawn)) << "it is to be shrunk";
}

TEST(KnownFailures, RefusesWhatIsWrongAndNamesThePlace) {
  struct Bad {
    const char* from;
    const char* to;
    const char* path;
  };
  for (const Bad& bad :
       {Bad{"\"schema\":1", "\"schema\":2", "/schema"},
        {"\"reason\":", "\"raison\":", "/failures/0/reason"},
        {"fixed upstream in 6.2", "", "/failures/0/reason"},
        {"\"machine\":", "\"machines\":", "/failures/0/machines"},
        {"\"machine\":", "\"changes\":\"io.weight\",\"machine\":", "/failures/0/changes"},
        {"\"machine\":", "\"switches\":\"freezer\",\"machine\":", "/failures/0/switches"},
        {"\"from\":\"6.1\"", "\"from\":\"six\"", "/failures/0/kernels/from"},
        {"\"from\":\"6.1\"", "\"from\":\"6.2\"", "/failures/0/kernels/to"},
        {"\"pids.max\":4", "\"pids.max\":-4", "/failures/0/tree/0/limits/pids.max"},
        {"\"controller\":\"pids\"", "\"controller\":\"p\"", "/failures/0/signature/controller"}}) {
    const std::string text = with(bad.from, bad.to);
    ASSERT_FALSE(text.empty()) << bad.from;
    const auto refused = known_failures_from_json(text);
    ASSERT_FALSE(refused) << bad.to;
    EXPECT_EQ(refused.error().kind, ErrorKind::InvalidInput);
    EXPECT_EQ(refused.error().path, bad.path) << to_string(refused.error());
  }
  EXPECT_EQ(known_failures_from_file("/no/such/list.json").error().kind, ErrorKind::InvalidInput);
}

TEST(KernelRange, GoesAsFarAsItsEndsAreWritten) {
  const KernelRange range{"6.1.5", "6.12"};
  for (const char* inside : {"6.1.5", "6.1.50", "6.2-rc1", "6.12.117+deb12-cloud-amd64", "6.12"}) {
    EXPECT_TRUE(range.holds(inside)) << inside;
  }
  for (const char* outside : {"6.1.4", "6.1", "5.10.200", "6.13", "7.0.0", "none"}) {
    EXPECT_FALSE(range.holds(outside)) << outside;
  }
  EXPECT_TRUE((KernelRange{std::nullopt, "6.1"}.holds("4.19.3")));
  EXPECT_TRUE((KernelRange{"6.1", std::nullopt}.holds("9.0")));
}

}  // namespace
}  // namespace treeline::model_test
