#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iostream>

#include "cli/commands.h"
#include "model/error.h"

/// Texts that follow from the options of the commands, so that they cannot lag behind them: the completion
/// for bash, and the manual page.
namespace treeline::cli {

namespace {

using Words = std::vector<std::string>;

Words names_of(const CLI::Option& option) {
  Words names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

/// The values that the option takes, if it takes no others: its type reads "TEXT:{one,two}".
Words choices_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const size_t first = type.find('{');
  const size_t last = type.find('}');
  if (first == std::string::npos || last == std::string::npos) return {};
  return CLI::detail::split(type.substr(first + 1, last - first - 1), ',');
}

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  const auto all = [](const CLI::App*) { return true; };
  return app.get_subcommands(all);
}

std::vector<const CLI::Option*> options_of(const CLI::App& command) {
  return command.get_options([](const CLI::Option* option) { return option->nonpositional(); });
}

std::string completion_of(const CLI::App& command) {
  Words all;
  std::string text = fmt::format("  {})\n    case $before in\n", command.get_name());
  for (const CLI::Option* option : options_of(command)) {
    const Words names = names_of(*option);
    all.insert(all.end(), names.begin(), names.end());
    if (const Words choices = choices_of(*option); !choices.empty()) {
      text += fmt::format("    {}) COMPREPLY=($(compgen -W \"{}\" -- \"$word\")); return ;;\n",
                          fmt::join(names, "|"), fmt::join(choices, " "));
    }
  }
  return text + fmt::format("    esac\n    options=\"{}\" ;;\n", fmt::join(all, " "));
}

std::string bash_completion(const CLI::App& app) {
  Words names;
  std::string cases;
  for (const CLI::App* command : commands_of(app)) {
    names.push_back(command->get_name());
    cases += completion_of(*command);
  }
  return fmt::format(R"(# bash completion for treeline; made by `treeline completion`
_treeline() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} options=
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{} --help" -- "$word"))
    return
  fi
  case ${{COMP_WORDS[1]}} in
{}  esac
  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$word"))
  else
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}}
complete -o filenames -F _treeline treeline
)",
                     fmt::join(names, " "), cases);
}

/// Text as roff shows it: a dash that is no hyphen, and no line that begins with a request.
std::string roff(std::string_view text) {
  std::string shown;
  for (const char c : text) {
    if (c == '\\') {
      shown += "\\e";
    } else if (c == '-') {
      shown += "\\-";
    } else {
      const bool begins_a_line = shown.empty() || shown.back() == '\n';
      if (begins_a_line && (c == '.' || c == '\'')) shown += "\\&";
      shown += c;
    }
  }
  return shown;
}

std::string manual_of(const CLI::App& command) {
  std::string text = fmt::format(".SS treeline {}", command.get_name());
  for (const CLI::Option* option :
       command.get_options([](const CLI::Option* known) { return known->get_positional(); })) {
    text += " " + roff(option->get_name(true));
  }
  text += "\n" + roff(command.get_description()) + ".\n";
  for (const CLI::Option* option : command.get_options()) {
    const bool is_positional = option->get_positional();
    const Words names = is_positional ? Words{option->get_name(true)} : names_of(*option);
    text += fmt::format(".TP\n.B {}\n{}\n", roff(fmt::format("{}", fmt::join(names, ", "))),
                        roff(option->get_description()));
    if (const Words choices = choices_of(*option); !choices.empty()) {
      text += roff(fmt::format("One of: {}.\n", fmt::join(choices, ", ")));
    }
  }
  return text;
}

std::string manual(const CLI::App& app) {
  std::string commands;
  for (const CLI::App* command : commands_of(app)) commands += manual_of(*command);
  return fmt::format(R"(.\" made by `treeline manual`
.TH TREELINE 1 "" treeline "Tests of Linux cgroups"
.SH NAME
treeline \- find the smallest cgroup tree whose limits a kernel does not keep
.SH SYNOPSIS
.B treeline
.I COMMAND
.RI [ OPTION ...]
.SH DESCRIPTION
{}
It needs root for the kernel that it runs on, and no privilege for one in the lab.
.SH COMMANDS
{}.SH EXIT STATUS
.TP
.B {}
it ran, and nothing was violated (replay: not reproduced)
.TP
.B {}
an invariant was violated (replay: reproduced; compare: something differs)
.TP
.B {}
bad option, file or value; nothing was run
.TP
.B {}
it ran, but could not have shown a violation
.TP
.B {}
nothing can be tested here: no privilege, no controller
.TP
.B {}
the harness failed
.SH ENVIRONMENT
.TP
.B TREELINE_CACHE
folder for kernels and snapshots, as \-\-cache says
.SH FILES
.TP
.I treeline\-results
what run and nightly found, in the current folder
.TP
.I ~/.cache/treeline
kernels and snapshots
.SH EXAMPLES
.TP
.B treeline run \-\-time 60s
Test the kernel underneath for a minute.
.TP
.B treeline run \-\-machine Lab/debian\-6.12/v2 \-\-property memory
Test another kernel's memory limits in the lab.
.TP
.B treeline replay FILE \-\-runs 10
Run a counterexample again.
)",
                     roff(app.get_description()), commands, exit_code::kHeld, exit_code::kViolated,
                     exit_code::kInvalidInput, exit_code::kInconclusive, exit_code::kUnavailable,
                     exit_code::kInfrastructure);
}

Action add_text(CLI::App& app, const char* name, const char* description,
                std::string (*text)(const CLI::App&)) {
  app.add_subcommand(name, description);
  return [&app, text] {
    std::cout << text(app) << std::flush;
    return std::cout ? exit_code::kHeld : exit_code::kInfrastructure;
  };
}

}  // namespace

Action add_completion(CLI::App& app) {
  return add_text(app, "completion", "Write the completion for bash: source <(treeline completion)",
                  bash_completion);
}

Action add_manual(CLI::App& app) {
  return add_text(app, "manual", "Write the manual page: treeline manual | man -l -", manual);
}

}  // namespace treeline::cli
