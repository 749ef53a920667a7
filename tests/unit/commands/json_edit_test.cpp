#include "commands/json_edit.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "commands/json_scan.hpp"

namespace omcp_r::commands {
namespace {

using nlohmann::ordered_json;

const KeyPath kPath{"mcpServers", "r"};
const ordered_json kValue = {{"command", "/bin/r"}, {"args", ordered_json::array()}};

std::string set(const std::string& text, const ordered_json& value = kValue) {
  const auto result = set_in_json(text, kPath, value);
  return result ? *result : "error: " + result.error().message;
}

std::string removed(const std::string& text) {
  const auto result = remove_from_json(text, kPath);
  return result ? *result : "error: " + result.error().message;
}

bool has(const std::string& text) {
  const auto found = find_in_json(text, kPath);
  return found && *found && **found == kValue;
}

TEST(JsonEdit, MakesADocumentOfNothing) {
  const std::string made = R"({
  "mcpServers": {
    "r": {
      "command": "/bin/r",
      "args": []
    }
  }
}
)";
  EXPECT_EQ(set(""), made);
  EXPECT_EQ(set(" \n"), " \n" + made);
  EXPECT_EQ(set("// only words"), "// only words\n" + made);
  EXPECT_EQ(set("\xEF\xBB\xBF"), "\xEF\xBB\xBF" + made);
}

TEST(JsonEdit, KeepsEveryOtherByte) {
  const std::string before = R"(// mine
{
    "z": [1, 2,], /* odd */ "a" : {"mcpServers": 3},
    "mcpServers": { // servers
        // the first
        "other": { "command": "x" } // with a word
        // and the last
    },
    "end": 1.50e3
}  // bye
)";
  const std::string after = set(before);
  EXPECT_EQ(after, R"(// mine
{
    "z": [1, 2,], /* odd */ "a" : {"mcpServers": 3},
    "mcpServers": { // servers
        // the first
        "other": { "command": "x" }, // with a word
        // and the last
        "r": {
            "command": "/bin/r",
            "args": []
        }
    },
    "end": 1.50e3
}  // bye
)");
  EXPECT_TRUE(has(after));
  EXPECT_EQ(removed(after), before);
}

struct Text {
  const char* name;
  const char* text;
};

/// Whatever the style, what goes in comes out again.
class JsonRoundTrip : public testing::TestWithParam<Text> {};

TEST_P(JsonRoundTrip, RestoresTheBytes) {
  const std::string before = GetParam().text;
  const std::string after = set(before);
  EXPECT_TRUE(has(after)) << after;
  EXPECT_EQ(removed(after), before);
}

INSTANTIATE_TEST_SUITE_P(
    All, JsonRoundTrip,
    testing::Values(Text{"spaces", "{\n   \"mcpServers\": {\n      \"a\": {}\n   }\n}"},
                    Text{"tabs", "{\n\t\"mcpServers\": {\n\t\t\"a\": {}\n\t}\n}\n"},
                    Text{"crlf", "{\r\n  \"mcpServers\": {\r\n    \"a\": {}\r\n  }\r\n}\r\n"},
                    Text{"mark", "\xEF\xBB\xBF{\"mcpServers\": {\"a\": {}}}"},
                    Text{"one_line", "{\"mcpServers\":{\"a\":{}},\"b\":1}"},
                    Text{"trailing_comma", "{\n  \"mcpServers\": {\n    \"a\": {},\n  },\n}\n"},
                    Text{"comma_and_comment", "{\"mcpServers\": {\n  \"a\": 1, // c\n  /* d */ }}"},
                    Text{"comment_before_comma", "{\"mcpServers\": {\n  \"a\": 1 /* c */,\n}}"},
                    Text{"close_behind", "{ \"mcpServers\": {\n  \"a\": 1 } }"},
                    Text{"empty_object", "{\n  \"mcpServers\": {}\n}\n"},
                    Text{"escaped_key", "{\"mcp\\u0053ervers\": {\"\\u0061\": 1}}"}),
    [](const auto& one) { return one.param.name; });

TEST(JsonEdit, TakesTheStyleOfTheFile) {
  EXPECT_EQ(set("{\n\t\"a\": 1\n}\n"),
            "{\n\t\"a\": 1,\n\t\"mcpServers\": {\n\t\t\"r\": {\n\t\t\t\"command\": \"/bin/r\",\n"
            "\t\t\t\"args\": []\n\t\t}\n\t}\n}\n");
  EXPECT_EQ(set("{\"a\":1}"),
            "{\"a\":1, \"mcpServers\": {\"r\":{\"command\":\"/bin/r\",\"args\":[]}}}");
  const std::string crlf = set("{\r\n  \"a\": 1\r\n}\r\n");
  for (std::size_t at = 0; (at = crlf.find('\n', at)) != std::string::npos; ++at) {
    EXPECT_EQ(crlf[at - 1], '\r');
  }
}

TEST(JsonEdit, ReplacesOnlyTheValue) {
  const std::string before = R"({
  "mcpServers": {
    "r": {"command": "old"}, // ours
    "a": {}
  }
}
)";
  EXPECT_EQ(set(before), R"({
  "mcpServers": {
    "r": {
      "command": "/bin/r",
      "args": []
    }, // ours
    "a": {}
  }
}
)");
}

