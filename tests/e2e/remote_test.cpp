// An engine on another machine: by tcp with TLS, by a context, by ssh; and the link to it is lost.

#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGKILL

#include "support/fixture.hpp"
#include "support/network.hpp"
#include "support/second_engine.hpp"
#include "support/text.hpp"

namespace omcp_r::e2e {
namespace {

// After this long a call has long been ended, and a run has not.
constexpr auto kPatience = 25s;

class Remote : public SandboxTest {
 protected:
  void SetUp() override {
    SandboxTest::SetUp();
    make_certificates(folder() / "keys");
    const auto key = [this](const char* name) { return (folder() / "keys" / name).string(); };
    EngineProgram program;
    program.arguments = {
        "--host",    "tcp://0.0.0.0:2376",   "--tlsverify", "--tlscacert",        key("ca.pem"),
        "--tlscert", key("server-cert.pem"), "--tlskey",    key("server-key.pem")};
    engine_ = std::make_unique<SecondEngine>(folder() / "engine", program);
    engine_->load(test_image());
    use_engine(engine_->address());
    network_ = std::make_unique<Network>(engine_->daemon());
  }
  void TearDown() override {
    SandboxTest::TearDown();
    ssh_.reset();
    network_.reset();
    engine_.reset();
  }

  [[nodiscard]] std::string tcp() const { return "tcp://" + network_->address() + ":2376"; }
  [[nodiscard]] Environment by_tls() const {
    return {{"DOCKER_HOST", tcp()}, {"DOCKER_CERT_PATH", (folder() / "keys").string()}};
  }
  Environment by_ssh() {
    ssh_ =
        std::make_unique<SshServer>(folder() / "ssh", engine_->daemon(), engine_->address().host);
    return {{"DOCKER_HOST", "ssh://root@" + network_->address() + ":" + SshServer::kPort},
            {"PATH", ssh_->client_folder() + ":" + environment_or("PATH", "")}};
  }

  void expect_all_to_work(const Environment& there) {
    Server& first = start({there, {}, true, {}});
    const Sandbox box = create(first);
    EXPECT_EQ(box.output("x <- 6 * 7; x"), "[1] 42\n");
    EXPECT_EQ(box.run("plot(1:3)").images().size(), 1U);
    EXPECT_EQ(containers().size(), 1U) << "it is on another engine";
    EXPECT_TRUE(contains(box.run("Sys.sleep(60)", {{"timeout", 1}}).shown(), "execution_timeout"));
    first.kill(SIGKILL);
    const Sandbox again = box.through(start({there, {}, true, {}}));
    // On a busy machine an ssh login may take longer than R has to greet: then it says so, and why.
    ToolResult kept = again.run("x");
    EXPECT_TRUE(eventually([&] { return (kept = again.run("x")).success(); }, 60s)) << kept;
    EXPECT_EQ(kept.output(), "[1] 42\n");
    EXPECT_TRUE(again.remove().success());
    EXPECT_TRUE(eventually([this] { return containers().empty(); }, 20s));
  }

  static void expect_lost(const ToolResult& result) {
    EXPECT_TRUE(result.is_error()) << result;
    EXPECT_EQ(result.error_code(), "engine_unavailable") << result;
    EXPECT_EQ(result.data().at("error").at("retryable"), true) << result;
  }

  /// Every kind of call, before and after.
  void expect_a_lost_link_to_cost_nothing_but_time(const Environment& there) {
    Server& server = start({there, {}, true, {}});
    const Sandbox busy = create(server);
    const Sandbox idle = create(server);
    idle.run("x <- 'kept'");
    const int running = busy.start(
        "cat('begun'); file.create('/sandbox/begun'); y <- 'done'; "
        "while (!file.exists('/sandbox/end')) Sys.sleep(0.1)",
        {{"timeout", 600}, {"wait", 600}});
    wait_for_file(busy, "/sandbox/begun");
    network_->cut();
    const std::vector<int> calls{running, idle.start("cat(x)"), server.send_call("create_sandbox"),
                                 server.send_call("list_sandboxes", {{"include_inactive", true}})};
    EXPECT_EQ(server.request("ping"), Json::object());
    std::string execution;
    for (const int call : calls) {
      const ToolResult lost = server.finish_call(call, kPatience);
      expect_lost(lost);
      if (call == running) execution = lost.data().at("execution_id");
    }
    network_->mend();
    EXPECT_TRUE(eventually([&] { return idle.run("cat(x)").output() == "kept"; }, 60s));
    look(busy, "touch /sandbox/end");
    const ToolResult collected =
        server.call("execute_r_code", {{"sandbox_id", busy.id()}, {"execution_id", execution}});
    EXPECT_TRUE(collected.success()) << collected;
    EXPECT_EQ(busy.output("cat(y)"), "done");
    for (const Sandbox& box : {busy, idle}) EXPECT_TRUE(box.remove(true).success());
    EXPECT_TRUE(eventually([&] { return containers().size() <= 1; }, 60s)) << "what was begun";
    allow_spares();
  }

  std::unique_ptr<SecondEngine> engine_;
  std::unique_ptr<Network> network_;
  std::unique_ptr<SshServer> ssh_;
};

TEST_F(Remote, ByTcpBothProveWhoTheyAreAndAContextKnowsHow) {
  expect_all_to_work(by_tls());
  Environment unknown = by_tls();
  unknown["DOCKER_CERT_PATH"] = (folder() / "others").string();
  make_certificates(folder() / "others");
  expect_lost(start({unknown, {}, true, {}}).call("create_sandbox"));

  const std::string keys = (folder() / "keys").string();
  Environment there{{"DOCKER_CONFIG", (folder() / "contexts").string()}};
  const Finished made =
      run(ChildSpec{{"docker", "context", "create", "far",
                     "--docker=host=" + tcp() + ",ca=" + keys + "/ca.pem,cert=" + keys +
                         "/cert.pem,key=" + keys + "/key.pem"},
                    environment(there),
                    {},
                    {},
                    {}});
  ASSERT_EQ(made.ending.code, 0) << made.output;
  there["DOCKER_CONTEXT"] = "far";
  const Sandbox box = create(start({there, {}, true, {}}));
  EXPECT_EQ(box.output("6 * 7"), "[1] 42\n");
  EXPECT_EQ(containers().size(), 1U);
  EXPECT_TRUE(box.remove().success());
}

TEST_F(Remote, BySshWithOneConnectionForAll) {
  const Environment there = by_ssh();
  expect_all_to_work(there);
  Server& server = start({there, {}, true, {}});
  const Sandbox box = create(server);
  const auto listed = [&] {
    const std::size_t before = ssh_->connections();
    EXPECT_TRUE(server.call("list_sandboxes", {{"include_inactive", true}}).success());
    return ssh_->connections() - before;
  };
  EXPECT_TRUE(eventually([&] { return listed() == 0; }, 20s)) << "each call makes its own";
  EXPECT_TRUE(box.remove().success());
}

TEST_F(Remote, ALostLinkCostsNothingButTime) {
  expect_a_lost_link_to_cost_nothing_but_time(by_tls());
}

TEST_F(Remote, ALostLinkOfSshCostsNothingButTime) {
  expect_a_lost_link_to_cost_nothing_but_time(by_ssh());
}

}  // namespace
}  // namespace omcp_r::e2e
