// An engine that stops, hangs and comes back, under a server that goes on; and the newest engine.

#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGKILL
#include <unistd.h>

#include <random>
#include <thread>

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

  // One that a failed test left ended would leave its containers running.
  void TearDown() override {
    if (engine_) engine_->come_back();
    SandboxTest::TearDown();
    engine_.reset();
  }

  Server& start_on_it(Environment there = {}) {
    there["DOCKER_HOST"] = engine_->address().host;
    return start({there, {}, true, {}});
  }

  /// What doctor says of it.
  [[nodiscard]] Finished doctor(const Environment& there) const {
    return run(ChildSpec{{binary(), "doctor"}, environment(there), folder() / "work", {}, {}}, "",
               120s);
  }

  /// Calls of every kind, under way at once.
  struct Calls {
    int create, list, execute, remove;
  };
  static Calls begin_calls(const Sandbox& kept, const Sandbox& unwanted) {
    Server& server = kept.server();
    return {server.send_call("create_sandbox"), server.send_call("list_sandboxes"),
            kept.start("writeLines(x, 'a.txt'); cat(x)"),
            server.send_call("remove_sandbox", {{"sandbox_id", unwanted.id()}, {"force", true}})};
  }

  static void expect_answer_or_advice(Server& server, int call) {
    const ToolResult result = server.finish_call(call, 120s);
    if (!result.is_error()) return;
    EXPECT_NE(result.error_code(), "internal_error") << result;
    EXPECT_GT(result.error_message().size(), 30U) << "without advice: " << result;
  }

  /// What the server lists is what the engine has: nothing is lost, nothing left.
  void expect_agreement(Server& server) {
    EXPECT_TRUE(eventually(
        [&] {
          const ToolResult listed = server.call("list_sandboxes");
          return listed.success() && listed.data().at("count") == containers().size();
        },
        60s))
        << server.call("list_sandboxes") << containers().size() << " containers";
  }

  void remove_all(Server& server) {
    const ToolResult listed = server.call("list_sandboxes");
    for (const Json& each : listed.data().at("sandboxes")) {
      EXPECT_TRUE(Sandbox(server, each.at("id")).remove(true).success());
    }
    EXPECT_TRUE(eventually([this] { return containers().empty(); }, 20s));
  }

  /// From the engine itself: a list without those that have ended may be from just before.
  static ToolResult ask(Server& server) {
    return server.call("list_sandboxes", {{"include_inactive", true}});
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
  expect_unavailable(ask(server));
  expect_unavailable(server.call("create_sandbox"));
  EXPECT_EQ(server.request("ping"), Json::object());
  engine_->start();
  EXPECT_TRUE(ask(server).success());
  const ToolResult gone = box.run("1");
  EXPECT_TRUE(gone.tells_that_sandbox_is_gone()) << gone;
  const Sandbox fresh = create(server);
  EXPECT_EQ(fresh.output("6 * 7"), "[1] 42\n");
  EXPECT_TRUE(fresh.remove().success());

  // The same server, now before an engine that answers nothing at all.
  engine_->hang();
  const int stuck = server.send_call("list_sandboxes", {{"include_inactive", true}});
  EXPECT_EQ(server.request("ping"), Json::object());
  EXPECT_EQ(server.request("tools/list").at("tools").size(), 4U);
  EXPECT_TRUE(server.finish_call(stuck, 90s).is_error());
  engine_->go_on();
  EXPECT_TRUE(eventually([&] { return server.call("list_sandboxes").success(); }, 30s));
}

TEST_F(Engine, ThatHangsAtAnyMomentCostsNoMoreThanTheCallsUnderWay) {
  std::mt19937 chance{20261128};
  Server& server = start_on_it({{"WARM_POOL", "0"}});
  const Sandbox kept = create(server);
  kept.run("x <- 'kept'");
  for (const bool for_long : {false, true, false, false}) {
    SCOPED_TRACE(for_long ? "for long" : "for a moment");
    const Calls calls = begin_calls(kept, create(server));
    std::this_thread::sleep_for(std::chrono::milliseconds(chance() % 500));
    engine_->hang();
    EXPECT_EQ(server.request("ping"), Json::object());
    if (for_long) {
      Server& late = start_on_it({{"WARM_POOL", "0"}});
      expect_unavailable(late.call("create_sandbox"));
      late.close_input();
      EXPECT_EQ(late.wait_for_end().code, 0);
      for (const int call : {calls.create, calls.list, calls.remove}) {
        expect_answer_or_advice(server, call);
      }
      engine_->go_on();
      expect_answer_or_advice(server, calls.execute);
    } else {
      engine_->go_on();
      for (const int call : {calls.create, calls.list, calls.remove}) {
        const ToolResult slow = server.finish_call(call);
        EXPECT_TRUE(slow.success()) << slow;
      }
      EXPECT_EQ(server.finish_call(calls.execute, 120s).output(), "kept");
    }
    EXPECT_EQ(kept.output("cat(x)"), "kept");
  }
  expect_agreement(server);

  // One that ends while nothing answers leaves what it made to the next, which finds it.
  Server& leaving = start_on_it({{"WARM_POOL", "0"}});
  const Sandbox left = create(leaving);
  engine_->hang();
  leaving.close_input();
  EXPECT_EQ(leaving.wait_for_end(30s).code, 0);
  engine_->go_on();
  EXPECT_EQ(left.through(server).output("1 + 1"), "[1] 2\n");
  remove_all(server);
}

