// Several server processes, dying servers, dying containers: the engine is the database.

#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGKILL

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

class Servers : public SandboxTest {};

TEST_F(Servers, OneCreatesAndAnotherListsUsesAndRemoves) {
  Server& first = start();
  Server& second = start();
  const Sandbox box = create(first);
  box.run("x <- 'from the first'");
  const Json listed = second.call("list_sandboxes").data();
  ASSERT_EQ(listed.at("count"), 1);
  EXPECT_EQ(listed.at("sandboxes").at(0).at("id"), box.id());
  EXPECT_EQ(box.through(second).output("x"), "[1] \"from the first\"\n");
  EXPECT_EQ(box.output("x"), "[1] \"from the first\"\n");
  EXPECT_TRUE(box.through(second).remove().success());
  EXPECT_EQ(first.call("list_sandboxes").data().at("count"), 0);
  EXPECT_TRUE(box.run("x").tells_that_sandbox_is_gone());
}

TEST_F(Servers, TheMaximumCountsTheSandboxesOfAll) {
  const Environment one{{"MAX_SANDBOXES", "1"}};
  Server& first = start({one, {}, true, {}});
  Server& second = start({one, {}, true, {}});
  const Sandbox box = create(first);
  EXPECT_EQ(second.call("create_sandbox").error_code(), "max_sandboxes_reached");
  EXPECT_TRUE(box.remove().success());
  EXPECT_TRUE(create(second).remove().success());
}

TEST_F(Servers, AnotherScopeSeesNothing) {
  const Sandbox box = create(start());
  Server& stranger = start({{{"SCOPE", scope() + "x"}}, {}, true, {}});
  EXPECT_EQ(stranger.call("list_sandboxes").data().at("count"), 0);
  EXPECT_EQ(box.through(stranger).run("1").error_code(), "sandbox_not_found");
  EXPECT_EQ(box.through(stranger).remove(true).error_code(), "sandbox_not_found");
  EXPECT_EQ(containers().size(), 1U);
}

TEST_F(Servers, SimultaneousUseOfOneSandboxGivesOneBusyAndNoGarbledResult) {
  Server& first = start();
  Server& second = start();
  const Sandbox box = create(first);
  const Sandbox shared = box.through(second);
  shared.run("1");
  const int running = box.start(
      "file.create('begun') -> b; cat('mine\\n'); while (!file.exists('go')) Sys.sleep(0.05); "
      "cat('end\\n')",
      Json{{"timeout", 100}});
  wait_for_file(box, "/sandbox/begun");
  const ToolResult refused = shared.run("cat('theirs')");
  EXPECT_EQ(refused.error_code(), "sandbox_busy") << refused;
  EXPECT_EQ(refused.exit_code(), 75) << refused;
  EXPECT_EQ(second.call("list_sandboxes").data().at("sandboxes").at(0).at("state"), "busy");
  EXPECT_EQ(shared.remove().error_code(), "sandbox_busy");
  look(box, "touch /sandbox/go");
  EXPECT_EQ(first.finish_call(running).output(), "mine\nend\n");
  EXPECT_EQ(shared.output("cat('theirs')"), "theirs");
}

TEST_F(Servers, ManyCallsOfTwoServersNeverMixTheirResults) {
  Server& first = start();
  Server& second = start();
  const Sandbox box = create(first);
  const Sandbox shared = box.through(second);
  int done = 0;
  for (int i = 0; i < 40; ++i) {
    const std::string a = "a" + std::to_string(i);
    const std::string b = "b" + std::to_string(i);
    const int one = box.start("cat('" + a + "')");
    const int two = shared.start("cat('" + b + "')");
    const ToolResult of_one = first.finish_call(one);
    const ToolResult of_two = second.finish_call(two);
    for (const auto& [result, text] : {std::pair(of_one, a), std::pair(of_two, b)}) {
      if (result.success()) {
        ++done;
        EXPECT_EQ(result.output(), text);
      } else {
        EXPECT_EQ(result.error_code(), "sandbox_busy") << result;
      }
    }
  }
  EXPECT_GE(done, 40);
}

