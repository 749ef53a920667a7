#pragma once

#include <vector>

#include "omcp_r/mcp/tool.hpp"
#include "omcp_r/sandbox/report.hpp"

// The parts of a report as a result has them. Each is bounded, however much the report holds; all
// of them together have less than 300,000 bytes.
namespace omcp_r::tools {

/// Adds message, call, class, traceback, line and column to `error`.
void add_condition(mcp::Json& error, const sandbox::Condition& condition);

/// [{message, call}], the first of them that fit.
mcp::Json warnings_json(const std::vector<sandbox::Condition>& warnings);

/// {class, dim, length, summary, table}; the table with the rows that fit.
mcp::Json value_json(const sandbox::Value& value);

/// [{pid, command}], the first of them that fit.
mcp::Json left_running_json(const std::vector<sandbox::LeftProcess>& processes);

}  // namespace omcp_r::tools
