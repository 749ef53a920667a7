// The command line and the configuration, as a person at a terminal meets them.

#include <algorithm>

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

class StartUp : public ServerTest {
 public:
  Finished run_once(const Argv& arguments, const Environment& changes = {}) const {
    Argv argv{binary()};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return run(ChildSpec{argv, environment(changes), folder() / "work", {}, {}}, "", 20s);
  }
};

TEST_F(StartUp, TellsItsVersion) {
  const Finished told = run_once({"--version"});
  EXPECT_EQ(told.ending.code, 0);
  EXPECT_TRUE(contains(told.output, project_version())) << told.output;
}

TEST_F(StartUp, HelpNamesEverySetting) {
  const Finished told = run_once({"--help"});
  EXPECT_EQ(told.ending.code, 0);
  for (const char* name : {"SANDBOX_TIMEOUT",
                           "MAX_SANDBOXES",
                           "DOCKER_IMAGE",
                           "LOG_LEVEL",
                           "DOCKER_HOST",
                           "ALLOWED_IMAGES",
                           "SANDBOX_MEMORY",
                           "SANDBOX_CPUS",
                           "SANDBOX_PIDS",
                           "SANDBOX_MAX_LIFETIME",
                           "SANDBOX_USER",
                           "EXECUTION_TIMEOUT",
                           "MAX_EXECUTION_TIMEOUT",
                           "EXECUTION_WAIT",
                           "MAX_OUTPUT_CHARS",
                           "MAX_OUTPUT_BYTES",
                           "DATA_DIR",
                           "OUTPUT_DIR",
                           "WARM_POOL",
                           "RUNTIME",
                           "ENGINE",
                           "SCOPE",
                           "STATE_DIR",
                           "LOG_FORMAT",
                           "AUDIT_LOG"}) {
    EXPECT_TRUE(contains(told.output, name)) << name;
  }
}

struct BadSetting {
  const char* name;
  const char* value;
};

void PrintTo(const BadSetting& setting, std::ostream* out) {
  *out << setting.name << "=" << setting.value;
}

class BadSettings : public StartUp, public testing::WithParamInterface<BadSetting> {};

TEST_P(BadSettings, StopTheStartAndAreNamedWithTheirValue) {
  const auto& [name, value] = GetParam();
  const Finished told = run_once({}, {{name, value}});
  EXPECT_NE(told.ending.code, 0) << told.output;
  EXPECT_EQ(told.ending.signal, 0);
  EXPECT_TRUE(contains(told.output, name)) << told.output;
  EXPECT_TRUE(contains(told.output, value)) << told.output;
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadSettings,
    testing::Values(BadSetting{"SANDBOX_TIMEOUT", "soon"}, BadSetting{"SANDBOX_TIMEOUT", "-5"},
                    BadSetting{"MAX_SANDBOXES", "0"}, BadSetting{"SANDBOX_MEMORY", "12 bananas"},
                    BadSetting{"SANDBOX_CPUS", "many"}, BadSetting{"SANDBOX_USER", "root"},
                    BadSetting{"SANDBOX_USER", "0:0"}, BadSetting{"LOG_LEVEL", "CHATTY"},
                    BadSetting{"LOG_FORMAT", "xml"}, BadSetting{"DATA_DIR", "/"},
                    BadSetting{"DATA_DIR", "/nonexistent/folder"},
                    BadSetting{"STATE_DIR", "${HOME}/state"}));

TEST_F(StartUp, AnUnknownOptionIsRefusedByNameWithTheNearestRightOne) {
  const Finished told = run_once({"--max-sandboxes=3", "--sandbox-tmeout=3"});
  EXPECT_EQ(told.ending.code, 2);
  EXPECT_TRUE(contains(told.output, "sandbox-tmeout")) << told.output;
  EXPECT_TRUE(contains(told.output, "did you mean --sandbox-timeout?")) << told.output;
  EXPECT_FALSE(contains(run_once({"--xyzzy"}).output, "did you mean"));
}

/// What a command prints, typed on a terminal.
Finished typed(const std::string& command) {
  return run({"script", "--quiet", "--return", "--command", command, "/dev/null"});
}

TEST_F(StartUp, TypedOnATerminalItSaysWhatItIs) {
  const Finished told = typed(binary());
  EXPECT_EQ(told.ending.code, 0);
  EXPECT_EQ(std::count(told.output.begin(), told.output.end(), '\n'), 5) << told.output;
  EXPECT_TRUE(contains(told.output, "MCP server")) << told.output;
  EXPECT_TRUE(contains(told.output, "--help")) << told.output;
}

TEST_F(StartUp, TypedOnATerminalWithABadSettingItEnds) {
  const Finished told = typed(binary() + " --max-sandboxes lots");
  EXPECT_EQ(told.ending.code, 2);
  EXPECT_TRUE(contains(told.output, "lots")) << told.output;
}

