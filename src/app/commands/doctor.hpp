#pragma once

#include <string>
#include <vector>

#include "commands/words.hpp"

namespace omcp_r::commands {

/// Looks at all that sandboxes depend on, and says what is well and what is not.
const Usage& doctor_usage();
int doctor(const std::vector<std::string>& arguments);

}  // namespace omcp_r::commands
