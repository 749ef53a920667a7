#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

namespace omcp_r {

namespace asio = boost::asio;

/// A condition variable for coroutines of one thread: a timer that never fires, cancelled to wake
/// every waiter. Waiters look at their condition again after each wake-up.
class Event {
 public:
  explicit Event(const asio::any_io_executor& executor) : timer_(executor, Clock::time_point::max()) {}

  void notify_all() { timer_.cancel(); }

  /// Returns at the next notify_all().
  asio::awaitable<void> wait();

  /// Returns at the next notify_all() or at `deadline`, whichever comes first.
  asio::awaitable<void> wait_until(std::chrono::steady_clock::time_point deadline);

 private:
  using Clock = std::chrono::steady_clock;
  asio::steady_timer timer_;
};

}  // namespace omcp_r
