#include "omcp_r/process/child.hpp"

#include <gtest/gtest.h>

#include "support.hpp"

namespace omcp_r::process {
namespace {

Launch shell_with_input(const std::string& script) {
  return Launch{.argv = {"/bin/sh", "-c", script}, .with_input = true};
}

asio::awaitable<std::string> read_some(Child& child) {
  for (;;) {
    std::string bytes = child.try_read(Output::kOut, 4096);
    if (!bytes.empty() || child.at_end(Output::kOut)) {
      co_return bytes;
    }
    co_await child.changed(Interest::kOutput);
  }
}

TEST(Child, AnswersLineByLine) {
  asio::io_context io;
  auto child =
      *Child::spawn(io.get_executor(), shell_with_input("while read -r x; do echo \"<$x>\"; done"));
  const auto talk = [&]() -> asio::awaitable<void> {
    for (int i = 0; i < 100; ++i) {
      const std::string line = std::to_string(i);
      const std::string sent = line + "\n";
      std::string_view left{sent};
      EXPECT_TRUE(child->try_write(left));
      EXPECT_EQ(co_await read_some(*child), "<" + line + ">\n");
    }
    child->close_input();
    EXPECT_EQ(co_await read_some(*child), "");
    while (!child->exit_status()) {
      co_await child->changed(Interest::kEnd);
    }
    EXPECT_TRUE(child->exit_status()->success());
  };
  run_sync(io, talk());
  EXPECT_TRUE(no_children());
}

TEST(Child, WritesStopWhereThePipeIsFullAndGoOnWhenItIsRead) {
  asio::io_context io;
  auto child = *Child::spawn(io.get_executor(), shell_with_input("read -r go; cat | wc -c"));
  const std::string sent = "go\n" + std::string(1 << 20, 'x');
  const auto talk = [&]() -> asio::awaitable<void> {
    std::string_view left{sent};
    while (child->try_write(left) && !left.empty()) {
      co_await child->changed(Interest::kRoom);
    }
    EXPECT_TRUE(left.empty());
    child->close_input();
    EXPECT_EQ(co_await read_some(*child), "1048576\n");
  };
  run_sync(io, talk());
}

TEST(Child, OutputThatNobodyReadsHoldsTheChildBack) {
  asio::io_context io;
  auto child = *Child::spawn(io.get_executor(), shell_with_input("yes & echo $! >&2; wait"));
  const auto look = [&]() -> asio::awaitable<void> {
    while (child->available(Output::kOut) < 4096) {
      co_await child->changed(Interest::kEnd,
                              std::chrono::steady_clock::now() + std::chrono::milliseconds{5});
    }
  };
  run_sync(io, [&]() -> asio::awaitable<void> {
    co_await look();
    child->close();
  }());
  EXPECT_LE(child->available(Output::kOut), 65536U);
}

TEST(Child, ADeadlineEndsTheWait) {
  asio::io_context io;
  auto child = *Child::spawn(io.get_executor(), shell_with_input("cat"));
  const auto wait = [&]() -> asio::awaitable<void> {
    co_await child->changed(Interest::kEnd,
                            std::chrono::steady_clock::now() + std::chrono::milliseconds{20});
    EXPECT_FALSE(child->exit_status());
    child->close();
  };
  run_sync(io, wait());
  EXPECT_EQ(child->exit_status()->signal, SIGKILL);
}

TEST(Child, DroppingItKillsItAndTheLoopReapsIt) {
  asio::io_context io;
  pid_t pid = 0;
  {
    auto child = *Child::spawn(io.get_executor(), shell_with_input("cat"));
    pid = child->pid();
    EXPECT_EQ(::kill(pid, 0), 0);
  }
  io.run();
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_TRUE(no_children());
}

TEST(Child, CloseEndsAPendingWait) {
  asio::io_context io;
  auto child = *Child::spawn(io.get_executor(), shell_with_input("cat"));
  auto wait = asio::co_spawn(io, child->changed(Interest::kOutput), asio::use_future);
  io.poll();
  child->close();
  io.restart();
  io.run();
  wait.get();
  EXPECT_TRUE(child->at_end(Output::kOut));
}

}  // namespace
}  // namespace omcp_r::process
