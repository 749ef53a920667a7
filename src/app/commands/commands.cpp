#include "commands/commands.hpp"

#include <algorithm>

#include "commands/doctor.hpp"
#include "commands/image.hpp"
#include "commands/install.hpp"
#include "commands/list.hpp"
#include "commands/logs.hpp"
#include "commands/open.hpp"
#include "commands/remove.hpp"
#include "commands/repl.hpp"
#include "commands/run.hpp"
#include "omcp_r/app/values.hpp"

namespace omcp_r::commands {

const std::vector<Command>& commands() {
  static const std::vector<Command> kTable{
      {"install", "Have Claude, VS Code and others start this server; see install --help.",
       install},
      {"doctor", "Look at all that sandboxes depend on, and say what is not well.", doctor,
       doctor_usage},
      {"run", "Run R code in a sandbox: a file, or -e CODE.", run, run_usage},
      {"repl", "An R console in a sandbox.", repl, repl_usage},
      {"list", "List the sandboxes.", list, list_usage},
      {"remove", "Remove sandboxes.", remove, remove_usage},
      {"image", "Make an image with R packages, or see what one can do.", image, image_usage},
      {"logs", "Print what the audit log tells.", logs, logs_usage},
      {"open", "Say where results are, and show them.", open_folder, open_usage},
  };
  return kTable;
}

std::string help_lines() {
  std::string text;
  for (const Command& command : commands()) {
    const std::string name = command.name;
    text += "  omcp-r-sandbox " + name + std::string(11 - name.size(), ' ') + command.help + "\n";
  }
  return text;
}

Result<std::optional<int>> run_named(int argc, const char* const* argv) {
  const std::string word = argc > 1 ? argv[1] : "";
  if (word.empty() || word.front() == '-') return std::optional<int>{};
  const auto found = std::find_if(commands().begin(), commands().end(),
                                  [&word](const Command& one) { return word == one.name; });
  if (found != commands().end()) return std::optional{found->run({argv + 2, argv + argc})};
  std::vector<std::string> names;
  for (const Command& command : commands()) names.emplace_back(command.name);
  const auto meant = word == "uninstall" ? std::optional<std::string>("install --uninstall")
                                         : app::nearest(word, names);
  const std::string hint = meant ? "; did you mean " + *meant + "?" : " (--help lists them)";
  return Error{Errc::kInvalidArgument, "there is no command " + app::shown(word) + hint};
}

}  // namespace omcp_r::commands
