#pragma once

#include <string>
#include <vector>

#include "omcp_r/base/result.hpp"
#include "omcp_r/mcp/tool.hpp"
#include "omcp_r/sandbox/execution.hpp"
#include "omcp_r/sandbox/manager.hpp"

namespace omcp_r::tools {

/// A failed call: isError, success false, error {code, message, retryable}.
mcp::ToolResult failure(const Error& error);

/// A result whose text is the JSON of its structured content.
mcp::ToolResult plain_result(mcp::Json structured);

/// One sandbox as create_sandbox and list_sandboxes tell of it.
mcp::Json sandbox_json(const sandbox::SandboxView& view);

/// What execute_r_code answers about `execution`, done or not. `files` as the report has them with
/// their URIs; `saved` are paths on the host.
mcp::ToolResult execution_result(const std::string& sandbox_id, const sandbox::Execution& execution,
                                 mcp::Json files, const std::vector<std::string>& saved);

/// The files that the worker reported of `execution`: [{path, size, mime, uri}].
mcp::Json files_json(const std::string& sandbox_id, const sandbox::Execution& execution);

/// Guessed from the file's ending.
std::string mime_type_of(const std::string& path);

/// sandbox://ID/PATH with what a URI cannot hold as %XX; and back.
std::string resource_uri(const std::string& sandbox_id, const std::string& path);
std::string percent_decode(const std::string& text);

}  // namespace omcp_r::tools
