// PROTOCOL §5 and §6: calls, progress, cancellation.
#include "dialogue.hpp"

namespace omcp_r::mcp {
namespace {

class Calls : public testing::Test {
 protected:
  Calls() { client_.shake_hands("2025-11-25"); }
  Dialogue client_;
};

TEST_F(Calls, RunSideBySide) {
  client_.call(1, "sleep", {{"ms", 100}});
  client_.call(2, "echo", {{"text", "quick"}});
  client_.ask(3, "ping");
  EXPECT_EQ(client_.hear()["id"], 2);
  EXPECT_EQ(client_.hear()["id"], 3);
  EXPECT_EQ(client_.hear()["id"], 1);
}

TEST_F(Calls, KeepTheTypeOfTheId) {
  client_.call("1", "echo");
  EXPECT_EQ(client_.hear()["id"], "1");
}

TEST_F(Calls, UnknownToolAndBadParamsAreProtocolErrors) {
  client_.call(1, "no_such_tool");
  EXPECT_EQ(client_.hear()["error"]["code"], -32602);
  client_.ask(2, "tools/call");
  EXPECT_EQ(client_.hear()["error"]["code"], -32602);
  client_.ask(3, "tools/call", {{"name", 7}});
  EXPECT_EQ(client_.hear()["error"]["code"], -32602);
  client_.ask(4, "tools/call", {{"name", "echo"}, {"arguments", Json::array()}});
  EXPECT_EQ(client_.hear()["error"]["code"], -32602);
}

TEST_F(Calls, MayComeWithoutArguments) {
  client_.ask(1, "tools/call", {{"name", "echo"}});
  EXPECT_EQ(client_.hear()["result"]["isError"], false);
}

TEST_F(Calls, AToolThatThrowsIsAToolError) {
  client_.call(1, "fail");
  const Json result = client_.hear()["result"];
  EXPECT_EQ(result["isError"], true);
  EXPECT_EQ(result.dump().find("threw"), std::string::npos);
  EXPECT_NE(client_.log().find("the tool threw"), std::string::npos);
}

TEST_F(Calls, AResultBeyondTheBoundSaysSo) {
  client_.call(1, "big", {{"bytes", 999'000}});
  EXPECT_EQ(client_.hear()["result"]["isError"], false);
  client_.call(2, "big", {{"bytes", 1'000'000}});
  const Json result = client_.hear()["result"];
  EXPECT_EQ(result["isError"], true);
  EXPECT_NE(result["content"][0]["text"].get<std::string>().find("bytes"), std::string::npos);
}

TEST_F(Calls, AnIdInUseIsRefusedAndNotRunTwice) {
  client_.call(1, "sleep", {{"ms", 50}});
  client_.call(1, "echo");
  EXPECT_EQ(client_.hear()["error"]["code"], -32600);
  EXPECT_EQ(client_.hear()["result"]["content"][0]["text"], "slept");
  client_.call(1, "echo");
  EXPECT_TRUE(client_.hear().contains("result")) << "answered ids are free again";
}

TEST_F(Calls, ProgressIsSentOnlyWhenAskedFor) {
  client_.call(1, "test_tool_with_progress");
  EXPECT_EQ(client_.hear()["id"], 1);
  client_.ask(2, "tools/call",
              {{"name", "test_tool_with_progress"}, {"_meta", {{"progressToken", "t"}}}});
  for (const int value : {0, 50, 100}) {
    const Json progress = client_.hear();
    EXPECT_EQ(progress["method"], "notifications/progress");
    EXPECT_EQ(progress["params"]["progressToken"], "t");
    EXPECT_EQ(progress["params"]["progress"], value);
    EXPECT_TRUE(progress["params"].contains("message"));
  }
  EXPECT_EQ(client_.hear()["id"], 2);
  client_.expect_silence();
}

TEST_F(Calls, ProgressHasNoMessageAt20241105) {
  client_.shake_hands("2024-11-05");
  client_.ask(2, "tools/call",
              {{"name", "test_tool_with_progress"}, {"_meta", {{"progressToken", 9}}}});
  const Json progress = client_.hear();
  EXPECT_EQ(progress["params"].dump(), R"({"progressToken":9,"progress":0})");
}

TEST(Progress, IsRateLimited) {
  ServerLimits limits;
  limits.progress_interval = 10s;
  Dialogue client{limits};
  client.shake_hands("2025-11-25");
  client.ask(2, "tools/call",
             {{"name", "test_tool_with_progress"}, {"_meta", {{"progressToken", 9}}}});
  EXPECT_TRUE(client.hear().contains("method"));
  EXPECT_EQ(client.hear()["id"], 2);
}

TEST_F(Calls, ACancelledCallIsInterruptedAndNotAnswered) {
  client_.call(1, "sleep", {{"ms", 60'000}});
  client_.cancel(1);
  client_.expect_silence();
  client_.call(1, "echo", {{"text", "again"}});
  EXPECT_EQ(client_.hear()["result"]["content"][0]["text"], "again");
}

TEST_F(Calls, CancellationNeedsTheIdOfTheRightType) {
  client_.call(1, "sleep", {{"ms", 40}});
  client_.cancel("1");
  EXPECT_EQ(client_.hear()["id"], 1);
}

TEST_F(Calls, CancellationOfWhatIsNotThereIsIgnored) {
  client_.cancel(99);
  client_.say(R"({"jsonrpc":"2.0","method":"notifications/cancelled"})");
  client_.say(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{}}})");
  client_.say(R"({"jsonrpc":"2.0","method":"notifications/unheard_of","params":[]})");
  client_.say(R"({"jsonrpc":"2.0","id":5,"result":{}})");
  client_.expect_silence();
}

TEST(Slots, CallsBeyondTheBoundWaitWhileOthersAreAnswered) {
  ServerLimits limits;
  limits.calls_in_flight = 2;
  Dialogue client{limits};
  client.shake_hands("2025-11-25");
  for (const int id : {1, 2, 3, 4}) {
    client.call(id, "sleep", {{"ms", 60'000}});
  }
  client.ask("p", "ping");
  EXPECT_EQ(client.hear()["id"], "p");
  client.cancel(4);  // one that waits
  client.cancel(1);
  client.cancel(2);
  client.call(5, "echo");
  EXPECT_EQ(client.hear()["id"], 5) << "3 runs, and one slot is free";
  client.cancel(3);
  client.expect_silence();
}

}  // namespace
}  // namespace omcp_r::mcp
