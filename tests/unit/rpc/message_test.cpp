#include "omcp_r/rpc/message.hpp"

#include <gtest/gtest.h>

#include <string>

namespace omcp_r::rpc {
namespace {

/// A message in words, for tables.
struct InWords {
  std::string operator()(const Request& m) const {
    return "request " + m.method + " id " + m.id.text() + " params " + m.params.dump();
  }
  std::string operator()(const Notification& m) const {
    return "notification " + m.method + " params " + m.params.dump();
  }
  std::string operator()(const Response&) const { return "response"; }
  std::string operator()(const Malformed& m) const {
    return "malformed " + std::to_string(m.fault.code) + " id " + (m.id ? m.id->text() : "none");
  }
  std::string operator()(const Batch& m) const {
    std::string words = "batch of";
    for (const Single& single : m.members) {
      words += " (" + std::visit(*this, single) + ")";
    }
    return words;
  }
};

std::string in_words(const std::string& line) {
  const std::string words = std::visit(InWords{}, parse_message({line, false}));
  EXPECT_EQ(words, std::visit(InWords{}, read_any(line))) << "as the other reader has it";
  return words;
}

struct MessageCase {
  const char* line;
  const char* words;
};

void PrintTo(const MessageCase& c, std::ostream* out) {
  *out << c.line;
}

class Parsing : public testing::TestWithParam<MessageCase> {};

TEST_P(Parsing, GivesTheKindOfMessage) {
  EXPECT_EQ(in_words(GetParam().line), GetParam().words);
}

INSTANTIATE_TEST_SUITE_P(
    Good, Parsing,
    testing::Values(
        MessageCase{R"({"jsonrpc":"2.0","id":1,"method":"m"})", "request m id 1 params {}"},
        MessageCase{R"({"jsonrpc":"2.0","id":"1","method":"m","params":{"a":1}})",
                    R"(request m id "1" params {"a":1})"},
        MessageCase{R"({"jsonrpc":"2.0","id":-9007199254740993,"method":"m"})",
                    "request m id -9007199254740993 params {}"},
        MessageCase{R"({"jsonrpc":"2.0","id":18446744073709551615,"method":"m"})",
                    "request m id 18446744073709551615 params {}"},
        MessageCase{R"({"jsonrpc":"2.0","id":"","method":"m"})", R"(request m id "" params {})"},
        MessageCase{R"({"jsonrpc":"2.0","method":"n","params":{"a":1}})",
                    R"(notification n params {"a":1})"},
        MessageCase{R"({"jsonrpc":"2.0","method":"n","params":7})", "notification n params {}"},
        MessageCase{R"({"jsonrpc":"2.0","id":1,"result":{}})", "response"},
        MessageCase{R"({"jsonrpc":"2.0","id":null,"error":{}})", "response"},
        MessageCase{R"([])", "batch of"},
        MessageCase{R"([1,{"jsonrpc":"2.0","method":"n"}])",
                    "batch of (malformed -32600 id none) (notification n params {})"},
        MessageCase{R"([[]])", "batch of (malformed -32600 id none)"}));

INSTANTIATE_TEST_SUITE_P(
    Bad, Parsing,
    testing::Values(
        MessageCase{"x", "malformed -32700 id none"},
        MessageCase{"{\"a\":\"\xFF\"}", "malformed -32700 id none"},
        MessageCase{"1", "malformed -32600 id none"},
        MessageCase{"\"s\"", "malformed -32600 id none"},
        MessageCase{"null", "malformed -32600 id none"},
        MessageCase{"{}", "malformed -32600 id none"},
        MessageCase{R"({"id":1,"method":"m"})", "malformed -32600 id 1"},
        MessageCase{R"({"jsonrpc":"1.0","id":"a","method":"m"})", R"(malformed -32600 id "a")"},
        MessageCase{R"({"jsonrpc":2.0,"id":1,"method":"m"})", "malformed -32600 id 1"},
        MessageCase{R"({"jsonrpc":"2.0","id":1})", "malformed -32600 id 1"},
        MessageCase{R"({"jsonrpc":"2.0","id":1,"method":7})", "malformed -32600 id 1"},
        MessageCase{R"({"jsonrpc":"2.0","id":null,"method":"m"})", "malformed -32600 id none"},
        MessageCase{R"({"jsonrpc":"2.0","id":true,"method":"m"})", "malformed -32600 id none"},
        MessageCase{R"({"jsonrpc":"2.0","id":1.5,"method":"m"})", "malformed -32600 id none"},
        MessageCase{R"({"jsonrpc":"2.0","id":{},"method":"m"})", "malformed -32600 id none"},
        MessageCase{R"({"jsonrpc":"2.0","id":1,"method":"m","params":[]})",
                    "malformed -32602 id 1"},
        MessageCase{R"({"jsonrpc":"2.0","id":1,"method":"m","params":null})",
                    "malformed -32602 id 1"}));

TEST(Message, ALineThatWasTooLongIsMalformed) {
  EXPECT_EQ(std::visit(InWords{}, parse_message({"", true})), "malformed -32600 id none");
}

TEST(Lines, HaveTheIdsOfTheirRequests) {
  const auto id = Id::from_json("a\"\xE2\x80\xA8");
  EXPECT_EQ(result_line(*id, "{}"), R"({"jsonrpc":"2.0","id":"a\"\u2028","result":{}})");
  EXPECT_EQ(error_line(id, {kInvalidParams, "m", 1}),
            R"({"jsonrpc":"2.0","id":"a\"\u2028","error":{"code":-32602,"message":"m","data":1}})");
  EXPECT_EQ(error_line(std::nullopt, {kParseError, "m"}),
            R"({"jsonrpc":"2.0","error":{"code":-32700,"message":"m"}})");
  EXPECT_EQ(notification_line("n", "{}"), R"({"jsonrpc":"2.0","method":"n","params":{}})");
}

