#include "command_line.hpp"

// CLI11 is slow to compile: this is the only file that includes it.
#include <CLI/CLI.hpp>

#include "omcp_r/app/options.hpp"

namespace omcp_r::app {

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
  takes_text("--env-file", result.env_file);
  std::map<std::string, CLI::Option*> flags;
  for (const Option& option : options()) {
    flags[option.variable] = takes_text(flag_of(option.variable), result.values[option.variable]);
  }
  try {
    parser.parse(argc, argv);
  } catch (const CLI::ParseError& failure) {
    return Error{Errc::kInvalidArgument,
                 std::string(failure.what()) + " (--help lists the options)"};
  }
  std::erase_if(result.values,
                [&](const auto& value) { return flags.at(value.first)->count() == 0; });
  return result;
}

}  // namespace omcp_r::app
