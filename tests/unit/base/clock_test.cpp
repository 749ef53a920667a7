#include "omcp_r/base/clock.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>

#include "omcp_r/base/event.hpp"

namespace omcp_r {
namespace {

using namespace std::chrono_literals;

class ClockByHand : public testing::Test {
 protected:
  ClockByHand() { Clock::advance(0s); }

  /// Whether `io` comes to an end within a time in which nothing that waits for hours would.
  bool ends() {
    const auto start = std::chrono::steady_clock::now();
    io_.run_for(10s);
    return io_.stopped() && std::chrono::steady_clock::now() - start < 10s;
  }

  asio::io_context io_;
};

TEST_F(ClockByHand, GoesOnByWhatItIsAdvanced) {
  const auto before = Clock::now();
  const double wall = Clock::wall();
  Clock::advance(2h);
  EXPECT_GE(Clock::now() - before, 2h);
  EXPECT_LT(Clock::now() - before, 3h);
  EXPECT_NEAR(Clock::wall() - wall, 7200, 600);
}

TEST_F(ClockByHand, ATimerThatIsArmedAlreadyNotices) {
  Timer timer{io_, 1h};
  bool fired = false;
  timer.async_wait([&](boost::system::error_code error) { fired = !error; });
  io_.run_for(10ms);
  EXPECT_FALSE(fired);
  Clock::advance(59min);
  io_.run_for(10ms);
  EXPECT_FALSE(fired);
  Clock::advance(1min);
  EXPECT_TRUE(ends());
  EXPECT_TRUE(fired);
}

TEST_F(ClockByHand, ADeadlineOfAnEventNotices) {
  Event event{io_.get_executor()};
  const auto deadline = Clock::now() + 1h;
  auto done = asio::co_spawn(io_, event.wait_until(deadline), asio::use_future);
  io_.run_for(10ms);
  Clock::advance(1h);
  EXPECT_TRUE(ends());
  EXPECT_EQ(done.wait_for(0s), std::future_status::ready);
}

}  // namespace
}  // namespace omcp_r
