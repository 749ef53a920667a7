// An engine that stops, hangs and comes back, under a server that goes on; and the newest engine.

#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGKILL
#include <unistd.h>

#include "support/fixture.hpp"
#include "support/second_engine.hpp"

namespace omcp_r::e2e {
namespace {

class Engine : public SandboxTest {
 protected:
  void SetUp() override { set_up({}); }

  void set_up(const EngineProgram& program) {
    ASSERT_EQ(geteuid(), 0U) << "starting an engine of one's own needs root";
    SandboxTest::SetUp();
    engine_ = std::make_unique<SecondEngine>(folder() / "engine", program);
    engine_->load(test_image());
    use_engine(engine_->address());
  }

  void TearDown() override {
    SandboxTest::TearDown();
    engine_.reset();
  }

  Server& start_on_it() {
    Environment there{{"DOCKER_HOST", engine_->address().host}};
    return start({there, {}, true, {}});
  }

  static void expect_unavailable(const ToolResult& result) {
    EXPECT_TRUE(result.is_error()) << result;
    EXPECT_EQ(result.error_code(), "engine_unavailable") << result;
    EXPECT_EQ(result.data().at("error").at("retryable"), true) << result;
    EXPECT_GT(result.error_message().size(), 30U) << "without advice: " << result;
  }

  std::unique_ptr<SecondEngine> engine_;
};

TEST_F(Engine, ThatStopsIsToldWithAdviceAndRecoveredFromWithoutARestart) {
  Server& server = start_on_it();
  const Sandbox box = create(server);
  EXPECT_EQ(box.output("6 * 7"), "[1] 42\n");
  const int running = box.start("Sys.sleep(100)", Json{{"timeout", 200}});
  wait_for_file(box, "/sandbox");
  engine_->stop();
  const ToolResult lost = server.finish_call(running, 60s);
  EXPECT_TRUE(lost.is_error()) << lost;
  EXPECT_TRUE(lost.error_code() == "engine_unavailable" || lost.error_code() == "sandbox_ended")
      << lost;
  expect_unavailable(server.call("list_sandboxes"));
  expect_unavailable(server.call("create_sandbox"));
  EXPECT_EQ(server.request("ping"), Json::object());
  engine_->start();
  EXPECT_TRUE(server.call("list_sandboxes").success());
  const ToolResult gone = box.run("1");
  EXPECT_TRUE(gone.tells_that_sandbox_is_gone()) << gone;
  const Sandbox fresh = create(server);
  EXPECT_EQ(fresh.output("6 * 7"), "[1] 42\n");
  EXPECT_TRUE(fresh.remove().success());

  // The same server, now before an engine that answers nothing at all.
  engine_->hang();
  const int stuck = server.send_call("list_sandboxes");
  EXPECT_EQ(server.request("ping"), Json::object());
  EXPECT_EQ(server.request("tools/list").at("tools").size(), 4U);
  EXPECT_TRUE(server.finish_call(stuck, 90s).is_error());
  engine_->go_on();
  EXPECT_TRUE(eventually([&] { return server.call("list_sandboxes").success(); }, 30s));
}

/// The newest that Debian has (tests/engines.sh), which refuses what Engine 29 refuses.
class NewestEngine : public Engine {
 protected:
  void SetUp() override {
    const std::string folder = environment_or("OMCP_TEST_ENGINE_NEWEST", "");
    ASSERT_NE(folder, "") << "OMCP_TEST_ENGINE_NEWEST names the folder of its programs";
    set_up({folder, {{"DOCKER_MIN_API_VERSION", "1.44"}}});
  }

  void expect_to_work_through(const std::string& client) {
    const Environment there{{"DOCKER_HOST", engine_->address().host}, {"DOCKER", client}};
    Server& first = start({there, {}, true, {}});
    const Sandbox box = create(first);
    EXPECT_EQ(box.output("x <- 6 * 7; x"), "[1] 42\n");
    EXPECT_EQ(
        box.output("cat(grep('^(CapEff|NoNewPrivs|Seccomp):', readLines('/proc/self/status'), "
                   "value = TRUE), sep = '\n')"),
        "CapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n");
    EXPECT_EQ(box.run("plot(1:3)").images().size(), 1U);
    // Another server reaches R without having created anything there.
    first.kill(SIGKILL);
    const Sandbox again = box.through(start({there, {}, true, {}}));
    EXPECT_EQ(again.output("x"), "[1] 42\n");
    EXPECT_TRUE(again.remove().success());
  }
};

TEST_F(NewestEngine, WorksThroughItsOwnClient) {
  expect_to_work_through(engine_->address().client);
}

TEST_F(NewestEngine, WorksThroughAClientThatItFindsTooOld) {
  const std::string old = environment_or("OMCP_TEST_OLD_DOCKER", "/usr/bin/docker");
  const Finished refused = run({old, "--host", engine_->address().host, "ps"});
  ASSERT_NE(refused.output.find("Minimum supported API version is 1.44"), std::string::npos)
      << old << " is not too old for it: " << refused.output;
  expect_to_work_through(old);
}

}  // namespace
}  // namespace omcp_r::e2e
