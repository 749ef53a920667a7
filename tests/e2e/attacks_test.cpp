// Attempts to exhaust, to escape and to lie, as user code can make them.

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <sstream>

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

class Attacks : public SandboxTest {
 public:
  void SetUp() override {
    SandboxTest::SetUp();
    neighbour_ = std::make_unique<Sandbox>(sandbox());
    neighbour_->run("mine <- 'untouched'");
  }

  /// After an attack the sandbox answers, or says honestly that it has ended; its neighbour is what
  /// it was, and a new one always works.
  void expect_survival(const Sandbox& box) {
    ToolResult after;
    const bool settled = eventually(
        [&] {
          return (after = box.run("cat('alive')", Json{{"timeout", 15}})).success();
        },
        30s);
    if (!settled) {
      EXPECT_TRUE(after.tells_that_sandbox_is_gone()) << after;
    }
    EXPECT_EQ(server().request("ping"), Json::object());
    EXPECT_EQ(neighbour_->output("mine"), "[1] \"untouched\"\n");
    const Sandbox fresh = sandbox();
    EXPECT_EQ(fresh.output("cat('fresh')"), "fresh");
  }

  /// Code whose every attempt must fail; it prints one TRUE for each that succeeded.
  static void expect_nothing_works(const Sandbox& box, const std::string& code) {
    const ToolResult result = box.run(code, Json{{"timeout", 40}});
    EXPECT_TRUE(result.success()) << result;
    EXPECT_FALSE(contains(result.output(), "TRUE")) << result;
    EXPECT_TRUE(contains(result.output(), "FALSE")) << result;
  }

  /// Whether a shell command succeeds in the sandbox, as R code.
  static std::string works(const std::string& command) {
    return "print(suppressWarnings(system(" + Json("( " + command + " ) >/dev/null 2>&1").dump() +
           ")) == 0)\n";
  }

 private:
  std::unique_ptr<Sandbox> neighbour_;
};

TEST_F(Attacks, AForkBombStaysInside) {
  const Sandbox box = sandbox();
  box.run("system(':(){ :|:& };:', wait = FALSE); Sys.sleep(2); cat('bombed')",
          Json{{"timeout", 8}});
  EXPECT_EQ(sandbox().output("cat('another')"), "another");
  expect_survival(box);
}

TEST_F(Attacks, AForkBombOfRStaysInside) {
  const Sandbox box = sandbox();
  box.run("repeat try(parallel:::mcfork(), silent = TRUE)", Json{{"timeout", 4}});
  expect_survival(box);
}

TEST_F(Attacks, AMemoryHogIsAnRErrorOrAKillAndTheNextCallWorks) {
  const Sandbox box = sandbox();
  const ToolResult hog =
      box.run("x <- list(); for (i in 1:1000) x[[i]] <- rnorm(2.5e6)", Json{{"timeout", 60}});
  EXPECT_FALSE(hog.success()) << hog;
  EXPECT_TRUE(hog.exit_code() == 1 || hog.exit_code() == 137) << hog;
  if (hog.exit_code() == 1) {
    EXPECT_TRUE(contains(hog.error_message(), "allocate") ||
                contains(hog.error_message(), "memory exhausted"))
        << hog;
  } else {
    EXPECT_TRUE(contains(hog.error_message(), "memory")) << hog;
  }
  expect_survival(box);
}

TEST_F(Attacks, MemoryOutsideOfRIsLimitedToo) {
  const Sandbox box = sandbox();
  const ToolResult hog = box.run(
      "system('head -c 2000000000 /dev/zero | tail -c 1900000000 | wc -c')", Json{{"timeout", 60}});
  EXPECT_FALSE(contains(hog.output(), "1900000000")) << hog;
  expect_survival(box);
}

TEST_F(Attacks, FullDisksAreRErrorsAndTheSandboxGoesOn) {
  for (const char* folder : {"/sandbox", "/tmp"}) {
    SCOPED_TRACE(folder);
    const Sandbox box = sandbox();
    box.run("con <- file('" + std::string(folder) +
                "/fill', 'wb'); x <- raw(1e6);"
                "for (i in 1:3000) writeBin(x, con)",
            Json{{"timeout", 60}});
    EXPECT_EQ(box.output("cat('still answering')"), "still answering");
    box.run("try(close(con)); unlink('" + std::string(folder) + "/fill')");
    EXPECT_EQ(box.output("file.create('/sandbox/room')"), "[1] TRUE\n");
    box.remove();
  }
}

