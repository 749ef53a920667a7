#include "commands/which.hpp"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace omcp_r::commands
