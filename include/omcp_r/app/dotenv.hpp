#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace omcp_r::app {

/// One assignment of a .env file.
struct DotenvEntry {
  std::string name;
  std::string value;
  int line = 0;  ///< from 1
};

/// A line that could not be read. Its text is kept out of the message: it may be a secret.
struct DotenvProblem {
  std::string name;  ///< of the variable, where that much could be read
  std::string text;
  int line = 0;
};

struct Dotenv {
  std::vector<DotenvEntry> entries;  ///< in the order of the file; of equal names the last counts
  std::vector<DotenvProblem> problems;
};

/// Longest line that is read; a longer one is a problem.
inline constexpr std::size_t kDotenvLineBytes = 8192;

/// Reads the text of a .env file. Any bytes will do.
///
///   # a comment                  NAME=value # a comment needs a blank before it
///   export NAME=value            NAME='taken as it is, "$" and \ too'
///   NAME="with \n \r \t \" \\ \$, and over several lines"
///
/// Nothing is ever expanded: "${HOME}" stays what it is.
Dotenv parse_dotenv(std::string_view text);

}  // namespace omcp_r::app