TEST_F(Attacks, SharedMemoryIsBoundedAndCountsAsMemory) {
  const Sandbox box = sandbox();
  box.run("system('head -c 900m /dev/zero > /dev/shm/fill')", Json{{"timeout", 40}});
  EXPECT_EQ(box.output("file.size('/dev/shm/fill') <= 33554432"), "[1] TRUE\n");
  expect_survival(box);
}

// What another process in the sandbox writes on every descriptor of R's and of the supervisor's.
TEST_F(Attacks, EndlessOutputOnEveryDescriptorWhileIdleIsBounded) {
  const Sandbox box = sandbox();
  box.run(
      "system('for p in 1 $PPID; do for fd in 1 2 3 4 5 6; do (yes flood > /proc/$p/fd/$fd) "
      "2>/dev/null & done; done', wait = FALSE)",
      Json{{"timeout", 10}});
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(server().request("ping"), Json::object());
  }
  EXPECT_LT(server().resident_kilobytes(), 26L * 1024 * time_factor());
  EXPECT_TRUE(box.remove(true).success());
  expect_survival(sandbox());
}

// Where no security module forbids it, code of the same user can write to process 1. Then the
// sandbox may fail as it likes; it can be removed, and nobody else notices.
TEST_F(Attacks, AnOverwrittenSupervisorHarmsItsOwnSandboxOnly) {
  const Sandbox box = sandbox();
  box.run(
      "system('while read range perms rest; do case $perms in rw*) s=$((0x${range%-*} / 4096));"
      "e=$((0x${range#*-} / 4096)); dd if=/dev/urandom of=/proc/1/mem bs=4096 seek=$s "
      "count=$((e - s)) conv=notrunc;; esac; done < /proc/1/maps 2>/dev/null')",
      Json{{"timeout", 10}});
  EXPECT_EQ(server().request("ping"), Json::object());
  const ToolResult removed = box.remove(true);
  EXPECT_TRUE(removed.success() || removed.tells_that_sandbox_is_gone()) << removed;
  expect_survival(sandbox());
}

TEST_F(Attacks, ProcessesThatOutliveARunAndIgnoreSignalsEndWithTheirSandbox) {
  const Sandbox box = sandbox();
  const std::string name = container(box);
  const ToolResult left = box.run(
      "system(\"trap '' TERM INT HUP; (setsid sh -c 'trap \\\"\\\" TERM INT HUP; while :; do sleep "
      "1; "
      "done' &)\")",
      Json{{"timeout", 10}});
  EXPECT_TRUE(left.success()) << left;
  EXPECT_TRUE(box.remove(true).success());
  EXPECT_TRUE(eventually([&] { return container(box).empty(); }, 20s)) << name;
  expect_survival(sandbox());
}

