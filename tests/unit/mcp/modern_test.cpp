// PROTOCOL §2: 2026-07-28.
#include "dialogue.hpp"

namespace omcp_r::mcp {
namespace {

constexpr const char* kServerInfoKey = "io.modelcontextprotocol/serverInfo";
constexpr const char* kSubscriptionKey = "io.modelcontextprotocol/subscriptionId";

TEST(Modern, DiscoverNamesVersionsAndCapabilities) {
  Dialogue client;
  client.ask_modern("server-discover-probe-1", "server/discover");
  const Json answer = client.hear();
  EXPECT_EQ(answer["id"], "server-discover-probe-1");
  const Json& result = answer["result"];
  EXPECT_EQ(result["resultType"], "complete");
  EXPECT_EQ(result["supportedVersions"].dump(), R"(["2026-07-28"])");
  EXPECT_EQ(result["capabilities"].dump(), R"({"tools":{},"resources":{},"logging":{}})");
  EXPECT_TRUE(result["ttlMs"].is_number_unsigned() || result["ttlMs"].get<int>() >= 0);
  EXPECT_EQ(result["cacheScope"], "public");
  EXPECT_EQ(result["_meta"][kServerInfoKey]["name"], "omcp-fixture-server");
}

TEST(Modern, NeedsNoDiscover) {
  Dialogue client;
  client.ask_modern(1, "tools/list");
  EXPECT_TRUE(client.hear()["result"].contains("ttlMs"));
}

TEST(Modern, ToolResultsAreCompleteAndNotCacheable) {
  Dialogue client;
  client.ask_modern(1, "tools/call", {{"name", "echo"}, {"arguments", {{"text", "hi"}}}});
  const Json result = client.hear()["result"];
  EXPECT_EQ(result["resultType"], "complete");
  EXPECT_EQ(result["structuredContent"]["text"], "hi");
  EXPECT_TRUE(result["_meta"].contains(kServerInfoKey));
  EXPECT_FALSE(result.contains("ttlMs"));
  EXPECT_FALSE(result.contains("cacheScope"));
}

TEST(Modern, AToolThatNeedsACapabilityRefusesClientsWithoutIt) {
  Dialogue client;
  client.ask_modern(1, "tools/call", {{"name", "test_missing_capability"}});
  const Json error = client.hear()["error"];
  EXPECT_EQ(error["code"], -32021);
  EXPECT_EQ(error["data"].dump(), R"({"requiredCapabilities":{"sampling":{}}})");
}

TEST(Modern, InitializeWithAnEnvelopeDoesNotExist) {
  Dialogue client;
  client.ask_modern(1, "initialize", {{"protocolVersion", "2025-11-25"}});
  const Json error = client.hear()["error"];
  EXPECT_EQ(error["code"], -32601);
  client.ask(2, "tools/list");
  EXPECT_EQ(client.hear()["error"]["code"], -32602) << "nothing may have been negotiated";
}

TEST(Subscription, IsAcknowledgedAndStaysOpen) {
  Dialogue client;
  client.ask_modern("listen:0", "subscriptions/listen",
                    {{"notifications", {{"toolsListChanged", true}}}});
  EXPECT_EQ(client.hear().dump(),
            R"({"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged",)"
            R"("params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"listen:0"},)"
            R"("notifications":{}}})");
  client.expect_silence();
}

TEST(Subscription, EndsWithItsResultAtTheEndOfInput) {
  Dialogue client;
  client.ask_modern(7, "subscriptions/listen", {{"notifications", Json::object()}});
  client.hear();
  client.hang_up();
  const Json end = client.hear();
  EXPECT_EQ(end["id"], 7);
  EXPECT_EQ(end["result"]["resultType"], "complete");
  EXPECT_EQ(end["result"]["_meta"][kSubscriptionKey], 7);
  EXPECT_LT(client.time_to_end(), 150ms);
}

TEST(Subscription, IsSilentOnceCancelled) {
  Dialogue client;
  client.ask_modern(7, "subscriptions/listen", {{"notifications", Json::object()}});
  client.hear();
  client.cancel(7);
  client.hang_up();
  client.expect_silence();
}

TEST(Subscription, NeedsItsFilter) {
  Dialogue client;
  client.ask_modern(7, "subscriptions/listen");
  EXPECT_EQ(client.hear()["error"]["code"], -32602);
}

}  // namespace
}  // namespace omcp_r::mcp
