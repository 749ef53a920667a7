// Servers, docker clients and disks that fail at any moment: nothing is lost that should live,
// nothing is left that should not.

#include <sys/mount.h>
#include <sys/resource.h>

#include <fstream>
#include <random>

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

class Faults : public SandboxTest {
 public:
  /// A server whose docker client does `what`, a shell command, before each call of `verb`.
  Server& with_client(const std::string& verb, const std::string& what, Environment more = {}) {
    const std::filesystem::path client = folder() / ("docker-" + verb);
    write_file(client, "#!/bin/bash\nif [ \"$1\" = " + verb + " ]; then " + what + "; fi\nexec " +
                           test_engine() + " \"$@\"\n");
    std::filesystem::permissions(client, std::filesystem::perms::owner_all);
    more["DOCKER"] = client;
    return start({more, {}, true, {}});
  }
  struct Fault {
    const char* verb;
    const char* what;
  };
  /// A server whose docker client has the fault while the file `on` is there.
  Server& with_fault(const Fault& fault, const std::filesystem::path& on) {
    return with_client(fault.verb, "[ -e " + on.string() + " ] && { " + fault.what + "; }",
                       {{"WARM_POOL", "0"}});
  }
  void TearDown() override {
    SandboxTest::TearDown();
    if (!mounted_.empty()) {
      ::umount2(mounted_.c_str(), MNT_DETACH);
    }
  }
  [[nodiscard]] std::size_t count_zombies(Server& server) const {
    std::size_t zombies = 0;
    for (const pid_t child : server.children()) {
      const std::string stat = read_file("/proc/" + std::to_string(child) + "/stat");
      zombies += contains(stat, ") Z ") ? 1U : 0U;
    }
    return zombies;
  }

 protected:
  std::filesystem::path mounted_;
};

// 200 creates and removes from three processes, each killed again and again at any moment. After
// each kill a second and a third call of another server work.
TEST_F(Faults, KilledServersNeitherLoseNorLeaveAnything) {
  std::mt19937 chance{20261124};
  const Environment quick{{"SANDBOX_TIMEOUT", "20"}, {"MAX_SANDBOXES", "6"}, {"WARM_POOL", "0"}};
  Server& steady = start({quick, {}, true, {}});
  const Sandbox kept = create(steady);
  kept.run("x <- 'kept'");
  int changes = 0;
  while (changes < 200) {
    Server* const doomed[2] = {&start({quick, {}, true, {}}), &start({quick, {}, true, {}})};
    const auto moment = std::chrono::milliseconds(100 + chance() % 1500);
    const auto end = std::chrono::steady_clock::now() + moment;
    std::vector<int> calls[2];
    std::vector<std::string> made[2];
    while (std::chrono::steady_clock::now() < end) {
      for (int i = 0; i < 2; ++i) {
        calls[i].push_back(doomed[i]->send_call("create_sandbox"));
        ++changes;
        if (doomed[i]->answered(calls[i].back(), 700ms)) {
          const ToolResult result = doomed[i]->finish_call(calls[i].back());
          if (result.success()) {
            doomed[i]->send_call("remove_sandbox",
                                 {{"sandbox_id", result.data().at("sandbox_id")}, {"force", true}});
            ++changes;
          }
        }
      }
    }
    for (Server* server : doomed) {
      server->kill(SIGKILL);
      server->wait_for_end();
    }
    EXPECT_EQ(kept.output("x"), "[1] \"kept\"\n");
    EXPECT_TRUE(steady.call("list_sandboxes").success());
  }
  // What they were making when they died ends by itself, soon after its idle timeout; the other one
  // is used meanwhile.
  EXPECT_TRUE(eventually(
      [&] {
        kept.run("x");
        return steady.call("list_sandboxes").data().at("count") == 1 && containers().size() == 1;
      },
      90s))
      << steady.call("list_sandboxes");
  EXPECT_EQ(kept.output("x"), "[1] \"kept\"\n");
  EXPECT_EQ(count_zombies(steady), 0U);
  EXPECT_TRUE(eventually([&] { return helpers().empty() || steady.children().size() <= 2; }, 10s));
}

