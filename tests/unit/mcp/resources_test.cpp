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

/// A server whose tool "change" changes the list of resources, and "look" does not.
void offer_changes(Server& server) {
  server.offer_resource_changes();
  for (const char* name : {"change", "look"}) {
    ToolDefinition tool;
    tool.name = name;
    tool.input_schema = {{"type", "object"}};
    const bool changes = tool.name == "change";
    server.add_tool(tool, [changes](Json, CallContext&) -> asio::awaitable<ToolResult> {
      ToolResult result;
      result.resources_changed = changes;
      co_return result;
    });
  }
}

TEST(Resources, AChangeOfTheirListIsToldAfterAHandshake) {
  Dialogue client;
  offer_changes(client.server());
  EXPECT_EQ(client.shake_hands("2024-11-05")["capabilities"]["resources"].dump(),
            R"({"listChanged":true})");
  client.ask(1, "tools/call", {{"name", "look"}});
  EXPECT_EQ(client.hear()["id"], 1);
  client.ask(2, "tools/call", {{"name", "change"}});
  EXPECT_EQ(client.hear().dump(),
            R"({"jsonrpc":"2.0","method":"notifications/resources/list_changed","params":{}})");
  EXPECT_EQ(client.hear()["id"], 2);
}

TEST(Resources, AChangeOfTheirListIsToldOnASubscriptionThatAsksForIt) {
  Dialogue client;
  offer_changes(client.server());
  client.ask_modern(1, "tools/call", {{"name", "change"}});
  EXPECT_EQ(client.hear()["id"], 1) << "nobody has subscribed";
  client.ask_modern(2, "subscriptions/listen", {{"notifications", {{"toolsListChanged", true}}}});
  EXPECT_EQ(client.hear()["params"]["notifications"].dump(), "{}");
  client.ask_modern("s", "subscriptions/listen",
                    {{"notifications", {{"resourcesListChanged", true}}}});
  EXPECT_EQ(client.hear()["params"]["notifications"].dump(), R"({"resourcesListChanged":true})");
  client.ask_modern(3, "tools/call", {{"name", "change"}});
  EXPECT_EQ(client.hear().dump(),
            R"({"jsonrpc":"2.0","method":"notifications/resources/list_changed",)"
            R"("params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"s"}}})");
  EXPECT_EQ(client.hear()["id"], 3);
  client.cancel("s");
  client.ask_modern(4, "tools/call", {{"name", "change"}});
  EXPECT_EQ(client.hear()["id"], 4);
}

/// Whose one resource has a remark.
class Remarks : public ResourceProvider {
 public:
  asio::awaitable<Result<std::vector<Resource>>> list() override {
    co_return std::vector<Resource>{};
  }
  [[nodiscard]] std::vector<ResourceTemplate> templates() const override { return {}; }
  asio::awaitable<Result<ResourceContents>> read(std::string /*uri*/) override {
    ResourceContents contents;
    contents.is_text = true;
    contents.bytes = "text";
    contents.meta = {{"k", 1}};
    contents.remark = "more";
    co_return contents;
  }
};

TEST(Resources, ARemarkStandsBesideTheContents) {
  Remarks remarks;
  Dialogue client;
  client.server().set_resources(&remarks);
  client.shake_hands("2025-11-25");
  client.ask(1, "resources/read", {{"uri", "u"}});
  EXPECT_EQ(client.hear()["result"]["contents"].dump(),
            R"([{"uri":"u","text":"text","_meta":{"k":1}},)"
            R"({"uri":"u","mimeType":"text/plain","text":"more"}])");
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
