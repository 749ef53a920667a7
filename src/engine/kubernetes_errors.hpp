#pragma once

#include <string>
#include <string_view>

#include "omcp_r/base/result.hpp"

namespace omcp_r::engine {

/// What went wrong, from what kubectl wrote to stderr. `action` names the call ("kubectl create").
/// The message says what happened, what to do, and kubectl's own line.
Error classify_kubectl_error(std::string_view action, std::string_view stderr_text);

}  // namespace omcp_r::engine