// Else the host shows "failed to connect", and nobody learns why.
TEST_F(StartUp, UnderAHostABadSettingIsTheAnswerOfEachTool) {
  const ChildSpec spec{{binary(), "--wram-pool=2"},
                       environment({{"MAX_SANDBOXES", "lots"}}),
                       folder() / "work",
                       folder() / "bad.log",
                       {}};
  for (const bool flag : {false, true}) {
    ChildSpec bad = spec;
    if (!flag) bad.argv = {binary()};
    Server server(bad);
    const Json hello = server.initialize();
    const std::string named = flag ? "--warm-pool" : "MAX_SANDBOXES";
    EXPECT_TRUE(contains(hello.at("instructions").get<std::string>(), named)) << hello;
    const Json tools = server.request("tools/list").at("tools");
    ASSERT_EQ(tools.size(), 4U);
    for (const Json& tool : tools) {
      const ToolResult refused = server.call(tool.at("name"));
      EXPECT_EQ(refused.error_code(), "configuration_invalid") << refused;
      EXPECT_TRUE(contains(refused.error_message(), named)) << refused;
      if (!flag) {
        EXPECT_TRUE(contains(refused.error_message(), "lots")) << refused;
        EXPECT_TRUE(contains(refused.error_message(), "1 to 1000")) << refused;
      }
    }
    server.close_input();
    EXPECT_EQ(server.wait_for_end().code, 2);
  }
}

TEST_F(StartUp, UnderAHostAnAuditLogThatCannotBeWrittenIsTheAnswerOfEachTool) {
  const std::string path = "/nonexistent/audit.log";
  Server server(ChildSpec{{binary()},
                          environment({{"AUDIT_LOG", path}}),
                          folder() / "work",
                          folder() / "audit.stderr",
                          {}});
  server.initialize();
  const ToolResult refused = server.call("list_sandboxes");
  EXPECT_EQ(refused.error_code(), "configuration_invalid") << refused;
  EXPECT_TRUE(contains(refused.error_message(),
                       "AUDIT_LOG=\"" + path + "\" must be a file that can be made or appended to"))
      << refused;
  server.close_input();
  EXPECT_EQ(server.wait_for_end().code, 2);
  const Finished told = typed(binary() + " --audit-log " + path);
  EXPECT_EQ(told.ending.code, 2);
}

// Hosts are configured by hand as well, with what other servers want to be told.
TEST_F(StartUp, UnderAHostAnUnknownWordIsTheAnswerToo) {
  Server server(ChildSpec{
      {binary(), "serve"}, environment({}), folder() / "work", folder() / "word.log", {}});
  const Json hello = server.initialize();
  EXPECT_TRUE(contains(hello.at("instructions").get<std::string>(), "no command \"serve\""))
      << hello;
  server.close_input();
  EXPECT_EQ(server.wait_for_end().code, 2);
  EXPECT_EQ(typed(binary() + " serve").ending.code, 2);
}

TEST_F(StartUp, WhatIsPrintedComesWithItsWarnings) {
  write_file(folder() / "work" / "settings", "MAX_SANDBOX=3\n");
  const Finished told = run_once({"--env-file", "settings", "--print-config"});
  EXPECT_EQ(told.ending.code, 0);
  EXPECT_TRUE(contains(told.output, "did you mean MAX_SANDBOXES?")) << told.output;
}

TEST_F(StartUp, ABadValueInAnEnvFileIsToldWithFileAndLine) {
  write_file(folder() / "work" / ".env", "# settings\nMAX_SANDBOXES=lots\n");
  const Finished told = run_once({"--env-file", ".env"});
  EXPECT_NE(told.ending.code, 0);
  EXPECT_TRUE(contains(told.output, ".env")) << told.output;
  EXPECT_TRUE(contains(told.output, "2")) << told.output;
  EXPECT_TRUE(contains(told.output, "lots")) << told.output;
}

TEST_F(StartUp, TheHomeFolderIsNoDataFolder) {
  const Finished told = run_once({}, {{"DATA_DIR", folder() / "home"}});
  EXPECT_NE(told.ending.code, 0);
  EXPECT_TRUE(contains(told.output, "DATA_DIR")) << told.output;
}

TEST_F(StartUp, NeedsNeitherHomeNorPathNorAFolderOfItsOwn) {
  const ChildSpec bare{{binary()}, Environment{{"WARM_POOL", "0"}}, "/", folder() / "bare.log", {}};
  Server server(bare);
  EXPECT_EQ(server.initialize().at("protocolVersion"), "2025-11-25");
  EXPECT_EQ(server.request("tools/list").at("tools").size(), 4U);
  server.close_input();
  EXPECT_EQ(server.wait_for_end().code, 0);
}

TEST_F(StartUp, LogsAsJsonLinesWhenAskedTo) {
  Server& server = start({{{"LOG_FORMAT", "json"},
                           {"LOG_LEVEL", "DEBUG"},
                           {"DOCKER_HOST", "unix:///nonexistent/docker.sock"}},
                          {},
                          true,
                          {}});
  server.call("list_sandboxes");
  std::istringstream lines(server.log());
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    EXPECT_TRUE(Json::accept(line)) << line;
  }
  EXPECT_GT(count, 0);
}

}  // namespace
}  // namespace omcp_r::e2e
