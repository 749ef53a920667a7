#pragma once

#include <cstddef>
#include <string_view>

namespace omcp_r::rpc {

/// Where the JSON string that begins with the quote at `i` ends: at its other quote, or past the
/// end of the text where it has none.
inline std::size_t end_of_string(std::string_view text, std::size_t i) {
  while (++i < text.size() && text[i] != '"') {
    i += text[i] == '\\' ? 1 : 0;
  }
  return i;
}

}  // namespace omcp_r::rpc
