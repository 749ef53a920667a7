#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <list>
#include <utility>

#include "omcp_r/base/clock.hpp"

namespace omcp_r {

namespace asio = boost::asio;

/// A condition variable for the coroutines of one thread. Waiters look at their condition again
/// after each wake-up. Must outlive its waiters.
class Event {
 public:
  explicit Event(asio::any_io_executor executor) : executor_(std::move(executor)) {}

  void notify_all();

  /// Returns at the next notify_all().
  asio::awaitable<void> wait();

  /// Returns at the next notify_all() or at `deadline`, whichever comes first.
  asio::awaitable<void> wait_until(Clock::time_point deadline);

 private:
  asio::any_io_executor executor_;
  // A timer for each waiter, cancelled to wake it: one operation, where asio's operator|| on two
  // awaitables would start two coroutines for every wait.
  std::list<Timer> waiters_;
};

}  // namespace omcp_r
