// A sandbox looks at itself and says what holds it, and that is held against what is written down
// here. Then each flag of the policy is taken away in turn, and something must look otherwise.

#include <fcntl.h>

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

/// What code in a sandbox can find out of what holds it, one fact a line.
constexpr const char* kLookAround = R"(
say <- function(name, ...) cat(name, ": ", paste(..., collapse = " "), "\n", sep = "")
status <- readLines("/proc/self/status")
fact <- function(key) sub("^[^\t]*\t", "", grep(paste0("^", key, ":"), status, value = TRUE))
for (key in c("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs",
              "Seccomp")) say(key, gsub("\t", " ", trimws(fact(key))))
mounts <- strsplit(readLines("/proc/self/mounts"), " ")
options_of <- function(point) {
  m <- Filter(function(x) x[2] == point, mounts)
  if (!length(m)) return("none")
  sort(grep("^(ro|rw|no.*|size=.*|nr_inodes=.*|uid=.*|gid=.*|mode=.*)$", strsplit(m[[1]][4], ",")[[1]], value = TRUE))
}
for (point in c("/", "/tmp", "/sandbox", "/dev/shm", "/data")) {
  o <- options_of(point)
  say(paste("mount", point), if (point == "/") intersect(o, c("ro", "rw")) else o)
}
say("interfaces", sort(list.files("/sys/class/net")))
limits <- readLines("/proc/self/limits")
for (l in c("Max core file size", "Max open files", "Max file size"))
  say(l, trimws(sub(l, "", grep(l, limits, value = TRUE), fixed = TRUE)))
say("oom_score_adj", readLines("/proc/self/oom_score_adj"))
say("host", Sys.info()[["nodename"]], getwd())
cgroup <- function(v1, v2) {
  for (f in file.path("/sys/fs/cgroup", c(v1, v2))) if (file.exists(f)) return(readLines(f, 1))
  "unknown"
}
quota <- cgroup("cpu/cpu.cfs_quota_us", "cpu.max")
period <- cgroup("cpu/cpu.cfs_period_us", "cpu.max")
say("cpus", as.numeric(sub(" .*", "", quota)) / as.numeric(sub(".* ", "", period)))
say("memory", cgroup("memory/memory.limit_in_bytes", "memory.max"))
say("processes", cgroup("pids/pids.max", "pids.max"))
say("proxies", names(Sys.getenv())[grepl("proxy", names(Sys.getenv()), ignore.case = TRUE) & nzchar(Sys.getenv())])
say("locale", Sys.getenv(c("LANG", "TZ", "USER", "LOGNAME")))
targets <- suppressWarnings(Sys.readlink(list.files("/proc/1/fd", full.names = TRUE)))
say("descriptors of process 1", sort(unique(sub("[0-9]+", "N", targets[nzchar(targets)]))))
say("devices", sort(list.files("/dev")))
)";

constexpr const char* kExpected = R"(Uid: 65532 65532 65532 65532
Gid: 65532 65532 65532 65532
Groups: 65532
CapInh: 0000000000000000
CapPrm: 0000000000000000
CapEff: 0000000000000000
CapBnd: 0000000000000000
CapAmb: 0000000000000000
NoNewPrivs: 1
Seccomp: 2
mount /: ro
mount /tmp: nodev noexec nosuid nr_inodes=65536 rw size=131072k
mount /sandbox: gid=65532 mode=700 nodev noexec nosuid nr_inodes=65536 rw size=262144k uid=65532
mount /dev/shm: nodev noexec nosuid rw size=32768k
mount /data: none
interfaces: lo
Max core file size: 0                    0                    bytes
Max open files: 1024                 1024                 files
Max file size: 268435456            268435456            bytes
oom_score_adj: 500
host: sandbox /sandbox
cpus: 1
memory: 1073741824
processes: 128
proxies: 
locale: C.UTF-8 Etc/UTC sandbox sandbox
)";

