#include "omcp_r/rpc/line_framer.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace omcp_r::rpc {
namespace {

/// What a framer with room for 8 bytes makes of `stream`; "!" stands for a line that was too long.
std::vector<std::string> lines_of(const std::string& stream, std::size_t step) {
  LineFramer framer{8};
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < stream.size(); at += step) {
    framer.push(std::string_view{stream}.substr(at, step));
    while (const auto line = framer.next()) {
      lines.push_back(line->too_long ? "!" : line->text);
    }
  }
  return lines;
}

struct Case {
  const char* name;
  std::string stream;
  std::vector<std::string> lines;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

class Framing : public testing::TestWithParam<Case> {};

TEST_P(Framing, IsTheSameHoweverTheBytesArrive) {
  for (const std::size_t step :
       {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}, std::size_t{1000}}) {
    EXPECT_EQ(lines_of(GetParam().stream, step), GetParam().lines) << "step " << step;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Streams, Framing,
    testing::Values(
        Case{"TwoLines", "one\ntwo\n", {"one", "two"}},
        Case{"CarriageReturns", "one\r\ntwo\r\n", {"one", "two"}},
        Case{"BlankLines", "\n \t\r\n\r\none\n\n", {"one"}},
        Case{"ByteOrderMarkAtTheStart", "\xEF\xBB\xBFone\n", {"one"}},
        Case{"ByteOrderMarkElsewhereStays", "one\n\xEF\xBB\xBFtwo\n", {"one", "\xEF\xBB\xBFtwo"}},
        Case{"AsLongAsAllowed", "12345678\n", {"12345678"}},
        Case{"AsLongAsAllowedWithCarriageReturn", "12345678\r\n", {"12345678"}},
        Case{"OneTooLong", "123456789\nnext\n", {"!", "next"}},
        Case{"MuchTooLong", std::string(100, 'x') + "\nnext\n", {"!", "next"}},
        Case{"TooLongTwice",
             std::string(100, 'x') + "\n" + std::string(50, 'y') + "\nnext\n",
             {"!", "!", "next"}},
        Case{"HalfALineIsNoLine", "one\ntw", {"one"}},
        Case{"ZeroBytesStay", std::string("a\0b\n", 4), {std::string("a\0b", 3)}}),
    [](const auto& test) { return std::string{test.param.name}; });

TEST(LineFramer, KnowsWhenTheStreamStopsInsideALine) {
  LineFramer framer{8};
  framer.push("one\ntw");
  EXPECT_TRUE(framer.next());
  EXPECT_FALSE(framer.next());
  EXPECT_TRUE(framer.has_partial_line());
  framer.push("o\n");
  EXPECT_TRUE(framer.next());
  EXPECT_FALSE(framer.has_partial_line());
}

TEST(LineFramer, GoesOnAfterALineThatNeverEnded) {
  LineFramer framer{8};
  for (int i = 0; i < 1000; ++i) {
    framer.push(std::string(1000, 'x'));
    EXPECT_FALSE(framer.next());
  }
  framer.push("\nok\n");
  EXPECT_TRUE(framer.next()->too_long);
  EXPECT_EQ(framer.next()->text, "ok");
}

}  // namespace
}  // namespace omcp_r::rpc
