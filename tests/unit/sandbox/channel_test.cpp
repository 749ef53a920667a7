#include "omcp_r/sandbox/channel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "omcp_r/base/background.hpp"
#include "support.hpp"

namespace omcp_r::sandbox {
namespace {

using namespace std::chrono_literals;

/// What both ends of an attachment see; lives as long as the test.
struct Pipe {
  explicit Pipe(const asio::any_io_executor& executor) : changed(executor) {}
  std::deque<engine::Chunk> incoming;
  std::function<std::optional<engine::Chunk>()> flood;  ///< when nothing waits
  std::string written;
  std::size_t reads = 0;
  bool closed = false;
  bool write_stalls = false;
  Event changed;
};

class PipeAttachment final : public engine::Attachment {
 public:
  explicit PipeAttachment(std::shared_ptr<Pipe> pipe) : pipe_(std::move(pipe)) {}
  ~PipeAttachment() override { PipeAttachment::close(); }

  asio::awaitable<Status> write(std::string bytes) override {
    const auto pipe = pipe_;
    while (pipe->write_stalls && !pipe->closed) {
      co_await pipe->changed.wait();
    }
    if (pipe->closed) {
      co_return Error{Errc::kEnded, "closed"};
    }
    pipe->written += bytes;
    pipe->changed.notify_all();
    co_return Ok{};
  }
  asio::awaitable<std::optional<engine::Chunk>> read() override {
    const auto pipe = pipe_;
    while (pipe->incoming.empty() && !pipe->closed && !pipe->flood) {
      co_await pipe->changed.wait();
    }
    if (pipe->closed) {
      co_return std::nullopt;
    }
    ++pipe->reads;
    if (pipe->incoming.empty()) {
      co_return pipe->flood();
    }
    engine::Chunk chunk = std::move(pipe->incoming.front());
    pipe->incoming.pop_front();
    co_return chunk;
  }
  void close() override {
    pipe_->closed = true;
    pipe_->changed.notify_all();
  }

 private:
  std::shared_ptr<Pipe> pipe_;
};

class ChannelTest : public testing::Test {
 protected:
  ~ChannelTest() override {
    channel_->close();
    run_until(io_, [] { return background_work().empty(); });
  }

