#include "omcp_r/base/event.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace omcp_r {

asio::awaitable<void> Event::wait() {
  boost::system::error_code ignored;
  co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

asio::awaitable<void> Event::wait_until(std::chrono::steady_clock::time_point deadline) {
  using namespace asio::experimental::awaitable_operators;
  asio::steady_timer limit{timer_.get_executor(), deadline};
  boost::system::error_code ignored;
  boost::system::error_code ignored_too;
  co_await (timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored)) ||
            limit.async_wait(asio::redirect_error(asio::use_awaitable, ignored_too)));
}

}  // namespace omcp_r
