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

TEST(Difference, ObeysNoTerminal) {
  EXPECT_EQ(difference("", "\x1b[2J\tx\r\n"), "@@ -0,0 +1,1 @@\n+?[2J\tx\n");
  EXPECT_EQ(difference("", std::string(5000, 'a')).size(),
            std::string("@@ -0,0 +1,1 @@\n+...\n").size() + 1000);
}

}  // namespace
}  // namespace omcp_r::commands