TEST_F(Servers, AServerKilledDuringAnExecutionLosesNoVariables) {
  Server& doomed = start();
  const Sandbox box = create(doomed);
  box.run("x <- 'from before the crash'");
  box.start("file.create('begun'); y <- 1; while (!file.exists('go')) Sys.sleep(0.05); y <- 2",
            Json{{"timeout", 100}});
  wait_for_file(box, "/sandbox/begun");
  doomed.kill(SIGKILL);
  EXPECT_EQ(doomed.wait_for_end().signal, SIGKILL);
  look(box, "touch /sandbox/go");
  const Sandbox again = box.through(start());
  ToolResult result;
  EXPECT_TRUE(
      eventually([&] { return (result = again.run("x; y")).error_code() != "sandbox_busy"; }, 30s));
  EXPECT_EQ(result.output(), "[1] \"from before the crash\"\n[1] 2\n") << result;
}

TEST_F(Servers, AServerKilledInTheMidstOfOutputGarblesNothingForTheNext) {
  Server& doomed = start();
  const Sandbox box = create(doomed);
  box.run("x <- 7");
  box.start("file.create('begun'); for (i in 1:20000) cat('line', i, 'of the lost run\\n')",
            Json{{"timeout", 60}});
  wait_for_file(box, "/sandbox/begun");
  doomed.kill(SIGKILL);
  doomed.wait_for_end();
  const Sandbox again = box.through(start());
  ToolResult result;
  EXPECT_TRUE(
      eventually([&] { return (result = again.run("x")).error_code() != "sandbox_busy"; }, 30s));
  EXPECT_EQ(result.output(), "[1] 7\n") << result;
}

TEST_F(Servers, AnExecutionWhoseServerWasKilledStillEndsAtItsLimit) {
  Server& doomed = start();
  const Sandbox box = create(doomed);
  box.run("x <- 7");
  box.start("file.create('begun'); repeat Sys.sleep(0.1)", Json{{"timeout", 3}});
  wait_for_file(box, "/sandbox/begun");
  doomed.kill(SIGKILL);
  doomed.wait_for_end();
  const Sandbox again = box.through(start());
  ToolResult result;
  EXPECT_TRUE(
      eventually([&] { return (result = again.run("x")).error_code() != "sandbox_busy"; }, 40s));
  EXPECT_EQ(result.output(), "[1] 7\n") << result;
}

TEST_F(Servers, AServerThatEndsNicelyLeavesTheSandboxesToTheNext) {
  Server& first = start();
  const Sandbox box = create(first);
  box.run("x <- 'kept'");
  first.close_input();
  EXPECT_EQ(first.wait_for_end().code, 0);
  EXPECT_EQ(box.through(start()).output("x"), "[1] \"kept\"\n");
}

TEST_F(Servers, EndingDuringAnExecutionIsPromptAndTheExecutionGoesOn) {
  Server& first = start();
  const Sandbox box = create(first);
  box.start("file.create('begun'); while (!file.exists('go')) Sys.sleep(0.05); x <- 'done'",
            Json{{"timeout", 100}});
  wait_for_file(box, "/sandbox/begun");
  first.kill(SIGTERM);
  EXPECT_EQ(first.wait_for_end(5s * time_factor()).code, 0);
  look(box, "touch /sandbox/go");
  const Sandbox again = box.through(start());
  ToolResult result;
  EXPECT_TRUE(
      eventually([&] { return (result = again.run("x")).error_code() != "sandbox_busy"; }, 30s));
  EXPECT_EQ(result.output(), "[1] \"done\"\n") << result;
}

