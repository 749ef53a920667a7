#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
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

constexpr auto kLockPatience = 30s;
constexpr auto kStartPatience = 60s;
constexpr double kStartingFor = 90;

void note_creation(const State& state) {
  log::info("sandbox created", {{"sandbox", state.id}, {"image", state.image}});
  log::audit("sandbox_created", {{"sandbox", state.id},
                                 {"image", state.image},
                                 {"image_id", state.image_id},
                                 {"r_version", state.r_version},
                                 {"memory_bytes", state.memory_bytes}});
}

}  // namespace

asio::awaitable<Result<CreationLock>> SandboxManager::creation_lock() {
  const auto deadline = std::chrono::steady_clock::now() + kLockPatience;
  for (;;) {
    auto lock = CreationLock::try_acquire(settings_.state_dir);
    if (lock) {
      co_return std::move(*lock);
    }
    if (std::chrono::steady_clock::now() > deadline) {
      co_return Error{Errc::kInternal, "Another process holds the lock in " + settings_.state_dir +
                                           ". Try again; if it stays so, set STATE_DIR to a folder "
                                           "that this user can write."};
    }
    co_await pause(10ms);
  }
}

// Enters `state` as a sandbox that is starting, if the scope has room for one more.
asio::awaitable<Status> SandboxManager::reserve(State state) {
  auto lock = co_await creation_lock();
  if (!lock) {
    co_return lock.error();
  }
  auto containers = co_await engine_.list(scope_labels(settings_));
  if (!containers) {
    co_return containers.error();
  }
  std::set<std::string> taken;
  for (const engine::ContainerInfo& container : *containers) {
    const auto label = container.labels.find("omcp-r.id");
    if (container.running && label != container.labels.end() &&
        !container.name.starts_with(kSparePrefix)) {
      taken.insert(label->second);
    }
  }
  for (const std::string& id : state_ids(settings_.state_dir)) {
    const auto view = look_up(id);
    if (view && view->phase == "starting" && wall_clock() < view->state.created_at + kStartingFor) {
      taken.insert(id);
    }
  }
  if (taken.size() >= static_cast<std::size_t>(settings_.max_sandboxes)) {
    co_return Error{Errc::kLimitReached,
                    "All " + std::to_string(settings_.max_sandboxes) +
                        " sandboxes are in use. Use one of them (list_sandboxes), or end one with "
                        "remove_sandbox."};
  }
  auto file = StateFile::open(settings_.state_dir, state.id, true);
  if (!file) {
    co_return file.error();
  }
  file->write(state);
  co_return Ok{};
}

asio::awaitable<Result<SandboxView>> SandboxManager::create(CreateRequest request) {
  const auto grant = decide(settings_, request);
  if (!grant) {
    co_return grant.error();
  }
  const Status directory = make_state_directory(settings_.state_dir);
  if (!directory) {
    co_return directory.error();
  }
  engine_used_ = true;
  SandboxPtr spare = spare_serves(*grant) ? std::exchange(spare_, nullptr) : nullptr;
  State state;
  state.id = spare ? spare->id : random_uuid();
  state.image = grant->image;
  state.idle = grant->idle_timeout.count();
  state.lifetime = settings_.max_lifetime.count();
  state.created_at = wall_clock();
  state.memory_bytes = grant->memory_bytes;
  state.cpus = grant->cpus;
  state.starting = true;
  const Status reserved = co_await reserve(state);
  if (!reserved) {
    if (spare && !spare_) {
      spare_ = std::move(spare);
    }
    co_return reserved.error();
  }
  SandboxPtr sandbox;
  if (spare) {
    const bool given = co_await give_out(spare, *grant);
    if (given) {
      sandbox = spare;
      state.image_id = spare->spare_state.image_id;
      state.r_version = spare->spare_state.r_version;
    }
  }
  if (!sandbox) {
    auto made = co_await fresh(*grant, state);
    if (!made) {
      remove_state(settings_.state_dir, state.id);
      co_return made.error();
    }
    sandbox = *made;
  }
  auto file = StateFile::open(settings_.state_dir, state.id, true);
  if (!file) {
    const Status ignored = co_await engine_.remove(sandbox->container);
    static_cast<void>(ignored);
    co_return file.error();
  }
  state.starting = false;
  sandbox->file = std::move(*file);
  sandbox->file.write(state);
  sandboxes_[state.id] = sandbox;
  note_creation(state);
  if (settings_.warm_pool > 0) {
    asio::co_spawn(executor_, make_spare(), asio::detached);
  }
  co_return view_of(sandbox->file, state);
}

asio::awaitable<Result<SandboxManager::SandboxPtr>> SandboxManager::fresh(Grant grant,
                                                                          State& state) {
  auto sandbox = std::make_shared<Sandbox>();
  sandbox->id = state.id;
  sandbox->container = container_name(state.id);
  engine::ContainerSpec spec = container_spec(settings_, grant, state.id);
  const Status launched = co_await launch(sandbox, std::move(spec), state);
  if (launched) {
    co_return sandbox;
  }
  // Named before it ran, so that no path loses it.
  const Status removed = co_await engine_.remove(sandbox->container);
  static_cast<void>(removed);
  co_return launched.error();
}

// Starts the container, reads its limits back, and waits until its R answers.
asio::awaitable<Status> SandboxManager::launch(SandboxPtr sandbox, engine::ContainerSpec spec,
                                               State& state) {
  const engine::ContainerSpec wanted = spec;
  auto created = co_await engine_.create(std::move(spec));
  if (!created) {
    co_return created.error();
  }
  sandbox->session = std::make_shared<Session>(executor_, engine_, sandbox->container);
  const Status attached = co_await sandbox->session->attach();
  if (!attached) {
    co_return attached.error();
  }
  // R starts while the engine is asked.
  auto inspected = co_await engine_.inspect(sandbox->container);
  if (!inspected) {
    co_return inspected.error();
  }
  const Status limits = check_limits(wanted, inspected->limits);
  if (!limits) {
    co_return limits.error();
  }
  const auto deadline = std::chrono::steady_clock::now() + kStartPatience;
  auto greeting = co_await sandbox->session->greet(deadline, std::nullopt);
  if (!greeting) {
    co_return Error{Errc::kInternal,
                    "The container started, but no R answered in it. Does image " + wanted.image +
                        " have R 4.1 or newer on its PATH, and sh? Try: docker run --rm " +
                        wanted.image + " R --version"};
  }
  state.image_id = inspected->image_id;
  state.r_version = greeting->r_version;
  co_return Ok{};
}

}  // namespace omcp_r::sandbox
