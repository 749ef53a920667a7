#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "omcp_r/base/log.hpp"
#include "omcp_r/base/text.hpp"
#include "sandbox.hpp"

// What is removed because it has expired, and the spares that are kept ready. The supervisor in
// each container does the same for itself, a little later, for when no server lives.

namespace omcp_r::sandbox {
namespace {

using namespace std::chrono_literals;

/// A spare whose server died ends by itself after this.
constexpr std::chrono::seconds kSpareLease{60};
constexpr std::chrono::seconds kSweep{60};
constexpr double kDeadFor = 180;

void note_dead(const engine::ContainerInfo& container, const Status& removed) {
  if (removed) {
    log::info("a container that did not run was removed", {{"container", container.name}});
  } else {
    log::warning("a container that does not run could not be removed",
                 {{"container", container.name}, {"reason", removed.error().message}});
  }
}

}  // namespace

asio::awaitable<void> SandboxManager::reap() {
  const auto tick = std::clamp<std::chrono::milliseconds>(settings_.idle_timeout / 4, 500ms, 5s);
  asio::steady_timer timer{executor_};
  auto swept = std::chrono::steady_clock::now();
  for (;;) {
    timer.expires_after(tick);
    boost::system::error_code error;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
    if (error) {
      co_return;
    }
    co_await remove_expired();
    if (engine_used_ && std::chrono::steady_clock::now() > swept + kSweep) {
      swept = std::chrono::steady_clock::now();
      co_await sweep();
    }
    co_await keep_spare();
  }
}

asio::awaitable<void> SandboxManager::remove_expired() {
  std::vector<std::string> expired;
  for (const auto& [id, sandbox] : sandboxes_) {
    const SandboxView view = view_of(sandbox->file, sandbox->file.read());
    if (!sandbox->busy && view.phase != "busy" && wall_clock() > view.expires_at) {
      expired.push_back(id);
    }
  }
  for (const std::string& id : expired) {
    const auto found = sandboxes_.find(id);
    if (found == sandboxes_.end() || found->second->busy) {
      continue;  // used or removed meanwhile
    }
    const Status removed = co_await engine_.remove(container_name(id));
    if (removed) {
      mark_ended(id, "expired");
    }
  }
}

// Other processes' sandboxes, long expired: their own supervisor must have failed.
asio::awaitable<void> SandboxManager::sweep() {
  // Created and never started, or ended by a crash of the engine: no deadline of theirs runs.
  const auto containers = co_await engine_.list(scope_labels(settings_));
  for (std::size_t i = 0; containers && i < containers->size(); ++i) {
    const engine::ContainerInfo& container = (*containers)[i];
    if (!container.running && wall_clock() > static_cast<double>(container.created_at) + kDeadFor) {
      const Status removed = co_await engine_.remove(container.id);
      note_dead(container, removed);
    }
  }
  auto views = co_await list(false);
  if (!views) {
    co_return;
  }
  for (const SandboxView& view : *views) {
    if (view.phase == "idle" && wall_clock() > view.expires_at + 30 &&
        !sandboxes_.contains(view.state.id)) {
      const Status removed = co_await engine_.remove(container_name(view.state.id));
      if (removed) {
        mark_ended(view.state.id, "expired");
      }
    }
  }
}

bool SandboxManager::spare_serves(const Grant& grant) const {
  return spare_ && spare_->session->open() && grant.image == settings_.image &&
         grant.memory_bytes == settings_.memory_bytes && grant.cpus == settings_.cpus;
}

asio::awaitable<void> SandboxManager::make_spare() {
  if (making_spare_ || spare_) {
    co_return;
  }
  making_spare_ = true;
  Grant grant;
  grant.idle_timeout = std::min(kSpareLease, settings_.idle_timeout);
  grant.image = settings_.image;
  grant.memory_bytes = settings_.memory_bytes;
  grant.cpus = settings_.cpus;
  auto spare = std::make_shared<Sandbox>();
  spare->id = random_uuid();
  spare->container = std::string{kSparePrefix} + spare->id;
  engine::ContainerSpec spec = container_spec(settings_, grant, spare->id);
  spec.name = spare->container;
  const Status launched = co_await launch(spare, std::move(spec), spare->spare_state);
  if (launched) {
    spare_ = std::move(spare);
  } else {
    const Status removed = co_await engine_.remove(spare->container);
    static_cast<void>(removed);
  }
  making_spare_ = false;
}

// A spare lives as long as somebody greets it.
asio::awaitable<void> SandboxManager::keep_spare() {
  const SandboxPtr spare = spare_;
  if (!spare) {
    co_return;
  }
  auto greeting =
      co_await spare->session->greet(std::chrono::steady_clock::now() + 5s, std::nullopt);
  if (!greeting && spare_ == spare) {
    spare_ = nullptr;
    spare->session->close();
    const Status removed = co_await engine_.remove(spare->container);
    static_cast<void>(removed);
  }
}

// Makes a sandbox of a spare: its name says so to every process.
asio::awaitable<bool> SandboxManager::give_out(SandboxPtr spare, Grant grant) {
  const std::string name = container_name(spare->id);
  const Status renamed = co_await engine_.rename(spare->container, name);
  if (renamed) {
    auto greeting = co_await spare->session->greet(std::chrono::steady_clock::now() + 5s,
                                                   grant.idle_timeout.count());
    if (greeting) {
      spare->container = name;
      spare->session->renamed(name);
      co_return true;
    }
  }
  spare->session->close();
  const std::string left = renamed ? name : spare->container;
  const Status removed = co_await engine_.remove(left);
  static_cast<void>(removed);
  co_return false;
}

}  // namespace omcp_r::sandbox
