#include <utility>

#include "omcp_r/mcp/encode.hpp"
#include "omcp_r/mcp/envelope.hpp"

namespace omcp_r::mcp {
namespace {

constexpr int kStaticForMs = 3'600'000;

Json encode_annotations(const ToolDefinition& tool) {
  Json body = Json::object();
  if (!tool.title.empty()) {
    body["title"] = tool.title;
  }
  body["readOnlyHint"] = tool.annotations.read_only;
  body["destructiveHint"] = tool.annotations.destructive;
  body["idempotentHint"] = tool.annotations.idempotent;
  body["openWorldHint"] = tool.annotations.open_world;
  return body;
}

}  // namespace

Json encode_tool(const ToolDefinition& tool, const Revision& revision) {
  Json body = {{"name", tool.name}};
  if (revision.structured_content && !tool.title.empty()) {
    body["title"] = tool.title;
  }
  body["description"] = tool.description;
  body["inputSchema"] = tool.input_schema;
  if (revision.structured_content && !tool.output_schema.is_null()) {
    body["outputSchema"] = tool.output_schema;
  }
  if (revision.tool_annotations) {
    body["annotations"] = encode_annotations(tool);
  }
  if (revision.structured_content && !tool.meta.is_null()) {
    body["_meta"] = tool.meta;
  }
  return body;
}

Json encode_server(const ServerInfo& info, const Revision& revision) {
  Json body = {{"name", info.name}, {"version", info.version}};
  if (revision.structured_content && !info.title.empty()) {
    body["title"] = info.title;
  }
  if (revision.server_description && !info.description.empty()) {
    body["description"] = info.description;
  }
  if (revision.server_description && !info.website_url.empty()) {
    body["websiteUrl"] = info.website_url;
  }
  return body;
}

Json complete_result(Json body, const ServerInfo& info, const Revision& revision, Cache cache) {
  if (!revision.modern()) {
    return body;
  }
  body["resultType"] = "complete";
  if (cache != Cache::kNotSaid) {
    body["ttlMs"] = cache == Cache::kStatic ? kStaticForMs : 0;
    body["cacheScope"] = cache == Cache::kStatic ? "public" : "private";
  }
  body["_meta"][std::string{meta_key::kServerInfo}] = encode_server(info, revision);
  return body;
}

}  // namespace omcp_r::mcp
