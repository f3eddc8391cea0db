#include <fmt/format.h>

#include <csignal>
#include <iostream>
#include <map>

#include "cli/commands.h"
#include "model/error.h"

int main(int argc, char** argv) {
  using namespace treeline;
  CLI::App app(
      "Treeline grows random cgroup trees with limits, runs real work in them, and finds the smallest one "
      "whose "
      "limits the kernel does not keep.",
      "treeline");
  app.require_subcommand(1);
  // Beyond `ulimit -f` a write then fails like one on a full disk, and is told as such.
  std::signal(SIGXFSZ, SIG_IGN);
  std::map<std::string, cli::Action> actions{{"run", cli::add_run(app)},
                                             {"replay", cli::add_replay(app)},
                                             {"show", cli::add_show(app)},
                                             {"judge", cli::add_judge(app)},
                                             {"compare", cli::add_compare(app)},
                                             {"doctor", cli::add_doctor(app)},
                                             {"history", cli::add_history(app)},
                                             {"report", cli::add_report(app)},
                                             {"nightly", cli::add_nightly(app)},
                                             {"plan", cli::add_plan(app)},
                                             {"job", cli::add_job(app)},
                                             {"merge", cli::add_merge(app)},
                                             {"completion", cli::add_completion(app)},
                                             {"manual", cli::add_manual(app)}};
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_code::kHeld : exit_code::kInvalidInput;
  }
  return actions.at(app.get_subcommands().front()->get_name())();
}
