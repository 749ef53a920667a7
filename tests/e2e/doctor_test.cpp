// What doctor says of a real engine, and of a sandbox whose policy lacks something.

#include <csignal>

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

class Doctor : public SandboxTest {
 protected:
  [[nodiscard]] ChildSpec spec(Argv arguments, const Environment& changes = {}) const {
    arguments.insert(arguments.begin(), {binary(), "doctor"});
    return {arguments, environment(changes), folder() / "work", folder() / "stderr", {}};
  }
  [[nodiscard]] Finished type(const Argv& arguments, const Environment& changes = {}) const {
    return e2e::run(spec(arguments, changes), "", 120s);
  }
  /// By their ids "STATUS: FOUND -> ADVICE".
  static std::map<std::string, std::string> checks_in(const Finished& told) {
    std::map<std::string, std::string> checks;
    const Json document = Json::parse(told.output);
    for (const Json& one : document.at("checks")) {
      checks[one.at("id")] = one.at("status").get<std::string>() + ": " +
                             one.at("found").get<std::string>() + " -> " +
                             one.at("advice").get<std::string>();
    }
    EXPECT_EQ(document.at("ok").get<bool>(), told.ending.code == 0) << told.output;
    return checks;
  }
  void expect_nothing_left() const { EXPECT_TRUE(containers().empty()); }
};

TEST_F(Doctor, FindsTheSandboxesOfThisServerHeld) {
  std::filesystem::create_directories(folder() / "data");
  std::filesystem::create_directories(folder() / "output");
  // A sandbox's user goes through all folders above.
  std::filesystem::permissions(folder(), std::filesystem::perms{0755});
  const Finished told =
      type({"--json"}, {{"DATA_DIR", folder() / "data"}, {"OUTPUT_DIR", folder() / "output"}});
  EXPECT_EQ(told.ending.code, 0) << told.output;
  auto checks = checks_in(told);
  EXPECT_TRUE(checks["engine.answers"].starts_with("ok")) << checks["engine.answers"];
  EXPECT_TRUE(checks["image.there." + test_image()].starts_with("ok"));
  EXPECT_TRUE(contains(checks["sandbox.r"], "R 4.")) << checks["sandbox.r"];
  EXPECT_TRUE(contains(checks["sandbox.data"], "read-only")) << checks["sandbox.data"];
  EXPECT_TRUE(checks["folders.state"].starts_with("ok")) << checks["folders.state"];
  EXPECT_TRUE(checks["folders.output"].starts_with("ok")) << checks["folders.output"];
  int held = 0;
  for (const auto& [id, text] : checks) {
    if (!id.starts_with("sandbox.")) continue;
    // Depends on Yama of the engine's machine.
    EXPECT_TRUE(text.starts_with("ok") || id == "sandbox.supervisor") << id << ": " << text;
    EXPECT_FALSE(contains(text, "as the engine says") && id == "sandbox.processes") << text;
    ++held;
  }
  EXPECT_GE(held, 23);
  EXPECT_TRUE(std::filesystem::is_empty(folder() / "data"));
  expect_nothing_left();
}

TEST_F(Doctor, SaysSoInLines) {
  const Finished told = type({});
  EXPECT_EQ(told.ending.code, 0) << told.output;
  for (const char* line :
       {"Engine\n", "  ok       Answers ", "  ok       Capabilities          none\n",
        "  ok       System calls          filtered\n", "\nNothing fails; "}) {
    EXPECT_TRUE(contains(told.output, line)) << line << "\n" << told.output;
  }
  expect_nothing_left();
}

TEST_F(Doctor, SaysHowToGetAnImageThatIsNotThere) {
  const Finished told = type({"--json", "--docker-image", "no-such-image:1"});
  EXPECT_EQ(told.ending.code, 1);
  auto checks = checks_in(told);
  const std::string& image = checks["image.there.no-such-image:1"];
  EXPECT_TRUE(image.starts_with("failure") && contains(image, "PULL=missing gets it")) << image;
  EXPECT_TRUE(checks["sandbox.starts"].starts_with("unknown")) << checks["sandbox.starts"];
  expect_nothing_left();
}

TEST_F(Doctor, RemovesItsSandboxAtCtrlC) {
  Child child{spec({"--json"})};
  ASSERT_TRUE(eventually([this] { return !containers().empty(); }, 60s));
  child.kill(SIGINT);
  const auto ending = child.wait(60s);
  ASSERT_TRUE(ending);
  EXPECT_EQ(ending->code, 130) << read_file(folder() / "stderr");
  expect_nothing_left();
}

