// What the server says of its own accord: log notifications, and requests to the client.

#include "dialogue.hpp"
#include "omcp_r/rpc/message.hpp"

namespace omcp_r::mcp {
namespace {

constexpr std::string_view kHandshake =
    R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18",)"
    R"("capabilities":{"sampling":{},"elicitation":{}},"clientInfo":{"name":"t","version":"1"}}})";

std::string text_of(const Json& answer) {
  return answer["result"]["content"][0]["text"].get<std::string>();
}

/// Says hello as a client that can be asked.
void say_hello(Dialogue& client) {
  client.say(kHandshake);
  client.hear();
}

void answer(Dialogue& client, const Json& id, const char* member, const Json& value) {
  const Json response = {{"jsonrpc", "2.0"}, {"id", id}, {member, value}};
  client.say(response.dump());
}

TEST(ClientRequests, ResultOfTheClientReachesTheTool) {
  Dialogue client;
  say_hello(client);
  client.call(1, "test_sampling", {{"prompt", "Hello?"}});
  const Json request = client.hear();
  EXPECT_EQ(request["method"], "sampling/createMessage");
  EXPECT_EQ(request["params"]["messages"][0]["content"]["text"], "Hello?");
  answer(client, request["id"], "result", {{"role", "assistant"}});
  const Json result = client.hear();
  EXPECT_EQ(result["id"], 1);
  EXPECT_EQ(text_of(result), R"(The client answers: {"role":"assistant"})");
}

TEST(ClientRequests, ErrorOfTheClientIsTheToolsToExplain) {
  Dialogue client;
  say_hello(client);
  client.call(1, "test_elicitation");
  const Json id = client.hear()["id"];
  answer(client, id, "error", {{"code", -1}, {"message", "The user said no"}});
  const Json result = client.hear();
  EXPECT_EQ(result["result"]["isError"], true);
  EXPECT_NE(text_of(result).find("The user said no"), std::string::npos);
}

TEST(ClientRequests, UnknownAndRepeatedAnswersAreIgnored) {
  Dialogue client;
  say_hello(client);
  client.call(1, "test_sampling");
  const Json id = client.hear()["id"];
  answer(client, "nobody-asked", "result", Json::object());
  client.say(R"({"jsonrpc":"2.0","id":null,"result":{}})");
  client.expect_silence();
  answer(client, id, "result", {{"first", true}});
  EXPECT_NE(text_of(client.hear()).find("first"), std::string::npos);
  answer(client, id, "result", {{"second", true}});
  client.expect_silence();
}

TEST(ClientRequests, ClientThatDoesNotDeclareThemIsNotAsked) {
  Dialogue client;
  client.shake_hands("2025-06-18");
  client.call(1, "test_elicitation");
  const Json result = client.hear();
  EXPECT_EQ(result["result"]["isError"], true);
  EXPECT_NE(text_of(result).find("does not declare the capability elicitation"), std::string::npos);
}

TEST(ClientRequests, ModernClientIsNotAsked) {
  Dialogue client;
  say_hello(client);
  client.ask_modern(1, "tools/call", {{"name", "test_sampling"}});
  const Json result = client.hear();
  EXPECT_EQ(result["id"], 1);
  EXPECT_EQ(result["result"]["isError"], true);
}

TEST(ClientRequests, QuestionOfACancelledCallIsTakenBack) {
  Dialogue client;
  say_hello(client);
  client.call(1, "test_sampling");
  const Json id = client.hear()["id"];
  client.cancel(1);
  const Json notification = client.hear();
  EXPECT_EQ(notification["method"], "notifications/cancelled");
  EXPECT_EQ(notification["params"]["requestId"], id);
  client.expect_silence();
}

TEST(ClientRequests, ClientThatDoesNotAnswerIsWaitedForNoLongerThanTheLimit) {
  ServerLimits limits;
  limits.client_answer = 20ms;
  Dialogue client{limits};
  say_hello(client);
  client.call(1, "test_sampling");
  client.hear();
  EXPECT_EQ(client.hear()["method"], "notifications/cancelled");
  EXPECT_NE(text_of(client.hear()).find("did not answer"), std::string::npos);
}

TEST(ClientRequests, EndOfInputEndsTheWaiting) {
  Dialogue client;
  say_hello(client);
  client.call(1, "test_sampling");
  client.hear();
  client.hang_up();
  EXPECT_EQ(client.hear()["method"], "notifications/cancelled");
  EXPECT_EQ(client.hear()["id"], 1);
  EXPECT_LT(client.time_to_end(), 5s);
}

TEST(Logging, NothingUntilTheClientSetsALevel) {
  Dialogue client;
  const Json hello = client.shake_hands("2025-11-25");
  EXPECT_TRUE(hello["capabilities"].contains("logging"));
  client.call(1, "test_tool_with_logging");
  EXPECT_EQ(client.hear()["id"], 1);
}

TEST(Logging, LevelsFromTheOneSetUpwards) {
  Dialogue client;
  client.shake_hands("2025-11-25");
  client.ask(1, "logging/setLevel", {{"level", "info"}});
  EXPECT_EQ(client.hear()["result"], Json::object());
  client.call(2, "test_tool_with_logging");
  for (const char* said :
       {"Tool execution started", "Tool processing data", "Tool execution completed"}) {
    const Json line = client.hear();
    EXPECT_EQ(line["method"], "notifications/message");
    EXPECT_EQ(line["params"]["level"], "info");
    EXPECT_EQ(line["params"]["data"], said);
  }
  EXPECT_EQ(client.hear()["id"], 2);
  client.ask(3, "logging/setLevel", {{"level", "warning"}});
  client.hear();
  client.call(4, "test_tool_with_logging");
  EXPECT_EQ(client.hear()["id"], 4);
}

TEST(Logging, UnknownLevelIsRefused) {
  Dialogue client;
  client.shake_hands("2025-11-25");
  for (const char* params : {R"({})", R"({"level":"loud"})", R"({"level":7})"}) {
    client.ask(1, "logging/setLevel", Json::parse(params));
    EXPECT_EQ(client.hear()["error"]["code"], rpc::kInvalidParams) << params;
  }
}

TEST(Logging, ModernRequestAsksForItself) {
  Dialogue client;
  client.ask_modern(1, "tools/call", {{"name", "test_logging_tool"}});
  EXPECT_EQ(client.hear()["id"], 1);
  client.ask_modern(
      2, "tools/call",
      {{"name", "test_logging_tool"}, {"_meta", {{"io.modelcontextprotocol/logLevel", "debug"}}}});
  EXPECT_EQ(client.hear()["method"], "notifications/message");
}

}  // namespace
}  // namespace omcp_r::mcp
