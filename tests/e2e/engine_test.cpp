// An engine that stops, hangs and comes back, under a server that goes on.

#include <unistd.h>

#include "support/fixture.hpp"
#include "support/second_engine.hpp"

namespace omcp_r::e2e {
namespace {

class Engine : public SandboxTest {
 protected:
  void SetUp() override {
    ASSERT_EQ(geteuid(), 0U) << "starting an engine of one's own needs root";
    SandboxTest::SetUp();
    engine_ = std::make_unique<SecondEngine>(folder() / "engine");
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

}  // namespace
}  // namespace omcp_r::e2e
