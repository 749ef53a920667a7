#include "service.hpp"

#include <algorithm>
#include <utility>

#include "omcp_r/rpc/json_text.hpp"

namespace omcp_r::mcp {

Service::Service(ServerInfo info, ServerLimits limits) : info_(std::move(info)), limits_(limits) {}

void Service::add_tool(ToolDefinition definition, ToolHandler handler) {
  tools_.push_back({std::move(definition), std::move(handler)});
  tool_lists_.clear();
}

const RegisteredTool* Service::find_tool(std::string_view name) const {
  const auto found = std::find_if(tools_.begin(), tools_.end(), [&](const RegisteredTool& tool) {
    return tool.definition.name == name;
  });
  return found == tools_.end() ? nullptr : &*found;
}

void Service::log(std::string_view message) const {
  if (log_) {
    log_(message);
  }
}

Json Service::capabilities() const {
  Json body = {{"tools", Json::object()}};
  if (resources_ != nullptr) {
    body["resources"] = Json::object();
    if (resource_changes_) {
      body["resources"]["listChanged"] = true;
    }
  }
  if (logging_) {
    body["logging"] = Json::object();
  }
  return body;
}

std::string Service::initialize_result(const Revision& revision) const {
  Json body = {{"protocolVersion", revision.name},
               {"capabilities", capabilities()},
               {"serverInfo", encode_server(info_, revision)}};
  if (!info_.instructions.empty()) {
    body["instructions"] = info_.instructions;
  }
  return finish(std::move(body), revision, Cache::kNotSaid);
}

std::string Service::discover_result(const Revision& revision) const {
  Json versions = Json::array();
  for (const std::string_view name : revision_names(Era::kModern)) {
    versions.push_back(name);
  }
  Json body = {{"supportedVersions", std::move(versions)}, {"capabilities", capabilities()}};
  if (!info_.instructions.empty()) {
    body["instructions"] = info_.instructions;
  }
  return finish(std::move(body), revision, Cache::kStatic);
}

const std::string& Service::list_tools_result(const Revision& revision) {
  std::string& text = tool_lists_[&revision];
  if (text.empty()) {
    Json list = Json::array();
    for (const RegisteredTool& tool : tools_) {
      list.push_back(encode_tool(tool.definition, revision));
    }
    Json body = {{"tools", std::move(list)}};
    text = finish(std::move(body), revision, Cache::kStatic);
  }
  return text;
}

std::string Service::list_templates_result(const Revision& revision) const {
  Json list = Json::array();
  for (const ResourceTemplate& item : resources_->templates()) {
    list.push_back(encode_template(item));
  }
  Json body = {{"resourceTemplates", std::move(list)}};
  return finish(std::move(body), revision, Cache::kStatic);
}

std::string Service::finish(Json body, const Revision& revision, Cache cache) const {
  return rpc::to_text(complete_result(std::move(body), info_, revision, cache));
}

}  // namespace omcp_r::mcp
