#include "omcp_r/base/text.hpp"

#include <gtest/gtest.h>

#include <set>

namespace omcp_r {
namespace {

struct Utf8Case {
  const char* name;
  std::string bytes;
  std::string valid;
};

void PrintTo(const Utf8Case& c, std::ostream* out) {
  *out << c.name;
}

class Utf8 : public testing::TestWithParam<Utf8Case> {};

TEST_P(Utf8, InvalidBytesBecomeReplacementCharacters) {
  EXPECT_EQ(to_valid_utf8(GetParam().bytes), GetParam().valid);
}

constexpr const char* kBad = "\xEF\xBF\xBD";

INSTANTIATE_TEST_SUITE_P(
    Text, Utf8,
    testing::Values(Utf8Case{"ascii", "abc", "abc"}, Utf8Case{"two bytes", "\xC3\xA9", "\xC3\xA9"},
                    Utf8Case{"four bytes", "\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
                    Utf8Case{"lone continuation", "a\x80z", std::string{"a"} + kBad + "z"},
                    Utf8Case{"cut short", "a\xC3", std::string{"a"} + kBad},
                    Utf8Case{"overlong", "\xC0\xAF", std::string{kBad} + kBad},
                    Utf8Case{"overlong three", "\xE0\x80\xAF", std::string{kBad} + kBad + kBad},
                    Utf8Case{"surrogate", "\xED\xA0\x80", std::string{kBad} + kBad + kBad},
                    Utf8Case{"beyond Unicode", "\xF5\x80\x80\x80",
                             std::string{kBad} + kBad + kBad + kBad},
                    Utf8Case{"NUL", std::string("a\0b", 3), std::string{"a"} + kBad + "b"}));

TEST(Text, CountsAndFindsCodePoints) {
  const std::string text = "a\xC3\xA9\xF0\x9F\x98\x80z";
  EXPECT_EQ(count_chars(text), 4U);
  EXPECT_EQ(offset_of_char(text, 2), 3U);
  EXPECT_EQ(offset_of_char(text, 99), text.size());
}

TEST(Text, Base64HasTheVectorsOfRfc4648) {
  EXPECT_EQ(base64_encode(""), "");
  EXPECT_EQ(base64_encode("f"), "Zg==");
  EXPECT_EQ(base64_encode("fo"), "Zm8=");
  EXPECT_EQ(base64_encode("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64_encode("\xFF\xFE\xFD"), "//79");
}

TEST(Text, Base64IsDecodedToWhatWasEncoded) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes);
    bytes += static_cast<char>(i * 7);
  }
}

TEST(Text, Base64MayLackItsPaddingAndHaveLineEnds) {
  EXPECT_EQ(base64_decode(""), "");
  EXPECT_EQ(base64_decode("Zg"), "f");
  EXPECT_EQ(base64_decode("Zm8"), "fo");
  EXPECT_EQ(base64_decode("Zm\r\n9v\nYg=\n=\n"), "foob");
  for (const char* bad : {"Z", "Zm9vY", "Zg=", "Zg===", "=",
                          "====", "Zg==Zg==", "Zm9v=", "Z g=", "Zm9-", "Zm9_", "Zm9\xC3"}) {
    EXPECT_EQ(base64_decode(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(base64_decode(std::string_view{"Zg\0", 3}), std::nullopt);
}

TEST(Text, APlainPathIsRelativeAndStaysBelow) {
  for (const char* path : {"a", "a/b.png", ".hidden", "...", "a b", "\xC3\xA9/\xE6\x97\xA5.csv"}) {
    EXPECT_TRUE(is_plain_path(path)) << path;
  }
  for (const char* path :
       {"", "/", "/a", "a/", "a//b", ".", "..", "./a", "a/..", "a/../b", "a/./b"}) {
    EXPECT_FALSE(is_plain_path(path)) << path;
  }
  EXPECT_TRUE(is_plain_path(std::string(1024, 'a')));
  EXPECT_FALSE(is_plain_path(std::string(1025, 'a')));
}

constexpr const char* kDeceptive[] = {
    "\x01",         "\n",           "\x1F",         "\x7F",         "\xC2\x80",
    "\xC2\x9F",     "\xD8\x9C",     "\xE2\x80\x8E", "\xE2\x80\x8F", "\xE2\x80\xAA",
    "\xE2\x80\xAE", "\xE2\x81\xA6", "\xE2\x81\xA9", "\xFF",         "\xC3"};
constexpr const char* kHarmless[] = {" ",
                                     "\xC2\xA0",
                                     "\xD8\x9B",
                                     "\xE2\x80\x8D",
                                     "\xE2\x80\x90",
                                     "\xE2\x81\xA5",
                                     "\xE2\x81\xAA",
                                     "\xF0\x9F\x98\x80"};

TEST(Text, DeceptiveCharactersAreNotPlainAndPrintedAsQuestionMarks) {
  for (const std::string bad : kDeceptive) {
    EXPECT_FALSE(is_plain_path("a" + bad + "z")) << printable(bad, 9);
    EXPECT_EQ(printable("a" + bad + "z", 99), "a?z");
  }
  for (const std::string good : kHarmless) {
    EXPECT_TRUE(is_plain_path("a" + good + "z")) << good;
    EXPECT_EQ(printable("a" + good + "z", 99), "a" + good + "z");
  }
  EXPECT_FALSE(is_plain_path(std::string_view{"a\0z", 3}));
  EXPECT_EQ(printable(std::string_view{"a\0z", 3}, 99), "a?z");
}

TEST(Text, WhatIsPrintedIsCutBetweenCharacters) {
  const std::string text = "a\xC3\xA9\xF0\x9F\x98\x80z";
  EXPECT_EQ(printable(text, 0), "");
  EXPECT_EQ(printable(text, 2), "a");
  EXPECT_EQ(printable(text, 3), "a\xC3\xA9");
  EXPECT_EQ(printable(text, 6), "a\xC3\xA9");
  EXPECT_EQ(printable(text, 8), text);
}

TEST(Text, HostileBytesGrowThreefoldAtMost) {
  EXPECT_EQ(to_valid_utf8(std::string(1'000'000, '\xFF')).size(), 3'000'000U);
}

TEST(Text, UuidsAreOfVersion4AndDiffer) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string id = random_uuid();
    ASSERT_EQ(id.size(), 36U);
    EXPECT_EQ(id[14], '4');
    EXPECT_NE(std::string{"89ab"}.find(id[19]), std::string::npos);
    EXPECT_TRUE(seen.insert(id).second);
  }
}

TEST(Text, TimesAreRfc3339InUtc) {
  EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(rfc3339(1764000000.25), "2025-11-24T16:00:00.250Z");
}

}  // namespace
}  // namespace omcp_r