TEST(JsonEdit, RemovesFromEveryPlace) {
  EXPECT_EQ(removed("{\"mcpServers\": {\n  \"r\": 1,\n  \"a\": 2\n}}"),
            "{\"mcpServers\": {\n  \"a\": 2\n}}");
  EXPECT_EQ(removed("{\"mcpServers\": {\"a\": 2, \"r\": 1, \"b\": 3}}"),
            "{\"mcpServers\": {\"a\": 2, \"b\": 3}}");
  EXPECT_EQ(removed("{\"mcpServers\": { \"r\": 1 }}"), "{\"mcpServers\": {}}");
  // The comment must not swallow what follows.
  EXPECT_EQ(removed("{\"mcpServers\": { // c\n \"r\": 1, \"a\": 2}}"),
            "{\"mcpServers\": { // c\n  \"a\": 2}}");
  EXPECT_EQ(removed("{\"mcpServers\": {\"a\": 1}}"), "{\"mcpServers\": {\"a\": 1}}");
  EXPECT_EQ(removed("{\"mcpServers\": [\"r\"]}"), "{\"mcpServers\": [\"r\"]}");
  EXPECT_EQ(removed(""), "");
}

TEST(JsonEdit, SaysWhereATextIsNotUtf8) {
  using namespace std::string_view_literals;
  for (const std::string_view text : {"\xff\xfe{\0}\0"sv, "{\0\n\0}\0"sv, "{\"a\": \"\xe4\"}"sv}) {
    const auto edited = set_in_json(text, kPath, kValue);
    ASSERT_FALSE(edited);
    EXPECT_EQ(edited.error().message, "this file is not UTF-8: save it as UTF-8");
  }
}

TEST(JsonEdit, OfEqualKeysTheLastCounts) {
  const std::string twice = R"({"mcpServers": {"r": 1}, "mcpServers": {"r": 2, "r": 3, "a": 4}})";
  EXPECT_EQ(**find_in_json(twice, kPath), 3);
  EXPECT_EQ(set(twice, 5), R"({"mcpServers": {"r": 1}, "mcpServers": {"r": 2, "r": 5, "a": 4}})");
  EXPECT_EQ(removed(twice), R"({"mcpServers": {"r": 1}, "mcpServers": { "a": 4}})");
  EXPECT_EQ(removed(R"({"mcpServers": {"a": 4, "r": 2, "r": 3}})"), R"({"mcpServers": {"a": 4}})");
}

/// A text and where it is broken.
class BrokenJson : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(BrokenJson, IsRefusedWithItsPlace) {
  const auto [text, place] = GetParam();
  const auto result = set_in_json(text, kPath, kValue);
  ASSERT_FALSE(result) << *result;
  EXPECT_EQ(result.error().message.substr(0, std::string(place).size()), place)
      << result.error().message;
  EXPECT_FALSE(remove_from_json(text, kPath));
  EXPECT_FALSE(find_in_json(text, kPath));
}

INSTANTIATE_TEST_SUITE_P(
    All, BrokenJson,
    testing::Values(std::pair{"{\n  \"a\": 1\n  \"b\": 2\n}", "line 3, column 3: a comma or }"},
                    std::pair{"{\"a\" 1}", "line 1, column 6: a colon"},
                    std::pair{"{a: 1}", "line 1, column 2: a key in quotes"},
                    std::pair{"{\"a\": }", "line 1, column 7: a value"},
                    std::pair{"{\"a\": [1 2]}", "line 1, column 10: a comma or ]"},
                    std::pair{"{\"a\": \"b\n\"}", "line 1, column 7: this string"},
                    std::pair{"{\"a\": 1} /* b", "line 1, column 10: this comment"},
                    std::pair{"{} {}", "line 1, column 4: something follows"},
                    std::pair{"{\n\"a\": tru}", "line 2"}, std::pair{"{\"a\": \"\\x\"}", "line 1"},
                    std::pair{"{\"a\": [,]}", "line 1, column 8: a value"},
                    std::pair{"{,}", "line 1, column 2: a key"},
                    std::pair{"{\"a\": 1", "line 1, column 8: a comma or }"},
                    std::pair{"{\"a\\", "line 1, column 2: this string"}));

TEST(JsonEdit, RefusesWhatIsNoObject) {
  EXPECT_EQ(set("[]").substr(0, 24), "error: line 1, column 1:");
  EXPECT_EQ(set("{\n  \"mcpServers\": null\n}"),
            "error: line 2, column 17: \"mcpServers\" is not an object in braces");
}

TEST(JsonEdit, RefusesNumbersThatNobodyCanRead) {
  EXPECT_EQ(set("{\"a\": 1e400}"), "error: a number in it is too large to be read");
  EXPECT_EQ(removed("{\"a\": -1e400}"), "error: a number in it is too large to be read");
  EXPECT_TRUE(has(set("{\"a\": 123456789012345678901234567890}")));
}

TEST(JsonEdit, BoundsTheNesting) {
  const auto nested = [](std::size_t depth) {
    return "{\"a\": " + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_TRUE(has(set(nested(kMaxJsonDepth - 1))));
  EXPECT_NE(set(nested(500'000)).find("nested too deeply"), std::string::npos);
}

TEST(JsonEdit, IsLinearInTheLengthOfTheText) {
  std::string text = "{\"mcpServers\": {";
  while (text.size() < (std::size_t{1} << 20)) text += "\"r\": 1, /* c */ \"b\": [1,],";
  text += "}}";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(has(set(text)));
  EXPECT_EQ(removed(text).find("\"r\""), std::string::npos);
  // Each takes a second or so where all is slow; a quadratic one would take hours.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{30});
}

}  // namespace
}  // namespace omcp_r::commands
