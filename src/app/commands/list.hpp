#pragma once

#include <string>
#include <vector>

#include "commands/words.hpp"

namespace omcp_r::commands {

/// Lists the sandboxes of this scope, those of servers under way included.
const Usage& list_usage();
int list(const std::vector<std::string>& arguments);

}  // namespace omcp_r::commands
