#include "commands/diff.hpp"

#include <gtest/gtest.h>

namespace omcp_r::commands {
namespace {

TEST(Difference, ShowsTheOnePlaceWithLinesAroundIt) {
  EXPECT_EQ(difference("1\n2\n3\n4\n5\n6\n7\n", "1\n2\n3\nx\ny\n5\n6\n7\n"),
            "@@ -2,5 +2,6 @@\n 2\n 3\n-4\n+x\n+y\n 5\n 6\n");
  EXPECT_EQ(difference("", "a\n"), "@@ -0,0 +1,1 @@\n+a\n");
  EXPECT_EQ(difference("a\n", ""), "@@ -1,1 +0,0 @@\n-a\n");
  EXPECT_EQ(difference("a\na\n", "a\na\na\n"), "@@ -1,2 +1,3 @@\n a\n a\n+a\n");
}

// Claude Code's file is one line, with a key of the user's in it.
TEST(Difference, OfALongLineShowsThePlaceAndNoSecretsOfOthers) {
  const std::string key = "{\"key\":\"" + std::string(300, 's') + "\",";
  const std::string before = key + "\"mcpServers\":{}," + key.substr(1) + "\"z\":1}\n";
  std::string after = before;
  after.insert(before.find("}"), "\"r\":{\"command\":\"/bin/r\"}");
  const std::string shown = difference(before, after);
  EXPECT_NE(shown.find("{\"r\":{\"command\":\"/bin/r\"}},\"key\":\""), std::string::npos) << shown;
  EXPECT_EQ(shown.find(std::string(100, 's')), std::string::npos) << shown;
  EXPECT_LT(shown.size(), 300U) << shown;
  EXPECT_EQ(difference("", before).find("..."), std::string::npos) << "all of it is new";
  // Whatever is cut.
  for (std::size_t i = 0; i < before.size(); i += 7) {
    EXPECT_NE(difference(before, before.substr(0, i) + "x" + before.substr(i)), "");
    EXPECT_NE(difference(before, before.substr(0, i)), "");
    EXPECT_NE(difference(before, before.substr(i) + before), "");
  }
}

TEST(Difference, ObeysNoTerminal) {
  EXPECT_EQ(difference("",
                       "\xC2\x9B"
                       "2J\t\xE2\x80\xAEx\tz\n"),
            "@@ -0,0 +1,1 @@\n+?2J\t?x\tz\n");
  EXPECT_EQ(difference("", "\x1b[2J\tx\r\n"), "@@ -0,0 +1,1 @@\n+?[2J\tx\n");
  EXPECT_EQ(difference("", std::string(5000, 'a')).size(),
            std::string("@@ -0,0 +1,1 @@\n+...\n").size() + 1000);
}

}  // namespace
}  // namespace omcp_r::commands
