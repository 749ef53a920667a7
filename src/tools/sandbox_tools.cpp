#include "omcp_r/tools/sandbox_tools.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

#include "omcp_r/base/log.hpp"
#include "omcp_r/tools/arguments.hpp"
#include "omcp_r/tools/output_folder.hpp"
#include "omcp_r/tools/results.hpp"

namespace omcp_r::tools {
namespace {

using namespace std::chrono_literals;
using mcp::Json;
using mcp::ToolResult;
using mcp::asio::awaitable;

constexpr std::size_t kMaxCode = std::size_t{12} << 20;
constexpr std::int64_t kMaxWait = 3600;
constexpr auto kProgressInterval = 1s;

std::string text_member(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

/// One line a call: what it was, on which sandbox, and how it went. No code, no output.
void note_call(const char* tool, const std::string& request, const std::string& sandbox,
               const ToolResult& result, std::chrono::steady_clock::time_point started) {
  const auto took = std::chrono::steady_clock::now() - started;
  const auto error = result.structured.find("error");
  const bool failed = error != result.structured.end() && error->is_object();
  log::info(tool,
            {{"request", request},
             {"sandbox", sandbox.empty() ? text_member(result.structured, "sandbox_id") : sandbox},
             {"execution", text_member(result.structured, "execution_id")},
             {"result", failed ? text_member(*error, "code") : "ok"},
             {"ms", std::chrono::duration_cast<std::chrono::milliseconds>(took).count()}});
}

awaitable<ToolResult> noted(const char* tool, std::string sandbox, awaitable<ToolResult> work,
                            mcp::CallContext& call) {
  const auto started = std::chrono::steady_clock::now();
  ToolResult result = co_await std::move(work);
  note_call(tool, call.request_name(), sandbox, result, started);
  co_return result;
}

}  // namespace

void SandboxTools::add_to(mcp::Server& server) {
  const sandbox::Settings& settings = manager_.settings();
  const auto bind = [this](const char* name, auto member) {
    return [this, name, member](Json arguments, mcp::CallContext& call) {
      std::string sandbox = text_member(arguments, "sandbox_id");
      return noted(name, std::move(sandbox), (this->*member)(std::move(arguments), call), call);
    };
  };
  server.add_tool(create_sandbox_tool(settings), bind("create_sandbox", &SandboxTools::create));
  server.add_tool(list_sandboxes_tool(), bind("list_sandboxes", &SandboxTools::list));
  server.add_tool(remove_sandbox_tool(), bind("remove_sandbox", &SandboxTools::remove));
  server.add_tool(execute_r_code_tool(settings), bind("execute_r_code", &SandboxTools::execute));
}

awaitable<ToolResult> SandboxTools::create(Json arguments, mcp::CallContext& /*call*/) {
  ArgumentReader reader{arguments};
  sandbox::CreateRequest request;
  const auto& settings = manager_.settings();
  const auto timeout = reader.integer("timeout", 1, settings.max_lifetime.count());
  if (timeout) {
    request.idle_timeout = std::chrono::seconds{*timeout};
  }
  request.image = reader.text("image");
  const auto most = static_cast<std::int64_t>(settings.memory_bytes >> 20U);
  const auto memory = reader.integer("memory_mb", 64, std::max<std::int64_t>(most, 64));
  if (memory) {
    request.memory_bytes = static_cast<std::uint64_t>(*memory) << 20U;
  }
  request.cpus = reader.number("cpus", 0.1, settings.cpus);
  const Status valid = reader.finish();
  if (!valid) {
    co_return failure(valid.error());
  }
  const auto view = co_await manager_.create(std::move(request));
  if (!view) {
    co_return failure(view.error());
  }
  Json json = Json::object();
  json["success"] = true;
  json["sandbox_id"] = view->state.id;
  const Json told = sandbox_json(*view);
  for (const auto& [key, value] : told.items()) {
    if (key != "id") {
      json[key] = value;
    }
  }
  json["idle_timeout"] = view->state.idle;
  json["max_lifetime"] = view->state.lifetime;
  co_return plain_result(std::move(json));
}

awaitable<ToolResult> SandboxTools::list(Json arguments, mcp::CallContext& /*call*/) {
  ArgumentReader reader{arguments};
  const bool include_ended = reader.flag("include_inactive", false);
  const Status valid = reader.finish();
  if (!valid) {
    co_return failure(valid.error());
  }
  const auto views = co_await manager_.list(include_ended);
  if (!views) {
    co_return failure(views.error());
  }
  Json json = Json::object();
  json["success"] = true;
  json["sandboxes"] = Json::array();
  for (const sandbox::SandboxView& view : *views) {
    json["sandboxes"].push_back(sandbox_json(view));
  }
  json["count"] = views->size();
  co_return plain_result(std::move(json));
}

awaitable<ToolResult> SandboxTools::remove(Json arguments, mcp::CallContext& /*call*/) {
  ArgumentReader reader{arguments};
  const std::string id = reader.required_text("sandbox_id");
  const bool force = reader.flag("force", false);
  const Status valid = reader.finish();
  if (!valid) {
    co_return failure(valid.error());
  }
  const Status removed = co_await manager_.remove(id, force);
  if (!removed) {
    co_return failure(removed.error());
  }
  Json json = Json::object();
  json["success"] = true;
  json["message"] = "Sandbox " + id + " is removed.";
  co_return plain_result(std::move(json));
}

struct SandboxTools::ExecuteArguments {
  std::string sandbox_id;
  std::optional<std::string> execution_id;
  bool has_code = false;
  bool interrupt = false;
  sandbox::ExecutionRequest request;
  std::chrono::milliseconds wait{45000};
  std::vector<sandbox::Fields> files;
  Status valid = Ok{};
};

namespace {

/// Base64 with its padding, or without; the ends of lines in it are no matter.
bool is_base64(const std::string& text) {
  std::size_t digits = 0;
  std::size_t padding = 0;
  for (const char c : text) {
    const bool digit = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '+' || c == '/';
    if ((digit && padding > 0) || (!digit && c != '=' && c != '\n' && c != '\r')) {
      return false;
    }
    digits += digit ? 1 : 0;
    padding += c == '=' ? 1 : 0;
  }
  return digits % 4 != 1 && (padding == 0 || (padding < 3 && (digits + padding) % 4 == 0));
}

/// Whether `file` is {path, text} or {path, base64}, all strings, and nothing else.
bool is_input_file(const Json& file) {
  if (!file.is_object() || file.size() != 2 || !file.contains("path") ||
      file.contains("text") == file.contains("base64")) {
    return false;
  }
  return std::all_of(file.begin(), file.end(), [](const Json& part) { return part.is_string(); });
}

std::vector<sandbox::Fields> parse_files(ArgumentReader& reader) {
  std::vector<sandbox::Fields> files;
  const Json* value = reader.raw("files");
  if (value == nullptr) {
    return files;
  }
  if (!value->is_array()) {
    reader.fail("files must be an array of {path, text or base64}.");
    return files;
  }
  for (const Json& file : *value) {
    if (!is_input_file(file)) {
      reader.fail("Each of files needs path and either text or base64, all strings, no more.");
      return files;
    }
    const char* kind = file.contains("text") ? "text" : "base64";
    if (file.contains("base64") && !is_base64(file["base64"].get<std::string>())) {
      reader.fail("base64 of file " + file["path"].get<std::string>() + " is no base64.");
    }
    sandbox::Fields fields;
    fields.emplace_back("do", "put");
    fields.emplace_back("path", file["path"].get<std::string>());
    fields.emplace_back(kind, file[kind].get<std::string>());
    if (fields[2].second.find('\0') != std::string::npos ||
        fields[1].second.find('\0') != std::string::npos) {
      reader.fail("A file with NUL characters must be given as base64.");
    }
    files.push_back(std::move(fields));
  }
  return files;
}

std::optional<int> plot_size(ArgumentReader& reader, const char* name, int least, int most) {
  const auto value = reader.integer(name, least, most);
  return value ? std::optional<int>{static_cast<int>(*value)} : std::nullopt;
}

}  // namespace

SandboxTools::ExecuteArguments SandboxTools::parse_execute(const Json& arguments) const {
  const sandbox::Settings& settings = manager_.settings();
  ArgumentReader reader{arguments};
  ExecuteArguments parsed;
  parsed.sandbox_id = reader.required_text("sandbox_id");
  const auto code = reader.text("code");
  parsed.has_code = code.has_value();
  parsed.request.code = code.value_or("");
  parsed.execution_id = reader.text("execution_id");
  parsed.interrupt = reader.flag("interrupt", false);
  const auto timeout = reader.integer("timeout", 1, settings.max_execution_timeout.count());
  parsed.request.timeout = timeout ? std::chrono::seconds{*timeout} : settings.execution_timeout;
  const auto wait = reader.number("wait", 0, static_cast<double>(kMaxWait));
  parsed.wait = wait ? std::chrono::milliseconds{static_cast<std::int64_t>(*wait * 1000)}
                     : std::chrono::milliseconds{settings.execution_wait};
  parsed.files = parse_files(reader);
  parsed.request.plot_width = plot_size(reader, "width", 64, 2000);
  parsed.request.plot_height = plot_size(reader, "height", 64, 2000);
  parsed.request.plot_resolution = plot_size(reader, "resolution", 36, 400);
  if (parsed.has_code && parsed.execution_id) {
    reader.fail("Give either code or execution_id, not both.");
  }
  if (!parsed.has_code && !parsed.execution_id && !parsed.interrupt) {
    reader.fail(
        "code is required (or execution_id to collect an earlier run, or interrupt: true).");
  }
  if (parsed.request.code.size() > kMaxCode) {
    reader.fail("code is larger than 12 MiB. Put data into files instead.");
  }
  if (parsed.request.code.find('\0') != std::string::npos) {
    reader.fail("code must not contain NUL characters; R cannot hold them.");
  }
  parsed.valid = reader.finish();
  return parsed;
}

awaitable<Status> SandboxTools::put_files(const std::string& id,
                                          std::vector<sandbox::Fields> files) {
  for (sandbox::Fields& file : files) {
    const std::string path = file[1].second;
    const auto put = co_await manager_.ask(id, std::move(file));
    if (!put) {
      const bool refused = put.error().code == Errc::kInvalidArgument;
      co_return Error{put.error().code,
                      (refused ? "File " + path + " could not be written: " : "") +
                          put.error().message + (refused ? ". The code was not run." : "")};
    }
  }
  co_return Ok{};
}

// Starts the code, or finds the execution that is meant.
awaitable<Result<SandboxTools::ExecutionPtr>> SandboxTools::begin(ExecuteArguments& arguments) {
  if (arguments.interrupt) {
    auto stopped = co_await manager_.interrupt(arguments.sandbox_id);
    if (!stopped) {
      co_return stopped.error();
    }
    if (!arguments.has_code && !arguments.execution_id) {
      if (!*stopped) {
        co_return Error{Errc::kInvalidArgument, "Nothing was running in the sandbox."};
      }
      co_return std::move(*stopped);
    }
  }
  if (arguments.execution_id) {
    co_return co_await manager_.find_execution(arguments.sandbox_id, *arguments.execution_id);
  }
  const Status put = co_await put_files(arguments.sandbox_id, std::move(arguments.files));
  if (!put) {
    co_return put.error();
  }
  co_return co_await manager_.execute(arguments.sandbox_id, std::move(arguments.request));
}

// Waits for the end of `execution`, at most `wait`, and tells of progress meanwhile.
awaitable<void> SandboxTools::follow(const std::string& id, ExecutionPtr execution,
                                     std::chrono::milliseconds wait, mcp::CallContext& call) {
  call.on_cancel([this, id, execution] { manager_.stop(id, execution); });
  const auto deadline = std::chrono::steady_clock::now() + wait;
  auto next_progress = std::chrono::steady_clock::now() + kProgressInterval;
  while (!execution->done && !call.cancelled()) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= deadline) {
      break;
    }
    if (call.wants_progress() && now >= next_progress) {
      const auto elapsed = static_cast<double>(execution->elapsed().count()) / 1000.0;
      call.progress(elapsed, execution->transcript.last_line());
      next_progress = now + kProgressInterval;
    }
    const auto wake = call.wants_progress() ? std::min(deadline, next_progress) : deadline;
    co_await execution->changed.wait_until(wake);
  }
  call.on_cancel({});
}

