#pragma once

#include <memory>
#include <string>
#include <vector>

#include "omcp_r/mcp/server.hpp"
#include "omcp_r/mcp/tool.hpp"
#include "omcp_r/sandbox/sandboxes.hpp"
#include "omcp_r/tools/execute_arguments.hpp"
#include "omcp_r/tools/host_copies.hpp"
#include "omcp_r/tools/results.hpp"

namespace omcp_r::tools {

/// The four tools. The only place that knows both the protocol and the sandboxes.
class SandboxTools {
 public:
  explicit SandboxTools(sandbox::Sandboxes& sandboxes)
      : sandboxes_(sandboxes), copies_(sandboxes) {}

  /// Adds the four tools to `server`; this object must outlive its calls.
  void add_to(mcp::Server& server);

  mcp::asio::awaitable<mcp::ToolResult> create(mcp::Json arguments, mcp::CallContext& call);
  mcp::asio::awaitable<mcp::ToolResult> list(mcp::Json arguments, mcp::CallContext& call);
  mcp::asio::awaitable<mcp::ToolResult> remove(mcp::Json arguments, mcp::CallContext& call);
  mcp::asio::awaitable<mcp::ToolResult> execute(mcp::Json arguments, mcp::CallContext& call);

 private:
  using ExecutionPtr = sandbox::ExecutionPtr;

  mcp::asio::awaitable<Result<ExecutionPtr>> begin(const std::string& id,
                                                   ExecuteArguments& arguments);
  mcp::asio::awaitable<Status> put_files(const std::string& id, std::vector<InputFile> files);
  mcp::asio::awaitable<void> follow(const std::string& id, ExecutionPtr execution,
                                    Clock::time_point deadline, mcp::CallContext& call);

  sandbox::Sandboxes& sandboxes_;
  HostCopies copies_;
  std::string told_own_;  ///< the sandbox that callers who left it out were told of last
};

/// Adds the four tools where the configuration is wrong: each answers `error`, so that the host
/// shows a server with a reason and not one that does not connect.
void add_refusing_tools(mcp::Server& server, const Error& error);

/// The definitions, in the order in which tools/list gives them.
mcp::ToolDefinition create_sandbox_tool(const sandbox::Settings& settings);
mcp::ToolDefinition list_sandboxes_tool();
mcp::ToolDefinition remove_sandbox_tool();
mcp::ToolDefinition execute_r_code_tool(const sandbox::Settings& settings);

/// What a host shows the model about this server as a whole.
std::string server_instructions(const sandbox::Settings& settings);

}  // namespace omcp_r::tools
