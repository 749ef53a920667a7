#pragma once

#include <string>
#include <vector>

#include "omcp_r/mcp/tool.hpp"
#include "omcp_r/sandbox/manager.hpp"

namespace omcp_r::tools {

/// The files of the sandboxes as sandbox://ID/PATH, and the code of each session as a script.
class SandboxResources : public mcp::ResourceProvider {
 public:
  explicit SandboxResources(sandbox::SandboxManager& manager) : manager_(manager) {}

  mcp::asio::awaitable<Result<std::vector<mcp::Resource>>> list() override;
  [[nodiscard]] std::vector<mcp::ResourceTemplate> templates() const override;
  mcp::asio::awaitable<Result<mcp::ResourceContents>> read(std::string uri) override;

 private:
  mcp::asio::awaitable<Result<mcp::ResourceContents>> read_script(std::string id);

  sandbox::SandboxManager& manager_;
};

/// The session's code as an R script; `session` is what the worker tells of itself.
std::string session_script(const std::string& session, const sandbox::State& state);

}  // namespace omcp_r::tools
