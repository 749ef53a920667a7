#pragma once

#include <string>
#include <vector>

#include "commands/words.hpp"

namespace omcp_r::commands {

/// Prints what the audit log tells.
const Usage& logs_usage();
int logs(const std::vector<std::string>& arguments);

}  // namespace omcp_r::commands
