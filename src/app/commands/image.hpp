#pragma once

#include <string>
#include <vector>

#include "commands/words.hpp"

namespace omcp_r::commands {

const Usage& image_usage();

/// Makes an image with packages, lists those that are there, and tells what one can do. The exit
/// code.
int image(const std::vector<std::string>& arguments);

}  // namespace omcp_r::commands
