#include "omcp_r/base/background.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <cstdlib>
#include <exception>
#include <list>
#include <optional>
#include <set>
#include <utility>

#include "omcp_r/base/event.hpp"
#include "omcp_r/base/log.hpp"

namespace omcp_r {
namespace {

struct Registry {
  std::multiset<std::string> names;
  std::list<Event*> waiters;                                 // for the last of the names to go
  std::function<void(const std::string&)> on_vital_failure;  // empty: std::abort()
  bool ending = false;
};

/// Never destroyed: work may be given up by an event loop that itself is destroyed at exit.
Registry& registry() {
  static Registry* const instance = new Registry;
  return *instance;
}

/// Keeps a name in the registry, until finish() or, for work that is destroyed with its event loop
/// before its end, until it is destroyed itself.
class Entry {
 public:
  explicit Entry(std::string name) : place_(registry().names.insert(std::move(name))) {}
  Entry(Entry&& other) noexcept : place_(std::exchange(other.place_, std::nullopt)) {}
  Entry& operator=(Entry&&) = delete;
  ~Entry() {
    if (place_) registry().names.erase(*place_);
  }

  /// Takes the name out and tells who waits.
  std::string finish() {
    std::string name =
        std::move(registry().names.extract(*std::exchange(place_, std::nullopt)).value());
    for (Event* waiter : registry().waiters) waiter->notify_all();
    return name;
  }

 private:
  std::optional<std::multiset<std::string>::iterator> place_;
};

std::string what(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "something that is no std::exception";
  }
}

void end_program(const std::string& name) {
  if (std::exchange(registry().ending, true)) return;
  if (!registry().on_vital_failure) std::abort();
  registry().on_vital_failure(name);
}

/// An Event among the registry's waiters, for as long as it lives.
class Waiter {
 public:
  explicit Waiter(const asio::any_io_executor& executor)
      : event_(executor), place_(registry().waiters.insert(registry().waiters.end(), &event_)) {}
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() { registry().waiters.erase(place_); }

  Event& event() { return event_; }

 private:
  Event event_;
  std::list<Event*>::iterator place_;
};

}  // namespace

void spawn(const asio::any_io_executor& executor, std::string name, asio::awaitable<void> work,
           Work kind) {
  auto at_end = [entry = Entry{std::move(name)}, kind](const std::exception_ptr& thrown) mutable {
    const std::string ended = entry.finish();
    if (!thrown) return;
    log::error("background work failed", {{"work", ended}, {"reason", what(thrown)}});
    if (kind == Work::kVital) end_program(ended);
  };
  // co_spawn by itself would begin here and now, in the midst of what the caller is doing.
  asio::post(executor, [executor, work = std::move(work), at_end = std::move(at_end)]() mutable {
    asio::co_spawn(executor, std::move(work), std::move(at_end));
  });
}

void on_vital_failure(std::function<void(const std::string& name)> handler) {
  registry().on_vital_failure = std::move(handler);
  registry().ending = false;
}

std::vector<std::string> background_work() {
  return {registry().names.begin(), registry().names.end()};
}

asio::awaitable<bool> background_done(Clock::time_point deadline, std::size_t besides) {
  Waiter waiter{co_await asio::this_coro::executor};
  while (registry().names.size() > besides && Clock::now() < deadline) {
    co_await waiter.event().wait_until(deadline);
  }
  co_return registry().names.size() <= besides;
}

}  // namespace omcp_r
