#pragma once

#include <map>
#include <string>

#include "omcp_r/base/result.hpp"

namespace omcp_r::app {

/// What the arguments say.
struct CommandLine {
  std::map<std::string, std::string> values;  ///< by variable, such as "SANDBOX_TIMEOUT"
  std::string env_file;
  bool help = false;
  bool version = false;
  bool print_config = false;
};

/// Reads the flags of all options, and --env-file, --print-config, --help, --version.
Result<CommandLine> parse_command_line(int argc, const char* const* argv);

}  // namespace omcp_r::app
