#include "omcp_r/base/text.hpp"
#include "omcp_r/tools/sandbox_tools.hpp"

// The texts are for a model that has never seen this server; all of tools/list stays below 6,500
// bytes.

namespace omcp_r::tools {
namespace {

using mcp::Json;

Json property(const char* type, const std::string& description = "") {
  Json json = Json::object();
  json["type"] = type;
  if (!description.empty()) {
    json["description"] = description;
  }
  return json;
}

Json bounded(const char* type, const std::string& description, const Json& least,
             const Json& most) {
  Json json = property(type, description);
  json["minimum"] = least;
  json["maximum"] = most;
  return json;
}

Json nullable(const char* type) {
  Json json = Json::object();
  json["type"] = {type, "null"};
  return json;
}

Json array_of(Json items, const std::string& description = "") {
  Json json = property("array", description);
  json["items"] = std::move(items);
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

using Fields = std::vector<std::pair<const char*, Json>>;

/// Output schemas name what callers rely on; fields may be added.
Json output_schema(const Fields& fields, const std::vector<std::string>& required) {
  Json properties = Json::object();
  for (const auto& [name, schema] : fields) {
    properties[name] = schema;
  }
  return object_schema(std::move(properties), required, false);
}

std::string seconds(std::chrono::seconds time) {
  return std::to_string(time.count()) + " s";
}

/// What a run answers with under STRUCTURED_CONTENT=always.
Json execution_schema() {
  const Json text = property("string");
  const Json flag = property("boolean");
  const Json count = property("integer");
  const Json texts = array_of(text);
  const Json error = output_schema({{"code", text},
                                    {"message", text},
                                    {"retryable", flag},
                                    {"call", nullable("string")},
                                    {"class", texts},
                                    {"traceback", texts},
                                    {"line", count},
                                    {"column", count}},
                                   {"code", "message", "retryable"});
  const Json warning =
      output_schema({{"message", text}, {"call", nullable("string")}}, {"message", "call"});
  const Json column = output_schema({{"name", text}, {"class", text}}, {"name", "class"});
  const Json table = output_schema({{"columns", array_of(column)},
                                    {"nrow", count},
                                    {"ncol", count},
                                    {"rows", array_of(property("array"))},
                                    {"truncated", flag}},
                                   {"columns", "nrow", "ncol", "rows", "truncated"});
  const Json value = output_schema({{"class", texts},
                                    {"dim", array_of(count)},
                                    {"length", count},
                                    {"summary", text},
                                    {"table", table}},
                                   {"class", "summary"});
  const Json file = output_schema({{"path", text},
                                   {"size", count},
                                   {"mime", text},
                                   {"uri", text},
                                   {"saved_as", text},
                                   {"save_error", text}},
                                  {"path", "size", "mime", "uri"});
  const Json process = output_schema({{"pid", count}, {"command", text}}, {"pid", "command"});
  Json status = text;
  status["enum"] = {"done", "running"};
  return output_schema(
      {{"success", flag},
       {"sandbox_id", text},
       {"status", status},
       {"execution_id", text},
       {"output", text},
       {"exit_code", count},
       {"error", error},
       {"warnings", array_of(warning)},
       {"value", value},
       {"plots", count},
       {"files", array_of(file)},
       {"left_running", array_of(process)},
       {"timed_out", flag},
       {"truncated", flag},
       {"elapsed_ms", count},
       {"session_restarted", flag},
       {"notes", texts}},
      {"success", "sandbox_id", "status", "execution_id", "output", "warnings", "plots", "files",
       "timed_out", "truncated", "elapsed_ms", "session_restarted", "notes"});
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
  properties["timeout"] =
      bounded("integer",
              "Idle lifetime in seconds; pass 3600 when a person will read and answer in between",
              1, settings.max_lifetime.count());
  properties["image"] =
      property("string", "One of the allowed images; leave out for " + settings.image);
  properties["memory_mb"] = bounded("integer", "", 64, settings.memory_bytes >> 20U);
  properties["cpus"] = bounded("number", "", 0.1, settings.cpus);
  tool.input_schema = object_schema(std::move(properties), {}, true);
  const Json text = property("string");
  tool.output_schema = output_schema({{"success", property("boolean")},
                                      {"sandbox_id", text},
                                      {"created_at", text},
                                      {"last_used", text},
                                      {"expires_at", text},
                                      {"r_version", text}},
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
  tool.output_schema = output_schema({{"success", property("boolean")},
                                      {"sandboxes", property("array")},
                                      {"count", property("integer")}},
                                     {"success"});
  tool.annotations.read_only = true;
  tool.annotations.idempotent = true;
  return tool;
}

mcp::ToolDefinition remove_sandbox_tool() {
  mcp::ToolDefinition tool;
  tool.name = "remove_sandbox";
  tool.title = "Remove an R sandbox";
  tool.description =
      "Ends a sandbox; its variables and files are gone. Only when the user is finished with it: "
      "an unused one ends by itself.";
  Json properties = Json::object();
  properties["sandbox_id"] = property("string");
  properties["force"] = property("boolean", "Also while code runs there");
  tool.input_schema = object_schema(std::move(properties), {"sandbox_id"}, true);
  tool.output_schema = output_schema(
      {{"success", property("boolean")}, {"message", property("string")}}, {"success"});
  tool.annotations.destructive = true;
  tool.annotations.idempotent = true;
  return tool;
}

/// What code has to know of DB_SOCKET.
std::string database_text(const sandbox::Settings& settings) {
  if (settings.database.socket.empty()) {
    return "";
  }
  constexpr std::size_t kShownName = 100;
  return "; PostgreSQL's clients find the user's database (" +
         printable(settings.database.name, kShownName) +
         ") without arguments, as in DBI::dbConnect(RPostgreSQL::PostgreSQL())";
}

mcp::ToolDefinition execute_r_code_tool(const sandbox::Settings& settings) {
  mcp::ToolDefinition tool;
  tool.name = "execute_r_code";
  tool.title = "Run R code";
  tool.description =
      "Runs R code in a sandbox and returns what the R console would show; plots come back as PNG "
      "images. Variables, packages and options last between calls. Working directory is /sandbox "
      "(writable; files made there are listed and can be read as resources)" +
      std::string{settings.data_dir.empty() && settings.data_volume.empty()
                      ? ""
                      : "; the user's data are in /data (read-only)"} +
      database_text(settings) +
      ". No network, no installing: create_sandbox names the packages that are there. A call that "
      "outlasts wait answers status \"running\" with an execution_id to collect it by.";
  Json file = Json::object();
  file["path"] = property("string", "Below /sandbox");
  file["text"] = property("string");
  file["base64"] = property("string");
  Json properties = Json::object();
  properties["sandbox_id"] =
      property("string", "Leave out for this server's own session, started when needed");
  properties["code"] = property("string", "R code, plain (no Markdown fences), of any length");
  properties["timeout"] = bounded("integer",
                                  "Limit of the run in seconds (default " +
                                      std::to_string(settings.execution_timeout.count()) + ")",
                                  1, settings.max_execution_timeout.count());
  properties["wait"] = bounded("number",
                               "Seconds this call may block (default " +
                                   std::to_string(settings.execution_wait.count()) + ")",
                               0, 3600);
  properties["execution_id"] = property("string", "Instead of code: collect an earlier run");
  properties["interrupt"] = property("boolean", "First stop what runs there; variables are kept");
  properties["files"] = array_of(object_schema(std::move(file), {"path"}, false),
                                 "Files to write before the code runs");
  properties["width"] =
      bounded("integer", "Plot width in pixels (768 at first); later calls keep it", 64, 2000);
  properties["height"] = bounded("integer", "Plot height (512 at first)", 64, 2000);
  properties["resolution"] = bounded("integer", "Plot pixels per inch (96 at first)", 36, 400);
  tool.input_schema = object_schema(std::move(properties), {}, true);
  if (settings.structured_content) {
    tool.output_schema = execution_schema();
  }
  tool.annotations.destructive = false;
  return tool;
}

std::string server_instructions(const sandbox::Settings& settings) {
  const std::string data =
      settings.data_dir.empty() ? "" : "; /data is the user's " + settings.data_dir + ", read-only";
  return "R in isolated containers. Call execute_r_code as often as needed: without sandbox_id it "
         "uses this server's own session, whose variables last from call to call; create_sandbox "
         "makes further ones and tells what is installed. What a console would show comes back as "
         "text and plots as images, in their order. A sandbox ends after " +
         seconds(settings.idle_timeout) +
         " without use; sandbox_not_found and sandbox_ended mean: create a new one, or leave "
         "sandbox_id out. sandbox_busy means: code is still running there; collect it or stop it "
         "with interrupt. There is no network. Files are written to /sandbox (lost with the "
         "sandbox)" +
         data +
         ". Resources: sandbox://ID/PATH for files, sandbox://ID/.session.R for the session's "
         "code, sandbox://ID/.packages for what is installed.";
}

}  // namespace omcp_r::tools
