// What the engine says of the container, and what R sees from inside it.

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

class Hardening : public SandboxTest {};

TEST_F(Hardening, TheEngineSaysThatEveryLimitHolds) {
  const Sandbox box = sandbox();
  const Json all = inspect(box);
  const Json& host = all.at("HostConfig");
  EXPECT_EQ(host.at("NetworkMode"), "none");
  EXPECT_EQ(host.at("ReadonlyRootfs"), true);
  EXPECT_EQ(host.at("CapDrop"), Json::array({"ALL"}));
  EXPECT_TRUE(host.at("CapAdd").is_null() || host.at("CapAdd").empty());
  EXPECT_EQ(host.at("Privileged"), false);
  EXPECT_TRUE(contains(host.at("SecurityOpt").dump(), "no-new-privileges"));
  EXPECT_FALSE(contains(host.at("SecurityOpt").dump(), "unconfined"));
  EXPECT_EQ(host.at("PidsLimit"), 128);
  EXPECT_EQ(host.at("Memory"), 1LL << 30);
  EXPECT_EQ(host.at("MemorySwap"), host.at("Memory")) << "or swap would double it";
  EXPECT_EQ(host.at("NanoCpus"), 1'000'000'000LL);
  EXPECT_EQ(host.at("AutoRemove"), true);
  EXPECT_EQ(host.at("RestartPolicy").at("Name"), "no");
  EXPECT_EQ(all.at("Config").at("Hostname"), "sandbox");
  EXPECT_EQ(host.at("LogConfig").at("Type"), "none");
  EXPECT_NE(host.at("IpcMode"), "host");
  EXPECT_NE(host.at("IpcMode"), "shareable");
  EXPECT_NE(host.at("PidMode"), "host");
  EXPECT_NE(host.at("UsernsMode"), "host");
  EXPECT_TRUE(host.at("Binds").is_null() || host.at("Binds").empty());
  EXPECT_TRUE(host.at("Devices").empty());
  EXPECT_TRUE(all.at("Mounts").empty()) << all.at("Mounts");
}

TEST_F(Hardening, TheUserIsANumberAndNobodyOnTheHost) {
  const std::string user = inspect(sandbox()).at("Config").at("User");
  const std::size_t colon = user.find(':');
  ASSERT_NE(colon, std::string::npos) << user;
  for (const std::string& id : {user.substr(0, colon), user.substr(colon + 1)}) {
    EXPECT_EQ(id.find_first_not_of("0123456789"), std::string::npos) << user;
    EXPECT_GT(std::stoi(id), 1000) << user;
  }
}

TEST_F(Hardening, TheLabelsNameScopeAndSandbox) {
  const Sandbox box = sandbox();
  const Json labels = inspect(box).at("Config").at("Labels");
  EXPECT_EQ(labels.at("omcp-r.managed"), "1");
  EXPECT_EQ(labels.at("omcp-r.scope"), scope());
  EXPECT_EQ(labels.at("omcp-r.id"), box.id());
}

TEST_F(Hardening, WritableFoldersAreSmallAndExecuteNothing) {
  const Sandbox box = sandbox();
  const Json tmpfs = inspect(box).at("HostConfig").at("Tmpfs");
  for (const char* folder : {"/tmp", "/sandbox"}) {
    const std::string options = tmpfs.at(folder);
    for (const char* option : {"noexec", "nosuid", "nodev", "size="}) {
      EXPECT_TRUE(contains(options, option)) << folder << ": " << options;
    }
  }
  EXPECT_NE(box.output("file.copy('/bin/true', '/sandbox/t'); Sys.chmod('/sandbox/t', '755');"
                       "suppressWarnings(system('/sandbox/t', ignore.stderr = TRUE))"),
            "[1] TRUE\n[1] 0\n");
  EXPECT_EQ(box.output("cat(system('/sandbox/t 2>/dev/null') != 0)"), "TRUE");
}

// The one loosening that a person may choose: a program in /tmp runs, with no more rights than
// before.
TEST_F(Hardening, WithExecTmpProgramsInTmpRunAndAreHeldAsBefore) {
  Server& loose = start({{{"EXEC_TMP", "1"}}, {}, true, {}});
  const Sandbox box = create(loose);
  const std::string tmp = inspect(box).at("HostConfig").at("Tmpfs").at("/tmp");
  EXPECT_TRUE(contains(tmp, "nosuid") && contains(tmp, "nodev") && !contains(tmp, "noexec")) << tmp;
  EXPECT_EQ(box.output("invisible(file.copy('/bin/true', '/tmp/t')); Sys.chmod('/tmp/t', '4755');"
                       "cat(system('/tmp/t'))"),
            "0");
  // A shared object can be loaded, as compiled code is.
  EXPECT_EQ(box.output("so <- file.path(R.home(), 'library/stats/libs/stats.so');"
                       "invisible(file.copy(so, '/tmp/s.so'));"
                       "inherits(dyn.load('/tmp/s.so'), 'DLLInfo')"),
            "[1] TRUE\n");
  // The other folder is as ever, and so is all that holds a program.
  EXPECT_EQ(box.output("invisible(file.copy('/bin/true', '/sandbox/t')); Sys.chmod('/sandbox/t', "
                       "'755'); cat(system('/sandbox/t 2>/dev/null') != 0)"),
            "TRUE");
  box.output(
      "invisible(file.copy('/bin/sh', '/tmp/sh')); Sys.chmod('/tmp/sh', '6755');"
      "writeLines(c('id -u', 'grep -E \"NoNewPrivs|Seccomp:|CapEff\" /proc/self/status',"
      "'mount -t tmpfs x /sandbox 2>/dev/null || echo no', 'unshare -Ur id 2>/dev/null || echo no',"
      "'ls /sys/class/net'), '/sandbox/look')");
  EXPECT_EQ(box.output("writeLines(system('/tmp/sh /sandbox/look', intern = TRUE))"),
            "65532\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\nno\nno\nlo\n");
}

TEST_F(Hardening, TheEnvironmentHoldsNothingOfTheHost) {
  Server& talkative = start(
      {{{"SECRET_TOKEN", "hush-hush"}, {"AWS_SECRET_ACCESS_KEY", "hush-hush"}}, {}, true, {}});
  const Sandbox box = create(talkative);
  EXPECT_FALSE(contains(inspect(box).dump(), "hush-hush"));
  EXPECT_FALSE(contains(box.output("Sys.getenv()"), "hush-hush"));
  EXPECT_FALSE(contains(talkative.log(), "hush-hush"));
}

TEST_F(Hardening, RIsNobodyWithoutCapabilities) {
  const Sandbox box = sandbox();
  const std::string status = box.output("cat(readLines('/proc/self/status'), sep = '\\n')");
  for (const char* line : {"CapInh:\t0000000000000000", "CapPrm:\t0000000000000000",
                           "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000",
                           "CapAmb:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"}) {
    EXPECT_TRUE(contains(status, line)) << line << "\n" << status;
  }
  EXPECT_EQ(box.output("cat(system('id -u', intern = TRUE) %in% c('0', '1000'), system('id -G', "
                       "intern = TRUE))")
                .substr(0, 6),
            "FALSE ");
}

TEST_F(Hardening, TheOnlyNetworkIsTheLoopback) {
  const Sandbox box = sandbox();
  EXPECT_EQ(box.output("sort(list.files('/sys/class/net'))"), "[1] \"lo\"\n");
  EXPECT_EQ(box.output("length(readLines('/proc/net/route'))"), "[1] 1\n");
  EXPECT_EQ(box.run("url('http://1.1.1.1', open = 'r')", Json{{"timeout", 20}}).error_code(),
            "r_error");
  EXPECT_EQ(
      box.run("socketConnection('1.1.1.1', 53, timeout = 3)", Json{{"timeout", 20}}).error_code(),
      "r_error");
  EXPECT_EQ(box.run("suppressWarnings(nsl('example.com'))").output(), "NULL\n");
}

TEST_F(Hardening, NothingOutsideTheTwoFoldersCanBeWritten) {
  const Sandbox box = sandbox();
  EXPECT_EQ(
      box.output(
          "x <- suppressWarnings(file.create(file.path(c('/', '/etc', '/usr/lib/R/library',"
          "'/var', '/home', '/root', '/opt', '/run', '/bin', '/dev', '/proc', '/sys'), 'mark')));"
          "any(x)"),
      "[1] FALSE\n");
  EXPECT_EQ(
      box.output("file.create('/tmp/mark'); file.create('/sandbox/mark'); file.create('mark')"),
      "[1] TRUE\n[1] TRUE\n[1] TRUE\n");
  EXPECT_EQ(box.output("getwd()"), "[1] \"/sandbox\"\n");
}

TEST_F(Hardening, TheHostIsNotToBeSeen) {
  const Sandbox box = sandbox();
  EXPECT_EQ(box.output("file.exists('/var/run/docker.sock', '/run/docker.sock', '/data')"),
            "[1] FALSE FALSE FALSE\n");
  EXPECT_EQ(box.output("length(list.files('/dev', pattern = '^(sd|vd|nvme|mem|kmem|kmsg)'))"),
            "[1] 0\n");
  const std::string host = trimmed(read_file("/proc/sys/kernel/hostname"));
  EXPECT_FALSE(contains(box.output("cat(Sys.info()[['nodename']])"), host));
}

TEST_F(Hardening, TheProcessorsThatLibrariesSeeAreTheConfiguredOnes) {
  EXPECT_EQ(
      sandbox().output("Sys.getenv(c('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS'), names = FALSE)"),
      "[1] \"1\" \"1\"\n");
}

TEST_F(Hardening, ConfiguredLimitsArriveAtTheEngine) {
  Server& other = start({{{"SANDBOX_MEMORY", "256m"},
                          {"SANDBOX_CPUS", "0.5"},
                          {"SANDBOX_PIDS", "64"},
                          {"SANDBOX_USER", "54321:54321"}},
                         {},
                         true,
                         {}});
  const Json all = inspect(create(other));
  EXPECT_EQ(all.at("HostConfig").at("Memory"), 256LL << 20);
  EXPECT_EQ(all.at("HostConfig").at("MemorySwap"), 256LL << 20);
  EXPECT_EQ(all.at("HostConfig").at("NanoCpus"), 500'000'000LL);
  EXPECT_EQ(all.at("HostConfig").at("PidsLimit"), 64);
  EXPECT_EQ(all.at("Config").at("User"), "54321:54321");
}

TEST_F(Hardening, WritableFoldersTogetherFitTheMemory) {
  const Sandbox box = sandbox();
  EXPECT_EQ(box.output("d <- system('df -k --output=size /tmp /sandbox /dev/shm 2>/dev/null | tail "
                       "-n +2', intern = TRUE);"
                       "sum(as.numeric(d)) <= 1024 * 1024"),
            "[1] TRUE\n");
}

}  // namespace
}  // namespace omcp_r::e2e
