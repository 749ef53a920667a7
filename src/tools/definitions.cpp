#include "omcp_r/tools/sandbox_tools.hpp"

// The texts are for a model that has never seen this server; all of tools/list stays below 6,000
// bytes.

namespace omcp_r::tools {
namespace {

using mcp::Json;

Json property(const char* type, const std::string& description) {
  Json json = Json::object();
  json["type"] = type;
  if (!description.empty()) {
    json["description"] = description;
  }
  return json;
}

Json object_schema(Json properties, const std::vector<std::string>& required, bool closed) {
  Json json = Json::object();
  json["type"] = "object";
  json["properties"] = std::move(properties);
  if (!required.empty()) {
    json["required"] = required;
  }
  if (closed) {
    json["additionalProperties"] = false;
  }
  return json;
}

/// Output schemas name what callers rely on; fields may be added.
Json output_schema(const std::vector<std::pair<const char*, const char*>>& fields,
                   const std::vector<std::string>& required) {
  Json properties = Json::object();
  for (const auto& [name, type] : fields) {
    properties[name] = property(type, "");
  }
  return object_schema(std::move(properties), required, false);
}

std::string seconds(std::chrono::seconds time) {
  return std::to_string(time.count()) + " s";
}

}  // namespace

mcp::ToolDefinition create_sandbox_tool(const sandbox::Settings& settings) {
  mcp::ToolDefinition tool;
  tool.name = "create_sandbox";
  tool.title = "Create an R sandbox";
  tool.description =
      "Starts an isolated R session without network and returns its sandbox_id. It lives until it "
      "has been idle for timeout (default " +
      seconds(settings.idle_timeout) + "), at most " + seconds(settings.max_lifetime) +
      "; then its variables and files are gone. One sandbox serves many execute_r_code calls. "
      "Not needed where one session is enough: execute_r_code starts its own.";
  Json properties = Json::object();
  properties["timeout"] = property("integer", "Idle lifetime in seconds");
  properties["image"] =
      property("string", "One of the allowed images; leave out for " + settings.image);
  properties["memory_mb"] =
      property("integer", "Memory, at most " + std::to_string(settings.memory_bytes >> 20U));
  properties["cpus"] = property("number", "CPUs, at most the configured number");
  tool.input_schema = object_schema(std::move(properties), {}, true);
  tool.output_schema = output_schema({{"success", "boolean"},
                                      {"sandbox_id", "string"},
                                      {"created_at", "string"},
                                      {"last_used", "string"},
                                      {"expires_at", "string"},
                                      {"r_version", "string"}},
                                     {"success"});
  return tool;
}

mcp::ToolDefinition list_sandboxes_tool() {
  mcp::ToolDefinition tool;
  tool.name = "list_sandboxes";
  tool.title = "List R sandboxes";
  tool.description = "Lists the living sandboxes with state (idle, busy) and expiry.";
  Json properties = Json::object();
  properties["include_inactive"] =
      property("boolean", "Also those that ended lately, with the reason");
  tool.input_schema = object_schema(std::move(properties), {}, true);
  tool.output_schema = output_schema(
      {{"success", "boolean"}, {"sandboxes", "array"}, {"count", "integer"}}, {"success"});
  tool.annotations.read_only = true;
  tool.annotations.idempotent = true;
  return tool;
}

mcp::ToolDefinition remove_sandbox_tool() {
  mcp::ToolDefinition tool;
  tool.name = "remove_sandbox";
  tool.title = "Remove an R sandbox";
  tool.description = "Ends a sandbox; its variables and files are gone. Good manners when done.";
  Json properties = Json::object();
  properties["sandbox_id"] = property("string", "");
  properties["force"] = property("boolean", "Also while code runs there");
  tool.input_schema = object_schema(std::move(properties), {"sandbox_id"}, true);
  tool.output_schema = output_schema({{"success", "boolean"}, {"message", "string"}}, {"success"});
  tool.annotations.destructive = true;
  tool.annotations.idempotent = true;
  return tool;
}

mcp::ToolDefinition execute_r_code_tool(const sandbox::Settings& settings) {
  mcp::ToolDefinition tool;
  tool.name = "execute_r_code";
  tool.title = "Run R code";
  tool.description =
      "Runs R code in a sandbox and returns what the R console would show; plots come back as PNG "
      "images. Variables, packages and options last between calls. Working directory is /sandbox "
      "(writable; files made there are listed and can be read as resources)" +
      std::string{settings.data_dir.empty() ? "" : "; the user's data are in /data (read-only)"} +
      ". No network, no installing: use the packages in rownames(installed.packages()). A call "
      "that outlasts wait answers status \"running\" with an execution_id to collect it by.";
  Json file = Json::object();
  file["path"] = property("string", "Below /sandbox");
  file["text"] = property("string", "");
  file["base64"] = property("string", "");
  Json files = property("array", "Files to write before the code runs");
  files["items"] = object_schema(std::move(file), {"path"}, false);
  Json properties = Json::object();
  properties["sandbox_id"] =
      property("string", "Leave out for this server's own session, started when needed");
  properties["code"] = property("string", "R code; all of it, any length");
  properties["timeout"] =
      property("integer", "Limit of the run in seconds (default " +
                              std::to_string(settings.execution_timeout.count()) + ", at most " +
                              std::to_string(settings.max_execution_timeout.count()) + ")");
  properties["wait"] =
      property("number", "Seconds this call may block (default " +
                             std::to_string(settings.execution_wait.count()) + ")");
  properties["execution_id"] = property("string", "Instead of code: collect an earlier run");
  properties["interrupt"] = property("boolean", "First stop what runs there; variables are kept");
  properties["files"] = std::move(files);
  properties["width"] = property("integer", "Plot width in pixels (default 768)");
  properties["height"] = property("integer", "Plot height (default 512)");
  properties["resolution"] = property("integer", "Plot pixels per inch (default 96)");
  tool.input_schema = object_schema(std::move(properties), {}, true);
  tool.output_schema = output_schema({{"success", "boolean"},
                                      {"sandbox_id", "string"},
                                      {"status", "string"},
                                      {"execution_id", "string"},
                                      {"output", "string"},
                                      {"exit_code", "integer"},
                                      {"error", "object"},
                                      {"warnings", "array"},
                                      {"value", "object"},
                                      {"plots", "integer"},
                                      {"files", "array"},
                                      {"left_running", "array"},
                                      {"timed_out", "boolean"},
                                      {"truncated", "boolean"},
                                      {"elapsed_ms", "integer"},
                                      {"session_restarted", "boolean"},
                                      {"notes", "array"}},
                                     {"success"});
  tool.annotations.destructive = false;
  return tool;
}

std::string server_instructions(const sandbox::Settings& settings) {
  return "R in isolated containers. Call execute_r_code as often as needed: without sandbox_id it "
         "uses this server's own session, which lasts between calls; create_sandbox makes further "
         "ones, each with its own variables and files. Plots are returned as images. A sandbox "
         "ends "
         "after " +
         seconds(settings.idle_timeout) +
         " without use; sandbox_not_found and sandbox_ended mean: create a new one, or leave "
         "sandbox_id out. sandbox_busy means: code is still running there; collect it or stop it "
         "with interrupt. There is no network. Files: /sandbox (lost with the sandbox)" +
         std::string{settings.data_dir.empty() ? "" : ", /data (the user's, read-only)"} +
         "; sandbox://ID/PATH serves them, sandbox://ID/.session.R the session's code.";
}

}  // namespace omcp_r::tools
