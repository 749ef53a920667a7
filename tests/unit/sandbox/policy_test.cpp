#include "omcp_r/sandbox/policy.hpp"

#include <gtest/gtest.h>

namespace omcp_r::sandbox {
namespace {

Settings test_settings() {
  Settings settings;
  settings.image = "r:4";
  settings.allowed_images = {"r:5"};
  settings.scope = "me";
  return settings;
}

TEST(Policy, GivesTheConfiguredValuesWhereNothingIsAsked) {
  const auto grant = decide(test_settings(), {});
  ASSERT_TRUE(grant);
  EXPECT_EQ(grant->image, "r:4");
  EXPECT_EQ(grant->memory_bytes, 512ULL << 20);
  EXPECT_EQ(grant->idle_timeout.count(), 300);
}

TEST(Policy, RefusesImagesThatAreNotOnTheList) {
  CreateRequest request;
  request.image = "r:5";
  EXPECT_TRUE(decide(test_settings(), request));
  request.image = "evil";
  const auto refused = decide(test_settings(), request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kImageNotAllowed);
  EXPECT_NE(refused.error().message.find("r:4, r:5"), std::string::npos);
}

TEST(Policy, RefusesMoreThanIsConfigured) {
  CreateRequest memory;
  memory.memory_bytes = 1ULL << 40;
  EXPECT_FALSE(decide(test_settings(), memory));
  CreateRequest cpus;
  cpus.cpus = 2;
  EXPECT_FALSE(decide(test_settings(), cpus));
  CreateRequest timeout;
  timeout.idle_timeout = std::chrono::seconds{1000000};
  EXPECT_FALSE(decide(test_settings(), timeout));
}

TEST(Policy, NamesAndLabelsTheContainerBeforeItRuns) {
  const Settings settings = test_settings();
  const auto spec = container_spec(settings, *decide(settings, {}), "the-id");
  EXPECT_EQ(spec.name, "omcp-r-the-id");
  EXPECT_EQ(spec.labels.at("omcp-r.id"), "the-id");
  EXPECT_EQ(spec.labels.at("omcp-r.scope"), "me");
  EXPECT_EQ(spec.labels.at("omcp-r.managed"), "1");
}

TEST(Policy, FileSystemsInMemoryFitTheLimit) {
  const Settings settings = test_settings();
  const auto spec = container_spec(settings, *decide(settings, {}), "x");
  EXPECT_LE(spec.tmp_bytes + spec.work_bytes + spec.shm_bytes, spec.memory_bytes / 2);
}

TEST(Policy, ArgumentsStayBelowTheKernelsLimitOfOneArgument) {
  const Settings settings = test_settings();
  const auto spec = container_spec(settings, *decide(settings, {}), "x");
  for (const std::string& argument : spec.command) {
    EXPECT_LT(argument.size(), 100'000U);
  }
}

TEST(Policy, RefusesASandboxWhoseLimitsDidNotTakeHold) {
  const Settings settings = test_settings();
  const auto spec = container_spec(settings, *decide(settings, {}), "x");
  engine::AppliedLimits applied{
      .memory_bytes = 512LL << 20, .memory_swap_bytes = 512LL << 20, .cpus = 1, .pids = 128};
  EXPECT_TRUE(check_limits(spec, applied));
  applied.memory_swap_bytes = -1;
  applied.pids = 0;
  const Status refused = check_limits(spec, applied);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kLimitsNotApplied);
  EXPECT_NE(refused.error().message.find("memory with swap, processes"), std::string::npos);
}

}  // namespace
}  // namespace omcp_r::sandbox
