#include "commands/hosts.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "temporary_folder.hpp"

namespace omcp_r::commands {
namespace {

using app::Surroundings;

class Hosts : public testing::Test {
 protected:
  /// Makes the folder of an application, with something in it.
  void use(const std::string& folder) const {
    folder_.folder(folder);
    folder_.file(folder + "/settings", "");
  }

  Surroundings surroundings() const {
    Surroundings result;
    result.variable = [this](const std::string& name) {
      const auto found = variables_.find(name);
      return found == variables_.end() ? std::nullopt : std::optional(found->second);
    };
    result.home = folder_.folder("home");
    result.working_directory = folder_.folder("work");
    return result;
  }
  std::vector<FoundPlace> places(const char* name) const {
    return places_of(*find_host(name), surroundings());
  }

  app::TemporaryFolder folder_;
  std::map<std::string, std::string> variables_;
};

TEST_F(Hosts, HaveNamesOfTheirOwn) {
  std::set<std::string> names;
  for (const Host& host : hosts()) {
    EXPECT_TRUE(names.insert(host.name).second) << host.name;
    EXPECT_FALSE(host.places.empty());
  }
  EXPECT_EQ(find_host("emacs"), nullptr);
}

TEST_F(Hosts, FilesAreWhereTheHostsLook) {
  const std::string home = folder_.folder("home");
  const std::map<std::string, std::string> files{
      {"claude-desktop", home + "/.config/Claude/claude_desktop_config.json"},
      {"claude-code", home + "/.claude.json"},
      {"vscode", home + "/.config/Code/User/mcp.json"},
      {"portable", folder_.folder("work") + "/.mcp.json"},
      {"cursor", home + "/.cursor/mcp.json"},
      {"codex", home + "/.codex/config.toml"},
      {"gemini", home + "/.gemini/settings.json"},
      {"zed", home + "/.config/zed/settings.json"},
      {"posit", home + "/.posit/assistant/settings.json"}};
  EXPECT_EQ(files.size(), hosts().size());
  for (const auto& [name, file] : files) EXPECT_EQ(places(name.c_str()).front().file, file);
}

TEST_F(Hosts, VariablesMoveFiles) {
  variables_ = {{"CLAUDE_CONFIG_DIR", "/c"}, {"CODEX_HOME", "/x"}, {"XDG_CONFIG_HOME", "relative"}};
  EXPECT_EQ(places("claude-code").front().file, "/c/.claude.json");
  EXPECT_EQ(places("codex").front().file, "/x/config.toml");
  EXPECT_EQ(places("zed").front().file, folder_.folder("home") + "/.config/zed/settings.json");
}

TEST_F(Hosts, AreThereWithTheirFolders) {
  EXPECT_FALSE(places("cursor").front().has_home);
  folder_.folder("home/.cursor");
  EXPECT_FALSE(places("cursor").front().has_home) << "an uninstall leaves that";
  folder_.file("home/.cursor/mcp.json.bak-20260101-000000", "{}");
  EXPECT_FALSE(places("cursor").front().has_home) << "or that";
  use("home/.cursor");
  EXPECT_TRUE(places("cursor").front().has_home);
  EXPECT_FALSE(places("cursor").front().has_file);
  EXPECT_FALSE(places("claude-code").front().has_home);  // its file lies in the home folder itself
  use("home/.claude");
  EXPECT_TRUE(places("claude-code").front().has_home);
}

TEST_F(Hosts, EveryPlaceOfClaudeDesktopCounts) {
  use("home/.config/Claude");
  variables_["XDG_CONFIG_HOME"] = folder_.folder("other");
  EXPECT_EQ(places("claude-desktop").size(), 1U);
  use("other/Claude");
  EXPECT_EQ(places("claude-desktop").size(), 2U);
}

TEST_F(Hosts, PositsOlderPlaceCountsWhereItAloneIsThere) {
  use("home/.positai");
  ASSERT_EQ(places("posit").size(), 1U);
  EXPECT_TRUE(places("posit").front().file.ends_with("/.positai/settings.json"));
  use("home/.posit/assistant");
  ASSERT_EQ(places("posit").size(), 1U);
  EXPECT_TRUE(places("posit").front().file.ends_with("/.posit/assistant/settings.json"));
}

TEST_F(Hosts, TheirCommandsGetTheEntry) {
  const Entry entry{"/bin/r", {"-a", "b"}, {{"K", "V"}, {"L", "W"}}};
  const auto line = [&](const char* name) {
    const Host& host = *find_host(name);
    std::string text;
    for (const std::string& word : host.command.add("r", entry, shaped(host.shape, entry))) {
      text += word + "|";
    }
    return text;
  };
  EXPECT_EQ(line("codex"), "mcp|add|r|--env|K=V|--env|L=W|--|/bin/r|-a|b|");
  EXPECT_EQ(line("gemini"), "mcp|add|--scope|user|-e|K=V|-e|L=W|r|/bin/r|--|-a|b|");
  EXPECT_EQ(line("claude-code"),
            "mcp|add-json|r|{\"type\":\"stdio\",\"command\":\"/bin/r\",\"args\":[\"-a\",\"b\"],"
            "\"env\":{\"K\":\"V\",\"L\":\"W\"}}|--scope|user|");
  EXPECT_EQ(line("vscode"),
            "--add-mcp|{\"name\":\"r\",\"type\":\"stdio\",\"command\":\"/bin/r\",\"args\":[\"-a\","
            "\"b\"],\"env\":{\"K\":\"V\",\"L\":\"W\"}}|");
}

}  // namespace
}  // namespace omcp_r::commands
