// What doctor says where no engine is needed for it, or none is there.

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

class DoctorAlone : public ServerTest {
 protected:
  /// There is no engine, so that nothing takes time.
  [[nodiscard]] Finished doctor(Argv arguments = {}, Environment changes = {}) const {
    arguments.insert(arguments.begin(), {binary(), "doctor"});
    changes.emplace("DOCKER", (folder() / "no-docker").string());
    return run(ChildSpec{arguments, environment(changes), folder() / "work", {}, {}}, "", 60s);
  }
  [[nodiscard]] Json checks(const Environment& changes = {}) const {
    const Finished told = doctor({"--json", "--log-level", "ERROR"}, changes);
    return Json::parse(told.output).at("checks");
  }
  static Json check(const Json& checks, const std::string& id) {
    for (const Json& one : checks) {
      if (one.at("id") == id) return one;
    }
    ADD_FAILURE() << "there is no check " << id << " in " << checks.dump(1);
    return Json{{"status", ""}, {"found", ""}, {"advice", ""}};
  }
  void write_host(const std::string& command) const {
    std::filesystem::create_directories(folder() / "home/.cursor");
    const Json entry{{"mcpServers", {{"omcp-r-sandbox", {{"command", command}}}}}};
    write_file(folder() / "home/.cursor/mcp.json", entry.dump());
  }
};

TEST_F(DoctorAlone, FailsWithTheAdviceThatACallWouldGetWhereThereIsNoEngine) {
  const Finished told = doctor();
  EXPECT_EQ(told.ending.code, 1) << told.output;
  EXPECT_TRUE(contains(told.output, "FAILURE  Answers")) << told.output;
  EXPECT_TRUE(contains(told.output, "-> The configured docker client")) << told.output;
  EXPECT_TRUE(contains(told.output, "\n1 failure; ")) << told.output;
}

TEST_F(DoctorAlone, ItsJsonIsADocumentOfTypedChecks) {
  const Finished told = doctor({"--json"});
  EXPECT_EQ(told.ending.code, 1);
  const Json document = Json::parse(told.output);
  EXPECT_EQ(document.at("ok"), false);
  std::set<std::string> ids;
  for (const Json& one : document.at("checks")) {
    for (const char* key : {"id", "group", "status", "what", "found", "advice"}) {
      EXPECT_TRUE(one.at(key).is_string()) << one;
    }
    EXPECT_EQ(one.size(), 6U) << one;
    const std::string status = one.at("status");
    EXPECT_TRUE((std::set<std::string>{"ok", "warning", "failure", "unknown"}.contains(status)));
    EXPECT_EQ(one.at("advice").empty() || one.at("advice") == "",
              status == "ok" || status == "unknown")
        << one;
    EXPECT_TRUE(ids.insert(one.at("id")).second) << "twice: " << one;
  }
  EXPECT_EQ(check(document.at("checks"), "engine.answers").at("status"), "failure");
  EXPECT_EQ(check(document.at("checks"), "sandbox.network").at("status"), "unknown");
}

TEST_F(DoctorAlone, WrongUsageIsNotAFailure) {
  EXPECT_EQ(doctor({"--jsn"}).ending.code, 2);
  EXPECT_EQ(doctor({"thoroughly"}).ending.code, 2);
  EXPECT_EQ(doctor({"--sandbox-pids", "many"}).ending.code, 2);
  const Finished help = doctor({"--help"});
  EXPECT_EQ(help.ending.code, 0);
  EXPECT_TRUE(contains(help.output, "--json")) << help.output;
}

TEST_F(DoctorAlone, NamesSettingsWithTheirSourceAndTheirWarnings) {
  write_file(folder() / "work" / ".env", "SANDBOX_PIDS=64\nSANDBOX_PDIS=64\n");
  const Json all = checks({{"MAX_SANDBOXES", "3"}});
  EXPECT_EQ(check(all, "settings.given.MAX_SANDBOXES").at("found"), "3  (environment)");
  const std::string found = check(all, "settings.given.SANDBOX_PIDS").at("found");
  EXPECT_TRUE(found.starts_with("64  (") && contains(found, ".env:1)")) << found;
  const Json warned = check(all, "settings.warnings");
  EXPECT_EQ(warned.at("status"), "warning");
  EXPECT_TRUE(contains(warned.at("found").get<std::string>(), "SANDBOX_PDIS")) << warned;
}

TEST_F(DoctorAlone, TriesWhatHostsStart) {
  EXPECT_EQ(check(checks(), "hosts.server").at("status"), "warning") << "none has it";
  write_host(binary());
  const Json good = check(checks(), "hosts.server.cursor");
  EXPECT_EQ(good.at("status"), "ok") << good;
  EXPECT_TRUE(contains(good.at("found").get<std::string>(), "answers as omcp-r-sandbox")) << good;
  write_host("/nonexistent/server");
  const Json bad = check(checks(), "hosts.server.cursor");
  EXPECT_EQ(bad.at("status"), "failure") << bad;
  EXPECT_TRUE(contains(bad.at("found").get<std::string>(), "there is no program")) << bad;
  write_host("true; touch " + (folder() / "shell").string());
  EXPECT_EQ(check(checks(), "hosts.server.cursor").at("status"), "failure");
  EXPECT_FALSE(std::filesystem::exists(folder() / "shell")) << "no shell may read it";
}

}  // namespace
}  // namespace omcp_r::e2e
