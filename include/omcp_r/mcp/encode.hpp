#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "omcp_r/mcp/revision.hpp"
#include "omcp_r/mcp/server.hpp"
#include "omcp_r/mcp/tool.hpp"

namespace omcp_r::mcp {

// Our own types as a revision writes them. What a revision does not know is left out, or becomes
// text. Nothing here adds what only modern results carry; complete_result() does.

Json encode_tool(const ToolDefinition& tool, const Revision& revision);
Json encode_content(const Content& content, const Revision& revision);
Json encode_tool_result(const ToolResult& result, const Revision& revision);
Json encode_resource(const Resource& resource);
Json encode_template(const ResourceTemplate& resource_template);
Json encode_resource_contents(const std::string& uri, const ResourceContents& contents);
/// The Implementation object.
Json encode_server(const ServerInfo& info, const Revision& revision);

/// How long, and by whom, a modern result may be cached.
enum class Cache {
  kNotSaid,         ///< results that are not cacheable, such as those of tools/call
  kStatic,          ///< the same for everybody while this process lives
  kAlwaysAskAgain,  ///< private, and stale at once
};

/// Adds what modern results must have; legacy ones stay as they are.
Json complete_result(Json body, const ServerInfo& info, const Revision& revision, Cache cache);

}  // namespace omcp_r::mcp
