#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

#include "omcp_r/base/log.hpp"
#include "omcp_r/base/text.hpp"
#include "sandbox.hpp"

namespace omcp_r::sandbox {
namespace {

using namespace std::chrono_literals;

/// How long a sandbox whose last server died may still be busy before a call is told so.
constexpr auto kOrphanPatience = 5s;
constexpr auto kAskPatience = 10s;
constexpr std::uint64_t kSurelyShown = 45'000;

const char* outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kOk:
      return "ok";
    case Outcome::kError:
      return "error";
    case Outcome::kInterrupted:
      return "interrupted";
    case Outcome::kTimedOut:
      return "timed_out";
    case Outcome::kOutputLimit:
      return "output_limit";
    case Outcome::kQuit:
      return "quit";
    case Outcome::kCrashed:
      return "crashed";
    case Outcome::kSandboxEnded:
      return "sandbox_ended";
    case Outcome::kEngineLost:
      return "engine_lost";
    case Outcome::kUnknown:
      break;
  }
  return "unknown";
}

void note_start(const std::string& id, const Execution& execution,
                const ExecutionRequest& request) {
  log::debug("code", {{"sandbox", id}, {"execution", execution.id}, {"code", request.code}});
  log::audit("execution_started",
             {{"sandbox", id}, {"execution", execution.id}, {"code_bytes", request.code.size()}});
}

void note_end(const std::string& id, const Execution& execution) {
  log::audit("execution_ended", {{"sandbox", id},
                                 {"execution", execution.id},
                                 {"outcome", outcome_name(execution.outcome)},
                                 {"ms", execution.elapsed().count()},
                                 {"output_bytes", execution.transcript.bytes()}});
}

Error busy_error(const std::string& id, const std::string& running) {
  std::string message = "Code is running in sandbox " + id + ". ";
  message += running.empty() ? "Try again when it is done"
                             : "Collect it with execute_r_code and execution_id " + running;
  return Error{Errc::kBusy, message + ", stop it with interrupt: true, or use another sandbox."};
}

}  // namespace

// Takes the sandbox for this call: nobody here and no other process uses it.
asio::awaitable<Status> SandboxManager::acquire(SandboxPtr sandbox) {
  if (sandbox->busy || !sandbox->file.try_lock()) {
    co_return busy_error(sandbox->id, sandbox->file.read().running);
  }
  sandbox->busy = true;
  if (sandbox->session && sandbox->session->open()) {
    co_return Ok{};
  }
  const Status connected = co_await connect(sandbox);
  if (!connected) {
    release(*sandbox);
    co_return connected.error();
  }
  co_return Ok{};
}

void SandboxManager::release(Sandbox& sandbox) {
  sandbox.busy = false;
  sandbox.file.unlock();
}

asio::awaitable<Status> SandboxManager::connect(SandboxPtr sandbox) {
  engine_used_ = true;
  auto container = co_await engine_.inspect(sandbox->container);
  if (!container || !container->running) {
    if (!container && container.error().code != Errc::kNotFound) {
      co_return container.error();
    }
    mark_gone(sandbox->id);
    co_return ended_error(sandbox->id);
  }
  auto session = std::make_shared<Session>(executor_, engine_, sandbox->container);
  const Status attached = co_await session->attach();
  if (!attached) {
    co_return attached.error();
  }
  sandbox->session = std::move(session);
  co_return Ok{};
}

asio::awaitable<Result<std::shared_ptr<Execution>>> SandboxManager::execute(
    std::string id, ExecutionRequest request) {
  auto found = co_await find(id);
  if (!found) {
    co_return found.error();
  }
  const SandboxPtr sandbox = *found;
  const bool attached = sandbox->session && sandbox->session->open();
  const Status acquired = co_await acquire(sandbox);
  if (!acquired) {
    co_return acquired.error();
  }
  State state = sandbox->file.read();
  if (!attached) {
    // A server that died may have left R at work.
    const auto deadline = std::chrono::steady_clock::now() + kOrphanPatience;
    auto greeting = co_await sandbox->session->greet(deadline, std::nullopt);
    if (!greeting) {
      release(*sandbox);
      if (greeting.error().code == Errc::kBusy) {
        co_return busy_error(id, state.running);
      }
      mark_gone(id);
      co_return ended_error(id);
    }
    state.r_version = greeting->r_version;
  }
  auto execution =
      std::make_shared<Execution>(executor_, random_uuid(), settings_.max_output_chars);
  note_start(id, *execution, request);
  state.running = execution->id;
  state.running_until = wall_clock() + static_cast<double>(request.timeout.count());
  ++state.executions;
  sandbox->file.write(state);
  sandbox->session->start(execution, request);
  begin(sandbox, execution);
  co_return execution;
}

void SandboxManager::begin(const SandboxPtr& sandbox, const std::shared_ptr<Execution>& execution) {
  sandbox->current = execution;
  asio::co_spawn(executor_, see_through(sandbox, execution), asio::detached);
}