awaitable<ToolResult> SandboxTools::execute(Json arguments, mcp::CallContext& call) {
  ExecuteArguments parsed = parse_execute(arguments);
  if (!parsed.valid) {
    co_return failure(parsed.valid.error());
  }
  const std::string id = parsed.sandbox_id;
  auto begun = co_await begin(parsed);
  if (!begun) {
    co_return failure(begun.error());
  }
  const ExecutionPtr execution = *begun;
  if (call.cancelled()) {
    manager_.stop(id, execution);
  }
  co_await follow(id, execution, parsed.wait, call);
  if (!execution->done) {
    co_return execution_result(id, *execution, Json::array(), {});
  }
  Json files = files_json(id, *execution);
  std::vector<std::string> saved;
  if (!manager_.settings().output_dir.empty() && !files.empty()) {
    saved = co_await save_files(id, files);
  }
  co_return execution_result(id, *execution, std::move(files), saved);
}

// Copies what the execution made to OUTPUT_DIR; what cannot be copied is said beside the file.
awaitable<std::vector<std::string>> SandboxTools::save_files(std::string id, Json& files) {
  std::vector<std::string> saved;
  for (Json& file : files) {
    sandbox::Fields fields;
    fields.emplace_back("do", "get");
    fields.emplace_back("path", file["path"].get<std::string>());
    fields.emplace_back("limit", std::to_string(sandbox::FrameParser::kMaxPayload));
    const auto bytes = co_await manager_.ask(id, std::move(fields));
    if (!bytes) {
      file["save_error"] = bytes.error().message;
      continue;
    }
    const auto path = save_new_file(manager_.settings().output_dir + "/" + id,
                                    file["path"].get<std::string>(), *bytes);
    if (path) {
      file["saved_as"] = *path;
      saved.push_back(*path);
    } else {
      file["save_error"] = path.error().message;
    }
  }
  co_return saved;
}

}  // namespace omcp_r::tools
