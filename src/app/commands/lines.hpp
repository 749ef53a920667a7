#pragma once

#include <algorithm>
#include <string_view>

namespace omcp_r::commands {

/// Takes the first line off a text, and gives it without its end.
inline std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

}  // namespace omcp_r::commands
