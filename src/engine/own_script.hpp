#pragma once

#include <string>

#include "omcp_r/base/result.hpp"

namespace omcp_r::engine {

/// Writes a shell script that other programs start, and makes the folder where it is missing. The
/// path; kEngineUnavailable where it cannot be written.
Result<std::string> own_script(const std::string& folder, const std::string& name,
                               const std::string& text);

}  // namespace omcp_r::engine
