#include "spare_pool.hpp"

#include <algorithm>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "omcp_r/base/background.hpp"
#include "omcp_r/base/log.hpp"

namespace omcp_r::sandbox {
namespace {

/// A spare whose server died ends by itself after this.
constexpr std::chrono::seconds kLease{30};
/// An engine that takes longer for one does not answer: a creation of its own then says so.
constexpr std::chrono::seconds kSparePatience{10};
constexpr std::chrono::seconds kDeferral{1};
/// Of one that only has packages to load; a sandbox of its own is there sooner than that.
constexpr std::chrono::seconds kLoadPatience{2};

}  // namespace

Grant SparePool::usual() const {
  const Settings& settings = shared_.settings;
  return Grant{.idle_timeout = std::min(kLease, settings.idle_timeout),
               .image = settings.image,
               .memory_bytes = usual_memory(settings, registry_.known_machine_memory()),
               .cpus = settings.cpus};
}

asio::awaitable<SandboxPtr> SparePool::take(Grant grant) {
  const Grant made = usual();
  const bool serves = grant.image == made.image && grant.memory_bytes == made.memory_bytes &&
                      grant.cpus == made.cpus;
  if (serves && spares_.empty() && making_ && !awaited_) {
    awaited_ = true;
    hurry_.notify_all();
    auto end = Clock::now() + kSparePatience;
    while (spares_.empty() && making_ && Clock::now() < end) {
      end = loading_ ? std::min(end, *loading_ + kLoadPatience) : end;
      co_await made_.wait_until(end);
    }
    awaited_ = false;
  }
  if (!serves || spares_.empty()) {
    co_return nullptr;
  }
  SandboxPtr spare = std::move(spares_.front().sandbox);
  spares_.pop_front();
  co_return spare;
}

void SparePool::give_back(SandboxPtr spare) {
  if (spares_.size() < static_cast<std::size_t>(shared_.settings.warm_pool) && !stopped_) {
    spares_.push_back({std::move(spare), Clock::now()});
  } else {
    spawn(shared_.executor, "end of a spare", end(shared_, std::move(spare)));
  }
}

asio::awaitable<void> SparePool::end(Shared& shared, SandboxPtr spare) {
  spare->let_go();
  const Status removed = co_await shared.engine.remove(spare->found().handle);
  if (!removed) {
    log::info("a spare is left to its lease", {{"reason", removed.error().message}});
  }
}

void SparePool::refill() {
  const auto wanted = static_cast<std::size_t>(shared_.settings.warm_pool);
  if (!stopped_ && !making_ && spares_.size() < wanted) {
    making_ = true;
    spawn(shared_.executor, "spare", make(*this));
  }
}

// Not at once: it would take the processors from who waits for a first result.
asio::awaitable<void> SparePool::make(SparePool& pool) {
  if (!pool.awaited_) {
    co_await pool.hurry_.wait_until(Clock::now() + kDeferral);
  }
  if (pool.stopped_) {
    co_return;
  }
  auto spare = co_await pool.make_one();
  pool.making_ = false;
  if (spare) {
    pool.give_back(std::move(*spare));
    pool.refill();
  } else {
    log::warning("no spare sandbox could be made", {{"reason", spare.error().message}});
  }
  pool.made_.notify_all();
}

asio::awaitable<Result<SandboxPtr>> SparePool::make_one() {
  const auto spare = co_await registry_.make_spare(usual());
  if (!spare || shared_.settings.preload.empty() || bare_) {
    co_return spare;
  }
  loading_ = Clock::now();
  made_.notify_all();
  const auto lacking = co_await (*spare)->preload(shared_.settings.preload);
  loading_.reset();
  if (!lacking) {
    bare_ = true;
    log::warning("the packages of PRELOAD could not be loaded: spares are made without them",
                 {{"reason", lacking.error().message}});
    co_await end(shared_, *spare);
    co_return co_await registry_.make_spare(usual());
  }
  if (!lacking->empty()) {
    log::warning("PRELOAD names packages that the image does not have", {{"packages", *lacking}});
  }
  co_return spare;
}

void SparePool::let_go() {
  stopped_ = true;
  hurry_.notify_all();
  for (const Spare& spare : spares_) {
    spare.sandbox->let_go();
  }
  spares_.clear();
}

void SparePool::drop(const SandboxPtr& spare) {
  const auto place = std::find_if(spares_.begin(), spares_.end(),
                                  [&](const Spare& one) { return one.sandbox == spare; });
  if (place != spares_.end()) {
    spares_.erase(place);
    spawn(shared_.executor, "end of a spare", end(shared_, spare));
  }
}

asio::awaitable<void> SparePool::keep() {
  const auto now = Clock::now();
  const std::deque<Spare> all = spares_;
  for (const Spare& one : all) {
    if (now > used_ + shared_.settings.idle_timeout) {
      log::debug("a spare is ended, since nothing is in use", {{"sandbox", one.sandbox->id()}});
      drop(one.sandbox);
      continue;
    }
    const Status alive = co_await one.sandbox->keep_alive();
    const bool old = now > one.since + shared_.settings.max_lifetime / 2;
    if (!alive) {
      log::info("a spare no longer answered and is removed", {{"reason", alive.error().message}});
    }
    if (!alive || old) {
      drop(one.sandbox);
    }
    if (alive && old) {
      refill();
    }
  }
}

}  // namespace omcp_r::sandbox
