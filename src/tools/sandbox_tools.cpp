#include "omcp_r/tools/sandbox_tools.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "omcp_r/base/log.hpp"
#include "omcp_r/base/text.hpp"
#include "omcp_r/tools/arguments.hpp"
#include "omcp_r/tools/results.hpp"

namespace omcp_r::tools {
namespace {

using namespace std::chrono_literals;
using mcp::Json;
using mcp::ToolResult;
using mcp::asio::awaitable;

constexpr auto kProgressInterval = 1s;
/// A run may end at the very end of what its call may wait: then saving has this long all the same.
constexpr auto kLeastSaving = 2s;
constexpr auto kLeastRunning = 5s;
constexpr std::size_t kMaxReason = 300;

std::string text_member(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

/// One line a call: what it was, on which sandbox, and how it went. No code, no output.
void note_call(const char* tool, const std::string& request, const std::string& sandbox,
               const ToolResult& result, Clock::time_point started) {
  const auto took = Clock::now() - started;
  const Json& told = result.structured;
  const auto error = told.find("error");
  const bool failed = error != told.end() && error->is_object();
  log::info(tool, {{"request", request},
                   {"sandbox", sandbox.empty() ? text_member(told, "sandbox_id") : sandbox},
                   {"execution", text_member(told, "execution_id")},
                   {"result", failed ? text_member(*error, "code") : "ok"},
                   {"ms", std::chrono::duration_cast<std::chrono::milliseconds>(took).count()}});
}

awaitable<ToolResult> noted(const char* tool, std::string sandbox, awaitable<ToolResult> work,
                            mcp::CallContext& call) {
  const auto started = Clock::now();
  ToolResult result = co_await std::move(work);
  note_call(tool, call.request_name(), sandbox, result, started);
  co_return result;
}

awaitable<ToolResult> in_form(awaitable<ToolResult> work, bool structured) {
  ToolResult result = co_await std::move(work);
  co_return structured ? std::move(result) : as_text(std::move(result));
}

/// What a caller who left sandbox_id out is told once of each: only then is there something to say.
std::string own_note(const std::string& id, const std::string& told_before) {
  if (id == told_before) {
    return "";
  }
  return told_before.empty() ? "sandbox: " + id
                             : "A new session was started, since the one before has ended: its "
                               "variables and files are gone. sandbox: " +
                                   id;
}

/// For who waits for an image. `call` must outlive it.
sandbox::PullWatch watch_of(mcp::CallContext& call) {
  sandbox::PullWatch watch;
  watch.wanted = [&call] { return !call.cancelled(); };
  if (call.wants_progress()) {
    // Below what is told of code that runs: in seconds, which come after it.
    constexpr double kStep = 1e-6;
    watch.on_line = [&call, value = 0.0](const std::string& line) mutable {
      call.progress(value += kStep, "getting the image: " + printable(line, kMaxReason));
    };
  }
  return watch;
}

}  // namespace

void SandboxTools::add_to(mcp::Server& server) {
  const sandbox::Settings& settings = sandboxes_.settings();
  const auto bind = [this](const char* name, auto member) {
    return [this, name, member](Json arguments, mcp::CallContext& call) {
      std::string sandbox = printable(text_member(arguments, "sandbox_id"), kMaxReason);
      return noted(name, std::move(sandbox), (this->*member)(std::move(arguments), call), call);
    };
  };
  server.add_tool(create_sandbox_tool(settings), bind("create_sandbox", &SandboxTools::create));
  server.add_tool(list_sandboxes_tool(), bind("list_sandboxes", &SandboxTools::list));
  server.add_tool(remove_sandbox_tool(), bind("remove_sandbox", &SandboxTools::remove));
  const auto execute = bind("execute_r_code", &SandboxTools::execute);
  const bool structured = settings.structured_content;
  server.add_tool(execute_r_code_tool(settings),
                  [execute, structured](Json arguments, mcp::CallContext& call) {
                    return in_form(execute(std::move(arguments), call), structured);
                  });
}

void add_refusing_tools(mcp::Server& server, const Error& error) {
  const sandbox::Settings settings;
  const auto refuse = [error](Json /*arguments*/,
                              mcp::CallContext& /*call*/) -> awaitable<ToolResult> {
    co_return failure(error);
  };
  for (mcp::ToolDefinition& tool :
       std::array{create_sandbox_tool(settings), list_sandboxes_tool(), remove_sandbox_tool(),
                  execute_r_code_tool(settings)}) {
    server.add_tool(tool, refuse);
  }
}

awaitable<ToolResult> SandboxTools::create(Json arguments, mcp::CallContext& call) {
  ArgumentReader reader{arguments};
  sandbox::CreateRequest request;
  const auto& settings = sandboxes_.settings();
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
  request.watch = watch_of(call);
  const auto view = co_await sandboxes_.create(std::move(request));
  if (!view) {
    co_return failure(view.error());
  }
  if (call.cancelled()) {
    // Its answer will not be sent: nobody would know the sandbox.
    const Status removed = co_await sandboxes_.remove(view->id, true);
    if (!removed) {
      log::warning("the sandbox of a cancelled call could not be removed",
                   {{"sandbox", view->id}, {"reason", removed.error().message}});
    }
    co_return failure(
        Error{Errc::kEnded, "The call was cancelled, and its sandbox was removed again."});
  }
  const auto around = co_await sandboxes_.surroundings(view->id, false);
  ToolResult result =
      created_result(*view, around ? *around : sandbox::Surroundings{},
                     settings.data_dir.empty() ? settings.data_volume : settings.data_dir);
  result.resources_changed = true;
  co_return result;
}

awaitable<ToolResult> SandboxTools::list(Json arguments, mcp::CallContext& /*call*/) {
  ArgumentReader reader{arguments};
  const bool include_ended = reader.flag("include_inactive", false);
  const Status valid = reader.finish();
  if (!valid) {
    co_return failure(valid.error());
  }
  const auto views = co_await sandboxes_.list(include_ended);
  if (!views) {
    co_return failure(views.error());
  }
  co_return plain_result(sandboxes_json(*views));
}

awaitable<ToolResult> SandboxTools::remove(Json arguments, mcp::CallContext& /*call*/) {
  ArgumentReader reader{arguments};
  const std::string id = reader.required_text("sandbox_id");
  const bool force = reader.flag("force", false);
  const Status valid = reader.finish();
  if (!valid) {
    co_return failure(valid.error());
  }
  const Status removed = co_await sandboxes_.remove(id, force);
  if (!removed) {
    co_return failure(removed.error());
  }
  Json json = Json::object();
  json["success"] = true;
  json["message"] = "Sandbox " + printable(id, kMaxReason) + " is removed.";
  ToolResult result = plain_result(std::move(json));
  result.resources_changed = true;
  co_return result;
}

awaitable<Status> SandboxTools::put_files(const std::string& id, std::vector<InputFile> files) {
  for (InputFile& file : files) {
    const auto put = co_await sandboxes_.put(id, file.path, std::move(file.bytes));
    if (!put) {
      const bool refused = put.error().code == Errc::kInvalidArgument;
      co_return Error{put.error().code,
                      (refused ? "File " + file.path + " could not be written: " : "") +
                          put.error().message + (refused ? " The code was not run." : "")};
    }
  }
  co_return Ok{};
}

// Starts the code, or finds the execution that is meant.
awaitable<Result<SandboxTools::ExecutionPtr>> SandboxTools::begin(const std::string& id,
                                                                  ExecuteArguments& arguments) {
  if (arguments.interrupt) {
    auto stopped = co_await sandboxes_.interrupt(id);
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
    co_return co_await sandboxes_.collect(id, *arguments.execution_id);
  }
  const Status put = co_await put_files(id, std::move(arguments.files));
  if (!put) {
    co_return put.error();
  }
  co_return co_await sandboxes_.execute(id, std::move(arguments.request));
}

// Waits for the end of `execution`, until `deadline`, and tells of progress meanwhile.
awaitable<void> SandboxTools::follow(const std::string& id, ExecutionPtr execution,
                                     Clock::time_point deadline, mcp::CallContext& call) {
  call.on_cancel([this, id, execution] { sandboxes_.stop(id, execution); });
  auto next_progress = Clock::now() + kProgressInterval;
  while (!execution->done && !call.cancelled()) {
    const auto now = Clock::now();
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
  const auto started = Clock::now();
  auto parsed = parse_execute(arguments, sandboxes_.settings());
  if (!parsed) {
    co_return failure(parsed.error());
  }
  CallFacts facts;
  if (parsed->sandbox_id) {
    facts.sandbox_id = *parsed->sandbox_id;
  } else {
    auto own = co_await sandboxes_.own(watch_of(call));
    if (!own) {
      co_return failure(own.error());
    }
    facts.sandbox_id = std::move(*own);
    facts.sandbox_note = own_note(facts.sandbox_id, told_own_);
  }
  if (call.cancelled()) {
    co_return failure(Error{Errc::kEnded, "The call was cancelled before its code was run."});
  }
  const bool put_files = !parsed->files.empty();
  auto begun = co_await begin(facts.sandbox_id, *parsed);
  if (!begun) {
    co_return failure(begun.error());
  }
  const ExecutionPtr execution = *begun;
  if (call.cancelled()) {
    sandboxes_.stop(facts.sandbox_id, execution);
  }
  // Also where getting an image or a sandbox has taken what there was.
  const auto least = std::min<Clock::duration>(parsed->wait, kLeastRunning);
  const auto deadline = std::max<Clock::time_point>(started + parsed->wait, Clock::now() + least);
  co_await follow(facts.sandbox_id, execution, deadline, call);
  if (execution->done) {
    facts.files = result_files(*execution);
    co_await copies_.save(execution, facts, std::max(deadline, Clock::now() + kLeastSaving), call);
  }
  if (!parsed->sandbox_id) {
    told_own_ = facts.sandbox_id;
  }
  ToolResult result = execution_result(*execution, facts);
  result.resources_changed = put_files || !facts.files.empty() || !facts.sandbox_note.empty();
  if (!execution->done && !call.cancelled()) {
    note_told(*execution, result);
  }
  co_return result;
}

}  // namespace omcp_r::tools
