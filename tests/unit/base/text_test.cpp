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
