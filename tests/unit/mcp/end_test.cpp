// PROTOCOL §6, Shutdown: the end of input, stop(), and a client that has gone.
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "dialogue.hpp"

namespace omcp_r::mcp {
namespace {

TEST(End, AnswersThatAreReadyAreWritten) {
  Dialogue client;
  client.say(R"({"jsonrpc":"2.0","id":1,"method":"ping"})");
  client.hang_up();
  EXPECT_LT(client.time_to_end(), 100ms);
  EXPECT_EQ(client.hear()["id"], 1);
}

TEST(End, CallsInFlightHaveAMomentToFinish) {
  Dialogue client;
  client.shake_hands("2025-11-25");
  client.call(1, "sleep", {{"ms", 50}});
  client.hang_up();
  EXPECT_EQ(client.hear()["id"], 1);
  EXPECT_TRUE(client.time_to_end() < 100ms && client.ended());
}

TEST(End, CallsThatTakeLongerAreAbandonedButNotInterrupted) {
  Dialogue client;
  bool cancelled_before_the_end = false;
  bool interrupted = false;
  CallContext* seen = nullptr;
  ToolDefinition tool;
  tool.name = "forever";
  tool.input_schema = Json::parse(R"({"type":"object"})");
  client.server().add_tool(tool, [&](Json, CallContext& call) -> asio::awaitable<ToolResult> {
    seen = &call;
    call.on_cancel([&] { interrupted = true; });
    cancelled_before_the_end = call.cancelled();
    asio::steady_timer timer{co_await asio::this_coro::executor, 60s};
    co_await timer.async_wait(asio::use_awaitable);
    co_return ToolResult{};
  });
  client.shake_hands("2025-11-25");
  client.call(1, "forever");
  client.turn(10ms);
  client.hang_up();
  EXPECT_LT(client.time_to_end(), 280ms);
  ASSERT_TRUE(client.ended());
  ASSERT_NE(seen, nullptr);
  EXPECT_FALSE(cancelled_before_the_end);
  EXPECT_TRUE(seen->cancelled());
  EXPECT_FALSE(interrupted);
  client.expect_silence();
}

TEST(End, StopEndsAsTheEndOfInputDoes) {
  Dialogue client;
  client.shake_hands("2025-11-25");
  client.call(1, "sleep", {{"ms", 60'000}});
  client.server().stop();
  EXPECT_LT(client.time_to_end(), 280ms);
  EXPECT_TRUE(client.ended());
}

TEST(End, IsPromptWhenTheClientReadsNothing) {
  for (const bool by_stop : {false, true}) {
    Dialogue client;
    client.shake_hands("2025-11-25");
    client.call(1, "big", {{"bytes", 900'000}});
    client.turn(20ms);
    by_stop ? client.server().stop() : client.hang_up();
    EXPECT_LT(client.time_to_end(), by_stop ? 280ms : 1200ms);
    EXPECT_TRUE(client.ended());
  }
}

TEST(End, AClientThatHesitatesGetsItsAnswers) {
  ServerLimits limits;
  limits.drain = 1ms;
  Dialogue client{limits};
  client.shake_hands("2025-11-25");
  client.call(1, "big", {{"bytes", 900'000}});
  client.hang_up();
  client.turn(50ms);
  EXPECT_TRUE(client.hear().contains("result"));
}

TEST(End, IsPromptWhenTheQueuesAreFull) {
  rpc::TransportLimits transport;
  transport.queue_bytes = 1000;
  ServerLimits limits;
  limits.requests_waiting = 5;
  Dialogue client{limits, transport};
  client.shake_hands("2025-11-25");
  client.call(1, "big", {{"bytes", 900'000}});
  client.turn(20ms);
  client.pour(R"({"jsonrpc":"2.0","id":1,"method":"ping"})", 1000);
  client.hang_up();
  EXPECT_LT(client.time_to_end(), 2500ms);
  EXPECT_TRUE(client.ended());
}

TEST(End, AClientThatGoesOnReadingGetsAll) {
  Dialogue client;
  client.shake_hands("2025-11-25");
  for (int id = 0; id < 8; ++id) {
    client.call(id, "big", {{"bytes", 900'000}});
  }
  client.turn(50ms);
  client.hang_up();
  for (int id = 0; id < 8; ++id) {
    EXPECT_TRUE(client.hear().contains("result"));
  }
  client.time_to_end();
  EXPECT_TRUE(client.ended());
}

TEST(End, AClosedOutputEndsTheServer) {
  Dialogue client;
  client.stop_reading_for_good();
  client.ask(1, "ping");
  EXPECT_LT(client.time_to_end(), 100ms);
  EXPECT_TRUE(client.ended());
}

TEST(End, HalfALineIsDroppedAndLogged) {
  Dialogue client;
  client.say_without_end(R"({"jsonrpc":"2.0","id":1,"method":"ping"})");
  client.hang_up();
  client.time_to_end();
  client.expect_silence();
  EXPECT_NE(client.log().find("middle of a line"), std::string::npos);
}

}  // namespace
}  // namespace omcp_r::mcp
