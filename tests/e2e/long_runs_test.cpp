// Runs that outlast their call: hosts give up on a call after a minute, work goes on.

#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGKILL

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

class LongRuns : public SandboxTest {
 public:
  static constexpr const char* kUntilGo = "while (!file.exists('/sandbox/go')) Sys.sleep(0.05);";

  static std::string running_id(const ToolResult& result) {
    EXPECT_FALSE(result.is_error()) << result;
    EXPECT_EQ(result.data().at("status"), "running") << result;
    EXPECT_TRUE(contains(result.text(), result.data().at("execution_id").get<std::string>()))
        << result;
    return result.data().at("execution_id");
  }

  static ToolResult collect(const Sandbox& box, const std::string& execution, double wait = 60) {
    return box.server().call(
        "execute_r_code",
        Json{{"sandbox_id", box.id()}, {"execution_id", execution}, {"wait", wait}});
  }
};

TEST_F(LongRuns, ACallThatOutlastsItsWaitAnswersWithTheOutputSoFarAndIsCollectedLater) {
  const Sandbox box = sandbox();
  const ToolResult first =
      box.run(std::string("cat('begun\\n');") + kUntilGo + "cat('ended\\n'); 6 * 7",
              Json{{"wait", 2}, {"timeout", 100}});
  const std::string id = running_id(first);
  EXPECT_EQ(first.output(), "begun\n");
  const ToolResult still = collect(box, id, 0.5);
  EXPECT_EQ(running_id(still), id);
  look(box, "touch /sandbox/go");
  const ToolResult last = collect(box, id);
  EXPECT_EQ(last.data().at("status"), "done") << last;
  EXPECT_EQ(last.exit_code(), 0);
  EXPECT_EQ(last.output(), "begun\nended\n[1] 42\n") << last;
  EXPECT_EQ(last.data().at("value").at("summary"), "42");
}

TEST_F(LongRuns, TheirErrorsAndPlotsAreCollectedToo) {
  const Sandbox box = sandbox();
  const std::string id = running_id(box.run(std::string("plot(1);") + kUntilGo + "stop('late')",
                                            Json{{"wait", 1}, {"timeout", 100}}));
  look(box, "touch /sandbox/go");
  const ToolResult last = collect(box, id);
  EXPECT_EQ(last.error_message(), "late") << last;
  EXPECT_EQ(last.images().size(), 1U);
}

TEST_F(LongRuns, AResultCanBeCollectedAgain) {
  const Sandbox box = sandbox();
  const std::string id = running_id(
      box.run(std::string(kUntilGo) + "cat('once')", Json{{"wait", 0}, {"timeout", 100}}));
  look(box, "touch /sandbox/go");
  EXPECT_EQ(collect(box, id).output(), "once");
  EXPECT_EQ(collect(box, id).output(), "once");
}

TEST_F(LongRuns, TheSandboxIsBusyMeanwhile) {
  const Sandbox box = sandbox();
  const std::string id = running_id(box.run(kUntilGo, Json{{"wait", 0.5}, {"timeout", 100}}));
  const ToolResult refused = box.run("1");
  EXPECT_EQ(refused.error_code(), "sandbox_busy") << refused;
  EXPECT_EQ(refused.exit_code(), 75);
  EXPECT_TRUE(contains(refused.error_message(), "execution_id") ||
              contains(refused.error_message(), id))
      << refused;
  look(box, "touch /sandbox/go");
  EXPECT_TRUE(collect(box, id).success());
}

TEST_F(LongRuns, TheLimitHoldsAfterTheCallHasAnswered) {
  const Sandbox box = sandbox();
  const std::string id =
      running_id(box.run("repeat Sys.sleep(0.1)", Json{{"wait", 0.5}, {"timeout", 2}}));
  const ToolResult last = collect(box, id);
  EXPECT_EQ(last.exit_code(), 124) << last;
  EXPECT_EQ(last.data().at("timed_out"), true);
}

TEST_F(LongRuns, InterruptStopsThemAndTheVariablesStay) {
  const Sandbox box = sandbox();
  box.run("x <- 'kept'");
  const std::string id = running_id(
      box.run("cat('so far\\n'); repeat Sys.sleep(0.1)", Json{{"wait", 0.5}, {"timeout", 100}}));
  const ToolResult stopped = server().call(
      "execute_r_code", Json{{"sandbox_id", box.id()}, {"execution_id", id}, {"interrupt", true}});
  EXPECT_FALSE(stopped.success()) << stopped;
  EXPECT_EQ(stopped.exit_code(), 130) << stopped;
  EXPECT_TRUE(contains(stopped.output(), "so far\n")) << stopped;
  EXPECT_EQ(box.output("x"), "[1] \"kept\"\n");
}

