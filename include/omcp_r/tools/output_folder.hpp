#pragma once

#include <string>
#include <string_view>

#include "omcp_r/base/result.hpp"

namespace omcp_r::tools {

/// Writes `bytes` as a new file at `relative` below `folder`, which is made where it is missing.
/// Never outside of it, never through a link, never over a file that exists: then "-1", "-2"… is
/// put before the ending. Returns the path written.
Result<std::string> save_new_file(const std::string& folder, const std::string& relative,
                                  std::string_view bytes);

}  // namespace omcp_r::tools
