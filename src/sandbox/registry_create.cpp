#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "omcp_r/base/background.hpp"
#include "omcp_r/base/log.hpp"
#include "omcp_r/base/text.hpp"
#include "omcp_r/sandbox/library.hpp"
#include "pause.hpp"
#include "registry.hpp"

// Creating: a place in the count, then a container or a spare, then its R.

namespace omcp_r::sandbox {
namespace {

using namespace std::chrono_literals;

constexpr auto kCreationPatience = 45s;
constexpr auto kRemovalPatience = 5s;
/// What the reaper last saw serves to count where there is room by it: what ours have made since
/// then is in the state folder. Only what a server with another state folder made meanwhile is
/// missed.
constexpr auto kCountAge = 90s;

void note_creation(const Sandbox& sandbox) {
  const engine::Found& found = sandbox.found();
  log::info("sandbox created", {{"sandbox", sandbox.id()}, {"image", found.image}});
  log::audit("sandbox_created", {{"sandbox", sandbox.id()},
                                 {"image", found.image},
                                 {"image_id", found.image_digest},
                                 {"r_version", sandbox.view().r_version},
                                 {"memory_bytes", found.memory_bytes}});
}

engine::Found found_of(const engine::Spec& spec) {
  engine::Found found;
  found.identity = spec.identity;
  found.since = static_cast<std::int64_t>(Clock::wall());
  found.image = spec.image;
  found.memory_bytes = spec.isolation.memory_bytes;
  found.cpus = spec.isolation.cpus;
  return found;
}

Record new_record(const Grant& grant, const Settings& settings) {
  Record record;
  record.created_at = Clock::wall();
  record.created_awake = awake_ms();
  record.idle = grant.idle_timeout.count();
  record.lifetime = settings.max_lifetime.count();
  record.used_at = record.created_at;
  record.used_awake = awake_ms();
  record.boot = boot_id();
  record.starting = true;
  return record;
}

}  // namespace

asio::awaitable<Result<FileLock>> Registry::creation_lock() {
  const auto deadline = Clock::now() + kCreationPatience;
  for (;;) {
    auto lock = shared_.folder.try_lock("creation");
    if (!lock) {
      co_return lock.error();
    }
    if (*lock) {
      co_return std::move(**lock);
    }
    if (Clock::now() >= deadline) {
      co_return Error{Errc::kTimeout,
                      "Another server of yours has been asking the container engine for 45 s in "
                      "order to create a sandbox. See whether the engine answers, then try again."};
    }
    co_await pause_for(20ms);
  }
}

/// Every sandbox that holds a place: what the engine has, until it confirms that it is gone, and
/// what is entered and has not ended.
std::size_t Registry::count(const Look& look) {
  std::set<std::string> taken;
  for (const engine::Found& found : *look.found) {
    if (kind_of(found) == Kind::kSandbox) {
      taken.insert(found.identity.id);
    }
  }
  for (const std::string& id : shared_.folder.living()) {
    if (!is_elsewhere(id)) {
      taken.insert(id);
    }
  }
  return taken.size();
}

/// Whether the engine still has what is ended.
bool Registry::has_ending(const Look& look) const {
  return std::any_of(look.found->begin(), look.found->end(), [this](const engine::Found& found) {
    return shared_.folder.ended(found.identity.id);
  });
}

// Counts and enters, where there is room.
asio::awaitable<Result<Ok>> Registry::enter(SandboxPtr sandbox, Grant grant,
                                            Clock::time_point arrived) {
  const auto lock = co_await creation_lock();
  if (!lock) {
    co_return lock.error();
  }
  LookPtr seen = co_await look(last_ && last_->found ? arrived - kCountAge : arrived);
  const auto most = static_cast<std::size_t>(shared_.settings.max_sandboxes);
  const auto is_full = [&] { return seen->found && count(*seen) >= most; };
  bool full = is_full();
  if (full) {
    seen = co_await look(arrived);
    full = is_full();
  }
  if (full) {
    co_await settle(seen);  // some of them may be gone
    seen = co_await look(arrived);
    full = is_full();
  }
  // Who has removed one gets its place, be it that another server removes it.
  const auto deadline = Clock::now() + kRemovalPatience;
  while (full && has_ending(*seen) && Clock::now() < deadline) {
    co_await pause_for(50ms);
    co_await settle(seen);
    seen = co_await look(Clock::now());
    full = is_full();
  }
  if (!seen->found) {
    co_return seen->found.error();
  }
  if (seen->asked >= arrived) {
    forget_old(*seen);  // which reads all that ended within a day: not before a spare is given out
  }
  if (full) {
    co_return Error{Errc::kLimitReached,
                    "All " + std::to_string(most) +
                        " sandboxes are in use. Use one of them (list_sandboxes), or end one with "
                        "remove_sandbox."};
  }
  // Held only now, and not while it waits for its turn: who counts reads every name in the folder.
  if (const Status held = sandbox->hold(); !held) {
    co_return held.error();
  }
  Record record = new_record(grant, shared_.settings);
  record.engine = engine_;
  const auto published = shared_.folder.publish(sandbox->id(), record);
  if (!published) {
    co_return published.error();
  }
  co_return Ok{};
}

// One at a time in this process, in turn with the others'.
asio::awaitable<Result<Ok>> Registry::reserve(SandboxPtr sandbox, Grant grant,
                                              Clock::time_point arrived) {
  while (entering_->closed) {
    co_await entering_->opened.wait();
  }
  const Passage passage{entering_};
  co_return co_await enter(std::move(sandbox), std::move(grant), arrived);
}

asio::awaitable<Result<SandboxPtr>> Registry::create(Grant grant, SandboxPtr spare) {
  const auto arrived = Clock::now();
  const Status prepared = shared_.folder.prepare();
  if (!prepared) {
    co_return prepared.error();
  }
  if (shared_.database) {
    const Status checked = co_await shared_.database->check.run();
    if (!checked) {
      co_return checked.error();
    }
  }
  engine::Identity identity;
  identity.id = spare ? spare->id() : random_uuid();
  identity.domain = shared_.folder.domain();
  const engine::Spec spec = spec_of(shared_.settings, grant, identity);
  auto sandbox =
      spare ? spare : std::make_shared<Sandbox>(shared_, found_of(spec), Phase::kStarting);
  const auto reserved = co_await reserve(sandbox, grant, arrived);
  if (!reserved) {
    if (!spare) {
      sandbox.reset();  // and with it the lock
      shared_.folder.forget(identity.id);
    }
    co_return reserved.error();
  }
  sandboxes_[identity.id] = sandbox;
  if (spare) {
    const Status given = co_await give_out(spare, grant);
    if (given) {
      co_return sandbox;
    }
    if (given.error().code == Errc::kEngineUnavailable) {
      co_return given.error();
    }
    co_return co_await create(std::move(grant), nullptr);
  }
  const Status launched = co_await launch(sandbox, spec);
  if (!launched) {
    sandboxes_.erase(identity.id);
    sandbox.reset();  // and with it the lock
    shared_.folder.forget(identity.id);
    co_return launched.error();
  }
  note_creation(*sandbox);
  co_return sandbox;
}

// Creates what `spec` says and waits for its R. On failure nothing of it is left.
asio::awaitable<Status> Registry::launch(SandboxPtr sandbox, engine::Spec spec) {
  used_ = true;
  if (shared_.database) {
    const Status open = shared_.database->door.open();
    if (!open) {
      co_return open.error();
    }
  }
  const auto created = co_await shared_.engine.create(std::move(spec));
  if (!created) {
    co_return created.error();
  }
  Status ready = check_in_force(created->not_in_force);
  if (ready) {
    ready = co_await sandbox->start(*created);
  }
  const std::string& library = shared_.settings.library;
  if (ready && !library.empty()) {
    ready = check_readable(library, shared_.settings.user);
    if (ready) {
      ready = check_library(library, sandbox->view().r_version, sandbox->platform());
    }
  }
  if (!ready) {
    sandbox->let_go();
    if (ready.error().code == Errc::kEngineUnavailable) {  // nobody waits for that one again
      spawn(shared_.executor, "removal of " + sandbox->id(), clear_away(sandbox, created->handle));
    } else {
      co_await clear_away(sandbox, created->handle);
    }
  }
  co_return ready;
}

asio::awaitable<void> Registry::clear_away(SandboxPtr sandbox, engine::Handle handle) {
  const Status removed = co_await shared_.engine.remove(std::move(handle));
  if (!removed) {
    log::warning("a sandbox that did not start could not be removed",
                 {{"sandbox", sandbox->id()}, {"reason", removed.error().message}});
  }
}

asio::awaitable<Result<SandboxPtr>> Registry::make_spare(Grant grant) {
  const Status prepared = shared_.folder.prepare();
  if (!prepared) {
    co_return prepared.error();
  }
  engine::Identity identity;
  identity.id = random_uuid();
  identity.domain = shared_.folder.domain();
  identity.role = engine::Role::kSpare;
  const engine::Spec spec = spec_of(shared_.settings, grant, identity);
  auto spare = std::make_shared<Sandbox>(shared_, found_of(spec), Phase::kStarting);
  const Status locked = spare->hold();
  if (!locked) {
    co_return locked.error();
  }
  const Status launched = co_await launch(spare, spec);
  if (!launched) {
    co_return launched.error();
  }
  co_return spare;
}

asio::awaitable<Status> Registry::give_out(SandboxPtr spare, Grant grant) {
  const Status given = co_await spare->give_out(grant.idle_timeout.count());
  if (given) {
    note_creation(*spare);
    spawn(shared_.executor, "mark on " + spare->id(), Sandbox::mark_given(spare));
    co_return given;
  }
  log::warning("a spare did not answer and is removed", {{"reason", given.error().message}});
  if (given.error().code == Errc::kEngineUnavailable) {
    spawn(shared_.executor, "end of " + spare->id(), drop(spare));
  } else {
    co_await drop(spare);
  }
  co_return given;
}

asio::awaitable<void> Registry::drop(SandboxPtr spare) {
  const std::string id = spare->id();
  const Status removed = co_await spare->end("it did not answer", true);
  sandboxes_.erase(id);
  spare->let_go();
  if (removed) {
    shared_.folder.forget(id);
  }
}

}  // namespace omcp_r::sandbox
