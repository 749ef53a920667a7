// Time limits, cancellation, and what is left afterwards.

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

using Clock = std::chrono::steady_clock;

class Stopping : public SandboxTest {
 public:
  static std::chrono::milliseconds time_of(const std::function<void()>& work) {
    const auto begin = Clock::now();
    work();
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin);
  }

  static void expect_timed_out(const ToolResult& result) {
    EXPECT_FALSE(result.success()) << result;
    EXPECT_EQ(result.exit_code(), 124) << result;
    EXPECT_EQ(result.error_code(), "execution_timeout") << result;
    EXPECT_EQ(result.data().at("timed_out"), true) << result;
  }

  /// Code that stops by an interrupt: near the limit, with output and variables kept.
  static void expect_interrupted_at_limit(const Sandbox& box, const std::string& code) {
    box.run("x <- 'kept'");
    ToolResult result;
    const auto time = time_of([&] {
      result = box.run("cat('so far\\n');" + code, Json{{"timeout", 2}});
    });
    expect_timed_out(result);
    EXPECT_TRUE(contains(result.output(), "so far\n")) << result;
    EXPECT_TRUE(contains(result.text(), "so far")) << result;
    EXPECT_EQ(result.data().value("session_restarted", false), false) << result;
    EXPECT_GE(time, 1900ms);
    EXPECT_LT(time, 15s);
    EXPECT_EQ(box.output("x"), "[1] \"kept\"\n");
  }

  static constexpr const char* kOneLongCall =
      "m <- matrix(rnorm(4e6), 2000); s <- svd(m); s <- svd(m); s <- svd(m)";
};

TEST_F(Stopping, ALoopInRCodeEndsAtTheLimitAndTheSessionLives) {
  expect_interrupted_at_limit(sandbox(), "repeat {}");
}

TEST_F(Stopping, SleepEndsAtTheLimitAndTheSessionLives) {
  expect_interrupted_at_limit(sandbox(), "Sys.sleep(100)");
}

