// PROTOCOL §1: whatever the line holds, the next one is served.
#include "dialogue.hpp"

namespace omcp_r::mcp {
namespace {

struct Case {
  const char* name;
  std::string line;
  int code;        // 0: no answer
  std::string id;  // JSON; empty: none
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

class BadLine : public testing::TestWithParam<Case> {};

TEST_P(BadLine, IsAnsweredWhereTheRevisionAllows) {
  for (const char* revision : {"", "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"}) {
    const Case& c = GetParam();
    Dialogue client;
    if (*revision != '\0') {
      client.shake_hands(revision);
    }
    const bool id_needed = *revision != '\0' && std::string_view{revision} != "2025-11-25";
    client.say(c.line);
    if (c.code != 0 && !(c.id.empty() && id_needed)) {
      const Json answer = client.hear();
      EXPECT_EQ(answer["error"]["code"], c.code) << revision;
      EXPECT_EQ(answer.contains("id") ? answer["id"].dump() : "", c.id) << revision;
    }
    client.ask("next", "ping");
    EXPECT_EQ(client.hear()["id"], "next") << revision;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Lines, BadLine,
    testing::Values(
        Case{"NotJson", "hello", -32700, ""}, Case{"InvalidUtf8", "{\"a\":\"\xC3\"}", -32700, ""},
        Case{"Number", "1", -32600, ""}, Case{"EmptyObject", "{}", -32600, ""},
        Case{"WrongVersion", R"({"jsonrpc":"1.0","id":1,"method":"ping"})", -32600, "1"},
        Case{"NullId", R"({"jsonrpc":"2.0","id":null,"method":"ping"})", -32600, ""},
        Case{"FractionId", R"({"jsonrpc":"2.0","id":1.5,"method":"ping"})", -32600, ""},
        Case{"NoMethod", R"({"jsonrpc":"2.0","id":"a"})", -32600, R"("a")"},
        Case{"ParamsArray", R"({"jsonrpc":"2.0","id":1,"method":"ping","params":[]})", -32602, "1"},
        Case{"DeepNesting", std::string(60'000, '['), -32700, ""},
        Case{"Response", R"({"jsonrpc":"2.0","id":1,"result":{}})", 0, ""},
        Case{"Notification", R"({"jsonrpc":"2.0","method":"nothing/known"})", 0, ""},
        Case{"Blank", "   ", 0, ""}),
    [](const auto& test) { return std::string{test.param.name}; });

TEST(HostileInput, ALineThatIsTooLongIsRefusedAndTheNextOneServed) {
  rpc::TransportLimits limits;
  limits.line_bytes = 1000;
  Dialogue client{{}, limits};
  client.say(std::string(20'000, 'x'));
  const Json refusal = client.hear();
  EXPECT_EQ(refusal["error"]["code"], -32600);
  EXPECT_FALSE(refusal.contains("id"));
  client.ask(1, "ping");
  EXPECT_EQ(client.hear()["id"], 1);
}

TEST(HostileInput, OutputIsOneLineWhateverTheToolSays) {
  Dialogue client;
  client.shake_hands("2025-11-25");
  client.say(R"({"jsonrpc":"2.0","id":"\u2028","method":"tools/call","params":{"name":"echo",)"
             R"("arguments":{"text":"a\nb\u0085\u2028\u2029\u007f\u0000z"}}})");
  const auto line = client.hear_line();
  ASSERT_TRUE(line);
  for (const char* bad : {"\r", "\x7F", "\xC2\x85", "\xE2\x80\xA8", "\xE2\x80\xA9"}) {
    EXPECT_EQ(line->find(bad), std::string::npos);
  }
  EXPECT_EQ(Json::parse(*line)["id"], "\xE2\x80\xA8");
  EXPECT_EQ(Json::parse(*line)["result"]["content"][0]["text"],
            std::string("a\nb\xC2\x85\xE2\x80\xA8\xE2\x80\xA9\x7F\0z", 14));
}

/// The first cancellation is of the last call: where calls that wait are searched for, this is ten
/// thousand times ten thousand steps.
TEST(HostileInput, ABatchMayCancelAsManyCallsAsItLikes) {
  Dialogue client;
  client.shake_hands("2025-03-26");
  constexpr int kCalls = 10'000;
  std::string batch = "[";
  for (int i = 0; i < kCalls; ++i) {
    batch += R"({"jsonrpc":"2.0","id":)" + std::to_string(i) + R"(,"method":"tools/call"},)";
  }
  for (int i = kCalls; i-- > 0;) {
    batch += R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":)" +
             std::to_string(i) + "}},";
  }
  batch.back() = ']';
  constexpr std::size_t kFitsThePipe = 32768;
  for (std::size_t start = 0; start < batch.size(); start += kFitsThePipe) {
    client.say_without_end(std::string_view{batch}.substr(start, kFitsThePipe));
    client.turn(0ms);
  }
  client.say("");
  client.ask("next", "ping");
  EXPECT_EQ(client.hear()["id"], "next");
  client.expect_silence();
}

}  // namespace
}  // namespace omcp_r::mcp
