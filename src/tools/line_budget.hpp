#pragma once

#include <cstddef>
#include <string>

#include "omcp_r/mcp/tool.hpp"
#include "omcp_r/sandbox/execution.hpp"

namespace omcp_r::tools {

/// What a result may take of the 1,000,000 bytes that hosts accept as one line; the rest is the
/// envelope and our own notes.
inline constexpr std::size_t kLineBudget = 930'000;

/// Bytes of `text` once it is a JSON string.
std::size_t json_bytes(const std::string& text);

/// Takes from a report of the worker (which user code can forge) the parts that are too big to go
/// out, so that what is left has at most a fifth of the budget.
void bound_report(mcp::Json& report);

/// The plots that fit in the line together, in order, in base64.
std::size_t plots_that_fit(const sandbox::Execution& execution);

/// The transcript, shortened further where it would not fit twice beside `taken` bytes: once as
/// text and once in the structured result.
std::string output_that_fits(const sandbox::Execution& execution, std::size_t taken);

}  // namespace omcp_r::tools
