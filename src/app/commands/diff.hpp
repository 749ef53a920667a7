#pragma once

#include <string>
#include <string_view>

namespace omcp_r::commands {

/// The one place where two texts differ, as `diff -u` shows it, with a few lines around it.
/// Control characters that a terminal would obey are '?'.
std::string difference(std::string_view before, std::string_view after);

}  // namespace omcp_r::commands
