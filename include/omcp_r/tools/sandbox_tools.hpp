#pragma once

#include <memory>
#include <string>
#include <vector>

#include "omcp_r/mcp/server.hpp"
#include "omcp_r/mcp/tool.hpp"
#include "omcp_r/sandbox/manager.hpp"

namespace omcp_r::tools {

/// The four tools. The only place that knows both the protocol and the sandboxes.
class SandboxTools {
 public:
  explicit SandboxTools(sandbox::SandboxManager& manager) : manager_(manager) {}

  /// Adds the four tools to `server`; this object must outlive its calls.
  void add_to(mcp::Server& server);

  mcp::asio::awaitable<mcp::ToolResult> create(mcp::Json arguments, mcp::CallContext& call);
  mcp::asio::awaitable<mcp::ToolResult> list(mcp::Json arguments, mcp::CallContext& call);
  mcp::asio::awaitable<mcp::ToolResult> remove(mcp::Json arguments, mcp::CallContext& call);
  mcp::asio::awaitable<mcp::ToolResult> execute(mcp::Json arguments, mcp::CallContext& call);

 private:
  struct ExecuteArguments;
  using ExecutionPtr = std::shared_ptr<sandbox::Execution>;

  [[nodiscard]] ExecuteArguments parse_execute(const mcp::Json& arguments) const;
  mcp::asio::awaitable<Result<ExecutionPtr>> begin(ExecuteArguments& arguments);
  mcp::asio::awaitable<Status> put_files(const std::string& id, std::vector<sandbox::Fields> files);
  mcp::asio::awaitable<void> follow(const std::string& id, ExecutionPtr execution,
                                    std::chrono::milliseconds wait, mcp::CallContext& call);
  mcp::asio::awaitable<std::vector<std::string>> save_files(std::string id, mcp::Json& files);

  sandbox::SandboxManager& manager_;
};

/// The definitions, in the order in which tools/list gives them.
mcp::ToolDefinition create_sandbox_tool(const sandbox::Settings& settings);
mcp::ToolDefinition list_sandboxes_tool();
mcp::ToolDefinition remove_sandbox_tool();
mcp::ToolDefinition execute_r_code_tool(const sandbox::Settings& settings);

/// What a host shows the model about this server as a whole.
std::string server_instructions(const sandbox::Settings& settings);

}  // namespace omcp_r::tools
