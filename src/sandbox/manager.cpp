#include "omcp_r/sandbox/manager.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <set>
#include <utility>

#include "omcp_r/base/log.hpp"
#include "omcp_r/base/text.hpp"
#include "sandbox.hpp"

namespace omcp_r::sandbox {
namespace {

using namespace std::chrono_literals;

constexpr double kForgetEnded = 24 * 3600.0;

bool is_spare(const engine::ContainerInfo& container) {
  return container.name.starts_with(kSparePrefix);
}

std::int64_t number_label(const engine::ContainerInfo& container, const char* key) {
  const auto it = container.labels.find(key);
  return it == container.labels.end() ? 0 : std::atoll(it->second.c_str());
}

std::string id_label(const engine::ContainerInfo& container) {
  const auto it = container.labels.find("omcp-r.id");
  return it == container.labels.end() ? "" : it->second;
}

/// What the labels tell of a sandbox whose file was lost.
State state_from_labels(const engine::ContainerInfo& container) {
  State state;
  state.id = id_label(container);
  state.image = container.image;
  state.idle = number_label(container, "omcp-r.idle");
  state.lifetime = number_label(container, "omcp-r.lifetime");
  state.created_at = static_cast<double>(container.created_at);
  return state;
}

}  // namespace

asio::awaitable<void> pause(std::chrono::milliseconds time) {
  asio::steady_timer timer{co_await asio::this_coro::executor, time};
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

SandboxManager::SandboxManager(asio::any_io_executor executor, engine::Engine& engine,
                               Settings settings)
    : executor_(std::move(executor)), engine_(engine), settings_(std::move(settings)) {
  // What one scope writes there is nothing to the others.
  settings_.state_dir += "/scope-" + settings_.scope;
}

SandboxManager::~SandboxManager() = default;

Error SandboxManager::unknown_error(const std::string& id) const {
  return Error{Errc::kNotFound, "There is no sandbox " + id.substr(0, 64) +
                                    ". It may have expired. Create one with create_sandbox; "
                                    "list_sandboxes shows those that live."};
}

Error SandboxManager::ended_error(const std::string& id) const {
  const auto file = StateFile::open(settings_.state_dir, id, false);
  const State state = file ? file->read() : State{};
  const std::string why = state.ended.empty() ? "ended" : "ended (" + state.ended + ")";
  return Error{Errc::kEnded, "Sandbox " + id + " has " + why +
                                 "; its variables and files are gone. Create a new one with "
                                 "create_sandbox."};
}

SandboxView SandboxManager::view_of(const StateFile& file, State state) const {
  SandboxView view;
  view.last_used = std::max(file.last_used(), state.created_at);
  const double lifetime_end = state.created_at + static_cast<double>(state.lifetime);
  const bool running = !state.running.empty() && state.running_until + 30 > wall_clock();
  const double used_until =
      running ? std::max(view.last_used, state.running_until) : view.last_used;
  view.expires_at = std::min(used_until + static_cast<double>(state.idle), lifetime_end);
  view.phase = !state.ended.empty() ? "ended"
               : state.starting     ? "starting"
               : running            ? "busy"
                                    : "idle";
  view.state = std::move(state);
  return view;
}

std::optional<SandboxView> SandboxManager::look_up(const std::string& id) const {
  if (!is_sandbox_id(id)) {
    return std::nullopt;
  }
  const auto file = StateFile::open(settings_.state_dir, id, false);
  if (!file) {
    return std::nullopt;
  }
  return view_of(*file, file->read());
}

void SandboxManager::mark_ended(const std::string& id, const std::string& reason) {
  const auto found = sandboxes_.find(id);
  if (found != sandboxes_.end()) {
    if (found->second->session) {
      found->second->session->close();
    }
    sandboxes_.erase(found);
  }
  auto file = StateFile::open(settings_.state_dir, id, false);
  if (!file) {
    return;
  }
  State state = file->read();
  if (state.ended.empty()) {
    state.ended = reason;
    state.ended_at = wall_clock();
    state.starting = false;
    state.running.clear();
    file->amend(state);
    log::info("sandbox ended", {{"sandbox", id}, {"reason", reason}});
    log::audit("sandbox_ended", {{"sandbox", id}, {"reason", reason}});
  }
}

// Its container is not there: most likely it ended itself at its deadline.
void SandboxManager::mark_gone(const std::string& id) {
  const auto past = look_up(id);
  const bool expired = past && wall_clock() + 10 >= past->expires_at;
  mark_ended(id, expired ? "expired" : "its container is gone");
}

asio::awaitable<Result<std::vector<SandboxView>>> SandboxManager::list(bool include_ended) {
  engine_used_ = true;
  auto containers = co_await engine_.list(scope_labels(settings_));
  if (!containers) {
    co_return containers.error();
  }
  std::vector<SandboxView> views;
  std::set<std::string> living;
  for (const engine::ContainerInfo& container : *containers) {
    const std::string id = id_label(container);
    if (is_spare(container) || !is_sandbox_id(id) || !container.running) {
      continue;
    }
    living.insert(id);
    auto file = StateFile::open(settings_.state_dir, id, true);
    if (!file) {
      co_return file.error();
    }
    State state = file->read();
    if (state.id.empty()) {
      state = state_from_labels(container);
      file->amend(state);
    }
    views.push_back(view_of(*file, std::move(state)));
  }
  for (const std::string& id : state_ids(settings_.state_dir)) {
    const auto file = StateFile::open(settings_.state_dir, id, false);
    if (living.contains(id) || !file) {
      continue;
    }
    SandboxView view = view_of(*file, file->read());
    const double now = wall_clock();
    if (view.state.ended.empty() && !(view.state.starting && now < view.state.created_at + 90)) {
      mark_gone(id);
      view = view_of(*file, file->read());
    }
    if (now > view.state.ended_at + kForgetEnded && !view.state.ended.empty()) {
      remove_state(settings_.state_dir, id);
    } else if (view.state.ended.empty() || include_ended) {
      views.push_back(std::move(view));
    }
  }
  std::sort(views.begin(), views.end(), [](const SandboxView& a, const SandboxView& b) {
    return a.state.created_at < b.state.created_at;
  });
  co_return views;
}

asio::awaitable<Status> SandboxManager::remove(std::string id, bool force) {
  if (!is_sandbox_id(id)) {
    co_return unknown_error(id);
  }
  const auto known = sandboxes_.find(id);
  bool busy = known != sandboxes_.end() && known->second->busy;
  auto file = StateFile::open(settings_.state_dir, id, false);
  if (!busy && file && !file->try_lock()) {
    busy = true;
  }
  if (busy && !force) {
    co_return Error{Errc::kBusy, "Code is running in sandbox " + id +
                                     ". Wait for it, or call remove_sandbox with force: true to "
                                     "end it."};
  }
  engine_used_ = true;
  if (!file) {
    auto state = co_await engine_.inspect(container_name(id));
    if (!state) {
      co_return state.error().code == Errc::kNotFound ? unknown_error(id) : state.error();
    }
    if (!is_of_scope(settings_, state->labels)) {
      co_return unknown_error(id);
    }
  }
  const Status removed = co_await engine_.remove(container_name(id));
  if (!removed) {
    co_return removed.error();
  }
  mark_ended(id, "removed");
  co_return Ok{};
}

asio::awaitable<Result<SandboxManager::SandboxPtr>> SandboxManager::find(std::string id) {
  if (!is_sandbox_id(id)) {
    co_return unknown_error(id);
  }
  const auto known = sandboxes_.find(id);
  if (known != sandboxes_.end()) {
    co_return known->second;
  }
  co_return co_await adopt(std::move(id));
}

// A sandbox that another process made, or that this one has forgotten.
asio::awaitable<Result<SandboxManager::SandboxPtr>> SandboxManager::adopt(std::string id) {
  engine_used_ = true;
  const std::string name = container_name(id);
  auto container = co_await engine_.inspect(name);
  if (!container || !container->running) {
    if (!container && container.error().code != Errc::kNotFound) {
      co_return container.error();
    }
    if (!look_up(id)) {
      co_return unknown_error(id);
    }
    mark_gone(id);
    co_return ended_error(id);
  }
  if (!is_of_scope(settings_, container->labels)) {
    co_return unknown_error(id);
  }
  const Status made = make_state_directory(settings_.state_dir);
  if (!made) {
    co_return made.error();
  }
  auto file = StateFile::open(settings_.state_dir, id, true);
  if (!file) {
    co_return file.error();
  }
  const auto known = sandboxes_.find(id);
  if (known != sandboxes_.end()) {
    co_return known->second;  // adopted meanwhile by another call
  }
  auto sandbox = std::make_shared<Sandbox>();
  sandbox->id = id;
  sandbox->container = name;
  sandbox->file = std::move(*file);
  State state = sandbox->file.read();
  if (state.id.empty()) {
    state.id = id;
    state.image_id = container->image_id;
    state.idle = settings_.idle_timeout.count();
    state.lifetime = settings_.max_lifetime.count();
    state.created_at = wall_clock();
    sandbox->file.write(state);
  }
  sandboxes_[id] = sandbox;
  co_return sandbox;
}

}  // namespace omcp_r::sandbox
