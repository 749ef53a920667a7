// The install command as a person uses it, in a home of its own with the files of every host.

#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <nlohmann/json.hpp>

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

namespace fs = std::filesystem;
using Unordered = nlohmann::json;  // keys stand in whatever order

/// As it is written: with no links in it.
std::string program_path() {
  return fs::canonical(binary()).string();
}

/// The files of a home, by their paths below it, as people have them.
const std::map<std::string, std::string>& sample_files() {
  static const std::map<std::string, std::string> kFiles{
      {".config/Claude/claude_desktop_config.json",
       "{\r\n  \"globalShortcut\": \"\",\r\n  \"mcpServers\": {}\r\n}\r\n"},
      {".claude.json", R"({"numStartups":3,"mcpServers":{"a":{"command":"x"}},"projects":{}})"},
      {".config/Code/User/mcp.json",
       "{\n\t// mine\n\t\"servers\": {\n\t\t\"a\": {\"url\": \"https://a\"},\n\t},\n\t\"inputs\": "
       "[],\n}\n"},
      {".cursor/mcp.json", "{\n  \"mcpServers\": {\n    \"a\": {\"command\": \"x\"}\n  }\n}"},
      {".codex/config.toml", "model = \"m\" # mine\n\n[mcp_servers.a]\ncommand = 'x'"},
      {".gemini/settings.json", "{ }\n"},
      {".config/zed/settings.json",
       "// Zed\n//\n{\n  \"theme\": \"One\",\n  // \"context_servers\": {}\n}\n"},
      {".posit/assistant/settings.json", "\xEF\xBB\xBF{\n    \"model\": \"m\"\n}\n"}};
  return kFiles;
}

class Install : public testing::Test {
 protected:
  Install() {
    fs::create_directories(home());
    fs::create_directories(folder_.path() / "work");
    // No program but those of the test, so that no real host is ever touched.
    program("docker", "echo unix:///run/user/7/docker.sock");
  }

  [[nodiscard]] fs::path home() const { return folder_.path() / "home"; }
  [[nodiscard]] fs::path log() const { return folder_.path() / "argv"; }

  void program(const std::string& name, const std::string& script) const {
    const fs::path path = folder_.path() / "bin" / name;
    fs::create_directories(path.parent_path());
    write_file(path, "#!/bin/sh\n" + script + "\n");
    fs::permissions(path, fs::perms::owner_all);
  }
  /// A host's command that only notes how it was called.
  void recorder(const std::string& name, int code = 0) const {
    program(name, "for word; do printf '%s|' \"$word\"; done >>" + log().string() + "; echo >>" +
                      log().string() + "; exit " + std::to_string(code));
  }

  void add_sample_files() const {
    for (const auto& [path, text] : sample_files()) put(path, text);
  }
  void put(const std::string& path, const std::string& text) const {
    fs::create_directories((home() / path).parent_path());
    write_file(home() / path, text);
  }
  [[nodiscard]] std::string get(const std::string& path) const { return read_file(home() / path); }
  [[nodiscard]] Unordered json_of(const std::string& path) const {
    std::string text = get(path);
    return Unordered::parse(text.substr(text.starts_with("\xEF") ? 3 : 0), nullptr, false, true);
  }

  /// Every file below the home with its text.
  [[nodiscard]] std::map<std::string, std::string> everything() const {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(home())) {
      if (entry.is_regular_file()) {
        found[fs::relative(entry.path(), home()).string()] = read_file(entry.path());
      }
    }
    return found;
  }

  [[nodiscard]] Finished run_program(const Argv& arguments) const {
    Argv argv{binary()};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    const Environment variables{{"HOME", home().string()},
                                {"PATH", (folder_.path() / "bin").string()}};
    return run(ChildSpec{argv, variables, folder_.path() / "work", {}, {}}, "", 60s);
  }
  [[nodiscard]] Finished install(Argv arguments = {}) const {
    arguments.insert(arguments.begin(), "install");
    return run_program(arguments);
  }

  TemporaryFolder folder_;
};

