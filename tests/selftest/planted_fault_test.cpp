#include "model/planted_fault.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "fixtures/test_machine.h"
#include "search/search.h"
#include "tests/cli/command.h"

/// The suite can fail: the search finds each planted fault within 200 scenarios and 120 s, by the invariant
/// that must catch it, and shrinks it to the stated minimum. TREELINE_SEED chooses another seed.
namespace treeline::testing {
namespace {

uint64_t seed() {
  const char* text = std::getenv("TREELINE_SEED");
  return text ? std::strtoull(text, nullptr, 10) : 1;
}

/// nodes, actions, workers, limits: what the table makes a claim of.
Size shape_of(const Scenario& scenario) {
  Size size = size_of(scenario);
  size.detail = 0;
  return size;
}

std::string text_of(const Size& size) {
  return std::to_string(size.nodes) + " nodes, " + std::to_string(size.actions) + " actions, " +
         std::to_string(size.workers) + " workers, " + std::to_string(size.limits) + " limits";
}

class PlantedFaults : public ::testing::TestWithParam<PlantedFaultInfo> {
 protected:
  PlantedFaults() : results_(::testing::TempDir() + "treeline-selftest-" + std::to_string(::getpid())) {}
  ~PlantedFaults() override {
    std::error_code error;
    std::filesystem::remove_all(results_, error);
  }

  /// nullptr if the test is to be skipped; `why` then says why.
  std::unique_ptr<HostMachine> open(std::string& why) const {
    TestMachine host = open_test_machine(GetParam().fault);
    why = host.unavailable;
    if (!host.machine) return nullptr;
    if (const auto untestable = why_untestable(property(), host.machine->facts())) {
      why = *untestable;
      return nullptr;
    }
    return std::move(host.machine);
  }

  const Property& property() const { return *find_property(GetParam().property); }

  SearchOptions options() const {
    SearchOptions options;
    options.properties = {&property()};
    options.seed = seed();
    options.count = 200;
    options.time_budget = std::chrono::seconds(120);
    options.results_dir = results_;
    options.only_invariant = GetParam().invariant;
    options.shrink_runs = 1'000;
    options.shrink_time = std::chrono::seconds(180);
    return options;
  }

 private:
  std::string results_;
};

TEST_P(PlantedFaults, IsFoundShrunkToItsMinimumAndReplayed) {
  std::string why;
  const std::unique_ptr<HostMachine> machine = open(why);
  if (!machine) GTEST_SKIP() << why;
  SearchOptions search_options = options();
  search_options.fault = GetParam().name;
  const auto result = search(*machine, constraints_for(machine->facts()), search_options);
  ASSERT_TRUE(result) << to_string(result.error());
  ASSERT_FALSE(result->failures.empty()) << "not found in " << result->scenarios << " scenarios";
  const Counterexample& failure = result->failures[0];
  const std::string text = report(failure, result->files[0]);
  ASSERT_FALSE(failure.flaky) << text;
  EXPECT_EQ(failure.signature->invariant, GetParam().invariant);
  EXPECT_EQ(text_of(shape_of(failure.scenario)), text_of(GetParam().minimum)) << text;

  const std::string fault = " --runs 5 --fault " + std::string(GetParam().name);
  const Ended replayed = treeline_command("replay " + result->files[0] + fault);
  EXPECT_EQ(replayed.code(), exit_code::kViolated) << replayed.said;
}

std::string name_of(const ::testing::TestParamInfo<PlantedFaultInfo>& info) {
  std::string name(info.param.name);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Host, PlantedFaults,
                         ::testing::ValuesIn(planted_fault_table().begin(), planted_fault_table().end()),
                         name_of);

}  // namespace

/// For messages of gtest, which else prints bytes.
void PrintTo(const PlantedFaultInfo& info, std::ostream* out) { *out << info.name; }

}  // namespace treeline::testing