TEST_F(Stopping, AChildProcessEndsAtTheLimitAndTheSessionLives) {
  const Sandbox box = sandbox();
  expect_interrupted_at_limit(box, "system('sleep 100')");
  EXPECT_FALSE(contains(look(box, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"), "sleep 100"));
}

TEST_F(Stopping, CodeThatSwallowsErrorsEndsAtTheLimit) {
  expect_interrupted_at_limit(sandbox(), "repeat try(Sys.sleep(0.01), silent = TRUE)");
}

TEST_F(Stopping, OneLongCallIntoCEndsNearTheLimit) {
  const Sandbox box = sandbox(Json{{"memory_mb", 512}});
  ToolResult result;
  const auto time = time_of([&] {
    result = box.run(std::string("cat('so far\\n');") + kOneLongCall, Json{{"timeout", 2}});
  });
  EXPECT_FALSE(result.success()) << result;
  EXPECT_EQ(result.data().at("timed_out"), true) << result;
  EXPECT_TRUE(result.exit_code() == 124 || result.exit_code() == 137) << result;
  EXPECT_EQ(result.output().substr(0, 7), "so far\n") << result;
  EXPECT_LT(time, 20s);
  EXPECT_EQ(box.output("cat('alive')"), "alive");
}

TEST_F(Stopping, CodeThatRefusesToBeInterruptedIsKilledAndTheResultSaysWhatWasLost) {
  const Sandbox box = sandbox();
  box.run("x <- 1; writeLines('kept', 'kept.txt')");
  ToolResult result;
  const auto time = time_of([&] {
    result = box.run("cat('so far\\n'); suspendInterrupts(repeat {})", Json{{"timeout", 2}});
  });
  EXPECT_FALSE(result.success());
  EXPECT_EQ(result.data().at("timed_out"), true) << result;
  EXPECT_EQ(result.data().at("session_restarted"), true) << result;
  EXPECT_TRUE(contains(result.output(), "so far\n")) << result;
  EXPECT_TRUE(contains(result.text(), "variables")) << "what was lost: " << result;
  EXPECT_LT(time, 30s);
  EXPECT_EQ(box.output("exists('x'); readLines('kept.txt')"), "[1] FALSE\n[1] \"kept\"\n");
}

TEST_F(Stopping, CodeThatCatchesInterruptsForEverIsKilled) {
  const Sandbox box = sandbox();
  const ToolResult result =
      box.run("repeat tryCatch(Sys.sleep(60), interrupt = function(e) NULL)", Json{{"timeout", 2}});
  EXPECT_FALSE(result.success()) << result;
  EXPECT_EQ(result.data().at("timed_out"), true) << result;
  EXPECT_EQ(box.output("cat('alive')"), "alive");
}

TEST_F(Stopping, ProcessesThatIgnoreEverySignalEndToo) {
  const Sandbox box = sandbox();
  const ToolResult result = box.run(
      "system(\"trap '' INT TERM HUP QUIT; while :; do sleep 1; done\")", Json{{"timeout", 2}});
  EXPECT_EQ(result.data().at("timed_out"), true) << result;
  EXPECT_EQ(box.output("cat('alive')"), "alive");
}

TEST_F(Stopping, TheSessionsOwnWorkerStoppedByACodeIsFoundOut) {
  const Sandbox box = sandbox();
  const ToolResult result =
      box.run("tools::pskill(Sys.getpid(), tools::SIGSTOP); 1", Json{{"timeout", 2}});
  EXPECT_TRUE(result.data().at("timed_out") == true || result.success()) << result;
  EXPECT_EQ(box.output("cat('alive')", Json{{"timeout", 20}}), "alive");
}

TEST_F(Stopping, BackgroundProcessesHoldNoResultBack) {
  const Sandbox box = sandbox();
  ToolResult result;
  const auto time = time_of([&] { result = box.run("system('sleep 50 &'); cat('done')"); });
  EXPECT_EQ(result.output(), "done") << result;
  EXPECT_LT(time, 20s);
}

TEST_F(Stopping, TheDefaultLimitIsTheConfiguredOne) {
  Server& hasty = start({{{"EXECUTION_TIMEOUT", "1"}}, {}, true, {}});
  expect_timed_out(create(hasty).run("Sys.sleep(50)"));
}

TEST_F(Stopping, ALimitAboveTheMaximumIsRefused) {
  Server& strict = start({{{"MAX_EXECUTION_TIMEOUT", "60"}}, {}, true, {}});
  const ToolResult result = create(strict).run("1", Json{{"timeout", 61}});
  EXPECT_EQ(result.error_code(), "invalid_argument") << result;
  EXPECT_TRUE(contains(result.error_message(), "60")) << result;
}

TEST_F(Stopping, CancellationInterruptsTheCodeIsNotAnsweredAndTheSessionLives) {
  const Sandbox box = sandbox();
  box.run("x <- 'kept'");
  const int running = box.start("file.create('begun'); Sys.sleep(100); file.create('finished')",
                                Json{{"timeout", 200}});
  wait_for_file(box, "/sandbox/begun");
  server().notify("notifications/cancelled", Json{{"requestId", running}, {"reason", "test"}});
  const auto time = time_of([&] {
    EXPECT_TRUE(eventually([&] { return box.run("1").error_code() != "sandbox_busy"; }, 20s));
  });
  EXPECT_LT(time, 15s);
  EXPECT_EQ(box.output("x; file.exists('finished')"), "[1] \"kept\"\n[1] FALSE\n");
  EXPECT_FALSE(server().answered(running, 300ms)) << "a cancelled request was answered";
}

TEST_F(Stopping, CancellationOfOneCallLeavesTheOthersAlone) {
  const Sandbox a = sandbox();
  const Sandbox b = sandbox();
  const int first = a.start("file.create('begun'); Sys.sleep(100)", Json{{"timeout", 200}});
  const int second =
      b.start("x <- file.create('begun'); while (!file.exists('go')) Sys.sleep(0.05); cat('done')",
              Json{{"timeout", 100}});
  wait_for_file(a, "/sandbox/begun");
  wait_for_file(b, "/sandbox/begun");
  server().notify("notifications/cancelled", Json{{"requestId", first}});
  EXPECT_TRUE(eventually([&] { return a.run("1").success(); }, 20s));
  look(b, "touch /sandbox/go");
  EXPECT_EQ(server().finish_call(second).output(), "done");
}

TEST_F(Stopping, OneBusySandboxDelaysNothingElse) {
  const Sandbox busy = sandbox();
  const int running = busy.start("file.create('begun'); while (!file.exists('go')) Sys.sleep(0.05)",
                                 Json{{"timeout", 100}});
  wait_for_file(busy, "/sandbox/begun");
  EXPECT_EQ(server().request("ping"), Json::object());
  EXPECT_EQ(server().request("tools/list").at("tools").size(), 4U);
  EXPECT_EQ(server().call("list_sandboxes").data().at("sandboxes").at(0).at("state"), "busy");
  const Sandbox other = sandbox();
  EXPECT_EQ(other.output("6 * 7"), "[1] 42\n");
  EXPECT_TRUE(other.remove().success());
  const ToolResult refused = busy.run("1");
  EXPECT_EQ(refused.error_code(), "sandbox_busy") << refused;
  EXPECT_EQ(refused.exit_code(), 75) << refused;
  EXPECT_EQ(refused.data().at("error").at("retryable"), true);
  EXPECT_FALSE(server().answered(running, 0ms));
  look(busy, "touch /sandbox/go");
  EXPECT_TRUE(server().finish_call(running).success());
}

TEST_F(Stopping, AnInterruptNeverReachesTheNextCode) {
  const Sandbox box = sandbox();
  for (int i = 0; i < 5; ++i) {
    expect_timed_out(box.run("repeat {}", Json{{"timeout", 1}}));
    EXPECT_EQ(box.output("for (i in 1:1e6) {}; cat('whole')"), "whole");
  }
}

}  // namespace
}  // namespace omcp_r::e2e
