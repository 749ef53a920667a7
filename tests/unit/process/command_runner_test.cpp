#include "omcp_r/process/command_runner.hpp"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fstream>
#include <optional>

#include "support.hpp"

namespace omcp_r::process {
namespace {

TEST(CommandRunner, GivesOutputErrorsAndStatus) {
  Command command = shell("cat; echo oops >&2; exit 3");
  command.input = "hello";
  const Exit exit = run(std::move(command));
  EXPECT_EQ(exit.out, "hello");
  EXPECT_EQ(exit.err, "oops\n");
  EXPECT_EQ(exit.status.code, 3);
  EXPECT_EQ(exit.status.signal, 0);
  EXPECT_FALSE(exit.timed_out || exit.truncated);
}

TEST(CommandRunner, TellsASignalFromAnExitStatus) {
  const Exit exited = run(shell("exit 9"));
  EXPECT_EQ(exited.status.code, 9);
  EXPECT_EQ(exited.status.signal, 0);
  const Exit killed = run(shell("kill -KILL $$"));
  EXPECT_EQ(killed.status.signal, SIGKILL);
  EXPECT_FALSE(killed.status.success());
}

TEST(CommandRunner, CarriesMegabytesBothWays) {
  Command command = shell("cat");
  for (int i = 0; i < 300'000; ++i) {
    command.input += "line " + std::to_string(i) + "\n";
  }
  const std::string sent = command.input;
  EXPECT_EQ(run(std::move(command)).out, sent);
}

TEST(CommandRunner, SurvivesAChildThatDoesNotReadItsInput) {
  Command command = shell("exit 0");
  command.input.assign(4 << 20, 'x');
  EXPECT_TRUE(run(std::move(command)).status.success());
}

TEST(CommandRunner, WithoutInputTheChildReadsEndOfFile) {
  EXPECT_EQ(run(shell("cat; readlink /proc/self/fd/0")).out, "/dev/null\n");
}

TEST(CommandRunner, BoundsWhatItKeepsAndLetsTheChildGoOn) {
  Command command = shell("head -c 3000000 /dev/zero; head -c 2000 /dev/zero >&2; exit 4");
  command.max_out = 1000;
  command.max_err = 10;
  const Exit exit = run(std::move(command));
  EXPECT_EQ(exit.out.size(), 1000U);
  EXPECT_EQ(exit.err.size(), 10U);
  EXPECT_TRUE(exit.truncated);
  EXPECT_EQ(exit.status.code, 4);
}

TEST(CommandRunner, AtTheTimeLimitKillsTheWholeGroup) {
  Command command = shell("sleep 1000 & echo $!; wait");
  command.time_limit = std::chrono::milliseconds{300};
  const Exit exit = run(std::move(command));
  EXPECT_TRUE(exit.timed_out);
  EXPECT_EQ(exit.status.signal, SIGKILL);
  EXPECT_TRUE(ends(std::stoi(exit.out)));
  EXPECT_TRUE(no_children());
}

TEST(CommandRunner, AGrandchildThatHoldsThePipeDelaysNothing) {
  const Exit exit = run(shell("sleep 1000 & echo $!"));
  EXPECT_TRUE(exit.status.success());
  EXPECT_TRUE(ends(std::stoi(exit.out)));
}

TEST(CommandRunner, AGrandchildThatLeftTheGroupDelaysNothing) {
  const Exit exit = run(shell("setsid sleep 1000 & echo $!"));
  EXPECT_TRUE(exit.status.success());
  ::kill(std::stoi(exit.out), SIGKILL);
}

TEST(CommandRunner, ChangesTheEnvironment) {
  ::setenv("OMCP_TEST_GONE", "1", 1);
  ::setenv("OMCP_TEST_OLD", "old", 1);
  ::setenv("OMCP_TEST_KEPT", "kept", 1);
  Command command = shell("echo ${OMCP_TEST_GONE-none} $OMCP_TEST_OLD $OMCP_TEST_KEPT");
  command.launch.unset_environment = {"OMCP_TEST_GONE"};
  command.launch.set_environment = {{"OMCP_TEST_OLD", "new"}};
  EXPECT_EQ(run(std::move(command)).out, "none new kept\n");
}

TEST(CommandRunner, RunsManyAtOnce) {
  asio::io_context io;
  const auto runner = make_command_runner(io.get_executor());
  std::vector<std::optional<Result<Exit>>> results(30);
  for (std::size_t i = 0; i < results.size(); ++i) {
    asio::co_spawn(io, store(runner->run(shell("exit " + std::to_string(i))), &results[i]),
                   asio::detached);
  }
  io.run();
  for (std::size_t i = 0; i < results.size(); ++i) {
    ASSERT_TRUE(results[i] && results[i]->ok());
    EXPECT_EQ(results[i].value()->status.code, static_cast<int>(i));
  }
  EXPECT_TRUE(no_children());
}

/// Waits on the loop until the child has written its pid to a file.
asio::awaitable<pid_t> pid_in(const std::string& path) {
  asio::steady_timer timer{co_await asio::this_coro::executor};
  for (;;) {
    std::ifstream file{path};
    std::string line;
    if (std::getline(file, line) && !file.eof()) {
      co_return std::stoi(line);
    }
    timer.expires_after(std::chrono::milliseconds{2});
    co_await timer.async_wait(asio::use_awaitable);
  }
}

TEST(CommandRunner, CancellingKillsAndReaps) {
  const std::string path = testing::TempDir() + "omcp_cancel_pid." + std::to_string(::getpid());
  asio::io_context io;
  const auto runner = make_command_runner(io.get_executor());
  asio::cancellation_signal cancel;
  bool failed = false;
  std::optional<Result<Exit>> exit;
  asio::co_spawn(
      io, store(runner->run(shell("sleep 1000 & echo $! > " + path + "; wait")), &exit),
      asio::bind_cancellation_slot(cancel.slot(), [&failed](const std::exception_ptr& error) {
        failed = error != nullptr;
      }));
  const auto watch = [&]() -> asio::awaitable<pid_t> {
    const pid_t pid = co_await pid_in(path);
    cancel.emit(asio::cancellation_type::terminal);
    co_return pid;
  };
  const pid_t grandchild = run_sync(io, watch());
  EXPECT_TRUE(failed);
  EXPECT_TRUE(ends(grandchild));
  EXPECT_TRUE(no_children());
  ::unlink(path.c_str());
}

TEST(CommandRunner, DestroyingTheLoopKillsAndReaps) {
  const std::string path = testing::TempDir() + "omcp_loop_pid." + std::to_string(::getpid());
  pid_t grandchild = 0;
  {
    asio::io_context io;
    const auto runner = make_command_runner(io.get_executor());
    std::optional<Result<Exit>> exit;
    asio::co_spawn(io,
                   store(runner->run(shell("sleep 1000 & echo $! > " + path + "; wait")), &exit),
                   asio::detached);
    auto pid = asio::co_spawn(io, pid_in(path), asio::use_future);
    while (pid.wait_for(std::chrono::seconds{0}) != std::future_status::ready) {
      io.run_one();
    }
    grandchild = pid.get();
  }
  EXPECT_TRUE(ends(grandchild));
  EXPECT_TRUE(no_children());
  ::unlink(path.c_str());
}

}  // namespace
}  // namespace omcp_r::process
