// Lines on standard input: long, broken, hostile.

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

constexpr std::size_t kLongestLine = 16U << 20U;

class Lines : public ServerTest {
 public:
  Server& client(const std::string& revision = "2025-11-25") {
    Server& server = start({{{"DOCKER_HOST", "unix:///nonexistent/docker.sock"}}, {}, false, {}});
    server.initialize(revision);
    return server;
  }

  /// A ping of exactly so many bytes without its newline.
  static std::string ping(const std::string& id, std::size_t size) {
    const std::string head =
        R"({"jsonrpc":"2.0","id":")" + id + R"(","method":"ping","params":{"x":")";
    return head + std::string(size - head.size() - 3, 'x') + "\"}}";
  }

  static int error_of(Server& server, const std::string& line) {
    server.write(line + "\n");
    const Json answer = server.next();
    EXPECT_FALSE(answer.contains("id")) << answer;
    return answer.at("error").at("code").get<int>();
  }
};

TEST_F(Lines, OfSixteenMebibytesAreServed) {
  Server& server = client();
  server.write(ping("big", kLongestLine) + "\n");
  EXPECT_EQ(server.wait_for("big", 30s * time_factor()).at("result"), Json::object());
}

TEST_F(Lines, ThatAreLongerAreRefusedAndReadingGoesOn) {
  Server& server = client();
  EXPECT_EQ(error_of(server, std::string(kLongestLine + 1, 'x')), -32600);
  EXPECT_EQ(error_of(server, std::string(3 * kLongestLine, 'x')), -32600);
  EXPECT_EQ(server.request("ping"), Json::object());
}

TEST_F(Lines, ThatNeverEndCostNoMemory) {
  Server& server = client();
  for (int i = 0; i < 20; ++i) server.write(std::string(kLongestLine, 'x'));
  EXPECT_LT(server.resident_kilobytes(), 200L * 1024 * time_factor());
  server.write("\n");
  EXPECT_EQ(server.next().at("error").at("code"), -32600);
  EXPECT_EQ(server.request("ping"), Json::object());
}

TEST_F(Lines, ThatAreNoJsonAreAnsweredWithoutAnId) {
  Server& server = client();
  EXPECT_EQ(error_of(server, "this is no JSON"), -32700);
  EXPECT_EQ(error_of(server, "{\"jsonrpc\":\"2.0\",\"id\":1,"), -32700);
  EXPECT_EQ(error_of(server, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\xfe\"}"), -32700);
  EXPECT_EQ(error_of(server, "\"a string\""), -32600);
  EXPECT_EQ(error_of(server, "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}"), -32600);
  EXPECT_EQ(error_of(server, "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}"), -32600);
  EXPECT_EQ(error_of(server, std::string(100'000, '[')), -32700);
  EXPECT_EQ(server.request("ping"), Json::object());
}

TEST_F(Lines, ThatAreNoJsonStayUnansweredWhereNoAnswerWouldBeValid) {
  Server& server = client("2024-11-05");
  server.write("this is no JSON\n");
  EXPECT_TRUE(server.stays_silent(300ms));
  EXPECT_EQ(server.request("ping"), Json::object());
}

TEST_F(Lines, WithAnIdAndNoValidRequestAreRefusedByThatId) {
  Server& server = client();
  server.write("{\"jsonrpc\":\"1.0\",\"id\":\"v\",\"method\":\"ping\"}\n");
  EXPECT_EQ(server.wait_for("v").at("error").at("code"), -32600);
  server.write("{\"jsonrpc\":\"2.0\",\"id\":\"m\"}\n");
  EXPECT_EQ(server.wait_for("m").at("error").at("code"), -32600);
  server.write("{\"jsonrpc\":\"2.0\",\"id\":\"p\",\"method\":\"ping\",\"params\":[1]}\n");
  EXPECT_EQ(server.wait_for("p").at("error").at("code"), -32602);
}

TEST_F(Lines, MayEndInCarriageReturnsAndHaveBlankOnesBetween) {
  Server& server = client();
  server.write("\r\n\n   \n{\"jsonrpc\":\"2.0\",\"id\":\"crlf\",\"method\":\"ping\"}\r\n");
  EXPECT_EQ(server.wait_for("crlf").at("result"), Json::object());
  EXPECT_TRUE(server.stays_silent(200ms));
}

TEST_F(Lines, MayBeginWithAByteOrderMark) {
  Server& server = start({{}, {}, false, {}});
  server.write("\xEF\xBB\xBF{\"jsonrpc\":\"2.0\",\"id\":\"bom\",\"method\":\"ping\"}\n");
  EXPECT_EQ(server.wait_for("bom").at("result"), Json::object());
}

TEST_F(Lines, MayComeByteByByteOrManyAtOnce) {
  Server& server = client();
  for (const char c : std::string("{\"jsonrpc\":\"2.0\",\"id\":\"slow\",\"method\":\"ping\"}\n")) {
    server.write(std::string(1, c));
  }
  EXPECT_EQ(server.wait_for("slow").at("result"), Json::object());
  std::string many;
  for (int i = 0; i < 500; ++i) many += ping("m" + std::to_string(i), 100) + "\n";
  server.write(many);
  for (int i = 0; i < 500; ++i) {
    EXPECT_EQ(server.wait_for("m" + std::to_string(i)).at("result"), Json::object());
  }
}

TEST_F(Lines, InARegularFileAreServedAsFromAPipe) {
  write_file(
      folder() / "input",
      R"({"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}})"
      "\n"
      R"({"jsonrpc":"2.0","id":"l","method":"tools/list"})"
      "\n"
      R"({"jsonrpc":"2.0","id":"c","method":"tools/call","params":{"name":"list_sandboxes","arguments":{}}})"
      "\n");
  Server& server =
      start({{{"DOCKER_HOST", "unix:///nonexistent/docker.sock"}}, {}, false, folder() / "input"});
  EXPECT_TRUE(server.wait_for("i").contains("result"));
  EXPECT_EQ(server.wait_for("l").at("result").at("tools").size(), 4U);
  EXPECT_EQ(server.wait_for_end().code, 0);
}

TEST_F(Lines, HalfALineAtTheEndOfInputIsNoRequest) {
  Server& server = client();
  server.write("{\"jsonrpc\":\"2.0\",\"id\":\"half\",\"method\":\"pi");
  server.close_input();
  EXPECT_EQ(server.wait_for_end().code, 0);
}

}  // namespace
}  // namespace omcp_r::e2e
