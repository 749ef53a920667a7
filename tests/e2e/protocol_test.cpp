// The handshake and what surrounds it. Nothing here needs an engine: none is to be touched.

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

class Protocol : public ServerTest {
 public:
  /// An engine that nobody serves: whatever speaks to it fails.
  Server& start_without_engine(bool handshake = true) {
    return start({{{"DOCKER_HOST", "unix:///nonexistent/docker.sock"}}, {}, handshake, {}});
  }
};

class Handshake : public Protocol, public testing::WithParamInterface<const char*> {};

TEST_P(Handshake, IsAcceptedAtTheRevisionThatTheClientAsksFor) {
  Server& server = start_without_engine(false);
  const Json result = server.initialize(GetParam());
  EXPECT_EQ(result.at("protocolVersion"), GetParam());
  EXPECT_TRUE(result.at("capabilities").contains("tools"));
  EXPECT_EQ(result.at("serverInfo").at("name"), "omcp-r-sandbox");
  EXPECT_EQ(result.at("serverInfo").at("version"), project_version());
  EXPECT_FALSE(result.at("instructions").get<std::string>().empty());
  EXPECT_EQ(server.request("tools/list").at("tools").size(), 4U);
  EXPECT_EQ(server.request("ping"), Json::object());
}

INSTANTIATE_TEST_SUITE_P(Revisions, Handshake,
                         testing::Values("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"),
                         [](const auto& revision) { return replaced(revision.param, "-", ""); });

class CounterOffer : public Protocol, public testing::WithParamInterface<const char*> {};

TEST_P(CounterOffer, IsTheNewestLegacyRevisionAndNeverAnError) {
  const Json result = start_without_engine(false).initialize(GetParam());
  EXPECT_EQ(result.at("protocolVersion"), "2025-11-25");
}

INSTANTIATE_TEST_SUITE_P(Revisions, CounterOffer,
                         testing::Values("2023-01-01", "2099-12-31", "2026-07-28", "nonsense", ""));

TEST_F(Protocol, InitializeWithoutAVersionIsRefused) {
  Server& server = start_without_engine(false);
  EXPECT_EQ(server.refused("initialize", Json{{"capabilities", Json::object()}}).at("code"),
            -32602);
  EXPECT_EQ(server.initialize().at("protocolVersion"), "2025-11-25");
}

TEST_F(Protocol, ASecondInitializeNegotiatesAnew) {
  Server& server = start_without_engine(false);
  server.initialize("2025-11-25");
  EXPECT_EQ(server.initialize("2024-11-05").at("protocolVersion"), "2024-11-05");
  EXPECT_FALSE(server.request("tools/list").at("tools").at(0).contains("outputSchema"));
}

TEST_F(Protocol, BeforeInitializeOnlyPingIsServed) {
  Server& server = start_without_engine(false);
  EXPECT_EQ(server.request("ping"), Json::object());
  EXPECT_EQ(server.refused("tools/list").at("code"), -32602);
}

TEST_F(Protocol, ToolsAreServedBeforeTheInitializedNotification) {
  Server& server = start_without_engine(false);
  const Json hello{{"protocolVersion", "2025-06-18"}, {"capabilities", Json::object()}};
  const int first = server.send("initialize", hello);
  const int second = server.send("tools/list");
  EXPECT_TRUE(server.wait_for(first).contains("result"));
  EXPECT_TRUE(server.wait_for(second).contains("result"));
}

TEST_F(Protocol, RevisionsGetOnlyTheToolFieldsTheyKnow) {
  Server& server = start_without_engine(false);
  server.initialize("2024-11-05");
  Json tool = server.request("tools/list").at("tools").at(0);
  EXPECT_FALSE(tool.contains("annotations")) << tool;
  EXPECT_FALSE(tool.contains("title")) << tool;
  server.initialize("2025-03-26");
  tool = server.request("tools/list").at("tools").at(0);
  EXPECT_TRUE(tool.contains("annotations")) << tool;
  EXPECT_FALSE(tool.contains("outputSchema")) << tool;
  server.initialize("2025-06-18");
  tool = server.request("tools/list").at("tools").at(0);
  EXPECT_TRUE(tool.contains("outputSchema")) << tool;
}