TEST_F(Install, ChangesEveryHostOnceAndUninstallRestoresTheBytes) {
  add_sample_files();
  const Finished first = install({"--env", "WARM_POOL=0"});
  EXPECT_EQ(first.ending.code, 0) << first.output;
  const auto after = everything();
  EXPECT_EQ(after.size(), 2 * sample_files().size()) << "a backup for each";
  for (const auto& [path, text] : sample_files()) {
    EXPECT_NE(after.at(path), text) << path;
    EXPECT_TRUE(contains(after.at(path), "omcp-r-sandbox")) << after.at(path);
    EXPECT_TRUE(contains(after.at(path), (folder_.path() / "bin/docker").string())) << path;
    EXPECT_TRUE(contains(after.at(path), "unix:///run/user/7/docker.sock")) << path;
    EXPECT_TRUE(contains(after.at(path), "WARM_POOL")) << path;
  }

  const Finished second = install({"--env", "WARM_POOL=0"});
  EXPECT_EQ(second.ending.code, 0) << second.output;
  EXPECT_TRUE(contains(second.output, "already configured")) << second.output;
  EXPECT_EQ(everything(), after);

  const Finished back = install({"--uninstall"});
  EXPECT_EQ(back.ending.code, 0) << back.output;
  for (const auto& [path, text] : sample_files()) EXPECT_EQ(get(path), text) << path;
  const auto rest = everything();
  EXPECT_TRUE(contains(install({"--uninstall"}).output, "not configured"));
  EXPECT_EQ(everything(), rest);
}

TEST_F(Install, WritesWhatEachHostReads) {
  add_sample_files();
  ASSERT_EQ(install({"--name", "r"}).ending.code, 0);
  const Unordered variables = {{"DOCKER", (folder_.path() / "bin/docker").string()},
                               {"DOCKER_HOST", "unix:///run/user/7/docker.sock"}};
  const Unordered plain = {
      {"command", program_path()}, {"args", Unordered::array()}, {"env", variables}};
  Unordered stdio = plain;
  stdio["type"] = "stdio";
  Unordered custom = plain;
  custom["source"] = "custom";
  const Unordered local = {{"type", "local"},
                           {"command", {program_path()}},
                           {"environment", variables},
                           {"enabled", true},
                           {"timeout", 10000}};
  EXPECT_EQ(json_of(".config/Claude/claude_desktop_config.json")["mcpServers"]["r"], plain);
  EXPECT_EQ(json_of(".claude.json")["mcpServers"]["r"], stdio);
  EXPECT_EQ(json_of(".cursor/mcp.json")["mcpServers"]["r"], plain);
  EXPECT_EQ(json_of(".gemini/settings.json")["mcpServers"]["r"], plain);
  EXPECT_EQ(json_of(".posit/assistant/settings.json")["mcpServers"]["r"], local);
  EXPECT_TRUE(contains(get(".config/zed/settings.json"), "\"source\": \"custom\""));
  EXPECT_TRUE(
      contains(get(".config/Code/User/mcp.json"), "\t\t\"r\": {\n\t\t\t\"type\": \"stdio\""));
  EXPECT_TRUE(contains(get(".codex/config.toml"),
                       "\n\n[mcp_servers.r]\ncommand = \"" + program_path() + "\"\n"));
}

TEST_F(Install, ForAClusterItNamesKubectlAndNoEngineOfDockers) {
  add_sample_files();
  program("kubectl", "exit 0");
  ASSERT_EQ(install({"--name", "r", "--env", "ENGINE=kubernetes"}).ending.code, 0);
  EXPECT_EQ(
      json_of(".cursor/mcp.json")["mcpServers"]["r"]["env"],
      Unordered({{"DOCKER", (folder_.path() / "bin/kubectl").string()}, {"ENGINE", "kubernetes"}}));
}

TEST_F(Install, DryRunShowsAndChangesNothing) {
  add_sample_files();
  const auto before = everything();
  const Finished told = install({"--dry-run"});
  EXPECT_EQ(told.ending.code, 0);
  EXPECT_TRUE(contains(told.output, "+[mcp_servers.omcp-r-sandbox]")) << told.output;
  EXPECT_EQ(everything(), before);
  recorder("claude");
  EXPECT_TRUE(contains(install({"claude-code", "--dry-run"}).output, "mcp add-json"));
  EXPECT_FALSE(fs::exists(log()));
}

TEST_F(Install, SaysWhatToDoWhereThereIsNoHost) {
  const Finished told = install();
  EXPECT_EQ(told.ending.code, 1);
  EXPECT_TRUE(contains(told.output, "install claude-desktop")) << told.output;
  EXPECT_TRUE(everything().empty());
}