TEST_F(Attacks, TheHostsAbstractSocketsAndMetadataAddressesAreOutOfReach) {
  const int host = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = "omcp-r-" + scope();
  name.copy(address.sun_path + 1, sizeof address.sun_path - 1);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  ASSERT_EQ(::bind(host, reinterpret_cast<const sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(host, 1), 0);
  const Sandbox box = sandbox();
  EXPECT_FALSE(contains(box.output("cat(readLines('/proc/net/unix'), sep = '\\n')"), name));
  for (const char* metadata : {"169.254.169.254", "100.100.100.200", "fd00:ec2::254"}) {
    EXPECT_EQ(box.run("socketConnection('" + std::string(metadata) + "', 80, timeout = 3)",
                      Json{{"timeout", 20}})
                  .error_code(),
              "r_error");
  }
  ::close(host);
}

TEST_F(Attacks, NoControlGroupLetsACommandOut) {
  expect_nothing_works(
      sandbox(),
      works("f=$(find /sys/fs/cgroup -name release_agent | head -1); [ -n \"$f\" ] && echo /x > "
            "\"$f\"") +
          works("f=$(find /sys/fs/cgroup -name notify_on_release | head -1); echo 1 > \"$f\"") +
          works(
              "f=$(find /sys/fs/cgroup -name memory.limit_in_bytes -o -name memory.max | head -1); "
              "echo 999999999999 > \"$f\"") +
          works("echo a > /sys/fs/cgroup/devices/devices.allow") +
          works("echo /tmp/x > /proc/sys/kernel/modprobe") +
          works("ls /proc/sysvipc/shm && ipcmk -M 4096") + works("cat /proc/1/root/etc/shadow") +
          works("ls /proc/1/cwd/../../var/lib/docker"));
}

// A VOLUME would be a folder of the engine's disk without bounds, to be executed from.
TEST_F(Attacks, AnImageThatDeclaresVolumesIsRefused) {
  const std::string image = "omcp-r-volumes:" + scope();
  write_file(folder() / "Dockerfile", "FROM " + test_image() + "\nVOLUME /vol\n");
  docker({"build", "--quiet", "--network=none", "--tag", image, folder().string()});
  Server& server = start({{{"DOCKER_IMAGE", image}, {"WARM_POOL", "0"}}, {}, true, {}});
  const ToolResult made = server.call("create_sandbox");
  EXPECT_TRUE(made.is_error()) << made;
  EXPECT_TRUE(contains(made.error_message(), "VOLUME")) << made;
  try_docker({"rmi", image});
}

TEST_F(Attacks, UsedUpInodesAreContained) {
  const Sandbox box = sandbox();
  box.run(
      "n <- 0; while (suppressWarnings(file.create(paste0('/sandbox/f', n))) && n < 3e6) n <- n + "
      "1",
      Json{{"timeout", 20}});
  EXPECT_EQ(box.output("cat('still answering')", Json{{"timeout", 60}}), "still answering");
  expect_survival(box);
}

TEST_F(Attacks, AFloodOfOutputWithoutNewlinesIsCut) {
  const Sandbox box = sandbox();
  const ToolResult flood =
      box.run("x <- strrep('x', 1e6); for (i in 1:30) cat(x)", Json{{"timeout", 60}});
  EXPECT_EQ(flood.data().at("truncated"), true);
  EXPECT_LT(flood.output().size(), 60000U);
  expect_survival(box);
}

TEST_F(Attacks, DescriptorsUsedUpAreAnRError) {
  const Sandbox box = sandbox();
  box.run("l <- list(); repeat l[[length(l) + 1]] <- file('/dev/null', 'r')",
          Json{{"timeout", 20}});
  expect_survival(box);
}

TEST_F(Attacks, DeepRecursionIsAnRError) {
  const Sandbox box = sandbox();
  EXPECT_EQ(box.run("f <- function() f(); f()", Json{{"timeout", 40}}).exit_code(), 1);
  box.run("options(expressions = 500000); g <- function(n) g(n + 1); g(1)", Json{{"timeout", 60}});
  expect_survival(box);
}

TEST_F(Attacks, MountsNamespacesAndRootAreOutOfReach) {
  expect_nothing_works(
      sandbox(), works("mount -t tmpfs none /mnt") + works("mount -o remount,rw /") +
                     works("umount /proc") + works("unshare -n true") + works("unshare -m true") +
                     works("chroot / true") + works("su -c true") +
                     works("setpriv --reuid 0 true") + works("mknod /dev/mem2 c 1 1") +
                     works("chown 0 /sandbox") + works("nsenter -t 1 -m true") +
                     works("hostname evil") + works("date -s 2001-01-01") + works("reboot -f"));
  // Of a runtime with a kernel of its own these are about that kernel.
  if (!own_kernel()) {
    expect_nothing_works(
        sandbox(), works("unshare -U true") + works("mknod /tmp/disk b 8 0") + works("dmesg"));
  }
}

TEST_F(Attacks, KernelSettingsAreOutOfReach) {
  expect_nothing_works(
      sandbox(),
      works("echo x > /proc/sys/kernel/core_pattern") + works("echo 1 > /proc/sys/kernel/sysrq") +
          works("echo b > /proc/sysrq-trigger") + works("echo 1 > /proc/sys/net/ipv4/ip_forward") +
          works("echo x > /sys/kernel/uevent_helper") +
          works("cat /proc/kcore | head -c 1 | grep -q .") + works("head -c 1 /dev/mem") +
          works("mkdir /sys/fs/cgroup/evil") + works("echo $$ > /sys/fs/cgroup/cgroup.procs") +
          works("mkdir /sys/fs/cgroup/memory/evil"));
  if (!own_kernel()) {
    expect_nothing_works(sandbox(), works("echo -500 > /proc/1/oom_score_adj"));
  }
}

TEST_F(Attacks, NoProgramGivesPrivileges) {
  const Sandbox box = sandbox();
  const std::string found = box.output(
      "f <- system('find / -xdev -perm /6000 -type f 2>/dev/null || true', intern = TRUE); cat(f, "
      "sep = "
      "'\\n')");
  std::istringstream programs(found);
  for (std::string program; std::getline(programs, program);) {
    EXPECT_EQ(
        box.output("cat(system('" + program + " id -u </dev/null 2>/dev/null | grep -x 0') == 0)"),
        "FALSE")
        << program;
  }
  EXPECT_EQ(box.output("cat(system('id -u', intern = TRUE) != '0')"), "TRUE");
}

TEST_F(Attacks, SignalsToTheSupervisorHaveNoEffect) {
  if (own_kernel()) GTEST_SKIP() << "gVisor lets processes of a container end its first";
  const Sandbox box = sandbox();
  box.run("x <- 'kept'");
  for (const char* signal :
       {"KILL", "STOP", "TSTP", "SEGV", "QUIT", "ALRM", "PIPE", "USR2", "ABRT"}) {
    SCOPED_TRACE(signal);
    box.run("system('kill -" + std::string(signal) + " 1')");
    EXPECT_EQ(box.output("x"), "[1] \"kept\"\n");
  }
}

TEST_F(Attacks, KillingEverythingEndsTheSessionAndNotTheSandbox) {
  const Sandbox box = sandbox();
  for (const char* signal : {"KILL", "TERM", "HUP", "STOP"}) {
    SCOPED_TRACE(signal);
    box.run("system('kill -" + std::string(signal) + " -1'); Sys.sleep(1)", Json{{"timeout", 4}});
    EXPECT_TRUE(eventually([&] { return box.run("cat('alive')").output() == "alive"; }, 30s));
  }
}

TEST_F(Attacks, TermToTheSupervisorAtWorstEndsTheSandbox) {
  const Sandbox box = sandbox();
  box.run("system('kill -TERM 1; kill -HUP 1'); Sys.sleep(1)", Json{{"timeout", 5}});
  expect_survival(box);
}

TEST_F(Attacks, OnlyTheSandboxsOwnProcessesAreToBeSeen) {
  const Sandbox box = sandbox();
  EXPECT_EQ(box.output("p <- list.files('/proc', '^[0-9]+$'); length(p) < 20;"
                       "u <- unique(file.info(file.path('/proc', p))$uid); u[!is.na(u)] == 65532"),
            "[1] TRUE\n[1] TRUE\n");
  expect_nothing_works(
      box, works("head -c 1 /proc/1/mem") + works("gdb -p 1 -batch") + works("strace -p 1 true"));
}

struct Forgery {
  const char* name;
  const char* code;
};

/// What an attacker finds: the worker's own functions and state, the id of the run under way, and
/// the control channel for raw bytes.
constexpr const char* kInside =
    "w <- environment(get('.omcp_next', .BaseNamespaceEnv$.__S3MethodsTable__.)); s <- w$s; id <- "
    "s$run$id;"
    "out <- function(x) { writeBin(if (is.character(x)) charToRaw(x) else x, s$control);"
    "flush(s$control) };"
    "head <- function(type, size, writer = 'R') sprintf('\\002OM2%s%s.%08x%s%04x:', writer, type,"
    "s$sequence + 1L, id, size);";

constexpr Forgery kForgeries[] = {
    {"noise", "system('head -c 3000000 /dev/urandom > /proc/$PPID/fd/3')"},
    {"zeros", "system('head -c 3000000 /dev/zero > /proc/$PPID/fd/3')"},
    {"newlines from a shell", "system(\"yes '' | head -c 24000000 > /proc/$PPID/fd/3\")"},
    {"a header that lies about its length, then newlines",
     "out(head('D', 4059L)); out(rep(as.raw(10), 24e6))"},
    {"headers only", "out(strrep(head('D', 4059L), 300000))"},
    {"a length beyond the most", "out(paste0(head('D', 65535L), strrep('x', 70000)))"},
    {"magic only", "out(strrep('\\002OM2', 3e6))"},
    {"a report of 1,000,000 empty objects",
     "w$send('D', id, paste0('[', strrep('{},', 999999), '{}]'))"},
    {"a report of 80,000 empty objects",
     "w$send('D', id, paste0('{\"status\":\"ok\",\"warnings\":[', strrep('{},', 79999), '{}]}'))"},
    {"a report of 24 MB of numbers",
     "w$send('D', id, paste0('{\"files\":[', strrep('1,', 12e6), '1]}'))"},
    {"a report of deep arrays",
     "w$send('D', id, paste0('{\"value\":', strrep('[', 1e5), strrep(']', 1e5), '}'))"},
    {"a report of lies",
     "w$send('D', id, '{\"status\":7,\"error\":{\"message\":5,\"traceback\":{}},\"pages\":1e18,"
     "\"seconds\":\"x\",\"files\":[{\"path\":\"a\\\\u0001b\",\"size\":-5},{\"path\":\"../x\","
     "\"size\":1e300},7],\"value\":[],\"warnings\":{\"a\":1}}')"},
    {"not JSON", "w$send('D', id, 'not JSON')"},
    {"pages of 20 MB", "for (i in 1:15) w$send('P', id, raw(20e6))"},
    {"pages that are no pictures", "for (i in 1:500) w$send('P', id, 'GIF89a<html>')"},
    {"warnings without end", "for (i in 1:20000) w$send('W', id, '{\"message\":\"w\"}')"},
    {"messages that never end",
     "for (i in 1:3000) out(sub('.', '+', paste0(head('A', 0L), '\\003'), fixed = TRUE))"},
    {"an end of R", "out(paste0(head('x', 5L, 'S'), '137 1', '\\003'))"},
    {"an end of the sandbox", "out(paste0(head('z', 4L, 'S'), 'idle', '\\003'))"},
    {"interrupts that were none", "for (i in 1:1000) out(paste0(head('i', 0L, 'S'), '\\003'))"},
    {"a new session", "out(paste0(head('R', 2L), '{}', '\\003'))"},
    {"a greeting", "w$send('H', id, '{\"r_version\":\"9.9\",\"idle\":1e9}')"},
    {"its own end mark, then more", "w$mark('E', id); cat('after\\n')"},
    {"end marks of others", "for (i in 1:1000) w$mark('E', '0123456789abcdef')"},
    {"half a mark", "cat('\\002OM2E0123', file = stderr())"},
    {"an end mark of R", "w$mark('X', '0000000000000000')"},
    {"requests to itself", "system('head -c 100000 /dev/urandom > /proc/$PPID/fd/4')"},
    {"its own requests eaten", "system('timeout 1 cat /proc/$PPID/fd/4 > /dev/null')"},
    {"a life record of noise", "cat('x y z', file = '/proc/self/fd/6')"},
    {"a script of noise", "cat(')))\\n', file = '/proc/self/fd/5')"},
};

// Whatever is written on the channels, with everything that user code can know, the server lives
// and stays small, answers others meanwhile, and later calls get their own true results.
TEST_F(Attacks, ForgedFramesWithTheRightIdsAtWorstSpoilTheirOwnResult) {
  server();
  for (const Forgery& forgery : kForgeries) {
    SCOPED_TRACE(forgery.name);
    const Sandbox box = sandbox();
    const int running = box.start(std::string(kInside) + forgery.code, Json{{"timeout", 10}});
    // While the flood goes on, others are served: pings come back in the order of their turns.
    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ(server().request("ping"), Json::object());
    }
    const ToolResult own = server().finish_call(running);
    EXPECT_TRUE(own.result.contains("content")) << own;
    EXPECT_LT(own.result.dump().size(), 1'000'000U);
    for (const Json& part : own.result.at("content")) {
      EXPECT_NE(part.at("type"), "image") << "what is no picture went out as one";
    }
    ToolResult next;
    const bool healthy = eventually(
        [&] {
          return (next = box.run("cat('true result')", Json{{"timeout", 6}})).output() ==
                 "true result";
        },
        40s);
    if (!healthy) {
      EXPECT_TRUE(next.tells_that_sandbox_is_gone()) << next;
    }
    box.remove(true);
  }
  // 24 MB and 2 MB per busy sandbox, of which there was one at a time.
  EXPECT_LT(server().resident_kilobytes(), 26L * 1024 * time_factor());
}

