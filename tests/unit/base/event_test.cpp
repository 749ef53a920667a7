#include "omcp_r/base/event.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

namespace omcp_r {
namespace {

asio::awaitable<void> count_wake(Event& event, int& woken) {
  co_await event.wait();
  ++woken;
}

asio::awaitable<void> count_deadline(Event& event, int& woken) {
  co_await event.wait_until(std::chrono::steady_clock::now() + std::chrono::milliseconds{1});
  ++woken;
}

TEST(Event, WakesEveryWaiter) {
  asio::io_context io;
  Event event{io.get_executor()};
  int woken = 0;
  asio::co_spawn(io, count_wake(event, woken), asio::detached);
  asio::co_spawn(io, count_wake(event, woken), asio::detached);
  asio::post(io, [&] { event.notify_all(); });
  io.run();
  EXPECT_EQ(woken, 2);
}

TEST(Event, ReturnsAtTheDeadlineWhenNobodyNotifies) {
  asio::io_context io;
  Event event{io.get_executor()};
  int woken = 0;
  asio::co_spawn(io, count_deadline(event, woken), asio::detached);
  io.run();
  EXPECT_EQ(woken, 1);
}

}  // namespace
}  // namespace omcp_r