TEST_F(LongRuns, InterruptWithNewCodeRunsItAfterTheStop) {
  const Sandbox box = sandbox();
  running_id(box.run("y <- 1; repeat Sys.sleep(0.1)", Json{{"wait", 0.5}, {"timeout", 100}}));
  EXPECT_EQ(box.output("y + 1", Json{{"interrupt", "true"}}), "[1] 2\n");
}

TEST_F(LongRuns, AnotherServerInterrupts) {
  const Sandbox box = sandbox();
  running_id(box.run("y <- 1; repeat Sys.sleep(0.1)", Json{{"wait", 0.5}, {"timeout", 100}}));
  EXPECT_EQ(box.through(start()).output("y + 1", Json{{"interrupt", true}}), "[1] 2\n");
}

TEST_F(LongRuns, AnotherServerCollectsAfterACrash) {
  Server& doomed = start();
  const Sandbox box = create(doomed);
  const std::string id = running_id(box.run(std::string("cat('early\\n'); warning('w');") +
                                                kUntilGo + "cat('late\\n'); data.frame(a = 1)",
                                            Json{{"wait", 1}, {"timeout", 100}}));
  doomed.kill(SIGKILL);
  doomed.wait_for_end();
  const Sandbox again = box.through(start());
  look(box, "touch /sandbox/go");
  const ToolResult last = collect(again, id);
  EXPECT_EQ(last.data().at("status"), "done") << last;
  EXPECT_EQ(last.exit_code(), 0) << last;
  EXPECT_EQ(last.data().at("value").at("class"), Json::array({"data.frame"})) << last;
  EXPECT_EQ(last.data().at("warnings").size(), 1U) << last;
  const bool all = contains(last.output(), "early") && contains(last.output(), "late");
  EXPECT_TRUE(all || contains(last.text(), "missing")) << "output was dropped silently: " << last;
}

TEST_F(LongRuns, AnotherServerCollectsWhatEndedWhileNobodyListened) {
  Server& doomed = start();
  const Sandbox box = create(doomed);
  const std::string id =
      running_id(box.run(std::string("cat('early\\n');") + kUntilGo + "cat('late\\n'); 6 * 7",
                         Json{{"wait", 1}, {"timeout", 100}}));
  doomed.kill(SIGKILL);
  doomed.wait_for_end();
  look(box, "touch /sandbox/go");
  // Its end is seen from outside: R has printed and waits for requests again.
  look(box, "sleep 1");
  const ToolResult last = collect(box.through(start()), id);
  EXPECT_EQ(last.data().at("status"), "done") << last;
  EXPECT_EQ(last.data().at("value").at("summary"), "42") << last;
  EXPECT_TRUE(contains(last.output(), "[1] 42") || contains(last.text(), "missing")) << last;
}

TEST_F(LongRuns, AnExecutionThatIsNotKnownIsAClearError) {
  const Sandbox box = sandbox();
  const ToolResult result = collect(box, "no-such-execution", 5);
  EXPECT_TRUE(result.is_error()) << result;
  EXPECT_FALSE(result.error_message().empty());
  EXPECT_EQ(box.output("1"), "[1] 1\n");
}

TEST_F(LongRuns, ProgressComesAtMostOnceASecondWithTheLastLine) {
  const Sandbox box = sandbox();
  const int running = box.start("for (i in 1:40) { cat('step', i, '\\n'); Sys.sleep(0.1) }",
                                Json{{"timeout", 60}}, Json{{"progressToken", "token-1"}});
  EXPECT_TRUE(server().finish_call(running).success());
  const auto all = server().notifications("notifications/progress");
  ASSERT_GE(all.size(), 2U);
  EXPECT_LE(all.size(), 6U);
  double last = -1;
  for (const Json& progress : all) {
    EXPECT_EQ(progress.at("progressToken"), "token-1");
    EXPECT_GT(progress.at("progress").get<double>(), last);
    last = progress.at("progress").get<double>();
    EXPECT_TRUE(contains(progress.value("message", ""), "step")) << progress;
  }
}

TEST_F(LongRuns, WithoutATokenThereIsNoProgress) {
  sandbox().run("Sys.sleep(2.5)");
  EXPECT_TRUE(server().notifications("notifications/progress").empty());
}

TEST_F(LongRuns, ProgressBarsMakeOneSensibleLine) {
  const Sandbox box = sandbox();
  const int running = box.start(
      "b <- txtProgressBar(0, 30, style = 3); for (i in 1:30) { setTxtProgressBar(b, i); "
      "Sys.sleep(0.1) }",
      Json{{"timeout", 60}}, Json{{"progressToken", 7}});
  server().finish_call(running);
  for (const Json& progress : server().notifications("notifications/progress")) {
    EXPECT_EQ(progress.at("progressToken"), 7);
    EXPECT_LT(progress.value("message", "").size(), 300U) << progress;
    EXPECT_FALSE(contains(progress.value("message", ""), "\r")) << progress;
  }
}

}  // namespace
}  // namespace omcp_r::e2e