// Clients that stop at a megabyte drop the connection for all: one sandbox made it 68 MB.
TEST_F(Attacks, NoSandboxMakesTheListOfResourcesLarge) {
  const Sandbox box = sandbox();
  box.run("for (i in 1:20000) file.create(sprintf('%s%05d', strrep('n', 200), i)) -> o",
          Json{{"timeout", 60}});
  const Json listed = server().request("resources/list");
  EXPECT_LT(listed.dump().size(), 1'000'000U);
  EXPECT_EQ(box.output("cat('alive')", Json{{"timeout", 60}}), "alive");
}

TEST_F(Attacks, LinksInTheWorkingFolderAreNeitherFollowedNorListed) {
  const Sandbox box = sandbox();
  const ToolResult linked = box.run(
      "for (n in c('a', 'b', 'c')) file.symlink('.', n) -> o; file.symlink('/usr', 'usr') -> o;"
      "file.symlink('/etc/passwd', 'p') -> o; writeLines('mine', 'mine.txt')");
  ASSERT_TRUE(linked.success()) << linked;
  ASSERT_EQ(linked.data().at("files").size(), 1U) << linked;
  EXPECT_EQ(linked.data().at("files").at(0).at("path"), "mine.txt");
  EXPECT_EQ(box.output("cat('alive')"), "alive");
}