TEST_F(Install, MakesTheFolderOfAHostThatIsNamedAndLeavesNothingBehind) {
  ASSERT_EQ(install({"zed", "portable"}).ending.code, 0);
  EXPECT_EQ(everything().size(), 1U);
  const fs::path portable = folder_.path() / "work/.mcp.json";
  EXPECT_EQ(Unordered::parse(read_file(portable))["mcpServers"]["omcp-r-sandbox"]["type"], "stdio");
  ASSERT_EQ(install({"zed", "--env", "WARM_POOL=0"}).ending.code, 0);
  ASSERT_EQ(install({"--uninstall", "zed", "portable"}).ending.code, 0);
  EXPECT_FALSE(fs::exists(portable));
  EXPECT_FALSE(fs::exists(home() / ".config/zed/settings.json"));
  // An empty folder, or one with a backup of ours, is no host.
  EXPECT_TRUE(contains(install().output, "no host was found"));
}

TEST_F(Install, ManyChangesLaterUninstallStillRestoresTheBytes) {
  put(".cursor/mcp.json", "{ }  \n");
  for (int i = 0; i < 12; ++i) {
    ASSERT_EQ(install({"cursor", "--env", "WARM_POOL=" + std::to_string(i % 5)}).ending.code, 0);
  }
  ASSERT_EQ(install({"cursor", "--uninstall"}).ending.code, 0);
  EXPECT_EQ(get(".cursor/mcp.json"), "{ }  \n");
}

TEST_F(Install, UsesTheHostsOwnCommand) {
  for (const char* const name : {"claude", "codex", "gemini", "code"}) recorder(name);
  const Finished told = install({"--env", "DOCKER_HOST=ssh://me@there", "--name", "r"});
  // They have only said that they did it.
  EXPECT_EQ(everything().size(), 4U);
  EXPECT_TRUE(contains(get(".claude.json"), program_path()));
  EXPECT_TRUE(contains(told.output, "/.claude.json does not have it; editing it instead"));
  EXPECT_EQ(told.ending.code, 0) << told.output;
  const std::string docker = (folder_.path() / "bin/docker").string();
  const std::string json = "\"type\":\"stdio\",\"command\":\"" + program_path() +
                           "\",\"args\":[],\"env\":{\"DOCKER\":\"" + docker +
                           "\",\"DOCKER_HOST\":\"ssh://me@there\"}}|";
  EXPECT_EQ(read_file(log()), "mcp|add-json|r|{" + json + "--scope|user|\n" +
                                  "--add-mcp|{\"name\":\"r\"," + json + "\n" +
                                  "mcp|add|r|--env|DOCKER=" + docker +
                                  "|--env|DOCKER_HOST=ssh://me@there|--|" + program_path() + "|\n" +
                                  "mcp|add|--scope|user|-e|DOCKER=" + docker +
                                  "|-e|DOCKER_HOST=ssh://me@there|r|" + program_path() + "|\n");
}

TEST_F(Install, LeavesToTheHostWhatItsCommandWrites) {
  const std::string file = (home() / ".claude.json").string();
  program("claude", R"(printf '{"mcpServers":{"%s":%s}}' "$3" "$4" >)" + file);
  const Finished told = install({"claude-code"});
  EXPECT_EQ(told.ending.code, 0) << told.output;
  EXPECT_EQ(everything().size(), 1U);
  EXPECT_FALSE(contains(told.output, "editing it")) << told.output;
}

TEST_F(Install, KeepsTheFileAsItWasBeforeTheHostsCommand) {
  const std::string file = (home() / ".claude.json").string();
  program("claude", R"(printf '{"mcpServers":{"%s":%s}}' "$3" "$4" >)" + file);
  put(".claude.json", R"({"mine": 1})");
  fs::permissions(file, fs::perms{0600});
  const Finished told = install({"claude-code"});
  EXPECT_EQ(told.ending.code, 0) << told.output;
  const auto backup = told.output.find(file + ".bak-");
  ASSERT_NE(backup, std::string::npos) << told.output;
  const std::string path = trimmed(told.output.substr(backup));
  EXPECT_EQ(read_file(path), R"({"mine": 1})");
  EXPECT_EQ(fs::status(path).permissions(), fs::perms{0600});
  // One that changes nothing leaves no copies.
  program("claude", "exit 3");
  put(".claude.json", "{}");
  ASSERT_EQ(install({"claude-code"}).ending.code, 0);
  EXPECT_EQ(everything().size(), 3U) << "the file, and a backup of each of two changes";
}

