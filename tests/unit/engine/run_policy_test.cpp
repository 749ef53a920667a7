#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/run_policy.hpp"
#include "support.hpp"

namespace omcp_r::engine {
namespace {

using Arguments = std::vector<std::string>;

// The whole list, on purpose: whoever changes the isolation changes this test and says why.
TEST(RunPolicy, IsThisAndNothingElse) {
  Spec spec = small_spec();
  spec.identity.scope = "x,y=z";
  spec.environment = {{"LANG", "C.UTF-8"}, {"TZ", "UTC"}};
  spec.isolation.folders = {{"/home/me/data, \"old\"", "/data"}};
  spec.isolation.runtime = "runsc";
  const EngineFeatures features{
      .pull_never = true, .private_cgroupns = true, .bind_recursive = true};
  const Arguments expected{
      "run",
      "--detach",
      "--interactive",
      "--rm",
      "--init=false",
      "--name=omcp-r-test",
      "--label=omcp-r.domain=here",
      "--label=omcp-r.id=test",
      "--label=omcp-r.idle=300",
      "--label=omcp-r.lifetime=86400",
      "--label=omcp-r.managed=1",
      "--label=omcp-r.protocol=2",
      "--label=omcp-r.role=sandbox",
      "--label=omcp-r.scope=x,y=z",
      "--network=none",
      "--read-only",
      "--cap-drop=ALL",
      "--security-opt=no-new-privileges",
      "--log-driver=none",
      "--no-healthcheck",
      "--stop-timeout=0",
      "--oom-score-adj=500",
      "--ulimit=core=0:0",
      "--hostname=sandbox",
      "--workdir=/sandbox",
      "--user=65532:65532",
      "--memory=67108864",
      "--memory-swap=67108864",
      "--cpus=0.500",
      "--pids-limit=576",  // gVisor has tasks of its own
      "--ulimit=nofile=512:512",
      "--ulimit=fsize=1048576:1048576",
      "--tmpfs=/tmp:rw,noexec,nosuid,nodev,size=4194304,nr_inodes=65536,mode=1777",
      "--tmpfs=/sandbox:rw,noexec,nosuid,nodev,size=8388608,nr_inodes=65536,"
      "uid=65532,gid=65532,mode=0700",
      "--ipc=private",
      "--shm-size=1048576",
      "--cgroupns=private",
      "--pull=never",
      "--runtime=runsc",
      "--ulimit=nproc=32:32",
      "--security-opt=seccomp=/dev/stdin",
      "--env=ALL_PROXY=",
      "--env=FTP_PROXY=",
      "--env=HTTP_PROXY=",
      "--env=HTTPS_PROXY=",
      "--env=NO_PROXY=",
      "--env=all_proxy=",
      "--env=ftp_proxy=",
      "--env=http_proxy=",
      "--env=https_proxy=",
      "--env=no_proxy=",
      "--env=LANG=C.UTF-8",
      "--env=TZ=UTC",
      "--mount=type=bind,\"source=/home/me/data, \"\"old\"\"\",\"target=/data\",readonly,"
      "bind-recursive=disabled",
      "--entrypoint=sh",
      "--",
      "omcp-r-test:bookworm",
      "-c",
      "exec cat",
  };
  EXPECT_EQ(docker_run_argv(spec, features), expected);
}

bool has(const Arguments& argv, const std::string& argument) {
  return std::find(argv.begin(), argv.end(), argument) != argv.end();
}

TEST(RunPolicy, LetsWhatLiesInTmpRunWhereThatIsAskedAndNothingElse) {
  Spec spec;
  spec.identity.id = "u";
  spec.image = "r:1";
  spec.program = {"sh"};
  const Arguments usual = docker_run_argv(spec, {});
  spec.isolation.exec_tmp = true;
  Arguments changed = docker_run_argv(spec, {});
  ASSERT_EQ(changed.size(), usual.size());
  const auto [mine, theirs] = std::mismatch(changed.begin(), changed.end(), usual.begin());
  EXPECT_TRUE(mine->starts_with("--tmpfs=/tmp:rw,exec,nosuid,nodev,")) << *mine;
  *mine = *theirs;
  EXPECT_EQ(changed, usual);
}

// A spec that names nothing but what it must: every default is safe.
TEST(RunPolicy, IsThisWhereNothingIsChosen) {
  Spec spec;
  spec.identity.id = "u";
  spec.identity.role = Role::kSpare;
  spec.image = "r:1";
  spec.program = {"sh"};
  ASSERT_TRUE(check_isolation(spec));
  const Arguments expected{
      "run",
      "--detach",
      "--interactive",
      "--rm",
      "--init=false",
      "--name=omcp-r-spare-u",
      "--label=omcp-r.domain=",
      "--label=omcp-r.id=u",
      "--label=omcp-r.idle=300",
      "--label=omcp-r.lifetime=86400",
      "--label=omcp-r.managed=1",
      "--label=omcp-r.protocol=0",
      "--label=omcp-r.role=spare",
      "--label=omcp-r.scope=",
      "--network=none",
      "--read-only",
      "--cap-drop=ALL",
      "--security-opt=no-new-privileges",
      "--log-driver=none",
      "--no-healthcheck",
      "--stop-timeout=0",
      "--oom-score-adj=500",
      "--ulimit=core=0:0",
      "--hostname=sandbox",
      "--workdir=/sandbox",
      "--user=65532:65532",
      "--memory=536870912",
      "--memory-swap=536870912",
      "--cpus=1.000",
      "--pids-limit=128",
      "--ulimit=nofile=1024:1024",
      "--ulimit=fsize=134217728:134217728",
      "--tmpfs=/tmp:rw,noexec,nosuid,nodev,size=67108864,nr_inodes=65536,mode=1777",
      "--tmpfs=/sandbox:rw,noexec,nosuid,nodev,size=134217728,nr_inodes=65536,"
      "uid=65532,gid=65532,mode=0700",
      "--ipc=private",
      "--shm-size=33554432",
      "--pull=never",
      "--security-opt=seccomp=/dev/stdin",
      "--env=ALL_PROXY=",
      "--env=FTP_PROXY=",
      "--env=HTTP_PROXY=",
      "--env=HTTPS_PROXY=",
      "--env=NO_PROXY=",
      "--env=all_proxy=",
      "--env=ftp_proxy=",
      "--env=http_proxy=",
      "--env=https_proxy=",
      "--env=no_proxy=",
      "--entrypoint=sh",
      "--",
      "r:1",
  };
  EXPECT_EQ(docker_run_argv(spec, {}), expected);
}

TEST(RunPolicy, WhatIsMountedBelowAFolderIsLeftOutByAnyClient) {
  Spec spec = small_spec();
  spec.isolation.folders = {{"/data", "/data"}};
  const std::string mount = "--mount=type=bind,\"source=/data\",\"target=/data\",readonly,";
  EXPECT_TRUE(has(docker_run_argv(spec, {}), mount + "bind-nonrecursive=true"));
  EXPECT_TRUE(
      has(docker_run_argv(spec, {.bind_recursive = true}), mount + "bind-recursive=disabled"));
}

TEST(RunPolicy, AnImageWithVolumesIsNotHeldByTheLimits) {
  Isolation asked;
  AppliedLimits applied{static_cast<std::int64_t>(asked.memory_bytes),
                        static_cast<std::int64_t>(asked.memory_bytes), asked.cpus, asked.processes,
                        0};
  EXPECT_TRUE(not_in_force(asked, applied).empty());
  applied.mounts = 1;
  ASSERT_EQ(not_in_force(asked, applied).size(), 1U);
  EXPECT_NE(not_in_force(asked, applied)[0].find("VOLUME"), std::string::npos);
  asked.folders = {{"/data", "/data"}};
  EXPECT_TRUE(not_in_force(asked, applied).empty());
}

TEST(RunPolicy, AllSystemCallsThatWereSeenAreAllowed) {
  std::set<std::string> allowed;
  const auto profile = nlohmann::json::parse(docker_run_input(small_spec()));
  EXPECT_EQ(profile.at("defaultAction"), "SCMP_ACT_ERRNO");
  for (const auto& rule : profile.at("syscalls")) {
    for (const std::string name : rule.at("names")) {
      EXPECT_TRUE(allowed.insert(name).second || rule.contains("args")) << "twice: " << name;
      if (rule.at("action") != "SCMP_ACT_ALLOW") {
        allowed.erase(name);
      }
    }
  }
  std::ifstream traced{OMCP_TRACED_SYSTEM_CALLS};
  int count = 0;
  for (std::string line; std::getline(traced, line);) {
    const bool borne = line.starts_with('!');
    if (!line.starts_with('#')) {
      ++count;
      EXPECT_EQ(allowed.contains(line.substr(borne ? 1 : 0)), !borne) << line;
    }
  }
  EXPECT_GT(count, 90);
}

TEST(RunPolicy, SystemCallsAreOursTheEnginesOrThoseOfAProfile) {
  Spec spec = small_spec();
  EXPECT_TRUE(has(docker_run_argv(spec, {}), "--security-opt=seccomp=/dev/stdin"));
  EXPECT_TRUE(nlohmann::json::accept(docker_run_input(spec)));
  spec.isolation.system_calls = "engine";
  for (const std::string& argument : docker_run_argv(spec, {})) {
    EXPECT_EQ(argument.find("seccomp"), std::string::npos);
  }
  EXPECT_EQ(docker_run_input(spec), "");
  spec.isolation.system_calls = "/etc/my profile.json";
  EXPECT_TRUE(has(docker_run_argv(spec, {}), "--security-opt=seccomp=/etc/my profile.json"));
  EXPECT_EQ(docker_run_input(spec), "");
}

TEST(RunPolicy, WhatDoesNotHoldIsNamed) {
  using Words = std::vector<std::string>;
  const Isolation asked = small_spec().isolation;
  const AppliedLimits all{67108864, 67108864, 0.5, 32};
  EXPECT_EQ(not_in_force(asked, all), Words{});
  EXPECT_EQ(not_in_force(asked, {}), (Words{"memory", "memory with swap", "CPU", "processes"}));
  EXPECT_EQ(not_in_force(asked, {67108864, -1, 0.5, 32}), Words{"memory with swap"});
  EXPECT_EQ(not_in_force(asked, {67108864, 67108864, 2, 32}), Words{"CPU"});
  EXPECT_EQ(not_in_force(asked, {67108864, 67108864, 0.5, -1}), Words{"processes"});
}

TEST(RunPolicy, LeavesOutOnlyWhatTheEngineCannotDo) {
  const EngineFeatures features{.pull_never = false, .private_cgroupns = false};
  const Arguments with = docker_run_argv(small_spec(), {.private_cgroupns = true});
  const Arguments without = docker_run_argv(small_spec(), features);
  EXPECT_EQ(without.size() + 2, with.size());
  EXPECT_FALSE(has(without, "--pull=never"));
  EXPECT_FALSE(has(without, "--cgroupns=private"));
}

TEST(RunPolicy, WithoutSharedMemoryThereIsNoIpcAtAll) {
  Spec spec = small_spec();
  spec.isolation.shared_memory_bytes = 0;  // --shm-size=0 would mean the engine's default
  EXPECT_TRUE(has(docker_run_argv(spec, {}), "--ipc=none"));
}

TEST(RunPolicy, AnImageCannotBeAnOption) {
  Spec spec = small_spec();
  spec.image = "--privileged";
  const Arguments argv = docker_run_argv(spec, {});
  const auto end = std::find(argv.begin(), argv.end(), "--");
  EXPECT_LT(end, std::find(argv.begin(), argv.end(), "--privileged"));
}

TEST(RunPolicy, LongScriptsTravelUnaltered) {
  Spec spec = small_spec();
  spec.program = {"sh", "-c", std::string(100'000, '\''), "$x `y` \n\t é"};
  const Arguments argv = docker_run_argv(spec, {});
  EXPECT_EQ(argv[argv.size() - 2], spec.program[2]);
  EXPECT_EQ(argv.back(), spec.program[3]);
}

struct BadSpec {
  const char* what;
  void (*spoil)(Spec&);
};
void PrintTo(const BadSpec& bad, std::ostream* out) {
  *out << bad.what;
}

class IsolationRefuses : public testing::TestWithParam<BadSpec> {};

// Zero means "no limit" to an engine, so a forgotten limit must not get that far.
TEST_P(IsolationRefuses, ASpecThatWouldFailOpen) {
  Spec spec = small_spec();
  EXPECT_TRUE(check_isolation(spec));
  GetParam().spoil(spec);
  const auto status = check_isolation(spec);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(
    RunPolicy, IsolationRefuses,
    testing::Values(BadSpec{"no memory", [](Spec& s) { s.isolation.memory_bytes = 0; }},
                    BadSpec{"no cpus", [](Spec& s) { s.isolation.cpus = 0; }},
                    BadSpec{"cpus that round to none", [](Spec& s) { s.isolation.cpus = 0.0001; }},
                    BadSpec{"no processes", [](Spec& s) { s.isolation.processes = 0; }},
                    BadSpec{"unlimited processes", [](Spec& s) { s.isolation.processes = -1; }},
                    BadSpec{"no open files", [](Spec& s) { s.isolation.open_files = 0; }},
                    BadSpec{"no file size", [](Spec& s) { s.isolation.file_bytes = 0; }},
                    BadSpec{"no tmp size", [](Spec& s) { s.isolation.tmp_bytes = 0; }},
                    BadSpec{"no work size", [](Spec& s) { s.isolation.work_bytes = 0; }},
                    BadSpec{"root", [](Spec& s) { s.isolation.user = "0:0"; }},
                    BadSpec{"root in disguise", [](Spec& s) { s.isolation.user = "00:1"; }},
                    BadSpec{"root's group", [](Spec& s) { s.isolation.user = "1000:0"; }},
                    BadSpec{"no group", [](Spec& s) { s.isolation.user = "1000"; }},
                    BadSpec{"a name", [](Spec& s) { s.isolation.user = "root:root"; }},
                    BadSpec{"more than a user",
                            [](Spec& s) { s.isolation.user = "1:1,mode=0777"; }},
                    BadSpec{"no user", [](Spec& s) { s.isolation.user = ""; }},
                    BadSpec{"no id", [](Spec& s) { s.identity.id = ""; }},
                    BadSpec{"no image", [](Spec& s) { s.image = ""; }},
                    BadSpec{"the image's program", [](Spec& s) { s.program.clear(); }}));

}  // namespace
}  // namespace omcp_r::engine
