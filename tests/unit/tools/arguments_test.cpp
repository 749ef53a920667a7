#include "omcp_r/tools/arguments.hpp"

#include <gtest/gtest.h>

namespace omcp_r::tools {
namespace {

TEST(Arguments, NumbersAndBooleansMayComeAsStrings) {
  const Json json = Json::parse(R"({"a": "30", "b": "true", "c": 7, "d": false, "e": "0.5"})");
  ArgumentReader reader{json};
  EXPECT_EQ(reader.integer("a", 1, 100), 30);
  EXPECT_TRUE(reader.flag("b", false));
  EXPECT_EQ(reader.integer("c", 1, 100), 7);
  EXPECT_FALSE(reader.flag("d", true));
  EXPECT_EQ(reader.number("e", 0, 1), 0.5);
  EXPECT_TRUE(reader.finish());
}

TEST(Arguments, NullIsAbsent) {
  const Json json = Json::parse(R"({"a": null, "b": null, "c": null})");
  ArgumentReader reader{json};
  EXPECT_FALSE(reader.text("a"));
  EXPECT_TRUE(reader.flag("b", true));
  EXPECT_FALSE(reader.integer("c", 1, 2));
  EXPECT_TRUE(reader.finish());
}

struct BadCase {
  const char* json;
  const char* says;
};
void PrintTo(const BadCase& c, std::ostream* out) {
  *out << c.json;
}
class BadArguments : public testing::TestWithParam<BadCase> {};

TEST_P(BadArguments, AreNamedInTheMessage) {
  const Json json = Json::parse(GetParam().json);
  ArgumentReader reader{json};
  reader.required_text("id");
  reader.integer("n", 1, 10);
  reader.flag("f", false);
  const Status status = reader.finish();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::kInvalidArgument);
  EXPECT_NE(status.error().message.find(GetParam().says), std::string::npos)
      << status.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    Arguments, BadArguments,
    testing::Values(BadCase{R"({})", "id is required"},
                    BadCase{R"({"id": 5})", "id must be a string"},
                    BadCase{R"({"id": "x", "n": 11})", "n must be a number from 1 to 10"},
                    BadCase{R"({"id": "x", "n": "ten"})", "n must be a number"},
                    BadCase{R"({"id": "x", "n": "1e999"})", "n must be a number"},
                    BadCase{R"({"id": "x", "n": "nan"})", "n must be a number"},
                    BadCase{R"({"id": "x", "n": 1.5})", "n must be a whole number"},
                    BadCase{R"({"id": "x", "f": "yes"})", "f must be true or false"},
                    BadCase{R"({"id": "x", "who": 1})", "no argument who. Known are: id, n, f"}));

}  // namespace
}  // namespace omcp_r::tools