// Watches an execution to its end and lets go of the sandbox; only then is the execution done, so
// that who waited for it finds the sandbox free.
asio::awaitable<void> SandboxManager::see_through(SandboxPtr sandbox,
                                                  std::shared_ptr<Execution> execution) {
  co_await sandbox->session->watch(execution, settings_.max_output_bytes);
  const bool gone = execution->outcome == Outcome::kSandboxEnded;
  // Or nearly: beside images, less text fits in a line.
  const bool shortened =
      execution->transcript.truncated() || execution->transcript.bytes() > kSurelyShown;
  if (!gone && shortened && sandbox->session->open()) {
    co_await keep_output(sandbox, *execution);
  }
  State state = sandbox->file.read();
  state.running.clear();
  state.running_until = 0;
  sandbox->file.write(state);
  sandbox->current = nullptr;
  sandbox->recent.push_back(execution);
  if (sandbox->recent.size() > kRecentExecutions) {
    sandbox->recent.pop_front();
  }
  release(*sandbox);
  if (gone) {
    mark_gone(sandbox->id);
  }
  execution->done = true;
  note_end(sandbox->id, *execution);
  execution->changed.notify_all();
}

asio::awaitable<void> SandboxManager::keep_output(SandboxPtr sandbox, Execution& execution) {
  const std::string path = "output-" + execution.id.substr(0, 8) + ".txt";
  Fields fields;
  fields.emplace_back("do", "put");
  fields.emplace_back("path", path);
  fields.emplace_back("text", to_valid_utf8(execution.transcript.kept()));
  const auto deadline = std::chrono::steady_clock::now() + kAskPatience;
  const auto put = co_await sandbox->session->ask(std::move(fields), deadline);
  if (put) {
    execution.output_file = path;
  }
}

asio::awaitable<Result<std::shared_ptr<Execution>>> SandboxManager::find_execution(
    std::string id, std::string execution_id) {
  auto found = co_await find(id);
  if (!found) {
    co_return found.error();
  }
  const SandboxPtr sandbox = *found;
  if (sandbox->current && sandbox->current->id == execution_id) {
    co_return sandbox->current;
  }
  for (const auto& execution : sandbox->recent) {
    if (execution->id == execution_id) {
      co_return execution;
    }
  }
  const Status acquired = co_await acquire(sandbox);
  if (!acquired) {
    co_return acquired.error();
  }
  const State state = sandbox->file.read();
  auto execution = std::make_shared<Execution>(executor_, execution_id, settings_.max_output_chars);
  const double left = state.running == execution_id ? state.running_until - wall_clock() : 30;
  execution->limit =
      std::chrono::steady_clock::now() +
      std::chrono::milliseconds{static_cast<std::int64_t>(std::max(left, 1.0) * 1000)};
  sandbox->session->adopt(execution);
  begin(sandbox, execution);
  co_return execution;
}

void SandboxManager::stop(const std::string& id, const std::shared_ptr<Execution>& execution) {
  if (execution->stop == StopReason::kNone) {
    execution->stop = StopReason::kRequested;
  }
  const auto found = sandboxes_.find(id);
  if (found != sandboxes_.end() && found->second->session) {
    found->second->session->poke();
  }
}

// Another server watches what runs: it tells its own caller, and we wait until it has let go.
asio::awaitable<Status> SandboxManager::interrupt_elsewhere(SandboxPtr sandbox) {
  const Session::Ladder ladder;
  const auto start = std::chrono::steady_clock::now();
  auto next = start;
  while (!sandbox->file.try_lock()) {
    const auto now = std::chrono::steady_clock::now();
    if (now > start + ladder.kill + ladder.remove) {
      co_return busy_error(sandbox->id, sandbox->file.read().running);
    }
    if (now >= next) {
      next = now + ladder.repeat;
      const std::string name = now >= start + ladder.kill ? "USR1" : "INT";
      const Status sent = co_await engine_.signal(sandbox->container, name);
      if (!sent) {
        co_return sent.error();
      }
    }
    co_await pause(20ms);
  }
  sandbox->file.unlock();
  co_return Ok{};
}

asio::awaitable<Result<std::shared_ptr<Execution>>> SandboxManager::interrupt(std::string id) {
  auto found = co_await find(id);
  if (!found) {
    co_return found.error();
  }
  const SandboxPtr sandbox = *found;
  const std::string running = sandbox->file.read().running;
  if (!sandbox->current && !running.empty()) {
    const auto adopted = co_await find_execution(id, running);
    if (!adopted && adopted.error().code == Errc::kBusy) {
      const Status stopped = co_await interrupt_elsewhere(sandbox);
      if (!stopped) {
        co_return stopped.error();
      }
    }
  }
  std::shared_ptr<Execution> execution = sandbox->current;
  if (execution) {
    stop(id, execution);
    while (!execution->done) {
      co_await execution->changed.wait();
    }
  }
  co_return execution;
}

asio::awaitable<Result<std::string>> SandboxManager::ask(std::string id, Fields fields) {
  auto found = co_await find(id);
  if (!found) {
    co_return found.error();
  }
  const SandboxPtr sandbox = *found;
  const Status acquired = co_await acquire(sandbox);
  if (!acquired) {
    co_return acquired.error();
  }
  const auto deadline = std::chrono::steady_clock::now() + kAskPatience;
  auto answer = co_await sandbox->session->ask(std::move(fields), deadline);
  release(*sandbox);
  co_return answer;
}

}  // namespace omcp_r::sandbox
