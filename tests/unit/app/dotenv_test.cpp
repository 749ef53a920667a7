#include "omcp_r/app/dotenv.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <random>

namespace omcp_r::app {
namespace {

/// One assignment and how it is read.
struct ValueCase {
  std::string name;
  std::string text;
  std::string value;
};

void PrintTo(const ValueCase& value, std::ostream* out) {
  *out << value.name;
}

class DotenvValue : public testing::TestWithParam<ValueCase> {};

TEST_P(DotenvValue, IsReadAsAShellUserExpects) {
  const Dotenv result = parse_dotenv(GetParam().text);
  ASSERT_EQ(result.entries.size(), 1U);
  EXPECT_TRUE(result.problems.empty());
  EXPECT_EQ(result.entries.front().name, "NAME");
  EXPECT_EQ(result.entries.front().value, GetParam().value);
}

INSTANTIATE_TEST_SUITE_P(
    All, DotenvValue,
    testing::Values(ValueCase{"plain", "NAME=value\n", "value"},
                    ValueCase{"no_end_of_line", "NAME=value", "value"},
                    ValueCase{"crlf", "NAME=value\r\n", "value"},
                    ValueCase{"byte_order_mark", "\xEF\xBB\xBFNAME=value\n", "value"},
                    ValueCase{"export_word", "export NAME=value\n", "value"},
                    ValueCase{"blanks", "  NAME = a b  \n", "a b"},
                    ValueCase{"empty", "NAME=\n", ""},
                    ValueCase{"empty_with_comment", "NAME= # none\n", ""},
                    ValueCase{"comment", "NAME=value # text\n", "value"},
                    ValueCase{"hash_inside", "NAME=a#b\n", "a#b"},
                    ValueCase{"equals_inside", "NAME=a=b\n", "a=b"},
                    ValueCase{"single_quotes", "NAME='a \\n # \"b\"'\n", "a \\n # \"b\""},
                    ValueCase{"double_quotes", "NAME=\"a # b\" # c\n", "a # b"},
                    ValueCase{"escapes", R"(NAME="\"\\\$\n\t\q")", "\"\\$\n\t\\q"},
                    ValueCase{"many_lines", "NAME=\"a\nb\"\n", "a\nb"},
                    ValueCase{"not_expanded", "NAME=${HOME}/x\n", "${HOME}/x"},
                    ValueCase{"comments_around", "# A=1\n\n  # B=2\nNAME=value\n#", "value"}),
    [](const auto& test) { return test.param.name; });

TEST(Dotenv, CountsLinesAcrossQuotedOnes) {
  const Dotenv result = parse_dotenv("A=1\r\nB='x\r\ny'\r\n\r\nC=3\r\n");
  ASSERT_EQ(result.entries.size(), 3U);
  EXPECT_EQ(result.entries[0].line, 1);
  EXPECT_EQ(result.entries[1].line, 2);
  EXPECT_EQ(result.entries[2].line, 5);
}

TEST(Dotenv, TellsWhatItCannotReadAndReadsOn) {
  const std::string long_line(kDotenvLineBytes + 1, 'x');
  const Dotenv result = parse_dotenv("A='x' y\nno assignment\nB=\"open\n2X=1\nC=" + long_line +
                                     "\n" + long_line + "\nD=4\n");
  ASSERT_EQ(result.entries.size(), 1U);
  EXPECT_EQ(result.entries.front().name, "D");
  ASSERT_EQ(result.problems.size(), 6U);
  EXPECT_EQ(result.problems[0].name, "A");
  EXPECT_EQ(result.problems[1].text, "this is not NAME=value");
  EXPECT_EQ(result.problems[2].name, "B");
  EXPECT_EQ(result.problems[2].line, 3);
  EXPECT_EQ(result.problems[4].name, "C");
  EXPECT_EQ(result.problems[5].line, 6);
}

TEST(Dotenv, KeepsSecretsOutOfItsMessages) {
  const Dotenv result = parse_dotenv("KEY='secret\nsecret line\nOTHER=\"secret\" secret\n");
  ASSERT_FALSE(result.problems.empty());
  for (const DotenvProblem& problem : result.problems) {
    EXPECT_EQ((problem.name + problem.text).find("secret"), std::string::npos);
  }
}

TEST(Dotenv, TakesAnyBytes) {
  std::mt19937 random{42};  // NOLINT: the same bytes every time
  using namespace std::string_literals;
  const std::string alphabet = "A=\"'#\\\n\r \t\0\xff\xEF\xBB\xBF${export "s;
  for (int round = 0; round < 2000; ++round) {
    std::string text(random() % 200, '\0');
    for (char& c : text) c = alphabet[random() % alphabet.size()];
    for (const DotenvEntry& entry : parse_dotenv(text).entries) EXPECT_FALSE(entry.name.empty());
  }
}

}  // namespace
}  // namespace omcp_r::app
