#include "command_line.hpp"

// CLI11 is slow to compile: this is the only file that includes it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstddef>
#include <vector>

#include "omcp_r/app/options.hpp"
#include "omcp_r/app/values.hpp"

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

/// "; did you mean --env-file?" for the first flag that is none of `known`; "" where none is near.
std::string advice(const std::vector<std::string>& arguments,
                   const std::vector<std::string>& known) {
  for (const std::string& argument : arguments) {
    const std::string name = argument.substr(0, argument.find('='));
    if (!name.starts_with('-') || std::find(known.begin(), known.end(), name) != known.end()) {
      continue;
    }
    const auto meant = nearest(name, known);
    return meant ? "; did you mean " + *meant + "?" : "";
  }
  return "";
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
  std::vector<std::string> known{"--help", "--version", "--print-config", "--env-file"};
  for (const Option& option : options()) {
    known.push_back(flag_of(option.variable));
    flags[option.variable] = takes_text(known.back(), result.values[option.variable]);
  }
  const std::vector<std::string> arguments = arguments_of(argc, argv);
  try {
    parser.parse(std::vector(arguments.rbegin(), arguments.rend()));  // as CLI11 wants a vector
  } catch (const CLI::ParseError& failure) {
    return Error{Errc::kInvalidArgument,
                 failure.what() + advice(arguments, known) + " (--help lists the options)"};
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
