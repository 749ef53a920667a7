// A client that does not read, or writes faster than we work.
#include "dialogue.hpp"

namespace omcp_r::mcp {
namespace {

constexpr const char* kPing = R"({"jsonrpc":"2.0","id":1,"method":"ping"})";

TEST(BackPressure, LosesNoAnswerOfAClientThatReadsLate) {
  rpc::TransportLimits transport;
  transport.queue_bytes = 10'000;
  ServerLimits limits;
  limits.requests_waiting = 50;
  Dialogue client{limits, transport};
  const std::size_t said = client.pour(kPing, 100'000);
  EXPECT_LT(said, 100'000U) << "the pipe should have held us back";
  std::size_t heard = 0;
  while (client.hear_line(200ms)) {
    ++heard;
  }
  EXPECT_EQ(heard, said);
}

TEST(BackPressure, CallsThatWaitHoldTheClientBackAndAllAreAnswered) {
  ServerLimits limits;
  limits.calls_in_flight = 2;
  limits.requests_waiting = 10;
  Dialogue client{limits};
  client.shake_hands("2025-11-25");
  std::size_t said = 0;
  for (int id = 0; id < 200; ++id) {
    const std::string line =
        R"({"jsonrpc":"2.0","id":)" + std::to_string(id) +
        R"(,"method":"tools/call","params":{"name":"sleep","arguments":{"ms":1}}})";
    said += client.pour(line, 1);
  }
  EXPECT_EQ(said, 200U);
  for (int id = 0; id < 200; ++id) {
    EXPECT_TRUE(client.hear().contains("result"));
  }
}

TEST(BackPressure, ACancellationIsSeenWhileOutputWaits) {
  rpc::TransportLimits transport;
  transport.queue_bytes = 1000;
  Dialogue client{{}, transport};
  client.shake_hands("2025-11-25");
  client.call("slow", "sleep", {{"ms", 60'000}});
  client.call("big", "big", {{"bytes", 500'000}});
  client.turn(50ms);
  client.call("deferred", "echo");
  client.cancel("slow");
  client.cancel("deferred");
  client.call("after", "echo");
  EXPECT_EQ(client.hear()["id"], "big");
  EXPECT_EQ(client.hear()["id"], "after");
  client.expect_silence();
}

TEST(BackPressure, TheHandshakeKeepsItsPlaceAmongWhatWaits) {
  rpc::TransportLimits transport;
  transport.queue_bytes = 1000;
  Dialogue client{{}, transport};
  client.shake_hands("2025-11-25");
  client.call("big", "big", {{"bytes", 500'000}});
  client.turn(50ms);
  client.ask("again", "initialize", {{"protocolVersion", "2024-11-05"}});
  client.ask("list", "tools/list");
  client.hear();
  EXPECT_EQ(client.hear()["id"], "again");
  EXPECT_FALSE(client.hear()["result"]["tools"][0].contains("annotations"));
}

}  // namespace
}  // namespace omcp_r::mcp
