#include "commands/diff.hpp"

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "omcp_r/base/text.hpp"

namespace omcp_r::commands {
namespace {

using Lines = std::vector<std::string_view>;

constexpr std::size_t kAround = 2;

Lines lines_of(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return lines;
}

/// `line` for a terminal, which must not obey it.
std::string harmless(std::string_view line) {
  std::string shown;
  for (bool more = true; more;) {
    const std::size_t tab = line.find('\t');
    shown += printable(line.substr(0, tab), line.size());
    more = tab != std::string_view::npos;
    if (more) shown += '\t';
    line.remove_prefix(more ? tab + 1 : line.size());
  }
  return shown;
}

/// How many bytes of the first and of the last line of a change are what they were.
struct Same {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// Of a long line what lies far from the change is left out: it may be a whole file, with the
/// secrets of others in it.
std::string shortened(std::string_view line, const Same& same) {
  constexpr std::size_t kShort = 200;
  constexpr std::size_t kNear = 30;
  constexpr std::size_t kLongest = 1000;
  const bool whole = line.size() <= kShort;
  const auto beyond = [&](std::size_t count) {
    return whole ? 0 : std::min(count, line.size()) - std::min(count, kNear);
  };
  const std::size_t begin = beyond(same.begin);
  const std::size_t end =
      std::clamp(line.size() - beyond(same.end), begin, std::min(line.size(), begin + kLongest));
  return (begin > 0 ? "..." : "") + harmless(line.substr(begin, end - begin)) +
         (end < line.size() ? "..." : "");
}

std::string_view without_end(std::string_view line) {
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

using Row = std::span<const std::string_view>;

Row row_of(const Lines& lines, std::size_t begin, std::size_t end) {
  return Row(lines).subspan(begin, end - begin);
}

void append(std::string& result, char mark, Row lines, const Same& same = {}) {
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const Same here{i == 0 ? same.begin : 0, i + 1 == lines.size() ? same.end : 0};
    result.append(1, mark).append(shortened(without_end(lines[i]), here)).append("\n");
  }
}

/// The text of lines that stand in one string.
std::string_view joined(Row lines) {
  if (lines.empty()) return {};
  const char* const begin = lines.front().data();
  return {begin, static_cast<std::size_t>(lines.back().data() + lines.back().size() - begin)};
}

Same same_bytes(std::string_view a, std::string_view b) {
  a = without_end(a);
  b = without_end(b);
  const auto front = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first;
  const auto back = std::mismatch(a.rbegin(), a.rend(), b.rbegin(), b.rend()).first;
  const auto begin = static_cast<std::size_t>(front - a.begin());
  const auto end = static_cast<std::size_t>(back - a.rbegin());
  return {begin, std::min(end, std::min(a.size(), b.size()) - begin)};
}

std::string range(std::size_t begin, std::size_t end) {
  return std::to_string(begin == end ? begin : begin + 1) + "," + std::to_string(end - begin);
}

}  // namespace

std::string difference(std::string_view before, std::string_view after) {
  const Lines old_lines = lines_of(before);
  const Lines new_lines = lines_of(after);
  const std::size_t shorter = std::min(old_lines.size(), new_lines.size());
  std::size_t same = 0;
  while (same < shorter && old_lines[same] == new_lines[same]) ++same;
  std::size_t rest = 0;
  while (rest < shorter - same &&
         old_lines[old_lines.size() - 1 - rest] == new_lines[new_lines.size() - 1 - rest]) {
    ++rest;
  }
  const std::size_t begin = same - std::min(same, kAround);
  const std::size_t old_end = old_lines.size() - rest;
  const std::size_t new_end = new_lines.size() - rest;
  const std::size_t behind = std::min(rest, kAround);
  std::string result =
      "@@ -" + range(begin, old_end + behind) + " +" + range(begin, new_end + behind) + " @@\n";
  const Row taken = row_of(old_lines, same, old_end);
  const Row put = row_of(new_lines, same, new_end);
  const Same bytes = same_bytes(joined(taken), joined(put));
  append(result, ' ', row_of(old_lines, begin, same));
  append(result, '-', taken, bytes);
  append(result, '+', put, bytes);
  append(result, ' ', row_of(old_lines, old_end, old_end + behind));
  return result;
}

}  // namespace omcp_r::commands
