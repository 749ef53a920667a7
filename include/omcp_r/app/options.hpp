#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "omcp_r/app/config.hpp"

namespace omcp_r::app {

/// How the text of an option is read; see read_value().
enum class Kind {
  kWhole,
  kSeconds,
  kSize,
  kDecimal,
  kChoice,
  kName,
  kScope,  ///< a name; by default user and machine
  kImage,
  kImages,
  kPackages,
  kUser,
  kPath,
  kStateFolder,  ///< a path; by default below the home folder
  kReadFolder,
  kWriteFolder,
  kProgram,
  kAddress,
  kSystemCalls,
  kDatabaseName,  ///< of a role or a database
  kSecret,        ///< shown nowhere
  kContext,       ///< of a kubeconfig
  kLabel,         ///< the name of an object of a cluster
  kLabels,
  kPairs,        ///< labels of a cluster with their values
  kTolerations,  ///< of a cluster's pods
};

/// What a .env file may do that merely lies in the working directory or its parents: it may have
/// come with somebody's project. Flags, the environment and the user's own file may do all.
enum class Found { kSets, kLowers, kNothing };

/// A value as it was read.
struct Value {
  std::string text;
  std::int64_t whole = 0;  ///< a number, bytes, or which of the choices
  double number = 0;       ///< the same, of decimals, too
  std::vector<std::string> list = {};
};

/// One thing that can be configured: by its variable in the environment or in .env, or by the flag
/// made from the variable's name.
struct Option {
  const char* group;
  const char* variable;
  const char* fallback;  ///< the default as text; "" is none, or what the kind says
  Kind kind;
  const char* allowed;  ///< "LOW to HIGH", the choices, or in words what can be given
  Found found;
  const char* help;
  void (*store)(Config&, const Value&);
  const char* bounded_by = "";  ///< the variable whose value this one may not exceed
};

/// The one table of everything that can be configured, in the order of the help.
const std::vector<Option>& options();

/// The entry of a variable; nullptr where the table has none.
const Option* find_option(std::string_view variable);

/// "--sandbox-timeout" for "SANDBOX_TIMEOUT".
std::string flag_of(std::string_view variable);

/// What stands for a value in the help, such as SECONDS.
const char* placeholder(Kind kind);

/// The default of an option on this machine.
std::string default_of(const Option& option, const Surroundings& surroundings);

/// Reads a value; the message of an error completes "it must be".
Result<Value> read_value(const Option& option, std::string_view text,
                         const Surroundings& surroundings);

/// `text` in lines of a help, each indented by `indent`.
std::string wrapped(std::string_view text, std::size_t indent);

/// What a person sees who types the program's name.
std::string greeting_text();

/// The answers to --help, with lines on the commands, and --version.
std::string help_text(std::string_view commands = "");
std::string version_text();

/// The answer to --print-config: every value with its source, in the form of a .env file.
std::string effective_text(const Config& config);

}  // namespace omcp_r::app
