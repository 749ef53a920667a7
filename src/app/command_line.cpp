#include "command_line.hpp"

// CLI11 is slow to compile: this is the only file that includes it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "omcp_r/app/options.hpp"

namespace omcp_r::app {

namespace {

/// The arguments without the program's name. CLI11 takes "--flag=" for a flag whose value is the
/// next argument; as two arguments it understands the empty value.
std::vector<std::string> arguments_of(int argc, const char* const* argv) {
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const std::size_t equals = argument.find('=');
    const bool empty_value = argument.starts_with("--") && equals + 1 == argument.size();
    arguments.push_back(empty_value ? argument.substr(0, equals) : argument);
    if (empty_value) arguments.emplace_back();
  }
  return arguments;
}

}  // namespace

Result<CommandLine> parse_command_line(int argc, const char* const* argv) {
  CommandLine result;
  CLI::App parser;
  parser.set_help_flag();  // ours is made from the table of options
  parser.add_flag("-h,--help", result.help);
  parser.add_flag("-V,--version", result.version);
  parser.add_flag("--print-config", result.print_config);
  const auto takes_text = [&](const std::string& flag, std::string& text) {
    return parser.add_option(flag, text)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  };
  const CLI::Option* const env_file = takes_text("--env-file", result.env_file);
  std::map<std::string, CLI::Option*> flags;
  for (const Option& option : options()) {
    flags[option.variable] = takes_text(flag_of(option.variable), result.values[option.variable]);
  }
  try {
    std::vector<std::string> arguments = arguments_of(argc, argv);
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants a vector
    parser.parse(std::move(arguments));
  } catch (const CLI::ParseError& failure) {
    return Error{Errc::kInvalidArgument,
                 std::string(failure.what()) + " (--help lists the options)"};
  }
  // As where a host replaces a variable that is not set: the file meant is not the one that is
  // found.
  if (env_file->count() > 0 && result.env_file.empty()) {
    return Error{Errc::kInvalidArgument, "--env-file names no file"};
  }
  std::erase_if(result.values,
                [&](const auto& value) { return flags.at(value.first)->count() == 0; });
  return result;
}

}  // namespace omcp_r::app
