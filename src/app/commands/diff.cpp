#include "commands/diff.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

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

void append(std::string& result, char mark, const Lines& lines, std::size_t begin,
            std::size_t end) {
  constexpr std::size_t kLongest = 1000;
  for (std::size_t i = begin; i < end; ++i) {
    std::string_view line = lines[i];
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    std::string shown(line.substr(0, kLongest));
    const auto control = [](unsigned char c) { return (c < ' ' && c != '\t') || c == 0x7f; };
    std::replace_if(shown.begin(), shown.end(), control, '?');
    result.append(1, mark).append(shown).append(line.size() > kLongest ? "...\n" : "\n");
  }
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
  append(result, ' ', old_lines, begin, same);
  append(result, '-', old_lines, same, old_end);
  append(result, '+', new_lines, same, new_end);
  append(result, ' ', old_lines, old_end, old_end + behind);
  return result;
}

}  // namespace omcp_r::commands
