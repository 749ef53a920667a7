#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace omcp_r::rpc {

/// Where the JSON string that begins with the quote at `i` ends: at its other quote, or past the
/// end of the text where it has none. Strings may be megabytes: both marks are looked for at once
/// over many bytes, and each byte for each of them once.
inline std::size_t end_of_string(std::string_view text, std::size_t i) {
  std::size_t quote = text.find('"', ++i);
  for (;;) {
    const std::size_t end = std::min(quote, text.size());
    const std::size_t escape = text.substr(0, end).find('\\', i);
    if (escape == std::string_view::npos) {
      return end;
    }
    i = escape + 2;
    if (i > quote) {
      quote = text.find('"', i);
    }
    if (i >= text.size()) {
      return i;
    }
  }
}

}  // namespace omcp_r::rpc