TEST_F(Faults, TwoServersRaceForTheLastPlaceAndOneGetsIt) {
  const Environment two{{"MAX_SANDBOXES", "2"}, {"WARM_POOL", "0"}};
  Server& a = start({two, {}, true, {}});
  Server& b = start({two, {}, true, {}});
  const Sandbox first = create(a);
  for (int round = 0; round < 5; ++round) {
    const int from_a = a.send_call("create_sandbox");
    const int from_b = b.send_call("create_sandbox");
    const ToolResult one = a.finish_call(from_a);
    const ToolResult other = b.finish_call(from_b);
    EXPECT_NE(one.success(), other.success()) << one << other;
    const ToolResult& lost = one.success() ? other : one;
    const ToolResult& won = one.success() ? one : other;
    EXPECT_EQ(lost.error_code(), "max_sandboxes_reached") << lost;
    const Sandbox box{one.success() ? a : b, won.data().at("sandbox_id").get<std::string>()};
    EXPECT_TRUE(box.remove(true).success());
  }
}

// In each phase: the client dies, prints garbage, or takes long.
TEST_F(Faults, AClientThatDiesLiesOrIsSlowCostsItsCallAndNothingElse) {
  for (const Fault& fault :
       {Fault{"run", "kill -9 $$"}, Fault{"run", "echo nonsense; exit 0"},
        Fault{"run", "echo garbage >&2; exit 125"}, Fault{"inspect", "kill -9 $$"},
        Fault{"inspect", "echo '{]'; exit 0"}, Fault{"ps", "head -c 3000000 /dev/zero; exit 0"},
        Fault{"info", "exit 1"}, Fault{"attach", "exit 1"}, Fault{"attach", "yes; exit 0"}}) {
    SCOPED_TRACE(std::string(fault.verb) + ": " + fault.what);
    const std::filesystem::path on = folder() / "fault";
    write_file(on, "");
    Server& server = with_fault(fault, on);
    const ToolResult failed = server.call("create_sandbox");
    EXPECT_TRUE(failed.is_error()) << failed;
    EXPECT_GT(failed.error_message().size(), 20U) << failed;
    EXPECT_EQ(server.request("ping"), Json::object());
    std::filesystem::remove(on);
    const ToolResult made = server.call("create_sandbox");
    ASSERT_TRUE(made.success()) << made;
    const Sandbox box{server, made.data().at("sandbox_id").get<std::string>()};
    EXPECT_EQ(box.output("6 * 7"), "[1] 42\n");
    EXPECT_TRUE(box.remove(true).success());
    server.close_input();
    EXPECT_EQ(server.wait_for_end().code, 0);
    EXPECT_TRUE(eventually([&] { return containers().empty(); }, 20s)) << "a container was left";
  }
}

// The same of a sandbox that lives: what was said to be removed is gone, what was not can be.
TEST_F(Faults, AClientThatFailsAtASandboxThatLivesLosesNothing) {
  for (const Fault& fault :
       {Fault{"rm", "kill -9 $$"}, Fault{"rm", "echo nonsense; exit 0"},
        Fault{"rm", "echo garbage >&2; exit 1"}, Fault{"kill", "kill -9 $$"},
        Fault{"kill", "exit 1"}, Fault{"ps", "echo nonsense; exit 0"}, Fault{"ps", "kill -9 $$"},
        Fault{"inspect", "echo '{]'; exit 0"}, Fault{"inspect", "kill -9 $$"}}) {
    SCOPED_TRACE(std::string(fault.verb) + ": " + fault.what);
    const std::filesystem::path on = folder() / "fault";
    Server& server = with_fault(fault, on);
    const Sandbox kept = create(server);
    const Sandbox unwanted = create(server);
    kept.run("x <- 'kept'");
    write_file(on, "");
    const ToolResult listed = server.call("list_sandboxes");
    if (listed.is_error()) {
      EXPECT_GT(listed.error_message().size(), 20U) << listed;
    }
    EXPECT_EQ(kept.output("cat(x)"), "kept");
    const ToolResult removed = unwanted.remove(true);
    if (removed.is_error()) {
      EXPECT_GT(removed.error_message().size(), 20U) << removed;
    }
    if (removed.success()) {
      EXPECT_TRUE(eventually([&] { return container(unwanted).empty(); }, 20s)) << removed;
    }
    std::filesystem::remove(on);
    if (removed.is_error()) {
      const ToolResult again = unwanted.remove(true);
      EXPECT_TRUE(again.success() || again.tells_that_sandbox_is_gone()) << again;
    }
    EXPECT_EQ(kept.output("cat(x)"), "kept");
    EXPECT_EQ(server.call("list_sandboxes").data().at("count"), 1);
    EXPECT_TRUE(kept.remove(true).success());
    EXPECT_TRUE(eventually([&] { return containers().empty(); }, 20s)) << "a container was left";
    server.close_input();
    EXPECT_EQ(server.wait_for_end().code, 0);
  }
}

