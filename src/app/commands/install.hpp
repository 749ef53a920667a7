#pragma once

#include <string>
#include <vector>

namespace omcp_r::commands {

/// Writes this program into the configuration of the applications that are to start it.
int install(const std::vector<std::string>& arguments);

}  // namespace omcp_r::commands
