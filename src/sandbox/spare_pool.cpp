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
  if (serves && !spare_ && making_ && !awaited_) {
    awaited_ = true;
    co_await made_.wait_until(Clock::now() + kSparePatience);
    awaited_ = false;
  }
  co_return serves ? std::exchange(spare_, nullptr) : nullptr;
}

void SparePool::give_back(SandboxPtr spare) {
  if (!spare_ && !stopped_) {
    spare_ = std::move(spare);
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
  if (shared_.settings.warm_pool > 0 && !making_ && !spare_) {
    making_ = true;
    spawn(shared_.executor, "spare", make(*this));
  }
}

asio::awaitable<void> SparePool::make(SparePool& pool) {
  auto spare = co_await pool.registry_.make_spare(pool.usual());
  pool.making_ = false;
  if (spare) {
    pool.give_back(std::move(*spare));
  } else {
    log::warning("no spare sandbox could be made", {{"reason", spare.error().message}});
  }
  pool.made_.notify_all();
}

void SparePool::let_go() {
  stopped_ = true;
  if (spare_) {
    spare_->let_go();
    spare_.reset();
  }
}

asio::awaitable<void> SparePool::keep() {
  const SandboxPtr spare = spare_;
  if (!spare) {
    co_return;
  }
  const Status alive = co_await spare->keep_alive();
  if (!alive && spare_ == spare) {
    spare_ = nullptr;
    const Status removed = co_await shared_.engine.remove(spare->found().handle);
    spare->let_go();
    log::info("a spare no longer answered and was removed", {{"removed", removed.ok()}});
  }
}

}  // namespace omcp_r::sandbox
