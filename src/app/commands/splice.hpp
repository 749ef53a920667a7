#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace omcp_r::commands {

/// One change of a text: the bytes from `begin` to `end` give way.
struct Splice {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string replacement = {};
};

/// The text after all changes, which must not overlap. Those at one place go in as they stand.
inline std::string spliced(std::string_view text, std::vector<Splice> changes) {
  std::stable_sort(changes.begin(), changes.end(),
                   [](const Splice& a, const Splice& b) { return a.begin < b.begin; });
  std::string result;
  std::size_t kept = 0;
  for (const Splice& change : changes) {
    result.append(text.substr(kept, change.begin - kept)).append(change.replacement);
    kept = change.end;
  }
  return result.append(text.substr(kept));
}

/// How the text ends its lines.
inline std::string line_end_of(std::string_view text) {
  const std::size_t first = text.find('\n');
  const bool crlf = first != std::string_view::npos && first > 0 && text[first - 1] == '\r';
  return crlf ? "\r\n" : "\n";
}

}  // namespace omcp_r::commands
