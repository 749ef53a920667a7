#pragma once

#include <string>
#include <vector>

#include "commands/words.hpp"

namespace omcp_r::commands {

/// Removes sandboxes by their ids, or by how these begin.
const Usage& remove_usage();
int remove(const std::vector<std::string>& arguments);

}  // namespace omcp_r::commands
