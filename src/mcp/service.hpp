#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "omcp_r/mcp/encode.hpp"
#include "omcp_r/mcp/revision.hpp"
#include "omcp_r/mcp/server.hpp"

namespace omcp_r::mcp {

struct RegisteredTool {
  ToolDefinition definition;
  ToolHandler handler;
};

/// What the server offers, the same to every client; and the results that follow from it alone, as
/// JSON text.
class Service {
 public:
  Service(ServerInfo info, ServerLimits limits);

  void add_tool(ToolDefinition definition, ToolHandler handler);
  void set_resources(ResourceProvider* provider) { resources_ = provider; }
  void offer_resource_changes() { resource_changes_ = true; }
  void offer_logging() { logging_ = true; }
  void set_log(LogSink sink) { log_ = std::move(sink); }

  [[nodiscard]] const ServerInfo& info() const { return info_; }
  [[nodiscard]] const ServerLimits& limits() const { return limits_; }
  [[nodiscard]] bool logging() const { return logging_; }
  [[nodiscard]] bool resource_changes() const { return resource_changes_ && resources_ != nullptr; }
  [[nodiscard]] ResourceProvider* resources() const { return resources_; }
  [[nodiscard]] const RegisteredTool* find_tool(std::string_view name) const;
  void log(std::string_view message) const;

  [[nodiscard]] std::string initialize_result(const Revision& revision) const;
  [[nodiscard]] std::string discover_result(const Revision& revision) const;
  [[nodiscard]] const std::string& list_tools_result(const Revision& revision);
  [[nodiscard]] std::string list_templates_result(const Revision& revision) const;
  [[nodiscard]] std::string finish(Json body, const Revision& revision, Cache cache) const;

 private:
  [[nodiscard]] Json capabilities() const;

  ServerInfo info_;
  ServerLimits limits_;
  std::vector<RegisteredTool> tools_;
  ResourceProvider* resources_ = nullptr;
  bool resource_changes_ = false;
  bool logging_ = false;
  LogSink log_;
  std::map<const Revision*, std::string> tool_lists_;
};

}  // namespace omcp_r::mcp
