#include "omcp_r/rpc/stdio_transport.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "pipes.hpp"

namespace omcp_r::rpc {
namespace {

using namespace std::chrono_literals;

asio::awaitable<void> collect(StdioTransport& transport, std::vector<std::string>& lines,
                              bool& ended) {
  while (const auto line = co_await transport.read_line()) {
    lines.push_back(line->too_long ? "!" : line->text);
  }
  ended = true;
}

class StdioTransportTest : public testing::Test {
 protected:
  StdioTransportTest() { std::signal(SIGPIPE, SIG_IGN); }

  void start_reading(StdioTransport& transport) {
    asio::co_spawn(io_, collect(transport, lines_, ended_), asio::detached);
  }
  void turn(std::chrono::milliseconds time = 20ms) {
    io_.restart();
    io_.run_for(time);
  }

  asio::io_context io_{1};
  Pipe in_;
  Pipe out_;
  std::vector<std::string> lines_;
  bool ended_ = false;
};

TEST_F(StdioTransportTest, ReadsLinesAsTheyComeAndEndsWithTheInput) {
  StdioTransport transport{io_.get_executor(), in_.read_end(), out_.write_end()};
  start_reading(transport);
  ASSERT_TRUE(in_.write("one\ntw"));
  turn();
  EXPECT_EQ(lines_, (std::vector<std::string>{"one"}));
  ASSERT_TRUE(in_.write("o\nhalf"));
  in_.close_write_end();
  turn();
  EXPECT_EQ(lines_, (std::vector<std::string>{"one", "two"}));
  EXPECT_TRUE(ended_);
  EXPECT_TRUE(transport.has_partial_line());
}

TEST_F(StdioTransportTest, CloseInputEndsAWaitingRead) {
  StdioTransport transport{io_.get_executor(), in_.read_end(), out_.write_end()};
  start_reading(transport);
  turn();
  transport.close_input();
  turn();
  EXPECT_TRUE(ended_);
}

TEST_F(StdioTransportTest, WritesWholeLinesInOrderThroughAFullPipe) {
  StdioTransport transport{io_.get_executor(), in_.read_end(), out_.write_end()};
  std::string expected;
  for (int i = 0; i < 5000; ++i) {
    const std::string line = std::to_string(i) + std::string(100, 'x');
    expected += line + "\n";
    transport.send(line);
  }
  std::string got;
  for (int i = 0; i < 100 && got.size() < expected.size(); ++i) {
    turn(5ms);
    got += out_.read_available();
  }
  EXPECT_EQ(got, expected);
  EXPECT_EQ(transport.queued_bytes(), 0U);
}

TEST_F(StdioTransportTest, WidensThePipeThatItWritesTo) {
  const int before = ::fcntl(out_.write_end(), F_GETPIPE_SZ);
  const StdioTransport transport{io_.get_executor(), in_.read_end(), out_.write_end()};
  EXPECT_GT(::fcntl(out_.write_end(), F_GETPIPE_SZ), before);
}

TEST_F(StdioTransportTest, IsCongestedWhileTheClientDoesNotRead) {
  TransportLimits limits;
  limits.queue_bytes = 1000;
  StdioTransport transport{io_.get_executor(), in_.read_end(), out_.write_end(), limits};
  int progress = 0;
  transport.set_on_progress([&] { ++progress; });
  transport.send(std::string(600'000, 'x'));
  turn();
  EXPECT_TRUE(transport.congested());
  const int before = progress;
  for (int i = 0; i < 10; ++i) {
    (void)out_.read_available();
    turn(5ms);
  }
  EXPECT_FALSE(transport.congested());
  EXPECT_GT(progress, before);
}

TEST_F(StdioTransportTest, AClientThatHasGoneEndsReadingToo) {
  StdioTransport transport{io_.get_executor(), in_.read_end(), out_.write_end()};
  start_reading(transport);
  out_.close_read_end();
  transport.send("nobody reads this");
  turn();
  EXPECT_TRUE(transport.broken());
  EXPECT_TRUE(ended_);
  EXPECT_EQ(transport.queued_bytes(), 0U);
}

TEST_F(StdioTransportTest, RegularFilesServe) {
  std::FILE* input = std::tmpfile();
  std::FILE* output = std::tmpfile();
  ASSERT_GT(std::fputs("one\ntwo\n", input), 0);
  std::rewind(input);
  {
    StdioTransport transport{io_.get_executor(), ::fileno(input), ::fileno(output)};
    start_reading(transport);
    transport.send("answer");
    turn();
    EXPECT_TRUE(ended_);
  }
  EXPECT_EQ(lines_.size(), 2U);
  std::array<char, 16> answer{};
  ASSERT_EQ(::pread(::fileno(output), answer.data(), answer.size(), 0), 7);
  EXPECT_STREQ(answer.data(), "answer\n");
  std::fclose(input);
  std::fclose(output);
}

TEST_F(StdioTransportTest, DevNullServes) {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  {
    StdioTransport transport{io_.get_executor(), null, null};
    start_reading(transport);
    transport.send("answer");
    turn();
    EXPECT_TRUE(ended_);
    EXPECT_EQ(transport.queued_bytes(), 0U);
  }
  ::close(null);
}

TEST_F(StdioTransportTest, OneSocketServesBothWays) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  const int copy = ::dup(ends[0]);
  {
    StdioTransport transport{io_.get_executor(), ends[0], copy};
    start_reading(transport);
    ASSERT_EQ(::write(ends[1], "one\n", 4), 4);
    transport.send("answer");
    turn();
    EXPECT_EQ(lines_, (std::vector<std::string>{"one"}));
    EXPECT_FALSE(transport.hung_up());
    std::array<char, 16> answer{};
    EXPECT_EQ(::read(ends[1], answer.data(), answer.size()), 7);
    ::shutdown(ends[1], SHUT_WR);
    turn();
    EXPECT_TRUE(ended_);
    EXPECT_TRUE(transport.hung_up());
  }
  ::close(ends[0]);
  ::close(ends[1]);
  ::close(copy);
}

TEST_F(StdioTransportTest, MayGoWhileAWriteWaits) {
  {
    StdioTransport transport{io_.get_executor(), in_.read_end(), out_.write_end()};
    start_reading(transport);
    transport.send(std::string(200'000, 'x'));
    turn();
  }
  turn();
  EXPECT_TRUE(ended_);
}

}  // namespace
}  // namespace omcp_r::rpc
