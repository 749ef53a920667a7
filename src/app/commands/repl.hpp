#pragma once

#include <string>
#include <vector>

#include "commands/words.hpp"

namespace omcp_r::commands {

/// An R console in a sandbox: a new one, or one that is there.
const Usage& repl_usage();
int repl(const std::vector<std::string>& arguments);

}  // namespace omcp_r::commands
