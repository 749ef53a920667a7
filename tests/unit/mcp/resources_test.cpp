// PROTOCOL §5.4: resources, offered once there is a provider.
#include "dialogue.hpp"

namespace omcp_r::mcp {
namespace {

TEST(Resources, AreListedAndRead) {
  Dialogue client;
  client.shake_hands("2025-06-18");
  client.ask(1, "resources/list");
  EXPECT_EQ(client.hear()["result"]["resources"][0]["uri"], "test://static-text");
  client.ask(2, "resources/templates/list");
  EXPECT_EQ(client.hear()["result"]["resourceTemplates"][0]["uriTemplate"],
            "test://template/{id}/data");
  client.ask(3, "resources/read", {{"uri", "test://static-text"}});
  EXPECT_EQ(client.hear()["result"].dump(),
            R"({"contents":[{"uri":"test://static-text","mimeType":"text/plain",)"
            R"("text":"The content of a static text."}]})");
  client.ask(4, "resources/read", {{"uri", "test://static-binary"}});
  EXPECT_TRUE(client.hear()["result"]["contents"][0].contains("blob"));
}

TEST(Resources, NotFoundHasTheCodeOfTheRevision) {
  Dialogue client;
  client.shake_hands("2025-11-25");
  client.ask(1, "resources/read", {{"uri", "test://none"}});
  EXPECT_EQ(client.hear()["error"].dump(),
            R"({"code":-32002,"message":"Resource not found","data":{"uri":"test://none"}})");
  client.ask_modern(2, "resources/read", {{"uri", "test://none"}});
  EXPECT_EQ(client.hear()["error"]["code"], -32602);
}

TEST(Resources, ModernResultsSayHowLongTheyMayBeKept) {
  Dialogue client;
  client.ask_modern(1, "resources/list");
  EXPECT_EQ(client.hear()["result"]["cacheScope"], "private");
  client.ask_modern(2, "resources/templates/list");
  EXPECT_TRUE(client.hear()["result"].contains("ttlMs"));
  client.ask_modern(3, "resources/read", {{"uri", "test://static-text"}});
  EXPECT_EQ(client.hear()["result"]["ttlMs"], 0);
}

TEST(Resources, BadParamsAreRefused) {
  Dialogue client;
  client.shake_hands("2025-11-25");
  client.ask(1, "resources/read");
  EXPECT_EQ(client.hear()["error"]["code"], -32602);
  client.ask(2, "resources/list", {{"cursor", "x"}});
  EXPECT_EQ(client.hear()["error"]["code"], -32602);
  client.ask(3, "resources/templates/list", {{"cursor", "x"}});
  EXPECT_EQ(client.hear()["error"]["code"], -32602);
}

TEST(Resources, AreUnknownWithoutAProvider) {
  Dialogue client;
  client.server().set_resources(nullptr);
  EXPECT_EQ(client.shake_hands("2025-11-25")["capabilities"].dump(),
            R"({"tools":{},"logging":{}})");
  client.ask(1, "resources/list");
  EXPECT_EQ(client.hear()["error"]["code"], -32601);
}

}  // namespace
}  // namespace omcp_r::mcp