TEST_F(Engine, ThatCrashesAtAnyMomentIsToldAndLeavesNothing) {
  std::mt19937 chance{20261128};
  Server& server = start_on_it({{"WARM_POOL", "0"}, {"SANDBOX_TIMEOUT", "20"}});
  for (int round = 0; round < 4; ++round) {
    const Sandbox kept = create(server);
    kept.run("x <- 'kept'");
    const Calls calls = begin_calls(kept, create(server));
    std::this_thread::sleep_for(std::chrono::milliseconds(chance() % 600));
    engine_->kill();
    for (const int call : {calls.create, calls.list, calls.execute, calls.remove}) {
      expect_answer_or_advice(server, call);
    }
    expect_unavailable(ask(server));
    expect_unavailable(start_on_it({{"WARM_POOL", "0"}}).call("create_sandbox"));
    engine_->start();
    expect_agreement(server);
  }
  const Sandbox fresh = create(server);
  EXPECT_EQ(fresh.output("6 * 7"), "[1] 42\n");
  // Down when its time is up: it is reaped all the same.
  engine_->kill();
  engine_->start();
  EXPECT_TRUE(eventually([this] { return containers().empty(); }, 90s));
  expect_agreement(server);
}

// Whatever listens there speaks no HTTP, or cuts it off in the middle.
TEST_F(ServerTest, AnEngineThatAnswersGarbageIsToldWithAdvice) {
  for (const std::string answer :
       {"head -c 100000 /dev/urandom", "true", "printf 'HTTP/1.1 200 OK\\r\\n\\r\\n{]'",
        "printf 'HTTP/1.1 500 No\\r\\nContent-Length: 99\\r\\n\\r\\n{'", "yes"}) {
    SCOPED_TRACE(answer);
    const std::filesystem::path socket = folder() / "garbage";
    std::filesystem::remove(socket);
    Child listener({{"socat", "UNIX-LISTEN:" + socket.string() + ",fork", "SYSTEM:" + answer},
                    {},
                    {},
                    {},
                    {}});
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(socket); }, 10s));
    Server& server = start({{{"DOCKER_HOST", "unix://" + socket.string()}}, {}, true, {}});
    for (const char* tool : {"create_sandbox", "list_sandboxes"}) {
      const ToolResult result = server.call(tool);
      EXPECT_TRUE(result.is_error()) << result;
      EXPECT_GT(result.error_message().size(), 30U) << result;
    }
    const Finished told = run(ChildSpec{{binary(), "doctor"},
                                        environment({{"DOCKER_HOST", "unix://" + socket.string()}}),
                                        folder() / "work",
                                        {},
                                        {}});
    EXPECT_EQ(told.ending.code, 1) << told.output;
    EXPECT_EQ(server.request("ping"), Json::object());
    server.close_input();
    EXPECT_EQ(server.wait_for_end().code, 0);
  }
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
    const Finished told = doctor(there);
    EXPECT_EQ(told.ending.code, 0) << told.output;
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

/// gVisor, as docs/engines.md says how to set it up.
class Runsc : public Engine {
 protected:
  void SetUp() override {
    const std::string program = environment_or("OMCP_TEST_RUNSC", "");
    ASSERT_NE(program, "") << "OMCP_TEST_RUNSC names the program of gVisor";
    set_up({{},
            {},
            false,
            R"({"runtimes": {"runsc": {"path": ")" + program +
                R"(", "runtimeArgs": ["--platform=systrap", "--network=none"]}}})"});
  }
  [[nodiscard]] Environment there() const {
    return {{"DOCKER_HOST", engine_->address().host}, {"RUNTIME", "runsc"}};
  }
};

TEST_F(Runsc, HasAKernelOfItsOwnInWhichAllIsAsElsewhere) {
  Server& first = start({there(), {}, true, {}});
  const Sandbox box = create(first);
  EXPECT_EQ(box.output("x <- 6 * 7; x"), "[1] 42\n");
  EXPECT_EQ(box.output("Sys.info()[['release']]"), "[1] \"4.4.0\"\n");
  EXPECT_EQ(box.output("readLines('/proc/self/status') |> grep('^CapBnd:', x = _, value = TRUE)"),
            "[1] \"CapBnd:\\t0000000000000000\"\n");
  EXPECT_EQ(box.output("file.copy('/usr/bin/id', '/tmp/id') && Sys.chmod('/tmp/id', '0755');"
                       "print(suppressWarnings(system('/tmp/id', ignore.stderr = TRUE)))"),
            "[1] TRUE\n[1] 126\n");
  EXPECT_EQ(box.run("plot(1:3)").images().size(), 1U);
  EXPECT_TRUE(contains(box.run("Sys.sleep(60)", {{"timeout", 1}}).shown(), "execution_timeout"));
  first.kill(SIGKILL);
  const Sandbox again = box.through(start({there(), {}, true, {}}));
  EXPECT_EQ(again.output("x"), "[1] 42\n");
  EXPECT_TRUE(again.remove().success());
  const Finished told = doctor(there());
  EXPECT_EQ(told.ending.code, 0) << told.output;
  EXPECT_TRUE(contains(told.output, "in the hands of the runtime's own kernel")) << told.output;
}

// Too few tasks on the machine would end the sandbox, and not the bomb.
TEST_F(Runsc, AForkBombLeavesTheSession) {
  Environment few = there();
  few["SANDBOX_PIDS"] = "64";
  const Sandbox box = create(start({few, {}, true, {}}));
  box.output("x <- 42");
  box.run("system('for i in $(seq 400); do sleep 3 & done; wait', ignore.stderr = TRUE)",
          {{"timeout", 60}, {"wait", 60}});
  EXPECT_EQ(box.output("x"), "[1] 42\n");
}

}  // namespace
}  // namespace omcp_r::e2e