// --- the quick reader
// ------------------------------------------------------------------------------------------------

class Plain : public testing::TestWithParam<const char*> {};

TEST_P(Plain, IsReadQuicklyAndTheSame) {
  const auto quick = read_plain(GetParam());
  ASSERT_TRUE(quick);
  EXPECT_EQ(std::visit(InWords{}, *quick), std::visit(InWords{}, read_any(GetParam())));
}

INSTANTIATE_TEST_SUITE_P(
    Messages, Plain,
    testing::Values(R"({"jsonrpc":"2.0","id":1,"method":"ping"})",
                    R"({"jsonrpc": "2.0", "id": 0, "method": "tools/list", "params": {}})",
                    R"( { "id" : "a b" , "jsonrpc" : "2.0" , "method" : "m" } )",
                    R"({"id":7,"jsonrpc":"2.0","method":"m","params":{"a":{"b":[]}} } )",
                    R"({"jsonrpc":"2.0","id":123456789012345,"method":"m","params":{"a":"}\"{"}})",
                    R"({"method":"tools/call","params":{"a":["]}",{}]},"jsonrpc":"2.0","id":3})",
                    R"({"jsonrpc":"2.0","method":"notifications/initialized"})"));

class NotPlain : public testing::TestWithParam<const char*> {};

TEST_P(NotPlain, IsLeftToTheOther) {
  EXPECT_FALSE(read_plain(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(
    Messages, NotPlain,
    testing::Values("", "{", "{}", "[]", R"({"jsonrpc":"2.0","id":1,"method":"ping"},)",
                    R"({"jsonrpc":"2.0","id":1,"id":2,"method":"m"})",
                    R"({"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"m"})",
                    R"({"jsonrpc":"2.0","id":1,"method":"m","method":"m"})",
                    R"({"jsonrpc":"2.0","id":1,"method":"m","params":{},"params":{}})",
                    R"({"jsonrpc":"2.0","id":1,"method":"m","params":{},"id":2})",
                    R"({"jsonrpc":"2.0","id":1,"method":"m","params":{]})",
                    R"({"jsonrpc":"2.0","id":1,"method":"m","params":{"a":"})",
                    R"({"jsonrpc":"2.0","id":1,"method":"m","params":[]})",
                    R"({"jsonrpc":"2.0","id":1,"method":"m","params":{"a":01}})",
                    R"({"jsonrpc":"2.0","id":1,"method":"m","params":{}}})",
                    R"({"jsonrpc":"2.0","id":1,"method":"m","more":1})",
                    R"({"jsonrpc":"2.0","id":1,"method":"m",})",
                    R"({"jsonrpc":"2.1","id":1,"method":"m"})", R"({"id":1,"method":"m"})",
                    R"({"jsonrpc":"2.0","id":1})", R"({"jsonrpc":"2.0","id":01,"method":"m"})",
                    R"({"jsonrpc":"2.0","id":1.0,"method":"m"})",
                    R"({"jsonrpc":"2.0","id":1e3,"method":"m"})",
                    R"({"jsonrpc":"2.0","id":-1,"method":"m"})",
                    R"({"jsonrpc":"2.0","id":1234567890123456,"method":"m"})",
                    R"({"jsonrpc":"2.0","id":null,"method":"m"})",
                    R"({"jsonrpc":"2.0","id":"\u0031","method":"m"})",
                    "{\"jsonrpc\":\"2.0\",\"id\":\"\x7F\",\"method\":\"m\"}",
                    "{\"jsonrpc\":\"2.0\",\"id\":\"\xC3\xBC\",\"method\":\"m\"}",
                    R"({"jsonrpc":"2.0","id":1,"result":{}})"));

// Seen: what stood behind a NUL was not looked at.
TEST(QuickReader, TakesNoEndOfTextInTheMiddleOfIt) {
  using std::string_literals::operator""s;
  for (const std::string& line : {R"({"jsonrpc":"2.0","id":1,"method":"m","params":{})"s + "\0x}"s,
                                  R"({"jsonrpc":"2.0","id":1,"method":"m"})"s + "\0"s}) {
    EXPECT_EQ(in_words(line), "malformed -32700 id none");
    EXPECT_FALSE(read_plain(line));
  }
}

// What is too deep or too much for one is so for the other, to the last bracket.
TEST(QuickReader, HasTheBoundsOfTheOther) {
  const auto line = [](const std::string& value) {
    return R"({"jsonrpc":"2.0","id":1,"method":"m","params":{"a":)" + value + "}}";
  };
  const auto deep = [&](std::size_t levels) {
    return line(std::string(levels, '[') + std::string(levels, ']'));
  };
  const auto many = [&](std::size_t values) {
    std::string list = "[0";
    for (std::size_t i = 1; i < values; ++i) {
      list += ",0";
    }
    return line(list + "]");
  };
  const auto taken = [](const std::string& text) {
    const bool any = std::holds_alternative<Request>(read_any(text));
    EXPECT_EQ(read_plain(text).has_value(), any);
    return any;
  };
  const JsonBounds bounds;
  EXPECT_TRUE(taken(deep(bounds.depth - 2)));
  EXPECT_FALSE(taken(deep(bounds.depth - 1)));
  // Beside the values of the list: three commas and three brackets.
  EXPECT_TRUE(taken(many(bounds.values - 5)));
  EXPECT_FALSE(taken(many(bounds.values - 4)));
}

}  // namespace
}  // namespace omcp_r::rpc
