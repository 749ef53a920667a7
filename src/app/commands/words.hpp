#pragma once

#include <map>
#include <string>
#include <vector>

#include "omcp_r/base/result.hpp"

namespace omcp_r::commands {

/// An option of a command. Each command takes the settings of the server as well.
struct Flag {
  const char* name;          ///< with its dashes
  const char* value;         ///< what stands for its value in the help; "" where it takes none
  const char* help;          ///< a sentence
  const char* setting = "";  ///< the variable that it is a shorter name of; "" where it is none
};

/// How a command is used.
struct Usage {
  const char* name;
  const char* arguments;  ///< what follows the name, but for options; for the help
  const char* help;       ///< a sentence
  std::vector<Flag> flags;
};

/// What was typed behind the name of a command.
struct Words {
  std::map<std::string, std::vector<std::string>> flags;  ///< with the values that each was given
  std::vector<std::string> rest;                          ///< what is no option
  std::vector<std::string> settings;                      ///< as the server's own command line
  bool help = false;

  [[nodiscard]] bool has(const std::string& flag) const { return flags.contains(flag); }
  /// The value that counts; "" where there is none.
  [[nodiscard]] std::string last(const std::string& flag) const;
};

/// An error names the word that is wrong and the nearest right one.
Result<Words> read_words(const Usage& usage, const std::vector<std::string>& arguments);

/// For --help.
std::string usage_text(const Usage& usage);

}  // namespace omcp_r::commands
