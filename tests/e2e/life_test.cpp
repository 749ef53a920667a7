// How sandboxes end when nobody removes them.

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

class Life : public SandboxTest {};

TEST_F(Life, ASandboxThatIsNotUsedEndsAfterItsIdleTimeout) {
  const Sandbox box = sandbox(Json{{"timeout", 2}});
  EXPECT_TRUE(eventually([this] { return containers().empty(); }, 30s));
  const ToolResult late = box.run("1");
  EXPECT_TRUE(late.tells_that_sandbox_is_gone()) << late;
  EXPECT_EQ(server().call("list_sandboxes").data().at("count"), 0);
  const Json ended = server().call("list_sandboxes", Json{{"include_inactive", true}}).data();
  ASSERT_EQ(ended.at("sandboxes").size(), 1U);
  EXPECT_TRUE(contains(ended.dump(), "expired") || contains(ended.dump(), "idle")) << ended;
}

TEST_F(Life, EveryUsePushesTheEndOn) {
  const Sandbox box = sandbox(Json{{"timeout", 5}});
  const auto end = std::chrono::steady_clock::now() + 12s;
  box.run("x <- 0");
  while (std::chrono::steady_clock::now() < end) box.output("x <- x + 1; Sys.sleep(1)");
  EXPECT_EQ(box.output("x > 3"), "[1] TRUE\n");
}

TEST_F(Life, ARunLongerThanTheIdleTimeoutIsNotIdle) {
  const Sandbox box = sandbox(Json{{"timeout", 2}});
  EXPECT_EQ(box.output("Sys.sleep(9); cat('whole')", Json{{"timeout", 30}}), "whole");
  EXPECT_EQ(box.output("cat('and on')"), "and on");
}

TEST_F(Life, TheMaximumLifetimeBoundsEvenASandboxInUse) {
  Server& short_lived =
      start({{{"SANDBOX_MAX_LIFETIME", "6"}, {"SANDBOX_TIMEOUT", "5"}}, {}, true, {}});
  const Sandbox box = create(short_lived);
  const bool ended = eventually([&] { return !box.run("Sys.sleep(0.2)").success(); }, 40s);
  EXPECT_TRUE(ended);
  EXPECT_TRUE(eventually([this] { return containers().empty(); }, 20s));
}

TEST_F(Life, TheContainerEndsByItselfWithoutAnyServer) {
  Server& gone = start();
  const Sandbox box = create(gone, Json{{"timeout", 3}});
  gone.close_input();
  EXPECT_EQ(gone.wait_for_end().code, 0);
  EXPECT_EQ(containers().size(), 1U);
  EXPECT_TRUE(eventually([this] { return containers().empty(); }, 40s));
}

TEST_F(Life, AnRThatDiesIsStartedAnewInTheSameSandbox) {
  const Sandbox box = sandbox();
  box.run("writeLines('kept', 'kept.txt')");
  const std::string before = container(box);
  const ToolResult crash =
      box.run("cat('so far\\n'); tools::pskill(Sys.getpid(), 11L); Sys.sleep(5)");
  EXPECT_FALSE(crash.success()) << crash;
  EXPECT_EQ(crash.data().at("session_restarted"), true) << crash;
  EXPECT_TRUE(contains(crash.output(), "so far\n")) << crash;
  EXPECT_EQ(box.output("readLines('kept.txt')"), "[1] \"kept\"\n");
  EXPECT_EQ(container(box), before);
}

TEST_F(Life, TheSmallestMachineSizeWorks) {
  const Sandbox box = sandbox(Json{{"memory_mb", 128}, {"cpus", 0.5}});
  EXPECT_EQ(box.output("sum(1:10)"), "[1] 55\n");
}

TEST_F(Life, TheNewestRServesAsWell) {
  Server& newest = start({{{"DOCKER_IMAGE", newest_test_image()}}, {}, true, {}});
  const Sandbox box = create(newest);
  EXPECT_EQ(box.output("x <- 6; x * 7"), "[1] 42\n");
  EXPECT_EQ(box.run("f <- function() stop('no'); f()").error_message(), "no");
  EXPECT_EQ(box.run("plot(1)").images().size(), 1U);
  EXPECT_EQ(box.run("repeat {}", Json{{"timeout", 1}}).exit_code(), 124);
  EXPECT_EQ(box.output("x"), "[1] 6\n");
}

}  // namespace
}  // namespace omcp_r::e2e
