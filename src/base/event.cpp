#include "omcp_r/base/event.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace omcp_r {

void Event::notify_all() {
  for (Timer& waiter : waiters_) {
    waiter.cancel();
  }
}

asio::awaitable<void> Event::wait() {
  co_await wait_until(Clock::time_point::max());
}

asio::awaitable<void> Event::wait_until(Clock::time_point deadline) {
  const auto waiter = waiters_.emplace(waiters_.end(), executor_, deadline);
  boost::system::error_code ignored;
  co_await waiter->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  waiters_.erase(waiter);
}

}  // namespace omcp_r