/// The file that the last line of an answer calls the file as it was.
std::string kept_by(const Finished& told) {
  const std::string words = "The file as it was: ";
  const auto at = told.output.rfind(words);
  return at == std::string::npos ? "" : read_file(trimmed(told.output.substr(at + words.size())));
}

TEST_F(Install, NamesTheFileAsItWasWhateverTheHostsCommandHasMadeOfIt) {
  const std::string file = (home() / ".claude.json").string();
  const std::string mine = R"({"mine": 1})";
  for (const char* const spoils : {"echo '{}' >", "echo broken >", "rm ", "rm -f nothing "}) {
    for (const char* const end : {"; exit 1", ""}) {
      program("claude", std::string("PATH=/usr/bin:/bin; ") + spoils + file + end);
      put(".claude.json", mine);
      fs::permissions(file, fs::perms{0640});
      const Finished told = install({"claude-code"});
      EXPECT_EQ(told.ending.code, 0) << told.output;
      EXPECT_EQ(kept_by(told), mine) << spoils << end << told.output;
      const auto now = json_of(".claude.json");
      EXPECT_EQ(now["mcpServers"]["omcp-r-sandbox"]["command"], program_path());
      EXPECT_EQ(now.contains("mine"), std::string(spoils) != "echo '{}' >") << spoils << end;
      EXPECT_EQ(fs::status(file).permissions(), fs::perms{0640}) << spoils << end;
    }
  }
  // One that takes the entry out and fails all the same.
  program("claude", "echo '{}' >" + file + "; exit 1");
  const std::string before = get(".claude.json");
  const Finished gone = install({"claude-code", "--uninstall"});
  EXPECT_EQ(gone.ending.code, 0) << gone.output;
  EXPECT_EQ(kept_by(gone), before) << gone.output;
}

TEST_F(Install, ReplacesAndRemovesByTheHostsCommandWhatIsThere) {
  recorder("claude");
  put(".claude.json",
      R"({"mcpServers":{"omcp-r-sandbox":{"command":"/old/omcp-r-sandbox","note":1}}})");
  ASSERT_EQ(install({"claude-code"}).ending.code, 0);
  const std::string lines = read_file(log());
  EXPECT_TRUE(lines.starts_with("mcp|remove|omcp-r-sandbox|--scope|user|\nmcp|add-json|")) << lines;
  EXPECT_TRUE(contains(lines, "\"note\":1")) << lines;
  fs::remove(log());
  ASSERT_EQ(install({"claude-code", "--uninstall"}).ending.code, 0);
  EXPECT_EQ(read_file(log()), "mcp|remove|omcp-r-sandbox|--scope|user|\n");
}

TEST_F(Install, EditsTheFileWhereTheHostsCommandFails) {
  recorder("claude", 3);
  put(".claude.json", "{}");
  const Finished told = install({"claude-code"});
  EXPECT_EQ(told.ending.code, 0) << told.output;
  EXPECT_TRUE(contains(told.output, "editing its file instead")) << told.output;
  EXPECT_EQ(json_of(".claude.json")["mcpServers"]["omcp-r-sandbox"]["command"], program_path());
}

TEST_F(Install, KeepsModeAndLink) {
  put("dotfiles/mcp.json", "{}");
  fs::permissions(home() / "dotfiles/mcp.json", fs::perms{0640});
  fs::create_directories(home() / ".cursor");
  fs::create_symlink("../dotfiles/mcp.json", home() / ".cursor/mcp.json");
  ASSERT_EQ(install({"cursor"}).ending.code, 0);
  EXPECT_TRUE(fs::is_symlink(home() / ".cursor/mcp.json"));
  EXPECT_EQ(fs::status(home() / "dotfiles/mcp.json").permissions(), fs::perms{0640});
  EXPECT_TRUE(contains(get("dotfiles/mcp.json"), "omcp-r-sandbox"));
  ASSERT_EQ(install({"cursor", "--uninstall"}).ending.code, 0);
  EXPECT_TRUE(fs::is_symlink(home() / ".cursor/mcp.json"));
  EXPECT_EQ(get("dotfiles/mcp.json"), "{}");
}

