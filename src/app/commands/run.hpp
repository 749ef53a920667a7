#pragma once

#include <string>
#include <vector>

#include "commands/words.hpp"

namespace omcp_r::commands {

/// Runs R code in a new sandbox, which it removes again.
const Usage& run_usage();
int run(const std::vector<std::string>& arguments);

}  // namespace omcp_r::commands