// Its sandbox has been removed by then.
TEST_F(Doctor, EndsAtOnceWhereItWaitsForAHost) {
  const auto sign = folder() / "began";
  const auto host = folder() / "slow-server";
  write_file(host, "#!/bin/sh\necho $$ >" + sign.string() + "\nexec sleep 1000\n");
  std::filesystem::permissions(host, std::filesystem::perms::owner_all);
  std::filesystem::create_directories(folder() / "home/.cursor");
  const Json entry{{"mcpServers", {{"omcp-r-sandbox", {{"command", host.string()}}}}}};
  write_file(folder() / "home/.cursor/mcp.json", entry.dump());
  Child child{spec({})};
  ASSERT_TRUE(eventually([&] { return !read_file(sign).empty(); }, 30s));
  child.kill(SIGINT);
  const auto ending = child.wait(60s);
  ASSERT_TRUE(ending);
  EXPECT_EQ(ending->signal, SIGINT);
  const std::filesystem::path process = "/proc/" + trimmed(read_file(sign));
  EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(process); }, 10s));
  expect_nothing_left();
}

/// What is done to one flag, and which check says so; "" instead leaves the flag out.
struct Mutation {
  const char* name;
  const char* flag;
  const char* instead;
  const char* check;
  const char* says;
  const char* seccomp = "default";
};

void PrintTo(const Mutation& mutation, std::ostream* out) {
  *out << mutation.flag << " -> " << mutation.instead;
}

class DoctorSees : public Doctor, public testing::WithParamInterface<Mutation> {};

TEST_P(DoctorSees, APolicyWithoutThisFlag) {
  const auto& [name, flag, instead, check, says, seccomp] = GetParam();
  const Finished told =
      type({"--json"}, {{"DOCKER", client_without(flag, instead)}, {"SECCOMP", seccomp}});
  EXPECT_EQ(told.ending.code, 1) << told.output;
  auto checks = checks_in(told);
  EXPECT_TRUE(checks[check].starts_with("failure: ")) << check << ": " << checks[check];
  EXPECT_TRUE(contains(checks[check], says)) << checks[check];
  expect_nothing_left();
}

// The limits that are read back are refused by whoever creates a sandbox, with the reason.
INSTANTIATE_TEST_SUITE_P(
    EachFlag, DoctorSees,
    testing::Values(
        Mutation{"read_only", "--read-only", "", "sandbox.root", "is not read-only"},
        Mutation{"cap_drop", "--cap-drop=", "", "sandbox.capabilities", "CapBnd="},
        Mutation{"no_new_privileges", "--security-opt=no-new", "", "sandbox.privileges",
                 "can be gained", "engine"},
        // Then runc filters before it has done what our list does not allow.
        Mutation{"no_new_privileges_with_our_list", "--security-opt=no-new", "", "sandbox.starts",
                 "could not start the container"},
        Mutation{"seccomp_off", "--security-opt=seccomp", "--security-opt=seccomp=unconfined",
                 "sandbox.seccomp", "not filtered"},
        Mutation{"seccomp_engines", "--security-opt=seccomp", "", "sandbox.seccomp",
                 "not by our list"},
        Mutation{"network", "--network=none", "", "sandbox.network", "eth0"},
        Mutation{"user", "--user=", "--user=65532:0", "sandbox.user", "gid 0, and not 65532:65532"},
        Mutation{"pids", "--pids-limit=", "", "sandbox.starts",
                 "not put these limits in force: pro"},
        Mutation{"memory", "--memory", "", "sandbox.starts", "limits in force: memory"},
        Mutation{"cpus", "--cpus=", "", "sandbox.starts", "limits in force: CPU"},
        Mutation{"core", "--ulimit=core", "", "sandbox.files", "core dumps"},
        Mutation{"nofile", "--ulimit=nofile", "", "sandbox.files", "open files"},
        Mutation{"tmpfs", "--tmpfs=/tmp", "--tmpfs=/tmp:rw,exec,mode=1777", "sandbox.folders",
                 "/tmp (noexec)"}),
    [](const auto& mutation) { return std::string(mutation.param.name); });

}  // namespace
}  // namespace omcp_r::e2e
