#include "commands/table.hpp"

#include <algorithm>

#include "commands/say.hpp"
#include "omcp_r/base/text.hpp"

namespace omcp_r::commands {

void print_table(const std::vector<std::vector<std::string>>& lines) {
  constexpr std::size_t kMost = 200;
  std::vector<std::size_t> widths;
  for (const auto& line : lines) {
    widths.resize(std::max(widths.size(), line.size()));
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  for (const auto& line : lines) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      text += printable(line[i], kMost) + std::string(widths[i] - line[i].size() + 2, ' ');
    }
    say(text.substr(0, text.find_last_not_of(' ') + 1));
  }
}

}  // namespace omcp_r::commands