TEST_F(Attacks, ManyEmptyFilesAreListedWithoutAProcessForEach) {
  const Sandbox box = sandbox();
  const std::string before = look(box, "cat /proc/loadavg");
  const ToolResult made = box.run("file.create(sprintf('e%03d', 1:900)) -> o");
  EXPECT_GE(made.data().at("files").size(), 300U);
  const auto last_pid = [](const std::string& loadavg) {
    return std::stol(loadavg.substr(loadavg.rfind(' ')));
  };
  EXPECT_LT(last_pid(look(box, "cat /proc/loadavg")) - last_pid(before), 30);
}

TEST_F(Attacks, AFreshSessionIsNotWhatTheOldOneWroteOverTheWorker) {
  const Sandbox box = sandbox();
  box.run(
      "for (fd in list.files('/proc/self/fd')) { p <- file.path('/proc/self/fd', fd);"
      "if (startsWith(paste0(Sys.readlink(p), ' '), '/tmp')) try(cat('evil <- TRUE; stop()\\n',"
      "file = p), silent = TRUE) }; tools::pskill(Sys.getpid(), 9)",
      Json{{"timeout", 10}});
  EXPECT_EQ(box.output("exists('evil')"), "[1] FALSE\n");
}

TEST_F(Attacks, TheMarksOfItsOwnOutputAreOutput) {
  // Printed by user code they may end its own transcript early, never another's.
  const Sandbox box = sandbox();
  box.run("cat('OMCP1 begin\\nOMCP1 end\\n')");
  EXPECT_EQ(box.output("cat('OMCP1 done - 2')"), "OMCP1 done - 2");
}

TEST_F(Attacks, ClosingTheChannelsAtWorstEndsTheSession) {
  const Sandbox box = sandbox();
  for (const char* code :
       {"for (i in 3:30) try(close(getConnection(i)), silent = TRUE)", "closeAllConnections()"}) {
    SCOPED_TRACE(code);
    box.run(code, Json{{"timeout", 5}});
    EXPECT_TRUE(eventually(
        [&] {
          return box.run("cat('alive')", Json{{"timeout", 5}}).output() == "alive";
        },
        40s));
  }
}

TEST_F(Attacks, PollutingTheBaseNamespaceAtWorstSpoilsTheSession) {
  const Sandbox box = sandbox();
  box.run(
      "e <- baseenv(); for (n in c('writeBin', 'paste0', 'sys.calls')) { unlockBinding(n, e);"
      "assign(n, function(...) stop('polluted'), e) }",
      Json{{"timeout", 5}});
  box.run("1", Json{{"timeout", 5}});
  box.run("quit()", Json{{"timeout", 5}});
  EXPECT_TRUE(eventually(
      [&] {
        return box.run("cat('alive')", Json{{"timeout", 5}}).output() == "alive";
      },
      40s));
}

}  // namespace
}  // namespace omcp_r::e2e