TEST_F(Install, KeepsWhatTheUserAddedToTheEntry) {
  put(".cursor/mcp.json",
      "{\"mcpServers\": {\"omcp-r-sandbox\": {\"command\": \"/old/omcp-r-sandbox\", \"disabled\": "
      "true}}}");
  ASSERT_EQ(install({"cursor"}).ending.code, 0);
  const Unordered entry = json_of(".cursor/mcp.json")["mcpServers"]["omcp-r-sandbox"];
  EXPECT_EQ(entry["command"], program_path());
  EXPECT_EQ(entry["disabled"], true);
}

// Codex itself writes such tables, and its users numbers.
TEST_F(Install, KeepsWhatCodexAndItsUsersAdded) {
  const std::string users = "startup_timeout_sec = 20\nenabled = false # for now\n";
  const std::string tools = "\n[mcp_servers.omcp-r-sandbox.tools.a]\napproval_mode = \"auto\"\n";
  put(".codex/config.toml",
      "[mcp_servers.omcp-r-sandbox]\ncommand = \"/old/omcp-r-sandbox\"\n" + users + tools);
  put(".gemini/settings.json", "{}");
  const Finished told = install();
  EXPECT_EQ(told.ending.code, 0) << told.output;
  const std::string after = get(".codex/config.toml");
  EXPECT_TRUE(contains(after, "command = \"" + program_path() + "\"\n")) << after;
  EXPECT_TRUE(contains(after, users)) << after;
  EXPECT_TRUE(contains(after, tools)) << after;
  EXPECT_TRUE(contains(get(".gemini/settings.json"), "omcp-r-sandbox"));
  EXPECT_TRUE(contains(install({"codex"}).output, "already configured"));
  EXPECT_EQ(install({"codex", "--uninstall"}).ending.code, 0);
  EXPECT_EQ(get(".codex/config.toml"), "");
}

// With its name we would take over what its user has allowed it.
TEST_F(Install, LeavesAnotherServerAlone) {
  for (const char* const entry : {R"({"type": "http", "url": "https://a"})",
                                  R"({"command": "/bin/other", "alwaysAllow": ["run"]})"}) {
    const std::string text = std::string(R"({"mcpServers": {"omcp-r-sandbox": )") + entry + "}}";
    put(".cursor/mcp.json", text);
    const Finished told = install({"cursor"});
    EXPECT_EQ(told.ending.code, 1);
    EXPECT_TRUE(contains(told.output, "Choose another --name")) << told.output;
    EXPECT_EQ(get(".cursor/mcp.json"), text);
  }
}

TEST_F(Install, ListTellsAServerThatAnswersWithAProblemOnly) {
  put(".cursor/mcp.json", R"({"mcpServers": {"omcp-r-sandbox": {"command": ")" + program_path() +
                              R"(", "env": {"MAX_SANDBOXES": "lots"}}}})");
  const Finished told = install({"--list", "cursor"});
  EXPECT_EQ(told.ending.code, 1);
  EXPECT_TRUE(contains(told.output, "FAILED: it answers with a problem")) << told.output;
  EXPECT_TRUE(contains(told.output, "MAX_SANDBOXES=\"lots\" must be")) << told.output;
}

TEST_F(Install, TakesOutWhatTheHostsCommandLeaves) {
  recorder("claude");
  put(".claude.json", R"({"mcpServers":{"omcp-r-sandbox":{"command":"old"},"a":{}}})");
  const Finished told = install({"claude-code", "--uninstall"});
  EXPECT_EQ(told.ending.code, 0) << told.output;
  EXPECT_TRUE(contains(told.output, "still has it")) << told.output;
  EXPECT_EQ(get(".claude.json"), R"({"mcpServers":{"a":{}}})");
}

TEST_F(Install, LeavesABrokenFileAloneAndGoesOn) {
  put(".cursor/mcp.json", "{\n  \"mcpServers\": {\n");
  put(".gemini/settings.json", "{}");
  const Finished told = install();
  EXPECT_EQ(told.ending.code, 1);
  EXPECT_TRUE(contains(told.output, "mcp.json: line 3, column 1:")) << told.output;
  EXPECT_EQ(get(".cursor/mcp.json"), "{\n  \"mcpServers\": {\n");
  EXPECT_TRUE(contains(get(".gemini/settings.json"), "omcp-r-sandbox"));
}

