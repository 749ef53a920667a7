#include "omcp_r/app/values.hpp"

#include <gtest/gtest.h>

namespace omcp_r::app {
namespace {

TEST(ParseInteger, TakesWholeNumbersOnly) {
  EXPECT_EQ(parse_integer("300"), 300);
  EXPECT_EQ(parse_integer("-1"), -1);
  for (const char* bad : {"", " 1", "1 ", "1.5", "1e3", "0x10", "+1", "9223372036854775808", "a"}) {
    EXPECT_FALSE(parse_integer(bad)) << bad;
  }
}

TEST(ParseDecimal, TakesPlainDecimalsOnly) {
  EXPECT_EQ(parse_decimal("0.5"), 0.5);
  EXPECT_EQ(parse_decimal("2"), 2.0);
  for (const char* bad : {"", "inf", "nan", "1e9", "0x1", "1,5", "1.2.3", "--1"}) {
    EXPECT_FALSE(parse_decimal(bad)) << bad;
  }
}

TEST(ParseSize, KnowsUnitsOf1024) {
  const std::vector<std::pair<const char*, std::uint64_t>> cases = {{"0", 0},
                                                                    {"1024", 1024},
                                                                    {"1k", 1024},
                                                                    {"512m", 512ULL << 20},
                                                                    {"512M", 512ULL << 20},
                                                                    {"1g", 1ULL << 30},
                                                                    {"1GiB", 1ULL << 30},
                                                                    {"1gb", 1ULL << 30},
                                                                    {"1.5g", 3ULL << 29},
                                                                    {"2 g", 2ULL << 30},
                                                                    {"1t", 1ULL << 40},
                                                                    {"7b", 7}};
  for (const auto& [text, bytes] : cases) EXPECT_EQ(parse_size(text), bytes) << text;
  for (const char* bad :
       {"", "m", "-1m", "1x", "1mm", "1bb", "1 m x", "infg", "1e3m", "99999999999999999999t"}) {
    EXPECT_FALSE(parse_size(bad)) << bad;
  }
}

TEST(ParseList, TrimsAndSkipsEmptyItems) {
  EXPECT_EQ(parse_list(" a , b:1 ,, c,"), (std::vector<std::string>{"a", "b:1", "c"}));
  EXPECT_TRUE(parse_list(" , ").empty());
}

TEST(Shown, EscapesAndCuts) {
  EXPECT_EQ(shown("a b"), "\"a b\"");
  EXPECT_EQ(shown(std::string_view("\x1b[31m\0\xff", 7)), "\"\\x1b[31m\\x00\\xff\"");
  EXPECT_EQ(shown(std::string(100, 'x')), "\"" + std::string(80, 'x') + "...\"");
}

TEST(Nearest, FindsSlipsAndNothingElse) {
  const std::vector<std::string> names = {"SANDBOX_TIMEOUT", "MAX_SANDBOXES", "SCOPE"};
  EXPECT_EQ(nearest("SANDBOX_TIMOUT", names), "SANDBOX_TIMEOUT");
  EXPECT_EQ(nearest("sandbox_timeout", names), "SANDBOX_TIMEOUT");
  EXPECT_EQ(nearest("MAX_SANDBOX", names), "MAX_SANDBOXES");
  EXPECT_EQ(nearest("DATABASE_URL", names), std::nullopt);
  EXPECT_EQ(nearest("HOPE", names), std::nullopt);
  EXPECT_EQ(nearest(std::string(100000, 'S'), names), std::nullopt);
}

}  // namespace
}  // namespace omcp_r::app
