#include "omcp_r/rpc/json_text.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "rpc/json_scan.hpp"

namespace omcp_r::rpc {
namespace {

std::string repeat(const std::string& piece, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) {
    all += piece;
  }
  return all;
}

// Against the rule as it is written: a backslash takes the character behind it, a quote ends.
TEST(EndOfString, IsTheFirstQuoteThatIsNotEscaped) {
  const std::string letters = "a\"\\";
  for (int number = 0; number < 3 * 3 * 3 * 3 * 3 * 3 * 3; ++number) {
    std::string text = "\"";
    for (int rest = number, i = 0; i < 7; ++i, rest /= 3) {
      text += letters[static_cast<std::size_t>(rest % 3)];
    }
    std::size_t end = 1;
    while (end < text.size() && text[end] != '"') {
      end += text[end] == '\\' ? 2 : 1;
    }
    EXPECT_EQ(std::min(end_of_string(text, 0), text.size()), std::min(end, text.size())) << text;
  }
}

TEST(ToText, EscapesWhateverALineReaderCouldTakeForALineEnd) {
  const Json value = "a\nb\x7F\xC2\x85\xE2\x80\xA8\xE2\x80\xA9\x01z";
  EXPECT_EQ(to_text(value), R"("a\nb\u007f\u0085\u2028\u2029\u0001z")");
}

TEST(ToText, LeavesOtherTextAlone) {
  const Json value = "\xC2\x86 \xE2\x80\xA7 \xE2\x80\xAA \xC3\xA9 \xF0\x9F\x98\x80";
  EXPECT_EQ(to_text(value), "\"\xC2\x86 \xE2\x80\xA7 \xE2\x80\xAA \xC3\xA9 \xF0\x9F\x98\x80\"");
}

TEST(ToText, ReplacesInvalidUtf8) {
  EXPECT_EQ(to_text(Json("a\xFFz")), "\"a\xEF\xBF\xBDz\"");
  EXPECT_EQ(to_text(Json("\xE2\x80")), "\"\xEF\xBF\xBD\"");
  // A surrogate half, as R writes it for broken strings.
  EXPECT_EQ(Json::parse(to_text(Json("\xED\xA0\x80"))).get<std::string>().find('\xED'),
            std::string::npos);
}

TEST(ToText, EscapesInKeysToo) {
  Json value;
  value["\xE2\x80\xA8"] = 1;
  EXPECT_EQ(to_text(value), R"({"\u2028":1})");
}

TEST(ParseJson, ReadsJson) {
  const auto parsed = parse_json(R"({"a":[1,"}",{"b":"[[["}]})");
  EXPECT_TRUE(parsed.problem.empty());
  EXPECT_EQ(parsed.value["a"][2]["b"], "[[[");
}

TEST(ParseJson, RefusesWhatIsNotJson) {
  for (const char* text :
       {"", "x", "{", "\"\\ud800\"", "\"\xFF\"", "[1,]", "{} {}", "nul", "\"\\"}) {
    EXPECT_FALSE(parse_json(text).problem.empty()) << text;
  }
}

TEST(ParseJson, BoundsTheDepth) {
  EXPECT_TRUE(parse_json(repeat("[", 128) + repeat("]", 128)).problem.empty());
  EXPECT_EQ(parse_json(repeat("[", 129) + repeat("]", 129)).problem, "nested too deeply");
  EXPECT_EQ(parse_json(repeat("{\"a\":", 5'000'000)).problem, "nested too deeply");
}

TEST(ParseJson, BoundsTheValues) {
  EXPECT_EQ(parse_json("[" + repeat("0,", 8'000'000) + "0]").problem, "too many values");
}

TEST(ParseJson, BoundsTheMembersOfAnObject) {
  std::string object = "{";
  for (int i = 0; i < 100'000; ++i) {
    object += "\"" + std::to_string(i) + "\":0,";
  }
  EXPECT_EQ(parse_json(object + "\"z\":0}").problem, "an object has too many members");
}

TEST(ParseJson, TakesTheWorstAllowedLineInReasonableTime) {
  std::string object = "{";
  for (int i = 0; i < 255; ++i) {
    object += "\"" + std::to_string(1000 + i) + "\":0,";
  }
  object += "\"z\":0},";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(parse_json("[" + repeat(object, 1000) + "0]").problem.empty());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds{20});
}

}  // namespace
}  // namespace omcp_r::rpc