TEST_F(Servers, KilledWithNobodyReturningLeaveNothingOnceTheIdleTimeoutHasPassed) {
  Server& doomed = start({{{"SANDBOX_TIMEOUT", "2"}}, {}, true, {}});
  const Sandbox idle = create(doomed);
  const Sandbox used = create(doomed);
  used.run("1");
  EXPECT_FALSE(helpers().empty() && doomed.children().empty());
  doomed.kill(SIGKILL);
  doomed.wait_for_end();
  EXPECT_TRUE(eventually([this] { return helpers().empty(); }, 5s)) << "a docker client was left";
  EXPECT_TRUE(eventually([this] { return containers().empty(); }, 40s)) << "a container was left";
}

TEST_F(Servers, KilledDuringACreationLeaveNothing) {
  for (int i = 0; i < 6; ++i) {
    Server& doomed = start({{{"SANDBOX_TIMEOUT", "2"}}, {}, true, {}});
    doomed.send_call("create_sandbox");
    eventually([&] { return !doomed.children().empty(); }, 2s);
    // At another moment of the creation each time.
    doomed.stays_silent(std::chrono::milliseconds(60 * i));
    doomed.kill(SIGKILL);
    doomed.wait_for_end();
  }
  EXPECT_TRUE(eventually([this] { return helpers().empty(); }, 5s));
  EXPECT_TRUE(eventually([this] { return containers().empty(); }, 40s));
}

TEST_F(Servers, AContainerKilledDuringARunIsAClearErrorAndTheNextCreateWorks) {
  const Sandbox box = sandbox();
  const int running = box.start("cat('before\\n'); file.create('begun') -> b; Sys.sleep(100)",
                                Json{{"timeout", 200}});
  wait_for_file(box, "/sandbox/begun");
  docker({"kill", container(box)});
  const ToolResult lost = server().finish_call(running, 30s);
  EXPECT_TRUE(lost.is_error());
  EXPECT_EQ(lost.error_code(), "sandbox_ended") << lost;
  EXPECT_EQ(lost.exit_code(), 137) << lost;
  EXPECT_TRUE(contains(lost.output(), "before\n")) << lost;
  EXPECT_TRUE(contains(lost.error_message(), "create_sandbox")) << "what to do next: " << lost;
  const ToolResult next = box.run("1");
  EXPECT_TRUE(next.tells_that_sandbox_is_gone()) << next;
  EXPECT_EQ(sandbox().output("cat('new')"), "new");
}

TEST_F(Servers, AContainerRemovedBetweenCallsIsAClearErrorAndTheNextCreateWorks) {
  const Sandbox box = sandbox();
  box.run("1");
  docker({"rm", "--force", container(box)});
  const ToolResult lost = box.run("1");
  EXPECT_TRUE(lost.tells_that_sandbox_is_gone()) << lost;
  EXPECT_EQ(server().call("list_sandboxes").data().at("count"), 0);
  EXPECT_EQ(sandbox().output("cat('new')"), "new");
}

TEST_F(Servers, APausedContainerHangsNoOtherCall) {
  const Sandbox box = sandbox();
  box.run("1");
  // A freezer of the old control groups gives up on a busy machine: "unable to freeze".
  const std::string name = container(box);
  ASSERT_TRUE(eventually([&] { return try_docker({"pause", name}).ending.code == 0; }, 30s));
  const int stuck = box.start("1", Json{{"timeout", 3}});
  EXPECT_EQ(server().request("ping"), Json::object());
  const ToolResult result = server().finish_call(stuck, 80s);
  EXPECT_TRUE(result.is_error()) << result;
  if (!container(box).empty()) try_docker({"unpause", container(box)});
  EXPECT_EQ(sandbox().output("cat('new')"), "new");
}

TEST_F(Servers, ALostAttachmentIsMadeAgain) {
  const Sandbox box = sandbox();
  box.run("x <- 5");
  for (const pid_t client : server().children()) kill(client, SIGKILL);
  EXPECT_TRUE(eventually([&] { return server().children().empty(); }, 5s));
  EXPECT_EQ(box.output("x"), "[1] 5\n");
}

}  // namespace
}  // namespace omcp_r::e2e
