#include "startup.hpp"

#include <gtest/gtest.h>

namespace omcp_r::database {
namespace {

using namespace std::string_literals;

constexpr std::uint32_t kVersion3 = 196608;
const Access kAccess{"/run", "reader", "survey", ""};
const std::string kOurs = "user\0reader\0database\0survey\0"s;

std::string body_for(const std::string& parameters, std::uint32_t code = kVersion3) {
  const auto message = startup_for(code, parameters, kAccess);
  if (!message) return "refused: " + message.error().message;
  EXPECT_EQ(number_at(*message, 0), message->size());
  EXPECT_EQ(number_at(*message, 4), code);
  return message->substr(kHeadBytes);
}

TEST(Startup, IsAsTheRoleInTheDatabaseWhateverIsAskedFor) {
  EXPECT_EQ(body_for("\0"s), kOurs + '\0');
  EXPECT_EQ(body_for("user\0reader\0\0"s), kOurs + '\0');
  EXPECT_EQ(body_for("database\0\0user\0reader\0application_name\0R\0\0"s),
            kOurs + "application_name\0R\0\0"s);
  EXPECT_EQ(body_for("user\0reader\0options\0-c geqo=off\0\0"s, 196610),
            kOurs + "options\0-c geqo=off\0\0"s);
}

TEST(Startup, IsRefusedWhereItAsksForMore) {
  EXPECT_EQ(body_for("user\0postgres\0\0"s),
            "refused: of users there is only reader for a sandbox: leave it out");
  EXPECT_EQ(body_for("user\0reader\0database\0other\0\0"s),
            "refused: of databases there is only survey for a sandbox: leave it out");
  EXPECT_EQ(body_for("user\0reader\0replication\0true\0\0"s),
            "refused: a sandbox cannot replicate");
  EXPECT_EQ(body_for("user\0reader\0user\0postgres\0\0"s),
            "refused: of users there is only reader for a sandbox: leave it out");
}

TEST(Startup, IsRefusedWhereItIsNotWhole) {
  for (const std::string& parameters : {""s, "user"s, "user\0reader"s, "user\0reader\0"s,
                                        "user\0reader\0\0more"s, "\0user\0postgres\0\0"s}) {
    EXPECT_EQ(body_for(parameters), "refused: the startup message is not whole");
  }
  EXPECT_TRUE(body_for("\0"s, 131072).starts_with("refused: this is no startup message"));
}

TEST(Startup, AKeyIsFoundHoweverItIsCut) {
  const std::string said =
      "R\0\0\0\x08\0\0\0\0S\0\0\0\x08"
      "a\0b\0K\0\0\0\x0c"
      "pid1key1Z\0\0\0\x05I"s;
  for (std::size_t piece = 1; piece <= said.size(); ++piece) {
    KeyFinder finder;
    for (std::size_t at = 0; at < said.size(); at += piece) {
      finder.take(std::string_view{said}.substr(at, piece));
    }
    EXPECT_EQ(finder.cancellation(), "\0\0\0\x10\x04\xd2\x16\x2epid1key1"s) << piece;
  }
  KeyFinder none;
  none.take("Z\0\0\0\x05IK\0\0\0\x0cpid1key1"s);  // what comes later is of a query
  EXPECT_EQ(none.cancellation(), "");
  KeyFinder odd;
  odd.take("R\0\0\0\x01K\xff\xff\xff\xff"s);
  EXPECT_EQ(odd.cancellation(), "");
}

TEST(Startup, RefusalsAreAsAServersOwn) {
  const std::string text = refusal("28000", "no");
  EXPECT_EQ(text[0], 'E');
  EXPECT_EQ(number_at(text, 1), text.size() - 1);
  EXPECT_EQ(text.substr(5), "SFATAL\0VFATAL\0C28000\0Mno\0\0"s);
}

}  // namespace
}  // namespace omcp_r::database
