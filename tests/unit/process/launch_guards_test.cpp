// Each defect of Boost.Process 1.81 and of plain fork that a server like ours meets, as a test that
// fails where its guard is taken away.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fstream>
#include <sstream>

#include "support.hpp"

namespace omcp_r::process {
namespace {

using Clock = std::chrono::steady_clock;

Exit run_program(std::vector<std::string> argv) {
  Command command;
  command.launch.argv = std::move(argv);
  return run(std::move(command));
}

std::string status_line(const std::string& status, const std::string& key) {
  const auto start = status.find(key + ":\t");
  return status.substr(start, status.find('\n', start) - start);
}

/// The longest time between two beats of a 2 ms timer on `io`, as long as `*going`.
asio::awaitable<Clock::duration> longest_stall(const bool* going) {
  asio::steady_timer timer{co_await asio::this_coro::executor};
  Clock::duration worst{};
  while (*going) {
    const auto start = Clock::now();
    timer.expires_after(std::chrono::milliseconds{2});
    co_await timer.async_wait(asio::use_awaitable);
    worst = std::max(worst, Clock::now() - start);
  }
  co_return worst;
}

TEST(LaunchGuards, WaitingForChildrenNeverBlocksTheLoop) {
  asio::io_context io;
  const auto runner = make_command_runner(io.get_executor());
  bool going = true;
  auto stall = asio::co_spawn(io, longest_stall(&going), asio::use_future);
  const auto children = [&]() -> asio::awaitable<void> {
    for (int i = 0; i < 40; ++i) {  // every fourth child must be cut short
      Command command = shell(i % 4 == 3 ? "sleep 20" : "exit 0");
      command.time_limit = i % 4 == 3 ? std::chrono::milliseconds{50} : std::chrono::seconds{40};
      const auto exit = co_await runner->run(std::move(command));
      EXPECT_TRUE(exit && exit->timed_out == (i % 4 == 3));
    }
    going = false;
  };
  run_sync(io, children());
  EXPECT_LT(stall.get(), std::chrono::seconds{10});  // a blocking wait takes the child's 20
}

TEST(LaunchGuards, RegularFilesOnTheLoopDoNotMakeASecondServer) {
  const std::string path = testing::TempDir() + "omcp_served." + std::to_string(::getpid());
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  {
    asio::io_context io;
    // A reactor cannot take regular files up again in a forked child, and throws there.
    asio::posix::stream_descriptor in{io, ::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    asio::posix::stream_descriptor out{io, ::dup(file)};
    const auto runner = make_command_runner(io.get_executor());
    const auto serve = [&]() -> asio::awaitable<void> {
      const auto exit = co_await runner->run(shell("exit 0"));
      const std::string reply = "pid " + std::to_string(::getpid()) + "\n";
      EXPECT_EQ(::write(out.native_handle(), reply.data(), reply.size()),
                static_cast<ssize_t>(reply.size()));
    };
    run_sync(io, serve());
  }
  ::close(file);
  std::ifstream replies{path};
  std::stringstream text;
  text << replies.rdbuf();
  EXPECT_EQ(text.str(), "pid " + std::to_string(::getpid()) + "\n");
  ::unlink(path.c_str());
}

TEST(LaunchGuards, AFailedExecLeavesNothingAndSaysWhy) {
  const int before = open_descriptors();
  asio::io_context io;
  const auto runner = make_command_runner(io.get_executor());
  for (const auto& [program, reason] : std::vector<std::pair<std::string, std::string>>{
           {"/nonexistent/docker", "No such file or directory"},
           {"/etc/passwd", "Permission denied"},
           {"/tmp", "Permission denied"}}) {
    Command command;
    command.launch.argv = {program};
    const auto exit = run_sync(io, runner->run(std::move(command)));
    ASSERT_FALSE(exit);
    EXPECT_EQ(exit.error().message, "cannot run " + program + ": " + reason);
  }
  EXPECT_TRUE(no_children());
  EXPECT_LE(open_descriptors(), before + 4);  // the loop's own
}

TEST(LaunchGuards, NoDescriptorOfOursIsOpenInTheChild) {
  const int leaky = ::open("/dev/null", O_RDONLY);              // NOLINT: not close-on-exec
  const int high = ::fcntl(leaky, F_DUPFD, 500);                // NOLINT
  const Exit exit = run_program({"/bin/ls", "/proc/self/fd"});  // 3 is ls reading the folder
  EXPECT_EQ(exit.out, "0\n1\n2\n3\n");
  ::close(leaky);
  ::close(high);
}

TEST(LaunchGuards, TheChildHasDefaultSignalsAndAnEmptyMask) {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);
  sigset_t blocked;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  const Exit exit = run_program({"/bin/cat", "/proc/self/status"});
  EXPECT_EQ(status_line(exit.out, "SigBlk"), "SigBlk:\t0000000000000000");
  EXPECT_EQ(status_line(exit.out, "SigIgn"), "SigIgn:\t0000000000000000");
  sigset_t now;
  ::pthread_sigmask(SIG_UNBLOCK, &blocked, &now);
  EXPECT_EQ(::sigismember(&now, SIGUSR1), 1) << "our own mask is back as it was";
  EXPECT_EQ(::sigismember(&now, SIGTERM), 0);
  std::signal(SIGHUP, SIG_DFL);
}

TEST(LaunchGuards, OurHandlersAreUntouched) {
  std::signal(SIGUSR2, [](int) {});
  EXPECT_TRUE(run_program({"/bin/true"}).status.success());
  struct sigaction action {};
  ::sigaction(SIGUSR2, nullptr, &action);
  EXPECT_NE(action.sa_handler, SIG_DFL);
  std::signal(SIGUSR2, SIG_DFL);
}

TEST(LaunchGuards, TheChildLeadsAGroupOfItsOwn) {
  std::stringstream stat{run_program({"/bin/cat", "/proc/self/stat"}).out};
  std::string pid;
  std::string name;
  std::string state;
  std::string parent;
  std::string group;
  stat >> pid >> name >> state >> parent >> group;
  EXPECT_EQ(group, pid);
  EXPECT_EQ(parent, std::to_string(::getpid()));
}

TEST(LaunchGuards, ChildrenDieWithUsEvenWhenWeAreKilled) {
  int ends_of_pipe[2];
  ASSERT_EQ(::pipe(ends_of_pipe), 0);
  const pid_t helper = ::fork();
  if (helper == 0) {
    ::dup2(ends_of_pipe[1], 1);
    ::execl(OMCP_PROCESS_HELPER, OMCP_PROCESS_HELPER, "hold", nullptr);
    ::_exit(127);
  }
  ::close(ends_of_pipe[1]);
  char text[32] = {};
  ASSERT_GT(::read(ends_of_pipe[0], text, sizeof text - 1), 0);
  const pid_t grandchild = std::stoi(text);
  ASSERT_EQ(::kill(grandchild, 0), 0);
  ::kill(helper, SIGKILL);
  ::waitpid(helper, nullptr, 0);
  EXPECT_TRUE(ends(grandchild));
  ::close(ends_of_pipe[0]);
}

TEST(LaunchGuards, WorksWhereOurOwnStandardDescriptorsAreClosed) {
  const Exit exit = run(shell("exec " OMCP_PROCESS_HELPER " echo 0<&- 2<&-"));
  EXPECT_EQ(exit.out, "in:hello err:oops\n");
}

TEST(LaunchGuards, WorksWithMoreThanAThousandDescriptors) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < 2000) {
    GTEST_SKIP() << "the hard limit is " << limit.rlim_max;
  }
  limit.rlim_cur = std::max<rlim_t>(limit.rlim_cur, 2000);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  std::vector<int> many;
  for (int i = 0; i < 1100; ++i) {
    many.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
  ASSERT_GT(many.back(), 1023);
  Command command = shell("cat");
  command.input = "hello";
  EXPECT_EQ(run(std::move(command)).out, "hello");
  for (const int fd : many) {
    ::close(fd);
  }
}

TEST(LaunchGuards, DescriptorsDoNotPileUp) {
  asio::io_context io;
  const auto runner = make_command_runner(io.get_executor());
  EXPECT_TRUE(run_sync(io, runner->run(shell("exit 0"))));
  const int before = open_descriptors();
  for (int i = 0; i < 20; ++i) {
    Command command = shell("exit 0");
    command.input = "unread";
    EXPECT_TRUE(run_sync(io, runner->run(std::move(command))));
  }
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace omcp_r::process