TEST_F(Install, ListSaysWhatIsWhereAndWhetherItAnswers) {
  put(".cursor/mcp.json", "{}");
  put(".gemini/settings.json",
      R"({"mcpServers": {"omcp-r-sandbox": {"command": "/nonexistent/program"}}})");
  ASSERT_EQ(install({"cursor"}).ending.code, 0);
  const Finished told = install({"--list"});
  EXPECT_EQ(told.ending.code, 1) << "one of them is broken";
  EXPECT_TRUE(contains(told.output, "answers as omcp-r-sandbox " + std::string(project_version())))
      << told.output;
  EXPECT_TRUE(contains(told.output, "FAILED: there is no program /nonexistent/program"));
  EXPECT_TRUE(contains(told.output, "zed: not on this machine"));
  EXPECT_EQ(install({"--list", "cursor"}).ending.code, 0);
}

TEST_F(Install, ListStartsNothingThatAFolderBrought) {
  program("evil", "echo was here >" + log().string());
  write_file(folder_.path() / "work/.mcp.json",
             R"({"mcpServers": {"omcp-r-sandbox": {"command": "evil"}}})");
  const Finished told = install({"--list"});
  EXPECT_TRUE(contains(told.output, "not tried")) << told.output;
  EXPECT_FALSE(fs::exists(log()));
}

TEST_F(Install, OfAContainerHasTheClientOutsideAndTheSettingsInside) {
  put(".cursor/mcp.json", "{}");
  fs::create_directories(folder_.path() / "data");
  const std::string data = fs::canonical(folder_.path() / "data").string();
  const Finished told =
      install({"cursor", "--container", "--image", "mine:1", "--env", "DATA_DIR=" + data});
  ASSERT_EQ(told.ending.code, 0) << told.output;
  const Unordered entry = json_of(".cursor/mcp.json")["mcpServers"]["omcp-r-sandbox"];
  EXPECT_EQ(entry["command"], (folder_.path() / "bin/docker").string());
  EXPECT_EQ(entry["env"], Unordered({{"DOCKER_HOST", "unix:///run/user/7/docker.sock"}}));
  const std::string arguments = entry["args"].dump();
  EXPECT_TRUE(contains(arguments, "\"" + data + ":" + data + ":ro\"")) << arguments;
  EXPECT_TRUE(contains(arguments, "\"/run/user/7/docker.sock:/var/run/docker.sock\"")) << arguments;
  EXPECT_TRUE(contains(arguments, "\"SCOPE=" + std::to_string(::geteuid()) + "@")) << arguments;
  EXPECT_EQ(entry["args"].back(), "mine:1");
  EXPECT_FALSE(contains(arguments, "DOCKER=")) << arguments;
}

TEST_F(Install, RefusesASlipWithTheNearestRightWord) {
  add_sample_files();
  const auto before = everything();
  const Finished setting = install({"--env", "DATADIR=/x"});
  EXPECT_EQ(setting.ending.code, 2);
  EXPECT_TRUE(contains(setting.output, "did you mean DATA_DIR?")) << setting.output;
  const Finished host = install({"claude-cod"});
  EXPECT_EQ(host.ending.code, 2);
  EXPECT_TRUE(contains(host.output, "did you mean claude-code?")) << host.output;
  const Finished command = run_program({"instal"});
  EXPECT_EQ(command.ending.code, 2);
  EXPECT_TRUE(contains(command.output, "did you mean install?")) << command.output;
  const Finished undo = run_program({"uninstall"});
  EXPECT_TRUE(contains(undo.output, "did you mean install --uninstall?")) << undo.output;
  EXPECT_EQ(everything(), before);
}

TEST_F(Install, IsInTheHelp) {
  EXPECT_TRUE(contains(run_program({"--help"}).output, "omcp-r-sandbox install"));
  const Finished own = install({"--help"});
  EXPECT_EQ(own.ending.code, 0);
  EXPECT_TRUE(contains(own.output, "--uninstall")) << own.output;
}

}  // namespace
}  // namespace omcp_r::e2e
