// PROTOCOL §3: the legacy revisions.
#include "dialogue.hpp"
#include "omcp_r/mcp/revision.hpp"

namespace omcp_r::mcp {
namespace {

class EveryLegacyRevision : public testing::TestWithParam<std::string_view> {};

TEST_P(EveryLegacyRevision, IsEchoedAndServed) {
  Dialogue client;
  const Json hello = client.shake_hands(GetParam());
  EXPECT_EQ(hello["protocolVersion"], GetParam());
  EXPECT_EQ(hello["capabilities"].dump(), R"({"tools":{},"resources":{},"logging":{}})");
  EXPECT_EQ(hello["instructions"], "For tests only.");
  EXPECT_FALSE(hello.contains("resultType"));

  client.ask(1, "tools/list");
  const Json list = client.hear();
  EXPECT_EQ(list["id"], 1);
  EXPECT_GT(list["result"]["tools"].size(), 10U);
  EXPECT_FALSE(list["result"].contains("ttlMs"));

  client.call("c", "echo", {{"text", "hi"}});
  const Json answer = client.hear();
  EXPECT_EQ(answer["id"], "c");
  EXPECT_EQ(answer["result"]["content"][0]["text"], "hi");
  EXPECT_EQ(answer["result"]["isError"], false);
  EXPECT_FALSE(answer["result"].contains("resultType"));
}

INSTANTIATE_TEST_SUITE_P(Revisions, EveryLegacyRevision,
                         testing::ValuesIn(revision_names(Era::kLegacy)));

TEST(Handshake, OffersTheLatestLegacyRevisionInsteadOfAnError) {
  for (const char* asked : {"2024-10-07", "2026-07-28", "2099-01-01", "nonsense", ""}) {
    Dialogue client;
    EXPECT_EQ(client.shake_hands(asked)["protocolVersion"], "2025-11-25") << asked;
  }
}

TEST(Handshake, MayBeDoneAgain) {
  Dialogue client;
  client.shake_hands("2025-11-25");
  client.shake_hands("2024-11-05");
  client.ask(1, "tools/list");
  EXPECT_FALSE(client.hear()["result"]["tools"][0].contains("annotations"));
}

TEST(Handshake, IsLenientAboutTheRestOfInitialize) {
  Dialogue client;
  client.ask(1, "initialize", {{"protocolVersion", "2025-06-18"}});
  EXPECT_EQ(client.hear()["result"]["protocolVersion"], "2025-06-18");
}

TEST(Handshake, ServesWithoutWaitingForInitialized) {
  Dialogue client;
  client.ask(1, "initialize", {{"protocolVersion", "2025-06-18"}});
  client.ask(2, "tools/list");
  client.hear();
  EXPECT_TRUE(client.hear()["result"].contains("tools"));
}

TEST(Handshake, PingIsAnsweredAtAnyTime) {
  Dialogue client;
  client.ask("p", "ping");
  EXPECT_EQ(client.hear().dump(), R"({"jsonrpc":"2.0","id":"p","result":{}})");
}

TEST(Handshake, BeforeItOtherRequestsAreRefused) {
  Dialogue client;
  client.ask(1, "tools/list");
  const Json refusal = client.hear();
  EXPECT_EQ(refusal["error"]["code"], -32602);
  EXPECT_NE(refusal["error"]["message"].get<std::string>().find("initialize"), std::string::npos);
}

TEST(Handshake, ModernRequestsAreServedInTheSameProcess) {
  Dialogue client;
  client.ask_modern(1, "server/discover");
  client.hear();
  client.shake_hands("2025-03-26");
  client.ask_modern(2, "tools/list");
  EXPECT_EQ(client.hear()["result"]["resultType"], "complete");
  client.ask(3, "tools/list");
  EXPECT_FALSE(client.hear()["result"].contains("resultType"));
}

TEST(Handshake, AnyCursorIsUnknown) {
  Dialogue client;
  client.shake_hands("2025-11-25");
  client.ask(1, "tools/list", {{"cursor", ""}});
  EXPECT_EQ(client.hear()["error"]["code"], -32602);
}

}  // namespace
}  // namespace omcp_r::mcp
