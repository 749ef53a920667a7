#pragma once

#include <string>
#include <vector>

namespace omcp_r::commands {

/// Prints lines whose cells stand below each other, the first line being their names. Each cell is
/// made safe for a terminal.
void print_table(const std::vector<std::vector<std::string>>& lines);

}  // namespace omcp_r::commands