  void say(engine::Stream stream, std::string_view bytes) {
    for (std::size_t at = 0; at < bytes.size(); at += 65'536) {
      pipe_->incoming.push_back({stream, std::string{bytes.substr(at, 65'536)}});
    }
    pipe_->changed.notify_all();
  }
  void control(std::string_view bytes) { say(engine::Stream::kOut, bytes); }
  void transcript(std::string_view bytes) { say(engine::Stream::kErr, bytes); }
  /// Works through all that was said.
  void listen() {
    ASSERT_TRUE(run_until(io_, [this] { return pipe_->incoming.empty(); }));
    const std::size_t reads = pipe_->reads;
    for (int i = 0; i < 20; ++i) {
      io_.restart();
      io_.poll();
    }
    ASSERT_EQ(pipe_->reads, reads);
  }

  ExecutionPtr run(std::chrono::seconds timeout = 30s) {
    auto execution = std::make_shared<Execution>(io_.get_executor(), wire::new_id(), 50'000);
    ExecutionRequest request;
    request.code = "1";
    request.timeout = timeout;
    channel_->run(execution, request);
    transcript(mark('B', execution->id));
    listen();
    return execution;
  }

  /// The id of the last request that the server made.
  std::string last_request() {
    wire::FrameReader reader;
    reader.feed(pipe_->written);
    std::string id;
    while (const auto found = reader.next()) {
      id = found->id;
    }
    return id;
  }

  /// Starts a call and waits until its request has been written.
  template <class T>
  Later<T> ask(asio::awaitable<T> call) {
    const std::string before = last_request();
    const Later<T> answer = start(io_, std::move(call));
    EXPECT_TRUE(run_until(io_, [&] { return last_request() != before || answer->has_value(); }));
    return answer;
  }

  static std::string png();
  /// As the worker sends it of the run under way.
  std::string page(unsigned number, const std::string& picture, char state = 'f') {
    std::array<char, 6> head{};
    std::snprintf(head.data(), head.size(), "%04x%c", number, state);
    return message('P', last_request(), std::string{head.data()} + picture);
  }

  asio::io_context io_;
  std::shared_ptr<Pipe> pipe_ = std::make_shared<Pipe>(io_.get_executor());
  std::shared_ptr<Channel> channel_ = [this] {
    auto channel = std::make_shared<Channel>(io_.get_executor(),
                                             std::make_unique<PipeAttachment>(pipe_), Budget{});
    channel->start();
    return channel;
  }();
};

/// One grey pixel.
std::string ChannelTest::png() {
  static constexpr unsigned char kBytes[] = {
      0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48,
      0x44, 0x52, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00,
      0x00, 0x3a, 0x7e, 0x9b, 0x55, 0x00, 0x00, 0x00, 0x0a, 0x49, 0x44, 0x41, 0x54, 0x78,
      0x9c, 0x63, 0x68, 0x00, 0x00, 0x00, 0x82, 0x00, 0x81, 0x77, 0xcd, 0x72, 0xb6, 0x00,
      0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};
  return std::string{reinterpret_cast<const char*>(kBytes), sizeof kBytes};
}

bool tells(const ExecutionPtr& execution, const std::string& words) {
  return std::any_of(execution->dropped.begin(), execution->dropped.end(),
                     [&](const std::string& one) { return one.find(words) != std::string::npos; });
}

TEST_F(ChannelTest, TakesOutputBetweenTheMarksOfItsExecutionOnly) {
  const ExecutionPtr execution = run();
  transcript("mine\n" + mark('E', "ffffffffffffffff") + "still mine\n" +
             mark('B', "ffffffffffffffff") + mark('E', execution->id) + "not mine\n");
  listen();
  EXPECT_EQ(execution->transcript.text(), "mine\nstill mine\n");
  EXPECT_TRUE(channel_->heard().ended);
  EXPECT_EQ(channel_->stray(), "not mine\n");
}

TEST_F(ChannelTest, TheLimitCountsFromTheBeginMark) {
  auto execution = std::make_shared<Execution>(io_.get_executor(), wire::new_id(), 1000);
  ExecutionRequest request;
  request.timeout = 10s;
  channel_->run(execution, request);
  listen();
  EXPECT_EQ(execution->limit, Clock::time_point::max());
  Clock::advance(5s);
  const auto before = Clock::now();
  transcript(mark('B', execution->id));
  listen();
  EXPECT_GE(execution->limit, before + 10s);
  EXPECT_LE(execution->limit, Clock::now() + 10s);
  const auto limit = execution->limit;
  Clock::advance(5s);
  transcript(mark('B', execution->id));  // forged: no second beginning
  listen();
  EXPECT_EQ(execution->limit, limit);
}

// Seen before: rendering what had been drawn outlasted the limit, and R was killed for it.
TEST_F(ChannelTest, TheLimitIsForTheCodeAndNotForItsReport) {
  const ExecutionPtr execution = run(10s);
  const auto limit = execution->limit;
  transcript(mark('E', execution->id));
  listen();
  EXPECT_GE(execution->limit, limit + 100s);
  const auto extended = execution->limit;
  Clock::advance(20s);
  transcript(mark('E', execution->id));  // forged: no second end
  listen();
  EXPECT_EQ(execution->limit, extended);
}

TEST_F(ChannelTest, AReportIsReadOnceAndIntoItsTypes) {
  const ExecutionPtr execution = run();
  control(message('D', "ffffffffffffffff", "{\"status\":\"error\"}"));  // a run of the past
  control(message('D', execution->id, "{\"status\":\"ok\",\"pages\":2}"));
  control(message('D', execution->id, "{\"status\":\"error\"}"));
  listen();
  ASSERT_TRUE(execution->report);
  EXPECT_EQ(execution->report->status, RunStatus::kOk);
  EXPECT_EQ(execution->report->pages, 2U);
}

TEST_F(ChannelTest, AReportThatCannotBeReadIsDroppedAndTold) {
  const ExecutionPtr execution = run();
  control(message('D', execution->id, "no JSON"));
  listen();
  EXPECT_TRUE(channel_->heard().reported);
  EXPECT_FALSE(execution->report);
  EXPECT_TRUE(tells(execution, "could not be read"));
}

TEST_F(ChannelTest, AReportOf24MegabytesIsNotEvenHeld) {
  const ExecutionPtr execution = run();
  const std::size_t size = 24'000'000;
  control(message('D', execution->id, std::string(size, '1')));
  listen();
  EXPECT_TRUE(channel_->heard().reported);
  EXPECT_FALSE(execution->report);
  EXPECT_TRUE(tells(execution, "too large"));
}

// Seen before: 60 frames of 20 MB each made the server hold a gigabyte.
TEST_F(ChannelTest, PagesAreMeteredByTheServerWhateverTheirIdsSay) {
  const ExecutionPtr execution = run();
  const std::string huge = message('P', execution->id, std::string(2'000'000, 'x'));
  for (int i = 0; i < 10; ++i) {
    control(huge);
  }
  listen();
  EXPECT_TRUE(execution->plots.empty());
  EXPECT_TRUE(tells(execution, "too large"));
  EXPECT_LT(execution->held(), 2'000'000U);
}

TEST_F(ChannelTest, OnlyPicturesGoOutAsPictures) {
  const ExecutionPtr execution = run();
  control(page(1, png()));
  control(page(2, "not a picture"));
  control(page(3, png() + "x"));
  std::string broken = png();
  broken[45] = static_cast<char>(broken[45] + 1);
  control(page(4, broken));
  control(message('P', execution->id, "x"));
  control(message('P', execution->id, "00zzf" + png()));
  listen();
  ASSERT_EQ(execution->plots.size(), 1U);
  EXPECT_EQ(execution->plots[0].bytes, png());
  EXPECT_TRUE(tells(execution, "no picture of a kind"));
  EXPECT_TRUE(tells(execution, "not as pages are"));
}

TEST_F(ChannelTest, APictureOfAFileComesWithItsName) {
  const ExecutionPtr execution = run();
  control(page(1, "05a.png" + png(), 's'));
  control(page(2, "05b.pngno picture", 's'));
  control(page(3, "ffc.png" + png(), 's'));
  control(page(4, "x", 's'));
  listen();
  ASSERT_EQ(execution->plots.size(), 1U);
  EXPECT_EQ(execution->plots[0].file, "a.png");
  EXPECT_EQ(execution->plots[0].bytes, png());
  EXPECT_TRUE(tells(execution, "b.png was left out"));
  EXPECT_TRUE(tells(execution, "not as pages are"));
}

TEST_F(ChannelTest, APageIsReplacedByWhatHasItsNumber) {
  const ExecutionPtr execution = run();
  control(page(1, png(), 'o'));
  control(page(2, png()));
  listen();
  ASSERT_EQ(execution->plots.size(), 2U);
  EXPECT_TRUE(execution->plots[0].open);
  control(page(1, png()));
  control(page(2, ""));
  listen();
  ASSERT_EQ(execution->plots.size(), 2U);
  EXPECT_FALSE(execution->plots[0].open);
  EXPECT_TRUE(execution->plots[1].bytes.empty());
}

TEST_F(ChannelTest, APageStandsAtItsLastMarkWhicheverComesFirst) {
  const ExecutionPtr execution = run();
  const std::string begin = execution->id.substr(0, wire::kPageId);
  transcript("one\n" + mark('P', begin + "0001") + "two\n");
  listen();
  control(page(1, png()));
  control(page(2, png()));
  control(page(3, png()));
  listen();
  transcript(mark('P', "ffffffffffff0003") + mark('P', begin + "0002") + "three\n" +
             mark('P', begin + "0001"));
  listen();
  ASSERT_EQ(execution->plots.size(), 3U);
  EXPECT_EQ(execution->plots[0].place, 14U);
  EXPECT_EQ(execution->plots[1].place, 8U);
  EXPECT_EQ(execution->plots[2].place, Plot::kNoPlace) << "the mark of another run";
  EXPECT_EQ(execution->transcript.text(), "one\ntwo\nthree\n");
}

TEST_F(ChannelTest, MorePagesThanAreAllowedAreDroppedAndTold) {
  const ExecutionPtr execution = run();
  for (unsigned i = 0; i < 1000; ++i) {
    control(page(i, png()));
    transcript(mark('P', execution->id.substr(0, wire::kPageId) + "0001"));
  }
  listen();
  EXPECT_EQ(execution->plots.size(), Budget{}.plots);
  EXPECT_TRUE(tells(execution, "too many"));
}

TEST_F(ChannelTest, WarningsAreTakenAsTheyComeUpToABound) {
  const ExecutionPtr execution = run();
  for (int i = 0; i < 1000; ++i) {
    control(message('W', execution->id, "{\"message\":\"careful\"}"));
  }
  listen();
  EXPECT_EQ(execution->warnings.size(), 100U);
  EXPECT_EQ(execution->warnings.front().message, "careful");
}

TEST_F(ChannelTest, AGapInTheSequenceIsToldAndTheTornMessageDropped) {
  const ExecutionPtr execution = run();
  control(frame('R', 'D', execution->id, "{\"status\":", true, 5));
  control(frame('R', 'D', execution->id, "\"ok\"}", false, 7));
  listen();
  EXPECT_TRUE(tells(execution, "lost on the way"));
  EXPECT_FALSE(execution->report);
}

// Seen before: the supervisor's tick fell between the pieces of a frame of R's, and a plot was
// lost.
TEST_F(ChannelTest, TheSupervisorMaySpeakBetweenTheFramesOfAMessage) {
  const ExecutionPtr execution = run();
  const std::string picture = png();
  control(frame('R', 'P', execution->id, "0001f" + picture.substr(0, 20), true, 1));
  control(frame('S', 't', no_id(), "", false, 1));
  control(frame('R', 'P', execution->id, picture.substr(20), false, 2));
  listen();
  EXPECT_EQ(execution->plots.size(), 1U);
  EXPECT_TRUE(execution->dropped.empty());
}

TEST_F(ChannelTest, BytesBeyondTheBudgetStopTheRunFramesIncluded) {
  const ExecutionPtr execution = run();
  Budget budget;
  budget.output = 300'000;
  auto pipe = std::make_shared<Pipe>(io_.get_executor());
  auto small =
      std::make_shared<Channel>(io_.get_executor(), std::make_unique<PipeAttachment>(pipe), budget);
  small->start();
  const ExecutionRequest request;
  small->run(execution, request);
  for (int i = 0; i < 5; ++i) {
    pipe->incoming.push_back({engine::Stream::kOut, std::string(65'536, 'x')});
  }
  pipe->changed.notify_all();
  EXPECT_TRUE(run_until(io_, [&] { return execution->stop == StopReason::kOutputLimit; }));
  small->close();
}

TEST_F(ChannelTest, WhoFloodsWhileNothingRunsIsLeftToWait) {
  pipe_->flood = [] { return engine::Chunk{engine::Stream::kErr, std::string(65'536, 'y')}; };
  pipe_->changed.notify_all();
  std::size_t before = 1;
  run_until(io_, [&] { return std::exchange(before, pipe_->reads) == pipe_->reads; });
  for (int i = 0; i < 1000; ++i) {
    io_.restart();
    io_.poll();
  }
  EXPECT_LE(pipe_->reads, Budget{}.idle / 65'536 + 2);
  EXPECT_LE(channel_->stray().size(), 2000U);
}

TEST_F(ChannelTest, AFloodNeverKeepsTheLoopFromItsOtherWork) {
  const ExecutionPtr execution = run();
  const std::string chunk(65'536, '\n');
  pipe_->flood = [&] { return engine::Chunk{engine::Stream::kOut, chunk}; };
  pipe_->changed.notify_all();
  int turns = 0;
  std::function<void()> turn = [&] {
    if (++turns < 100) {
      asio::post(io_, turn);
    }
  };
  const std::size_t before = pipe_->reads;
  asio::post(io_, turn);
  EXPECT_TRUE(run_until(io_, [&] { return turns == 100; }));
  EXPECT_LE(pipe_->reads - before, 210U) << "more than two chunks between two turns of others";
}

TEST_F(ChannelTest, AGreetingUnderAFloodEndsAtItsDeadline) {
  pipe_->flood = [] { return engine::Chunk{engine::Stream::kOut, std::string(65'536, 'z')}; };
  const Channel::Hello hello;
  const auto greeting = ask(channel_->greet(hello, Clock::now() + 5s));
  Clock::advance(6s);
  ASSERT_TRUE(run_until(io_, [&] { return greeting->has_value(); }));
  EXPECT_EQ((*greeting)->error().code, Errc::kBusy);
}

TEST_F(ChannelTest, AGreetingIsReadIntoItsTypes) {
  const Channel::Hello hello;
  const auto greeting = ask(channel_->greet(hello, Clock::now() + 60s));
  control(message('H', "0123456789abcdef", "{\"r_version\":\"forged\"}"));
  control(message('H', last_request(), "{\"r_version\":\"4.2.2\",\"executions\":3,\"idle\":60}"));
  ASSERT_TRUE(run_until(io_, [&] { return greeting->has_value(); }));
  ASSERT_TRUE(greeting->value());
  EXPECT_EQ((*greeting)->operator*().r_version, "4.2.2");
  EXPECT_EQ((*greeting)->operator*().idle, 60);
}

TEST_F(ChannelTest, AFileComesInSlicesAndNoLargerThanAsked) {
  std::string bytes;
  const ByteSink sink = [&bytes](std::string_view slice) {
    bytes += slice;
    return Status{Ok{}};
  };
  const auto file = ask(channel_->get("a.bin", 10'000, sink, Clock::now() + 60s));
  control(message('A', last_request(), "6000\n" + std::string(4000, 'a')));
  const std::string first = last_request();
  ASSERT_TRUE(run_until(io_, [&] { return last_request() != first; }));
  control(message('A', last_request(), "6000\n" + std::string(2000, 'b')));
  ASSERT_TRUE(run_until(io_, [&] { return file->has_value(); }));
  ASSERT_TRUE(file->value());
  EXPECT_EQ(bytes, std::string(4000, 'a') + std::string(2000, 'b'));

  const auto large = ask(channel_->get("a.bin", 10'000, sink, Clock::now() + 60s));
  control(message('A', last_request(), "10001\n"));
  ASSERT_TRUE(run_until(io_, [&] { return large->has_value(); }));
  EXPECT_EQ((*large)->error().code, Errc::kInvalidArgument);
}

TEST_F(ChannelTest, APartOfAFileIsReadAlone) {
  const auto part = ask(channel_->get_part("a.bin", 1'000, 5'000, Clock::now() + 60s));
  const std::string first = last_request();
  control(message('A', first, "9000\n" + std::string(4'000, 'a')));
  ASSERT_TRUE(run_until(io_, [&] { return last_request() != first; }));
  control(message('A', last_request(), "9000\n" + std::string(1'000, 'b')));
  ASSERT_TRUE(run_until(io_, [&] { return part->has_value(); }));
  ASSERT_TRUE(part->value());
  EXPECT_EQ((*part)->operator*().size, 9'000U);
  EXPECT_EQ((*part)->operator*().bytes, std::string(4'000, 'a') + std::string(1'000, 'b'));
  const auto behind = ask(channel_->get_part("a.bin", 9'001, 10, Clock::now() + 60s));
  control(message('A', last_request(), "9000\n"));
  ASSERT_TRUE(run_until(io_, [&] { return behind->has_value(); }));
  ASSERT_TRUE(behind->value());
  EXPECT_EQ((*behind)->operator*().bytes, "");
  const auto more = ask(channel_->get_part("a.bin", 0, 10, Clock::now() + 60s));
  control(message('A', last_request(), "9000\n12345678901"));
  ASSERT_TRUE(run_until(io_, [&] { return more->has_value(); }));
  EXPECT_FALSE(more->value()) << "more than was asked for";
}

TEST_F(ChannelTest, WhoTakesAFileMayEndItsReading) {
  const ByteSink full = [](std::string_view) { return Error{Errc::kLimitReached, "full"}; };
  const auto file = ask(channel_->get("a.bin", 10'000, full, Clock::now() + 60s));
  const std::string first = last_request();
  control(message('A', first, "6000\n" + std::string(4000, 'a')));
  ASSERT_TRUE(run_until(io_, [&] { return file->has_value(); }));
  EXPECT_EQ((*file)->error().code, Errc::kLimitReached);
  EXPECT_EQ(last_request(), first) << "more was asked for";
}

TEST_F(ChannelTest, AFileThatLiesAboutItsSizeIsAnError) {
  const ByteSink sink = [](std::string_view) { return Ok{}; };
  for (const char* lie : {"-1\n", "5\n123456", "5\n", "x\n", "", "99999999999999999999\n"}) {
    const auto file = ask(channel_->get("a", 10'000, sink, Clock::now() + 60s));
    control(message('A', last_request(), lie));
    ASSERT_TRUE(run_until(io_, [&] { return file->has_value(); })) << lie;
    EXPECT_FALSE(file->value()) << lie;
  }
}

TEST_F(ChannelTest, TheReasonOfARefusalIsShortAndPlain) {
  const Status refused = [&] {
    const auto put = ask(channel_->put("a", "text", Clock::now() + 60s));
    control(message('F', last_request(), "\x1b[31mred\n" + std::string(3000, 'x')));
    EXPECT_TRUE(run_until(io_, [&] { return put->has_value(); }));
    return put->value();
  }();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kInvalidArgument);
  EXPECT_LE(refused.error().message.size(), 510U);
  EXPECT_EQ(refused.error().message.find('\x1b'), std::string::npos);
}

TEST_F(ChannelTest, WhenRIsStartedAnewWhatWasAskedOfTheOldOneIsAnswered) {
  const auto files = ask(channel_->files(Clock::now() + 60s));
  control(frame('S', 'x', no_id(), "137 1"));
  ASSERT_TRUE(run_until(io_, [&] { return files->has_value(); }));
  EXPECT_EQ((*files)->error().code, Errc::kBusy);
  EXPECT_EQ(channel_->heard().exit_status, 137);
}

TEST_F(ChannelTest, ClosingAnswersWhatIsUnderWay) {
  pipe_->write_stalls = true;
  channel_->close();
  const Channel::Hello hello;
  const auto greeting = ask(channel_->greet(hello, Clock::now() + 60s));
  ASSERT_TRUE(run_until(io_, [&] { return greeting->has_value(); }));
  EXPECT_EQ((*greeting)->error().code, Errc::kEnded);
}

TEST_F(ChannelTest, OnlyKnownReasonsOfAnEndAreTaken) {
  control(frame('S', 'z', no_id(), "because of <b>evil</b>"));
  listen();
  EXPECT_EQ(channel_->heard().ending, "");
  control(frame('S', 'z', no_id(), "lifetime"));
  listen();
  EXPECT_EQ(channel_->heard().ending, "lifetime");
}

}  // namespace
}  // namespace omcp_r::sandbox