TEST_F(Faults, WithoutDescriptorsLeftTheServerSaysSoAndGoesOn) {
  Server& server = start({{{"WARM_POOL", "0"}}, {}, true, {}});
  const Sandbox box = create(server);
  rlimit before{};
  ASSERT_EQ(::prlimit(server.pid(), RLIMIT_NOFILE, nullptr, &before), 0);
  const rlimit few{server.open_descriptors() + 1, before.rlim_max};
  ASSERT_EQ(::prlimit(server.pid(), RLIMIT_NOFILE, &few, nullptr), 0);
  const ToolResult failed = server.call("create_sandbox");
  EXPECT_TRUE(failed.is_error()) << failed;
  EXPECT_EQ(server.request("ping"), Json::object());
  ASSERT_EQ(::prlimit(server.pid(), RLIMIT_NOFILE, &before, nullptr), 0);
  EXPECT_EQ(box.output("cat('as ever')"), "as ever");
  EXPECT_TRUE(create(server).remove().success());
}

TEST_F(Faults, AFullDiskUnderTheStateOrTheOutputIsToldAndRecoveredFrom) {
  const std::filesystem::path disk = folder() / "disk";
  std::filesystem::create_directory(disk);
  if (::mount("none", disk.c_str(), "tmpfs", 0, "size=256k") != 0) {
    GTEST_SKIP() << "this user may not mount";
  }
  mounted_ = disk;
  Server& server = start(
      {{{"STATE_DIR", disk / "state"}, {"OUTPUT_DIR", disk}, {"WARM_POOL", "0"}}, {}, true, {}});
  const Sandbox box = create(server);
  const ToolResult saved = box.run("writeLines('x', 'a.txt')");
  EXPECT_TRUE(contains(saved.data().at("files").dump(), "nearly full")) << saved;
  EXPECT_FALSE(std::filesystem::exists(disk / box.id() / "a.txt"));
  std::ofstream{disk / "fill"} << std::string(1 << 20, 'x');  // as much of it as there is room for
  const ToolResult refused = server.call("create_sandbox");
  EXPECT_TRUE(refused.is_error()) << refused;
  EXPECT_TRUE(contains(refused.error_message(), "state folder")) << refused;
  EXPECT_EQ(box.output("cat('as ever')"), "as ever") << "what lives goes on";
  std::filesystem::remove(disk / "fill");
  EXPECT_TRUE(create(server).remove().success());
  EXPECT_TRUE(box.remove(true).success());
}

TEST_F(Faults, AContainerKilledForMemoryIsToldAsThat) {
  const Sandbox box = sandbox();
  const ToolResult dead = box.run(
      "system('head -c 900m /dev/zero | tail -c 900m > /dev/null'); x <- numeric(3e7); cat('on')",
      Json{{"timeout", 60}});
  EXPECT_FALSE(dead.result.empty());
  EXPECT_EQ(server().request("ping"), Json::object());
  EXPECT_EQ(sandbox().output("cat('another')"), "another");
}

}  // namespace
}  // namespace omcp_r::e2e
