#include "omcp_r/tools/sandbox_resources.hpp"

#include <utility>

#include "omcp_r/base/text.hpp"
#include "omcp_r/tools/results.hpp"

namespace omcp_r::tools {
namespace {

using mcp::Json;
using mcp::asio::awaitable;

constexpr std::string_view kScheme = "sandbox://";
/// Base64 of this and the rest of the line stay below 1,000,000 bytes.
constexpr std::size_t kMaxBlob = 720'000;
constexpr const char* kScript = ".session.R";

bool is_text(const std::string& bytes) {
  return bytes.find('\0') == std::string::npos && to_valid_utf8(bytes) == bytes;
}

std::string comment(const std::string& key, const std::string& value) {
  return value.empty() ? "" : "# " + key + ": " + value + "\n";
}

std::string text_of(const Json& json, const char* key) {
  const auto it = json.find(key);
  return it != json.end() && it->is_string() ? it->get<std::string>() : "";
}

}  // namespace

std::vector<mcp::ResourceTemplate> SandboxResources::templates() const {
  mcp::ResourceTemplate files;
  files.uri_template = "sandbox://{sandbox_id}/{+path}";
  files.name = "File of a sandbox";
  files.description = "A file below /sandbox; .session.R is the session's code as an R script";
  return {files};
}

awaitable<Result<std::vector<mcp::Resource>>> SandboxResources::list() {
  const auto views = co_await manager_.list(false);
  if (!views) {
    co_return views.error();
  }
  std::vector<mcp::Resource> resources;
  for (const sandbox::SandboxView& view : *views) {
    const std::string id = view.state.id;
    mcp::Resource script;
    script.uri = resource_uri(id, kScript);
    script.name = kScript;
    script.description = "The code of the session so far";
    script.mime_type = "text/x-r";
    resources.push_back(std::move(script));
    if (view.phase != "idle") {
      continue;  // its worker is not to be asked now
    }
    sandbox::Fields fields;
    fields.emplace_back("do", "files");
    const auto answer = co_await manager_.ask(id, std::move(fields));
    const Json files = answer ? Json::parse(to_valid_utf8(*answer), nullptr, false) : Json();
    if (!files.is_array()) {
      continue;
    }
    for (const Json& file : files) {
      mcp::Resource resource;
      resource.name = text_of(file, "path");
      resource.uri = resource_uri(id, resource.name);
      resource.mime_type = mime_type_of(resource.name);
      if (file.contains("size") && file["size"].is_number_unsigned()) {
        resource.size = file["size"].get<std::uint64_t>();
      }
      resources.push_back(std::move(resource));
    }
  }
  co_return resources;
}

awaitable<Result<mcp::ResourceContents>> SandboxResources::read(std::string uri) {
  const auto slash = uri.find('/', kScheme.size());
  if (!uri.starts_with(kScheme) || slash == std::string::npos) {
    co_return Error{Errc::kNotFound, "no such resource: " + uri.substr(0, 200)};
  }
  const std::string id = uri.substr(kScheme.size(), slash - kScheme.size());
  const std::string path = percent_decode(uri.substr(slash + 1));
  if (path == kScript) {
    co_return co_await read_script(id);
  }
  if (path.find('\0') != std::string::npos) {
    co_return Error{Errc::kNotFound, "no such resource: " + uri.substr(0, 200)};
  }
  sandbox::Fields fields;
  fields.emplace_back("do", "get");
  fields.emplace_back("path", path);
  fields.emplace_back("limit", std::to_string(kMaxBlob));
  auto bytes = co_await manager_.ask(id, std::move(fields));
  if (!bytes) {
    // A path that is not there, leaves /sandbox or is no plain file: none of these is a resource.
    const bool absent =
        bytes.error().code == Errc::kInvalidArgument || bytes.error().code == Errc::kEnded;
    co_return Error{absent ? Errc::kNotFound : bytes.error().code, bytes.error().message};
  }
  mcp::ResourceContents contents;
  contents.mime_type = mime_type_of(path);
  contents.is_text = is_text(*bytes);
  contents.bytes = std::move(*bytes);
  co_return contents;
}

awaitable<Result<mcp::ResourceContents>> SandboxResources::read_script(std::string id) {
  sandbox::Fields fields;
  fields.emplace_back("do", "session");
  const auto session = co_await manager_.ask(id, std::move(fields));
  if (!session) {
    co_return session.error();
  }
  const auto view = manager_.look_up(id);
  mcp::ResourceContents contents;
  contents.mime_type = "text/x-r";
  contents.is_text = true;
  contents.bytes = session_script(*session, view ? view->state : sandbox::State{});
  co_return contents;
}

std::string session_script(const std::string& session, const sandbox::State& state) {
  const Json json = Json::parse(to_valid_utf8(session), nullptr, false);
  if (!json.is_object()) {
    return "# The session told nothing of itself.\n";
  }
  std::string script = "# Session of sandbox " + state.id + "\n";
  script += comment("Image", state.image);
  script += comment("Image digest", state.image_id);
  script += comment("R", text_of(json, "r_version"));
  script += comment("Platform", text_of(json, "platform"));
  script += comment("Locale", text_of(json, "locale"));
  script += comment("Time zone", text_of(json, "timezone"));
  script += comment("Random numbers", text_of(json, "rng"));
  script += "\n";
  const std::string seed = text_of(json, "seed");
  script += seed.empty() ? "" : "set.seed(" + seed + ")\n";
  const auto code = json.find("code");
  if (code != json.end() && code->is_array()) {
    for (const Json& piece : *code) {
      if (piece.is_string()) {
        script += piece.get<std::string>() + "\n";
      }
    }
  }
  return script;
}

}  // namespace omcp_r::tools
