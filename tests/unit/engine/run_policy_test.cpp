#include <gtest/gtest.h>

#include "support.hpp"

namespace omcp_r::engine {
namespace {

using Arguments = std::vector<std::string>;

// The whole list, on purpose: whoever changes the isolation changes this test and says why.
TEST(RunPolicy, IsThisAndNothingElse) {
  ContainerSpec spec = small_spec();
  spec.labels = {{"a", "1"}, {"b", "x,y=z"}};
  spec.environment = {{"LANG", "C.UTF-8"}, {"TZ", "UTC"}};
  spec.mounts = {{"/home/me/data, \"old\"", "/data"}};
  spec.runtime = "runsc";
  const EngineFeatures features{.pull_never = true, .private_cgroupns = true};
  const Arguments expected{
      "run",
      "--detach",
      "--interactive",
      "--rm",
      "--init=false",
      "--name=omcp-test",
      "--label=a=1",
      "--label=b=x,y=z",
      "--network=none",
      "--read-only",
      "--cap-drop=ALL",
      "--security-opt=no-new-privileges",
      "--log-driver=none",
      "--no-healthcheck",
      "--stop-timeout=0",
      "--oom-score-adj=500",
      "--ulimit=core=0:0",
      "--ulimit=nofile=1024:1024",
      "--hostname=sandbox",
      "--workdir=/sandbox",
      "--user=65532:65532",
      "--memory=67108864",
      "--memory-swap=67108864",
      "--cpus=0.500",
      "--pids-limit=32",
      "--ulimit=fsize=1048576:1048576",
      "--tmpfs=/tmp:rw,noexec,nosuid,nodev,size=4194304,nr_inodes=65536,mode=1777",
      "--tmpfs=/sandbox:rw,noexec,nosuid,nodev,size=8388608,nr_inodes=65536,"
      "uid=65532,gid=65532,mode=0700",
      "--ipc=private",
      "--shm-size=1048576",
      "--cgroupns=private",
      "--pull=never",
      "--runtime=runsc",
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
      "--mount=type=bind,\"source=/home/me/data, \"\"old\"\"\",\"target=/data\",readonly",
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

TEST(RunPolicy, LeavesOutOnlyWhatTheEngineCannotDo) {
  const EngineFeatures features{.pull_never = false, .private_cgroupns = false};
  const Arguments with = docker_run_argv(small_spec(), {.private_cgroupns = true});
  const Arguments without = docker_run_argv(small_spec(), features);
  EXPECT_EQ(without.size() + 2, with.size());
  EXPECT_FALSE(has(without, "--pull=never"));
  EXPECT_FALSE(has(without, "--cgroupns=private"));
}

TEST(RunPolicy, WithoutSharedMemoryThereIsNoIpcAtAll) {
  ContainerSpec spec = small_spec();
  spec.shm_bytes = 0;  // --shm-size=0 would mean the engine's default
  EXPECT_TRUE(has(docker_run_argv(spec, {}), "--ipc=none"));
}

TEST(RunPolicy, AnImageCannotBeAnOption) {
  ContainerSpec spec = small_spec();
  spec.image = "--privileged";
  const Arguments argv = docker_run_argv(spec, {});
  const auto end = std::find(argv.begin(), argv.end(), "--");
  EXPECT_LT(end, std::find(argv.begin(), argv.end(), "--privileged"));
}

TEST(RunPolicy, LongScriptsTravelUnaltered) {
  ContainerSpec spec = small_spec();
  spec.command = {"sh", "-c", std::string(100'000, '\''), "$x `y` \n\t é"};
  const Arguments argv = docker_run_argv(spec, {});
  EXPECT_EQ(argv[argv.size() - 2], spec.command[2]);
  EXPECT_EQ(argv.back(), spec.command[3]);
}

struct BadSpec {
  const char* what;
  void (*spoil)(ContainerSpec&);
};
void PrintTo(const BadSpec& bad, std::ostream* out) {
  *out << bad.what;
}

class IsolationRefuses : public testing::TestWithParam<BadSpec> {};

// Zero means "no limit" to an engine, so a forgotten limit must not get that far.
TEST_P(IsolationRefuses, ASpecThatWouldFailOpen) {
  ContainerSpec spec = small_spec();
  EXPECT_TRUE(check_isolation(spec));
  GetParam().spoil(spec);
  const auto status = check_isolation(spec);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(
    RunPolicy, IsolationRefuses,
    testing::Values(BadSpec{"no memory", [](ContainerSpec& s) { s.memory_bytes = 0; }},
                    BadSpec{"no cpus", [](ContainerSpec& s) { s.cpus = 0; }},
                    BadSpec{"cpus that round to none", [](ContainerSpec& s) { s.cpus = 0.0001; }},
                    BadSpec{"no pids", [](ContainerSpec& s) { s.pids = 0; }},
                    BadSpec{"unlimited pids", [](ContainerSpec& s) { s.pids = -1; }},
                    BadSpec{"no file size", [](ContainerSpec& s) { s.file_bytes = 0; }},
                    BadSpec{"no tmp size", [](ContainerSpec& s) { s.tmp_bytes = 0; }},
                    BadSpec{"no work size", [](ContainerSpec& s) { s.work_bytes = 0; }},
                    BadSpec{"root", [](ContainerSpec& s) { s.user = "0:0"; }},
                    BadSpec{"root in disguise", [](ContainerSpec& s) { s.user = "00:1"; }},
                    BadSpec{"root's group", [](ContainerSpec& s) { s.user = "1000:0"; }},
                    BadSpec{"no group", [](ContainerSpec& s) { s.user = "1000"; }},
                    BadSpec{"a name", [](ContainerSpec& s) { s.user = "root:root"; }},
                    BadSpec{"more than a user", [](ContainerSpec& s) { s.user = "1:1,mode=0777"; }},
                    BadSpec{"no user", [](ContainerSpec& s) { s.user = ""; }},
                    BadSpec{"no container name", [](ContainerSpec& s) { s.name = ""; }},
                    BadSpec{"no image", [](ContainerSpec& s) { s.image = ""; }},
                    BadSpec{"the image's command", [](ContainerSpec& s) { s.command.clear(); }}));

}  // namespace
}  // namespace omcp_r::engine
