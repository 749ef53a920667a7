#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "commands/entry.hpp"
#include "omcp_r/base/result.hpp"

namespace omcp_r::commands {

/// What a program wrote to stdout. An error where it does not end with 0, or not in time; then it
/// says what was on stderr.
Result<std::string> output_of(const std::vector<std::string>& command,
                              std::chrono::milliseconds time_limit);

/// Starts a server as a host would, and says "NAME VERSION" of what answers `initialize` in time;
/// an error where that is all it can do, for a setting that is wrong. Then its input ends, and so
/// does it: by itself or killed.
Result<std::string> greet(const Entry& entry, std::chrono::milliseconds time_limit);

}  // namespace omcp_r::commands
