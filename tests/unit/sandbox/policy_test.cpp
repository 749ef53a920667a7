#include "omcp_r/sandbox/policy.hpp"

#include <gtest/gtest.h>

#include "omcp_r/sandbox/wire.hpp"

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
  EXPECT_EQ(grant->memory_bytes, 1ULL << 30);
  EXPECT_EQ(grant->idle_timeout.count(), 300);
}

TEST(Policy, GivesLessMemoryByItselfWhereTheMachineIsSmall) {
  constexpr std::uint64_t kGigabyte = 1ULL << 30;
  Settings settings = test_settings();
  EXPECT_EQ(usual_memory(settings, kGigabyte), kGigabyte) << "somebody chose it";
  settings.memory_fits_machine = true;
  EXPECT_EQ(usual_memory(settings, 0), kGigabyte) << "nothing is known";
  EXPECT_EQ(usual_memory(settings, 16 * kGigabyte), kGigabyte);
  EXPECT_EQ(usual_memory(settings, 8 * kGigabyte), 819ULL << 20) << "of whole megabytes";
  EXPECT_EQ(usual_memory(settings, kGigabyte), 512ULL << 20) << "R has to do its work";
  settings.max_sandboxes = 2;
  EXPECT_EQ(usual_memory(settings, kGigabyte * 3 / 2), 768ULL << 20);
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

engine::Spec usual_spec() {
  engine::Identity identity;
  identity.id = "the-id";
  identity.domain = "the-domain";
  return spec_of(test_settings(), *decide(test_settings(), {}), identity);
}

TEST(Policy, SaysWhoseTheSandboxIsBeforeItRuns) {
  const engine::Identity identity = usual_spec().identity;
  EXPECT_EQ(identity.id, "the-id");
  EXPECT_EQ(identity.scope, "me");
  EXPECT_EQ(identity.domain, "the-domain");
  EXPECT_EQ(identity.idle, 300);
  EXPECT_EQ(identity.lifetime, 86400);
  EXPECT_EQ(identity.protocol, wire::kProtocol);
}

TEST(Policy, ShowsALibraryAndLetsCodeRunInTmpWhereThatIsConfigured) {
  const engine::Spec usual = usual_spec();
  EXPECT_FALSE(usual.isolation.exec_tmp);
  EXPECT_TRUE(usual.isolation.folders.empty());
  EXPECT_FALSE(usual.environment.contains("R_LIBS") || usual.environment.contains("EXEC_TMP"));
  Settings settings = test_settings();
  settings.library = "/home/ann/library";
  settings.exec_tmp = true;
  const engine::Spec spec = spec_of(settings, *decide(settings, {}), {});
  EXPECT_TRUE(spec.isolation.exec_tmp);
  EXPECT_EQ(spec.environment.at("EXEC_TMP"), "1");
  ASSERT_EQ(spec.isolation.folders.size(), 1U);
  EXPECT_EQ(spec.isolation.folders[0].source, "/home/ann/library");
  EXPECT_EQ(spec.environment.at("R_LIBS"), spec.isolation.folders[0].target);
}

TEST(Policy, FileSystemsInMemoryFitTheLimit) {
  const engine::Isolation isolation = usual_spec().isolation;
  EXPECT_LE(isolation.tmp_bytes + isolation.work_bytes + isolation.shared_memory_bytes,
            isolation.memory_bytes / 2);
}

TEST(Policy, ArgumentsStayBelowTheKernelsLimitOfOneArgument) {
  for (const std::string& argument : usual_spec().program) {
    EXPECT_LT(argument.size(), 131'000U);
  }
}

TEST(Policy, RefusesASandboxWhoseLimitsDidNotTakeHold) {
  EXPECT_TRUE(check_in_force({}));
  const Status refused = check_in_force({"memory with swap", "processes"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kLimitsNotApplied);
  EXPECT_NE(refused.error().message.find("memory with swap, processes"), std::string::npos);
}

}  // namespace
}  // namespace omcp_r::sandbox
