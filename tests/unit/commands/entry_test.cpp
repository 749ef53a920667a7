#include "commands/entry.hpp"

#include <gtest/gtest.h>

namespace omcp_r::commands {
namespace {

using nlohmann::ordered_json;

const Entry kEntry{"/bin/r", {"a", "b"}, {{"K", "V"}}};

TEST(Entry, EveryShapeIsReadAsItWasWritten) {
  for (const Shape shape : {Shape::kPlain, Shape::kStdio, Shape::kCustom, Shape::kLocal}) {
    const auto entry = entry_from(shape, shaped(shape, kEntry));
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->command, kEntry.command);
    EXPECT_EQ(entry->arguments, kEntry.arguments);
    EXPECT_EQ(entry->environment, kEntry.environment);
  }
}

TEST(Entry, HasTheShapeOfItsHost) {
  const std::string rest = R"("command":"/bin/r","args":["a","b"],"env":{"K":"V"}})";
  EXPECT_EQ(shaped(Shape::kPlain, kEntry).dump(), "{" + rest);
  EXPECT_EQ(shaped(Shape::kStdio, kEntry).dump(), R"({"type":"stdio",)" + rest);
  EXPECT_EQ(shaped(Shape::kCustom, kEntry).dump(), R"({"source":"custom",)" + rest);
  EXPECT_EQ(shaped(Shape::kLocal, kEntry).dump(),
            R"({"type":"local","command":["/bin/r","a","b"],"environment":{"K":"V"},)"
            R"("enabled":true,"timeout":10000})");
}

TEST(Entry, OfWhatIsNoneThereIsNone) {
  for (const char* const text :
       {"1", "{}", R"({"command": 1})", R"({"command": ["a"]})", R"({"command": "a", "args": "b"})",
        R"({"command": "a", "args": [1]})", R"({"command": "a", "env": {"K": 1}})",
        R"({"url": "https://a"})"}) {
    EXPECT_FALSE(entry_from(Shape::kPlain, ordered_json::parse(text))) << text;
  }
  EXPECT_FALSE(entry_from(Shape::kLocal, ordered_json::parse(R"({"command": []})")));
  EXPECT_FALSE(entry_from(Shape::kLocal, ordered_json::parse(R"({"command": "a"})")));
}

TEST(Entry, KeepsWhatIsTheUsers) {
  const ordered_json wanted = shaped(Shape::kLocal, kEntry);
  const ordered_json there = {{"enabled", false}, {"note", 1}, {"command", {"old"}}};
  const ordered_json both = merged(there, wanted);
  EXPECT_EQ(both["enabled"], false);
  EXPECT_EQ(both["note"], 1);
  EXPECT_EQ(both["command"], wanted["command"]);
  EXPECT_TRUE(says(both, wanted));
  EXPECT_FALSE(says(there, wanted));
  EXPECT_EQ(merged(1, wanted), wanted);
}

TEST(Entry, IsTakenOverWhereItStartsThisServerOrNothing) {
  const auto ours = [](const char* text) { return is_ours(ordered_json::parse(text), kEntry); };
  for (const char* const good :
       {"1", "{}", R"({"disabled": true})", R"({"command": "/old/omcp-r-sandbox"})",
        R"({"command": "C:\\bin\\omcp-r-sandbox.exe", "env": {"K": 1}})",
        R"({"command": "/bin/r"})",
        R"({"command": "/usr/bin/docker", "args": ["run", "omcp-r-sandbox:1"]})",
        R"({"command": "docker", "args": ["compose", "run", "omcp-r"]})",
        R"({"command": "docker", "args": ["run", "b"]})",
        R"({"command": ["/opt/omcp-r-sandbox"], "type": "local"})",
        R"({"command": "omcp-r-sandbox", "homepage": "https://a"})",
        R"({"homepage": "https://a"})"}) {
    EXPECT_TRUE(ours(good)) << good;
  }
  for (const char* const bad :
       {R"({"url": "https://a"})", R"({"httpUrl": "${A}"})", R"({"serverUrl": "a"})",
        R"({"command": "/bin/other"})", R"({"command": "npx", "args": ["omcp-r-sandbox"]})",
        R"({"command": "docker", "args": ["run", "mcp/other"]})", R"({"command": ["a", "r"]})",
        R"({"command": 1})"}) {
    EXPECT_FALSE(ours(bad)) << bad;
  }
}

TEST(Entry, SaysTheSameInWhateverOrder) {
  const ordered_json wanted = shaped(Shape::kPlain, {"/bin/r", {}, {{"A", "1"}, {"B", "2"}}});
  EXPECT_TRUE(says({{"env", {{"B", "2"}, {"A", "1"}}}, {"command", "/bin/r"}}, wanted));
  EXPECT_FALSE(says({{"env", {{"A", "1"}}}, {"command", "/bin/r"}}, wanted));
  EXPECT_FALSE(says({{"env", {{"B", "2"}, {"A", "1"}}}, {"command", "/bin/s"}}, wanted));
}

}  // namespace
}  // namespace omcp_r::commands
