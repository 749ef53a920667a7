#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "omcp_r/app/config.hpp"

namespace omcp_r::app {

/// What text an option takes: how it is written in the help, what is allowed, and how it is put
/// into a Config. Where that fails, `assign` returns what the text "must be". It is never empty.
struct Kind {
  using Assign = std::function<std::optional<std::string>(std::string_view text,
                                                          const Surroundings&, Config&)>;
  std::string placeholder;
  std::string allowed;
  Assign assign;
};

/// One thing that can be configured: by its variable in the environment or in .env, or by the flag
/// made from the variable's name.
struct Option {
  std::string group;
  std::string variable;
  std::string fallback;  ///< the default as text; "" is none, or what `computed` says
  Kind kind;
  std::string help;
  /// The default where it depends on the surroundings.
  std::string (*computed)(const Surroundings&) = nullptr;
  /// Not taken from a .env that merely lies about in the working directory.
  bool trusted_only = false;
};

/// The one table of everything that can be configured, in the order of the help.
const std::vector<Option>& options();

/// "--sandbox-timeout" for "SANDBOX_TIMEOUT".
std::string flag_of(std::string_view variable);

/// The answers to --help and --version.
std::string help_text();
std::string version_text();

/// The answer to --print-config: every value with its source, in the form of a .env file.
std::string effective_text(const Config& config);

}  // namespace omcp_r::app
