#include "commands/which.hpp"

#include <gtest/gtest.h>

#include "commands/line_editor.hpp"

namespace omcp_r::commands {
namespace {

constexpr const char* kOne = "11111111-2222-4333-8444-555555555555";
constexpr const char* kOther = "11111111-3333-4333-8444-555555555555";
constexpr const char* kGone = "99999999-3333-4333-8444-555555555555";

TEST(Which, SandboxIsMeantByItsIdOrByHowThatBegins) {
  std::vector<sandbox::SandboxView> views(2);
  views[0].id = kOne;
  views[1].id = kOther;
  EXPECT_EQ(*sandbox_meant(kOne, views), kOne);
  EXPECT_EQ(*sandbox_meant("11111111-3", views), kOther);
  EXPECT_EQ(*sandbox_meant(kGone, views), kGone) << "it may have ended";
  EXPECT_EQ(sandbox_meant("1", views).error().message,
            "\"1\" begins the ids of 2 sandboxes: give more of it");
  EXPECT_EQ(sandbox_meant("2", views).error().code, Errc::kNotFound);
  EXPECT_EQ(sandbox_meant("", views).error().code, Errc::kNotFound);
}

TEST(Which, WordsBeginAlikeUpToAWholeCharacter) {
  EXPECT_EQ(common_beginning({"alpha_one", "alpha_two", "alpha"}), "alpha");
  EXPECT_EQ(common_beginning({"one"}), "one");
  EXPECT_EQ(common_beginning({"a", "b"}), "");
  EXPECT_EQ(common_beginning({}), "");
  EXPECT_EQ(common_beginning({"x\xC3\xA4", "x\xC3\xB6"}), "x");
}

}  // namespace
}  // namespace omcp_r::commands
