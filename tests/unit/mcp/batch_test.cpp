// PROTOCOL §3.2: arrays of messages exist at 2025-03-26 only.
#include <set>

#include "dialogue.hpp"

namespace omcp_r::mcp {
namespace {

constexpr const char* kTwoPings =
    R"([{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":"2","method":"ping"}])";

TEST(Batch, IsAnsweredWithOneArray) {
  Dialogue client;
  client.shake_hands("2025-03-26");
  client.say(kTwoPings);
  const Json answers = client.hear();
  ASSERT_TRUE(answers.is_array());
  EXPECT_EQ(answers.size(), 2U);
}

TEST(Batch, WaitsForItsSlowestCallAndHoldsUpNothingElse) {
  Dialogue client;
  client.shake_hands("2025-03-26");
  client.say(
      R"([{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"sleep","arguments":{"ms":50}}},)"
      R"({"jsonrpc":"2.0","method":"notifications/unheard_of"},)"
      R"({"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo"}},)"
      R"({"jsonrpc":"2.0","id":3,"method":"no/such"},{"jsonrpc":"2.0","id":4}])");
  client.ask("p", "ping");
  EXPECT_EQ(client.hear()["id"], "p");
  std::multiset<int> ids;
  for (const Json& answer : client.hear()) {
    ids.insert(answer["id"].get<int>());
  }
  EXPECT_EQ(ids, (std::multiset<int>{1, 2, 3, 4}));
}

TEST(Batch, OfNotificationsHasNoAnswer) {
  Dialogue client;
  client.shake_hands("2025-03-26");
  client.say(R"([{"jsonrpc":"2.0","method":"notifications/initialized"}])");
  client.expect_silence();
}

TEST(Batch, LeavesCancelledCallsOut) {
  Dialogue client;
  client.shake_hands("2025-03-26");
  client.say(
      R"([{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"sleep","arguments":{"ms":60000}}},)"
      R"({"jsonrpc":"2.0","id":2,"method":"ping"}])");
  client.cancel(1);
  const Json answers = client.hear();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0]["id"], 2);
}

TEST(Batch, MustNotInitialize) {
  Dialogue client;
  client.shake_hands("2025-03-26");
  client.say(
      R"([{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2024-11-05"}}])");
  EXPECT_EQ(client.hear()[0]["error"]["code"], -32600);
}

TEST(Batch, WhenEmptyIsInvalid) {
  Dialogue client;
  client.shake_hands("2025-03-26");
  client.say("[]");
  EXPECT_EQ(client.hear()["error"]["code"], -32600);
}

TEST(Batch, IsInvalidBeforeAHandshakeAndAtTheLatestRevision) {
  Dialogue client;
  client.say(kTwoPings);
  Json refusal = client.hear();
  EXPECT_EQ(refusal["error"]["code"], -32600);
  EXPECT_FALSE(refusal.contains("id"));
  client.shake_hands("2025-11-25");
  client.say(kTwoPings);
  EXPECT_EQ(client.hear()["error"]["code"], -32600);
}

TEST(Batch, HasNoValidAnswerWhereErrorsNeedIds) {
  for (const char* revision : {"2024-11-05", "2025-06-18"}) {
    Dialogue client;
    client.shake_hands(revision);
    client.say(kTwoPings);
    client.expect_silence();
    EXPECT_NE(client.log().find("batches"), std::string::npos);
  }
}

}  // namespace
}  // namespace omcp_r::mcp
