#pragma once

#include <optional>
#include <string>
#include <vector>

#include "commands/words.hpp"
#include "omcp_r/base/result.hpp"

namespace omcp_r::commands {

/// The exit code for what was asked wrongly.
inline constexpr int kUsage = 2;

/// Something that the program can do besides serving: omcp-r-sandbox NAME...
struct Command {
  const char* name;
  const char* help;  ///< one line
  /// Gets what follows the name. Returns the exit code.
  int (*run)(const std::vector<std::string>& arguments);
  const Usage& (*usage)() = nullptr;  ///< null for one that has no settings of the server
};

/// The one table of commands.
const std::vector<Command>& commands();

/// The table for people.
std::string help_lines();

/// Runs the command that the first argument names, and gives its exit code; an error for a word
/// that is none. nullopt where there is no word, but options or nothing.
Result<std::optional<int>> run_named(int argc, const char* const* argv);

}  // namespace omcp_r::commands