TEST_F(Protocol, UnknownMethodsAndToolsAreProtocolErrors) {
  Server& server = start_without_engine();
  EXPECT_EQ(server.refused("no/such/method").at("code"), -32601);
  EXPECT_EQ(server.refused("prompts/list").at("code"), -32601);
  EXPECT_EQ(server.refused("server/discover").at("code"), -32601);
  EXPECT_EQ(server.refused("tools/call", Json{{"name", "rm_rf"}}).at("code"), -32602);
  EXPECT_EQ(server.refused("tools/call", Json::object()).at("code"), -32602);
  const Json no_object{{"name", "list_sandboxes"}, {"arguments", 7}};
  EXPECT_EQ(server.refused("tools/call", no_object).at("code"), -32602);
}

TEST_F(Protocol, IdsComeBackAsTheyWere) {
  Server& server = start_without_engine();
  for (const Json& id :
       {Json("a-string"), Json("7"), Json(7), Json(0), Json(-3), Json(9007199254740991LL)}) {
    server.write_line(Json{{"jsonrpc", "2.0"}, {"id", id}, {"method", "ping"}});
    EXPECT_EQ(server.wait_for(id).at("result"), Json::object());
  }
}

TEST_F(Protocol, BatchesAreServedAtTheOneRevisionThatHasThem) {
  Server& server = start_without_engine(false);
  server.initialize("2025-03-26");
  server.write(R"([{"jsonrpc":"2.0","id":"a","method":"ping"},)"
               R"({"jsonrpc":"2.0","method":"notifications/initialized"},)"
               R"({"jsonrpc":"2.0","id":"b","method":"tools/list"}])"
               "\n");
  const Json answers = server.next();
  ASSERT_TRUE(answers.is_array()) << answers;
  EXPECT_EQ(answers.size(), 2U);
}

TEST_F(Protocol, BatchesAreRefusedElsewhere) {
  Server& server = start_without_engine();
  server.write("[{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"ping\"}]\n");
  const Json answer = server.next();
  EXPECT_EQ(answer.at("error").at("code"), -32600);
  EXPECT_FALSE(answer.contains("id"));
}

TEST_F(Protocol, NotificationsAreNeverAnswered) {
  Server& server = start_without_engine();
  server.notify("notifications/initialized");
  server.notify("notifications/cancelled", Json{{"requestId", 12345}});
  server.notify("notifications/cancelled");
  server.notify("notifications/nobody/knows");
  server.notify("tools/list");
  EXPECT_TRUE(server.stays_silent(300ms));
  EXPECT_EQ(server.request("ping"), Json::object());
}

TEST_F(Protocol, AnswersOfTheClientAreIgnored) {
  Server& server = start_without_engine();
  server.write("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
  server.write("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":1,\"message\":\"x\"}}\n");
  EXPECT_TRUE(server.stays_silent(300ms));
  EXPECT_EQ(server.request("ping"), Json::object());
}

TEST_F(Protocol, AMissingEngineDelaysNothingAndIsToldByTheTools) {
  Server& server = start_without_engine();
  for (const char* tool : {"create_sandbox", "list_sandboxes"}) {
    const ToolResult result = server.call(tool);
    EXPECT_TRUE(result.is_error()) << result;
    EXPECT_EQ(result.error_code(), "engine_unavailable") << result;
    EXPECT_FALSE(result.success());
    EXPECT_TRUE(result.data().at("error").at("retryable").get<bool>()) << result;
    EXPECT_GT(result.error_message().size(), 30U) << "without advice: " << result;
    EXPECT_TRUE(contains(result.text(), result.error_message())) << result;
  }
}

TEST_F(Protocol, AMissingDockerClientIsToldByTheTools) {
  Server& server =
      start({{{"PATH", "/nonexistent"}, {"DOCKER", "/nonexistent/docker"}}, {}, true, {}});
  EXPECT_EQ(server.call("list_sandboxes").error_code(), "engine_unavailable");
}

TEST_F(Protocol, CallsOfToolsRunBesideEachOther) {
  // An engine that never answers: each call waits for it, and delays nothing else.
  write_file(folder() / "docker", "#!/bin/sh\nexec sleep 30\n");
  std::filesystem::permissions(folder() / "docker", std::filesystem::perms::owner_all);
  const Environment slow{{"PATH", folder().string() + ":/usr/bin:/bin"}};
  Server& server = start({slow, {}, true, {}});
  const int stuck = server.send_call("list_sandboxes");
  server.send_call("create_sandbox");
  EXPECT_EQ(server.request("tools/list").at("tools").size(), 4U);
  EXPECT_EQ(server.request("ping"), Json::object());
  EXPECT_FALSE(server.answered(stuck, 0ms));
}

}  // namespace
}  // namespace omcp_r::e2e
