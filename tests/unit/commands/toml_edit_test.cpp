#include "commands/toml_edit.hpp"

#include <gtest/gtest.h>

namespace omcp_r::commands {
namespace {

using nlohmann::ordered_json;

const KeyPath kTomlPath{"mcp_servers", "r"};
const ordered_json kTomlValue = {
    {"command", "/bin/r"}, {"args", {"a", "b \"c\""}}, {"env", {{"DOCKER", "/bin/docker"}}}};

constexpr const char* kTable =
    "[mcp_servers.r]\ncommand = \"/bin/r\"\nargs = [\"a\", \"b \\\"c\\\"\"]\n\n"
    "[mcp_servers.r.env]\nDOCKER = \"/bin/docker\"\n";

std::string toml_with(const std::string& text, const ordered_json& value = kTomlValue) {
  const auto result = set_in_toml(text, kTomlPath, value);
  return result ? *result : "error: " + result.error().message;
}

std::string toml_without(const std::string& text) {
  const auto result = remove_from_toml(text, kTomlPath);
  return result ? *result : "error: " + result.error().message;
}

ordered_json toml_found(const std::string& text) {
  const auto result = find_in_toml(text, kTomlPath);
  return result && *result ? **result : ordered_json();
}

TEST(TomlEdit, AppendsATable) {
  EXPECT_EQ(toml_with(""), kTable);
  EXPECT_EQ(toml_with("a = 1\n"), std::string("a = 1\n\n") + kTable);
  EXPECT_EQ(toml_with("a = 1 # c"), std::string("a = 1 # c\n\n") + kTable);
  EXPECT_EQ(toml_found(toml_with("a = 1\n")), kTomlValue);
}

TEST(TomlEdit, WhatGoesInComesOutAgain) {
  for (const std::string text :
       {"", "a = 1\n", "# c\n[other]\nb = '''\n[mcp_servers.r]\n'''\n",
        "[[list]]\na = [ # c\n  1,\n  \"]\",\n]\n[[list]]\n", "a = 1\r\n[b]\r\nc = {d = 1}\r\n"}) {
    const std::string after = toml_with(text);
    EXPECT_EQ(toml_found(after), kTomlValue) << after;
    EXPECT_EQ(toml_without(after), text);
  }
}

TEST(TomlEdit, ReplacesOnlyWhatIsOurs) {
  const std::string before = R"(model = "x"

[mcp_servers.r] # mine
command = "old"
startup_timeout_sec = 30
args = [
  "1",
] # long
# a word

[mcp_servers.r.env]
OLD = "1"

[mcp_servers.other]
command = "o"
)";
  const std::string after = toml_with(before);
  EXPECT_EQ(after, R"(model = "x"

[mcp_servers.r] # mine
command = "/bin/r"
args = ["a", "b \"c\""]
startup_timeout_sec = 30

[mcp_servers.r.env]
DOCKER = "/bin/docker"
# a word

[mcp_servers.other]
command = "o"
)");
  EXPECT_EQ(toml_with(after), after);
  EXPECT_EQ(toml_without(after), R"(model = "x"
# a word

[mcp_servers.other]
command = "o"
)");
}

TEST(TomlEdit, ReadsEveryFormOfAString) {
  EXPECT_EQ(
      toml_found("[mcp_servers.r]\ncommand = 'C:\\x'\nargs = [\"\\u00e9\\t\", '''\na\n b''']\n"
                 "env.A = \"\"\"\\\n  b\"\"\"\n"),
      (ordered_json{
          {"command", "C:\\x"}, {"args", {"\xC3\xA9\t", "a\n b"}}, {"env", {{"A", "b"}}}}));
  EXPECT_EQ(toml_found("mcp_servers.r = {command = \"x\", args = []}\n"),
            (ordered_json{{"command", "x"}, {"args", ordered_json::array()}}));
  EXPECT_EQ(toml_found("[\"mcp_servers\".'r']\ncommand = \"x\"\n"),
            (ordered_json{{"command", "x"}}));
  EXPECT_TRUE(toml_found("# [mcp_servers.r]\na = \"\"\"\n[mcp_servers.r]\n\"\"\"\n").is_null());
}

TEST(TomlEdit, TakesDottedKeysOfItsTableForItsOwn) {
  const std::string after = toml_with("[mcp_servers.r]\nenv.OLD = \"1\"\nenabled = false\n");
  EXPECT_EQ(toml_found(after)["env"], kTomlValue["env"]);
  EXPECT_EQ(toml_found(after)["command"], "/bin/r");
  EXPECT_NE(after.find("enabled = false"), std::string::npos);
}

// What Codex and its users write beside ours has every type that TOML knows.
TEST(TomlEdit, LeavesValuesOfEveryTypeAlone) {
  const std::string users =
      "startup_timeout_sec = 20 # slow disk\nenabled = false\nratio = 1.5\n"
      "since = 1979-05-27 07:32:00Z\nenabled_tools = [\"a\", 1]\nnote = 'x' # mine\n";
  const std::string below = "\n[mcp_servers.r.tools.a]\napproval_mode = \"auto\"\n";
  const std::string before = "[mcp_servers.r]\ncommand = \"x\"\n" + users + below;
  // As install gives it: with all that is there.
  ordered_json whole = toml_found(before);
  whole.update(kTomlValue);
  const std::string after = toml_with(before, whole);
  EXPECT_NE(after.find(users), std::string::npos) << after;
  EXPECT_NE(after.find(below), std::string::npos) << after;
  EXPECT_EQ(toml_found(after)["command"], "/bin/r");
  EXPECT_EQ(toml_found(after)["env"], kTomlValue["env"]);
  EXPECT_EQ(toml_with(after, toml_found(after)), after);
  EXPECT_EQ(toml_with("", toml_found(after)).substr(0, 6), "error:") << "it has no such values";
  EXPECT_EQ(toml_without(after), "");
}

TEST(TomlEdit, RefusesWhatIsNotUtf8) {
  EXPECT_EQ(toml_with("a = \"\xff\"\n"), "error: this file is not UTF-8: save it as UTF-8");
  EXPECT_EQ(toml_with(R"(a = "\UFFFFFFFF")"),
            "error: line 1, column 8: this escape is not a character");
  EXPECT_EQ(toml_with(R"(a = "\ud800")"),
            "error: line 1, column 8: this escape is not a character");
}

TEST(TomlEdit, WorksAtTheEndOfAFileWithoutALastNewline) {
  EXPECT_EQ(toml_found(toml_with("[mcp_servers.r]")), kTomlValue);
  EXPECT_EQ(toml_found(toml_with("[mcp_servers.r]\ncommand = \"x\"")), kTomlValue);
  EXPECT_EQ(toml_found(toml_with("[mcp_servers.r]\nenabled = true"))["command"], "/bin/r");
}

TEST(TomlEdit, RefusesWhatIsWrittenOtherwise) {
  EXPECT_EQ(toml_with("a = 1\n[mcp_servers]\nr = {command = \"x\"}\n"),
            "error: line 3, column 1: this is written in braces or with dots: change it by hand");
  EXPECT_EQ(toml_without("mcp_servers = {r = {}}\n").substr(0, 23), "error: line 1, column 1");
  EXPECT_EQ(toml_with("[mcp_servers.r]\n[mcp_servers.r]\n"),
            "error: line 2, column 1: this table is there twice");
  for (const std::string list : {"[[mcp_servers.r]]\n", "[[mcp_servers]]\n"}) {
    const std::string refused =
        "error: line 1, column 1: this is an array of tables, in double brackets: change it by "
        "hand";
    EXPECT_EQ(toml_with(list), refused);
    EXPECT_EQ(toml_without(list), refused);
  }
  EXPECT_TRUE(toml_found("[[mcp_servers.r]]\ncommand = \"/bin/r\"\n").is_array());
}

TEST(TomlEdit, NamesThePlaceOfWhatIsBroken) {
  EXPECT_EQ(toml_with("a = 1\nb = \"x\n"), "error: line 2, column 5: this string has no end");
  EXPECT_EQ(toml_with("a = [1,\n2\n"), "error: line 3, column 1: a comma or ] is missing");
  EXPECT_EQ(toml_with("a = \n"), "error: line 1, column 5: a value is missing");
  EXPECT_EQ(toml_with("[a\n"), "error: line 1, column 3: a ] is missing");
  EXPECT_EQ(toml_with("= 1\n"), "error: line 1, column 1: a key is missing");
  EXPECT_NE(toml_with("a = " + std::string(100'000, '[')).find("nested too deeply"),
            std::string::npos);
}

TEST(TomlEdit, WritesKeysAndStringsSafely) {
  const ordered_json odd = {{"command", "a\"\\\n\x7f"}, {"env", {{"A B", "x"}}}};
  EXPECT_EQ(toml_found(toml_with("", odd)), odd);
}

}  // namespace
}  // namespace omcp_r::commands
