// Attempts to exhaust, to escape and to lie, as user code can make them.

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

class Attacks : public SandboxTest {
 public:
  /// After an attack the sandbox answers, or says honestly that it has ended; a new one always
  /// works.
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
                     works("umount /proc") + works("unshare -U true") + works("unshare -n true") +
                     works("unshare -m true") + works("chroot / true") + works("su -c true") +
                     works("setpriv --reuid 0 true") + works("mknod /tmp/disk b 8 0") +
                     works("mknod /dev/mem2 c 1 1") + works("chown 0 /sandbox") +
                     works("nsenter -t 1 -m true") + works("hostname evil") +
                     works("date -s 2001-01-01") + works("dmesg") + works("reboot -f"));
}

TEST_F(Attacks, KernelSettingsAreOutOfReach) {
  expect_nothing_works(
      sandbox(),
      works("echo x > /proc/sys/kernel/core_pattern") + works("echo 1 > /proc/sys/kernel/sysrq") +
          works("echo b > /proc/sysrq-trigger") + works("echo 1 > /proc/sys/net/ipv4/ip_forward") +
          works("echo -500 > /proc/1/oom_score_adj") + works("echo x > /sys/kernel/uevent_helper") +
          works("cat /proc/kcore | head -c 1 | grep -q .") + works("head -c 1 /dev/mem") +
          works("mkdir /sys/fs/cgroup/evil") + works("echo $$ > /sys/fs/cgroup/cgroup.procs") +
          works("mkdir /sys/fs/cgroup/memory/evil"));
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

// Whatever is written on the channels, the server lives, and later calls get their own true
// results.
TEST_F(Attacks, ForgedFramesAtWorstSpoilTheirOwnResult) {
  const std::vector<Forgery> forgeries{
      {"noise on the control channel", "system('head -c 300000 /dev/urandom > /proc/$PPID/fd/3')"},
      {"zeros", "system('head -c 3000000 /dev/zero > /proc/$PPID/fd/3')"},
      {"a frame of no length", "cat('OMCP1 done - \\n', file = '/proc/self/fd/3')"},
      {"a frame of huge length",
       "cat('OMCP1 done x 99999999999999999999\\n', file = '/proc/self/fd/3')"},
      {"a frame of negative length", "cat('OMCP1 done x -5\\n', file = '/proc/self/fd/3')"},
      {"a frame that waits for a gigabyte",
       "cat('OMCP1 plot x 1000000000\\nabc', file = '/proc/self/fd/3')"},
      {"a foreign result", "cat('OMCP1 done other 2\\n{}\\n', file = '/proc/self/fd/3')"},
      {"no JSON", "cat('OMCP1 done x 9\\nnot json!\\n', file = '/proc/self/fd/3')"},
      {"deep JSON",
       "x <- strrep('[', 1e5); cat('OMCP1 done x 100000\\n', x, '\\n', sep = '', file = "
       "'/proc/self/fd/3')"},
      {"an exit",
       "cat('OMCP1 exit - 32\\n{\"status\":0,\"killed\":false}    \\n', file = '/proc/self/fd/3')"},
      {"a quit", "cat('OMCP1 quit - 2\\n{}\\n', file = '/proc/self/fd/3')"},
      {"readiness", "cat('OMCP1 ready - 2\\n{}\\n', file = '/proc/self/fd/3')"},
      {"the end mark of another", "cat('\\002OMCP1 end 123\\nafter', file = stderr())"},
      {"begin marks", "for (i in 1:100) cat('\\002OMCP1 begin x\\n', file = stderr())"},
      {"half a mark", "cat('\\002OMCP1 en', file = stderr())"},
      {"requests to itself",
       "cat('OMCP1\\002do\\002run\\002id\\002evil\\002code\\002cat(\"evil\")\\002.\\n', file = "
       "'/proc/self/fd/4')"},
      {"its own requests eaten", "system('timeout 1 cat /proc/$PPID/fd/4 > /dev/null')"},
      {"a life record of noise", "cat('x y z', file = '/proc/self/fd/6')"},
      {"a script of noise", "cat(')))\\n', file = '/proc/self/fd/5')"},
  };
  for (const Forgery& forgery : forgeries) {
    SCOPED_TRACE(forgery.name);
    const Sandbox box = sandbox();
    const ToolResult own = box.run(forgery.code, Json{{"timeout", 6}});
    EXPECT_TRUE(own.result.contains("content")) << own;
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
    EXPECT_EQ(server().request("ping"), Json::object());
    box.remove(true);
  }
  EXPECT_LT(server().resident_kilobytes(), 150L * 1024 * time_factor());
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