class Inspection : public SandboxTest {
 public:
  /// What the engine was told that cannot be seen from inside.
  [[nodiscard]] std::string engine_facts(const Sandbox& box) const {
    const Json all = inspect(box);
    const Json& host = all.at("HostConfig");
    Json facts{{"log", host.at("LogConfig").at("Type")},
               {"remove", host.at("AutoRemove")},
               {"init", host.value("Init", Json())},
               {"security", host.at("SecurityOpt").size()},
               {"swap", host.at("MemorySwap")},
               {"stop", all.at("Config").value("StopTimeout", Json())},
               {"health", all.at("Config").value("Healthcheck", Json())}};
    return facts.dump();
  }
  /// A server whose docker client leaves out every argument that begins with `flag`.
  Server& without(const std::string& flag) {
    return start({{{"DOCKER", client_without(flag)}, {"WARM_POOL", "0"}}, {}, true, {}});
  }
};

TEST_F(Inspection, ASandboxFindsItselfHeldAsItShouldBe) {
  const std::string seen = sandbox().output(kLookAround);
  EXPECT_EQ(seen.substr(0, std::string_view(kExpected).size()), kExpected);
  const std::string rest = seen.substr(std::min(seen.size(), std::string_view(kExpected).size()));
  // CVE-2024-21626 and its like: a descriptor of the host's left open in process 1.
  for (const char* host : {"/sys", "/proc", "/var", "/run", "/root", "/home", "/etc", "socket:"}) {
    EXPECT_FALSE(contains(rest.substr(0, rest.find("devices")), host)) << rest;
  }
  std::istringstream devices(rest.substr(rest.find("devices: ") + 9));
  for (std::string device; devices >> device;) {
    EXPECT_TRUE(
        contains(" core fd full mqueue null ptmx pts random shm stderr stdin stdout tty "
                 "urandom zero ",
                 " " + device + " "))
        << device;
  }
}

class Mutated : public Inspection, public testing::WithParamInterface<const char*> {};

TEST_P(Mutated, APolicyWithoutThisFlagIsNoticed) {
  const Sandbox sound = sandbox();
  const std::string should = sound.output(kLookAround) + engine_facts(sound);
  Server& server = without(GetParam());
  const ToolResult made = server.call("create_sandbox");
  if (!made.success()) {
    return;  // the server itself does not go on without it
  }
  const Sandbox box{server, made.data().at("sandbox_id").get<std::string>()};
  const ToolResult looked = box.run(kLookAround);
  EXPECT_TRUE(!looked.success() || looked.output() + engine_facts(box) != should) << GetParam();
}

// So that the ones above are noticed for what is missing, and not for what is never the same.
TEST_F(Inspection, TwoSandboxesOfOnePolicyLookAlike) {
  const Sandbox one = sandbox();
  const Sandbox other = create(without("--no-such-flag"));
  EXPECT_EQ(one.output(kLookAround) + engine_facts(one),
            other.output(kLookAround) + engine_facts(other));
}

INSTANTIATE_TEST_SUITE_P(
    EachFlag, Mutated,
    testing::Values("--network=", "--read-only", "--cap-drop=", "--security-opt=no-new",
                    "--security-opt=seccomp", "--log-driver=", "--no-healthcheck",
                    "--stop-timeout=", "--oom-score-adj=", "--ulimit=core", "--ulimit=nofile",
                    "--ulimit=fsize", "--hostname=", "--workdir=", "--user=", "--memory=",
                    "--memory-swap=", "--cpus=", "--pids-limit=", "--tmpfs=/tmp",
                    "--tmpfs=/sandbox", "--shm-size=", "--rm", "--init=", "--env=USER", "--env=TZ"),
    [](const auto& flag) {
      std::string name;
      for (const char c : std::string(flag.param)) name += std::isalnum(c) != 0 ? c : '_';
      return name;
    });

}  // namespace
}  // namespace omcp_r::e2e
