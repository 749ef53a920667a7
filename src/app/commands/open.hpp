#pragma once

#include <string>
#include <vector>

#include "commands/words.hpp"

namespace omcp_r::commands {

/// Says where results are, and shows that folder on a desktop.
const Usage& open_usage();
int open_folder(const std::vector<std::string>& arguments);

}  // namespace omcp_r::commands
