#include "omcp_r/base/background.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <memory>
#include <stdexcept>

#include "omcp_r/base/event.hpp"

namespace omcp_r {
namespace {

using namespace std::chrono_literals;
using Names = std::vector<std::string>;

asio::awaitable<void> wait_for(Event& event) {
  co_await event.wait();
}

asio::awaitable<void> throw_after(Event& event) {
  co_await event.wait();
  throw std::runtime_error("the reason");
}

asio::awaitable<void> throw_number() {
  throw 7;
  co_return;
}

asio::awaitable<void> hold(std::shared_ptr<int> /*object*/, Event& event) {
  co_await event.wait();
}

class Background : public testing::Test {
 protected:
  void start(std::string name, asio::awaitable<void> work, Work kind = Work::kOrdinary) {
    spawn(io_.get_executor(), std::move(name), std::move(work), kind);
  }

  /// What is written to stderr while all that is ready runs.
  std::string log_of_turn() {
    testing::internal::CaptureStderr();
    io_.restart();
    io_.poll();
    return testing::internal::GetCapturedStderr();
  }

  asio::io_context io_;
  Event event_{io_.get_executor()};
};

TEST_F(Background, HasNamesFromTheStartToTheEnd) {
  start("b", wait_for(event_));
  start("a", wait_for(event_));
  start("b", wait_for(event_));
  EXPECT_EQ(background_work(), (Names{"a", "b", "b"}));
  log_of_turn();
  event_.notify_all();
  EXPECT_EQ(log_of_turn(), "");
  EXPECT_EQ(background_work(), Names{});
}

asio::awaitable<void> set(bool& flag) {
  flag = true;
  co_return;
}

asio::awaitable<void> spawn_and_look(bool& begun, bool& begun_at_once) {
  spawn(co_await asio::this_coro::executor, "inner", set(begun));
  begun_at_once = begun;
}

TEST_F(Background, BeginsAfterTheCallerHasFinishedItsTurn) {
  bool begun = false;
  bool begun_at_once = true;
  start("outer", spawn_and_look(begun, begun_at_once));
  log_of_turn();
  EXPECT_TRUE(begun);
  EXPECT_FALSE(begun_at_once);
}

TEST_F(Background, LogsWhatIsThrownWithItsNameAndGoesOn) {
  start("thrower", throw_after(event_));
  start("other", wait_for(event_));
  start("number", throw_number());
  EXPECT_NE(log_of_turn().find("work=number"), std::string::npos);
  event_.notify_all();
  start("late", wait_for(event_));
  const std::string log = log_of_turn();
  EXPECT_NE(log.find("error"), std::string::npos) << log;
  EXPECT_NE(log.find("work=thrower reason=\"the reason\""), std::string::npos) << log;
  EXPECT_EQ(background_work(), Names{"late"});
}

TEST_F(Background, VitalWorkThatThrowsEndsTheProgramOnce) {
  Names failed;
  on_vital_failure([&](const std::string& name) { failed.push_back(name); });
  start("loop", throw_after(event_), Work::kVital);
  start("other loop", throw_after(event_), Work::kVital);
  start("returns", wait_for(event_), Work::kVital);
  log_of_turn();
  EXPECT_EQ(failed, Names{});
  event_.notify_all();
  EXPECT_NE(log_of_turn().find("work=\"other loop\""), std::string::npos);
  EXPECT_EQ(failed.size(), 1U);
}

TEST_F(Background, EndsTheProgramByItselfWhereNobodySaysHow) {
  const auto fail = [&] {
    on_vital_failure(nullptr);
    start("vital", throw_number(), Work::kVital);
    io_.run();
  };
  EXPECT_DEATH(fail(), "work=vital");
}

TEST_F(Background, DoneWaitsForTheLastOne) {
  Event second{io_.get_executor()};
  start("first", wait_for(event_));
  start("second", wait_for(second));
  auto done = asio::co_spawn(io_, background_done(Clock::now() + 1h), asio::use_future);
  log_of_turn();
  event_.notify_all();
  log_of_turn();
  EXPECT_EQ(done.wait_for(0s), std::future_status::timeout);
  second.notify_all();
  log_of_turn();
  ASSERT_EQ(done.wait_for(0s), std::future_status::ready);
  EXPECT_TRUE(done.get());
}

TEST_F(Background, DoneGivesUpAtItsDeadline) {
  start("endless", wait_for(event_));
  auto done = asio::co_spawn(io_, background_done(Clock::now() + 1ms), asio::use_future);
  while (done.wait_for(0s) != std::future_status::ready && io_.run_one_for(5s) > 0) {
  }
  ASSERT_EQ(done.wait_for(0s), std::future_status::ready);
  EXPECT_FALSE(done.get());
}

TEST(BackgroundEnd, WorkThatIsDestroyedWithItsLoopIsForgottenAndLetsGo) {
  const auto object = std::make_shared<int>(1);
  {
    asio::io_context io;
    Event event{io.get_executor()};
    spawn(io.get_executor(), "never begun", hold(object, event));
    EXPECT_EQ(object.use_count(), 2);
    EXPECT_EQ(background_work(), Names{"never begun"});
  }
  EXPECT_EQ(object.use_count(), 1);
  EXPECT_EQ(background_work(), Names{});
}

}  // namespace
}  // namespace omcp_r
