// That the fake engine keeps its promises: a test that fails elsewhere is to mean something else.

#include "fakes/fake_engine.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>

namespace omcp_r::fakes {
namespace {

using engine::Attachment;
using engine::Chunk;
using engine::Handle;
using engine::Stream;

const std::string kRun = "00000000000000aa";    // NOLINT: may throw before main
const std::string kOther = "00000000000000bb";  // NOLINT
const std::string kNone(16, '0');               // NOLINT
constexpr const char* kMagic = "\x02OM2";

template <class T>
asio::awaitable<void> store(asio::awaitable<T> work, std::optional<T>* result) {
  result->emplace(co_await std::move(work));
}

/// A server's end of an attachment.
struct Client {
  struct Heard {
    std::string out;
    std::string err;
    bool over = false;
  };
  std::unique_ptr<Attachment> attachment;
  std::shared_ptr<Heard> heard = std::make_shared<Heard>();
  std::string& out = heard->out;
  std::string& err = heard->err;
  bool& over = heard->over;
};

/// Reads all the time, and is over some time after the attachment.
asio::awaitable<void> read_on(Attachment* attachment, std::shared_ptr<Client::Heard> heard) {
  while (const auto chunk = co_await attachment->read()) {
    (chunk->stream == Stream::kOut ? heard->out : heard->err) += chunk->bytes;
  }
  heard->over = true;
}

class FakeEngineTest : public testing::Test {
 protected:
  template <class T>
  T wait(asio::awaitable<T> work) {
    std::optional<T> result;
    asio::co_spawn(io_, store(std::move(work), &result), asio::detached);
    poll();
    if (!result) {
      throw std::runtime_error("the call has not returned");
    }
    return std::move(*result);
  }
  void poll() {
    io_.restart();
    io_.run_for(std::chrono::milliseconds{5});
  }

  FakeSandbox& create(const std::string& id) {
    engine::Spec spec;
    spec.identity.id = id;
    spec.identity.scope = "scope";
    spec.image = "r:1";
    const auto created = wait(engine_.create(spec));
    EXPECT_TRUE(created);
    return world_->sandbox(id);
  }
  std::unique_ptr<Client> attach(const FakeSandbox& sandbox) {
    auto client = std::make_unique<Client>();
    client->attachment = std::move(*wait(engine_.open(sandbox.found.handle)));
    asio::co_spawn(io_, read_on(client->attachment.get(), client->heard), asio::detached);
    return client;
  }

  /// Sends a message and lets everything happen that follows.
  void say(Client& client, char type, const std::string& id, std::string message) {
    std::string frames;
    do {
      const std::string payload = message.substr(0, 4059);
      message.erase(0, payload.size());
      char header[37];
      std::snprintf(header, sizeof header, "%sC%c%c%08x%s%04x:", kMagic, type,
                    message.empty() ? '.' : '+', ++sent_, id.c_str(),
                    static_cast<unsigned>(payload.size()));
      frames += header + payload + "\x03";
    } while (!message.empty());
    EXPECT_TRUE(wait(client.attachment->write(std::move(frames))));
    poll();
  }
  void run(Client& client, const std::string& code, const std::string& id = kRun) {
    say(client, 'r', id, "timeout 30\n\n" + code);
  }

  /// A frame as it must come; its sequence is that of its writer.
  static std::string frame(char writer, char type, unsigned sequence, const std::string& id,
                           const std::string& payload, bool more = false) {
    char header[37];
    std::snprintf(header, sizeof header, "%s%c%c%c%08x%s%04x:", kMagic, writer, type,
                  more ? '+' : '.', sequence, id.c_str(), static_cast<unsigned>(payload.size()));
    return header + payload + "\x03";
  }
  static std::string mark(char letter, const std::string& id) {
    return kMagic + std::string(1, letter) + id + "\n";
  }

  asio::io_context io_;
  std::shared_ptr<World> world_ = std::make_shared<World>(io_.get_executor());
  FakeEngine engine_{world_};
  unsigned sent_ = 0;
};

TEST_F(FakeEngineTest, TwoEnginesOfOneWorldSeeTheSame) {
  FakeEngine other{world_};
  const Handle handle = create("one").found.handle;
  const auto list = wait(other.list("scope"));
  ASSERT_EQ(list->size(), 1U);
  EXPECT_EQ(list->front().identity.id, "one");
  EXPECT_TRUE(list->front().running);
  EXPECT_TRUE(wait(other.list("another"))->empty());
  EXPECT_TRUE(wait(other.remove(handle)));
  EXPECT_TRUE(wait(engine_.list("scope"))->empty());
  EXPECT_TRUE(wait(engine_.remove(handle))) << "one that is not there is success";
  EXPECT_EQ(wait(engine_.interrupt(handle)).error().code, Errc::kNotFound);
  EXPECT_EQ(wait(engine_.open(handle)).error().code, Errc::kNotFound);
  EXPECT_EQ(other.calls(), (std::vector<std::string>{"list scope", "list another", "remove one"}));
}

TEST_F(FakeEngineTest, TheWorkerGreetsRunsAndRemembers) {
  FakeSandbox& sandbox = create("one");
  const auto client = attach(sandbox);
  say(*client, 'h', kOther, "idle 30\ngiven 1\n\n");
  EXPECT_EQ(client->out,
            frame('R', 'H', 1, kOther,
                  R"({"executions":0,"given":true,"idle":30,"r_version":"4.2.2","session":1})"));
  client->out.clear();
  run(*client, "print hello");
  EXPECT_EQ(client->out, frame('R', 'D', 2, kRun, R"({"status":"ok"})"));
  EXPECT_EQ(client->err, mark('B', kRun) + "hello\n" + mark('E', kRun));
  client->out.clear();
  say(*client, 'c', kRun, "\n");
  say(*client, 'c', kOther, "\n");
  EXPECT_EQ(client->out,
            frame('R', 'D', 3, kRun, R"({"status":"ok"})") + frame('R', 'U', 4, kOther, "{}"));
  EXPECT_EQ(sandbox.code, std::vector<std::string>{"print hello"});
}

TEST_F(FakeEngineTest, FilesGoInAndOutInSlices) {
  FakeSandbox& sandbox = create("one");
  const auto client = attach(sandbox);
  const std::string big(5000, 'x');
  say(*client, 'p', kRun, "path_bytes 3\noffset 0\nlast 0\n\na/b" + big);
  say(*client, 'p', kRun, "path_bytes 3\noffset 5000\nlast 1\n\na/bend");
  EXPECT_EQ(sandbox.files["a/b"], big + "end");
  client->out.clear();
  say(*client, 'g', kRun, "offset 4998\nmax 4\n\na/b");
  say(*client, 'l', kRun, "max 10\n\n");
  EXPECT_EQ(client->out, frame('R', 'A', 3, kRun, "5003\nxxen") +
                             frame('R', 'A', 4, kRun, R"([{"path":"a/b","size":5003}])"));
  client->out.clear();
  say(*client, 'g', kRun, "offset 0\nmax 5000\n\na/b");
  const std::string answer = "5003\n" + big;
  EXPECT_EQ(client->out, frame('R', 'A', 5, kRun, answer.substr(0, 4059), true) +
                             frame('R', 'A', 6, kRun, answer.substr(4059)));
}

TEST_F(FakeEngineTest, HalfFramesAndPaddingAreSkipped) {
  FakeSandbox& sandbox = create("one");
  {
    const auto dying = attach(sandbox);
    EXPECT_TRUE(wait(dying->attachment->write(frame('C', 'r', 1, kRun, "\nx").substr(0, 37))));
  }
  const auto client = attach(sandbox);
  EXPECT_TRUE(wait(client->attachment->write(std::string(4096, '\n'))));
  say(*client, 's', kRun, "\n");
  EXPECT_NE(client->out.find("\"code\":[]"), std::string::npos);
}

TEST_F(FakeEngineTest, AHangingRunGoesOnUnattendedUntilItIsInterrupted) {
  FakeSandbox& sandbox = create("one");
  {
    const auto first = attach(sandbox);
    run(*first, "hang");
  }
  EXPECT_EQ(sandbox.attached(), 0U);
  EXPECT_EQ(sandbox.running(), kRun);
  sandbox.write_transcript("lost");
  const auto client = attach(sandbox);
  say(*client, 'h', kOther, "\n");
  EXPECT_EQ(client->out, "") << "the worker is busy";
  sandbox.ignores_interrupts = true;
  EXPECT_TRUE(wait(engine_.interrupt(sandbox.found.handle)));
  EXPECT_EQ(client->out, frame('S', 'i', 1, kNone, ""));
  sandbox.ignores_interrupts = false;
  client->out.clear();
  EXPECT_TRUE(wait(engine_.interrupt(sandbox.found.handle)));
  EXPECT_EQ(client->out.find(frame('S', 'i', 2, kNone, "") +
                             frame('R', 'D', 1, kRun, R"({"status":"interrupted"})")),
            0U);
  EXPECT_NE(client->out.find("r_version"), std::string::npos) << "greeted at last";
  EXPECT_EQ(client->err, mark('E', kRun));
}

TEST_F(FakeEngineTest, AKilledSessionStartsAnewAndSaysThatTheRunCrashed) {
  FakeSandbox& sandbox = create("one");
  const auto client = attach(sandbox);
  sandbox.files["kept"] = "x";
  run(*client, "hang");
  client->err.clear();
  EXPECT_TRUE(wait(engine_.kill_session(sandbox.found.handle)));
  EXPECT_EQ(client->err, mark('X', kNone));
  EXPECT_EQ(client->out, frame('S', 'k', 1, kNone, "") + frame('S', 'x', 2, kNone, "137 1") +
                             frame('R', 'D', 1, kRun, R"({"status":"crashed"})") +
                             frame('R', 'R', 2, kNone, R"({"r_version":"4.2.2","executions":0})"));
  EXPECT_TRUE(sandbox.code.empty());
  EXPECT_EQ(sandbox.files.size(), 1U);
}

TEST_F(FakeEngineTest, WhatQuitsAndCrashesSaysSo) {
  FakeSandbox& sandbox = create("one");
  const auto client = attach(sandbox);
  run(*client, "quit");
  EXPECT_EQ(client->out.find(frame('R', 'D', 1, kRun, R"({"status":"quit"})") +
                             frame('S', 'x', 1, kNone, "0 0")),
            0U);
  client->out.clear();
  run(*client, "crash", kOther);
  EXPECT_EQ(client->out.find(frame('S', 'x', 2, kNone, "139 0") +
                             frame('R', 'D', 1, kOther, R"({"status":"crashed"})")),
            0U);
  run(*client, "error", kRun);
  EXPECT_NE(client->out.find("a fake error"), std::string::npos);
}

TEST_F(FakeEngineTest, EverybodyAttachedHearsEverythingAndTheEnd) {
  FakeSandbox& sandbox = create("one");
  const auto first = attach(sandbox);
  const auto second = attach(sandbox);
  sandbox.write_control("raw");
  poll();
  EXPECT_EQ(first->out, "raw");
  EXPECT_EQ(second->out, "raw");
  EXPECT_TRUE(wait(engine_.remove(sandbox.found.handle)));
  EXPECT_TRUE(first->over && second->over);
  EXPECT_EQ(first->out, "raw" + frame('S', 'z', 1, kNone, "asked"));
  EXPECT_EQ(wait(first->attachment->write("x")).error().code, Errc::kEnded);
}

TEST_F(FakeEngineTest, TheSupervisorSaysThatItIsStillThereWhileCodeRuns) {
  FakeSandbox& sandbox = create("one");
  sandbox.heartbeat = std::chrono::milliseconds{1};
  const auto client = attach(sandbox);
  run(*client, "hang");
  EXPECT_EQ(client->out.find(frame('S', 't', 1, kNone, "")), 0U);
  sandbox.finish();
  poll();
  EXPECT_NE(client->out.find(frame('R', 'D', 1, kRun, R"({"status":"ok"})")), std::string::npos);
}

TEST_F(FakeEngineTest, ASilentSandboxAnswersLater) {
  FakeSandbox& sandbox = create("one");
  const auto client = attach(sandbox);
  sandbox.set_silent(true);
  run(*client, "print late");
  EXPECT_TRUE(wait(engine_.interrupt(sandbox.found.handle)));
  EXPECT_EQ(client->out + client->err, "");
  sandbox.set_silent(false);
  poll();
  EXPECT_NE(client->err.find("late"), std::string::npos);
}

TEST_F(FakeEngineTest, CallsFailAndAreHeldOnDemand) {
  const Handle handle = create("one").found.handle;
  engine_.fail("remove", Error{Errc::kTimeout, "slow"});
  EXPECT_EQ(wait(engine_.remove(handle)).error().code, Errc::kTimeout);

  engine_.hold("list");
  engine_.hold("create");
  std::optional<Result<std::vector<engine::Found>>> list;
  asio::co_spawn(io_, store(engine_.list("scope"), &list), asio::detached);
  std::optional<Result<engine::Created>> created;
  engine::Spec two;
  two.identity.id = "two";
  asio::co_spawn(io_, store(engine_.create(two), &created), asio::detached);
  poll();
  EXPECT_EQ(engine_.held("list"), 1);
  EXPECT_TRUE(wait(engine_.remove(handle)));
  EXPECT_FALSE(list || created);
  EXPECT_EQ(world_->sandboxes.count("two"), 0U);
  engine_.release("list");
  engine_.release("create");
  poll();
  ASSERT_TRUE(list && created);
  EXPECT_EQ((*list)->size(), 1U) << "what was true when it was called";
  EXPECT_EQ(world_->sandboxes.count("two"), 1U);
}

TEST_F(FakeEngineTest, ListsMayBeStale) {
  engine_.switches().list_calls_late = 1;
  EXPECT_TRUE(wait(engine_.list("scope"))->empty());
  create("one");
  EXPECT_TRUE(wait(engine_.list("scope"))->empty());
  EXPECT_EQ(wait(engine_.list("scope"))->size(), 1U);
  engine_.switches() = {};
  engine_.switches().list_time_late = std::chrono::hours{1};
  EXPECT_TRUE(wait(engine_.list("scope"))->empty());
  Clock::advance(std::chrono::hours{2});
  EXPECT_EQ(wait(engine_.list("scope"))->size(), 1U);
}

TEST_F(FakeEngineTest, MarksAreLeftOnlyWhereTheySayThatTheyAre) {
  FakeSandbox& sandbox = create("one");
  EXPECT_TRUE(wait(engine_.mark_given(sandbox.found.handle)));
  EXPECT_FALSE(wait(engine_.list("scope"))->front().given);
  engine_.switches().marks_given = true;
  EXPECT_TRUE(wait(engine_.mark_given(sandbox.found.handle)));
  EXPECT_TRUE(wait(engine_.list("scope"))->front().given);
}

TEST_F(FakeEngineTest, StreamsStallBreakAndFlood) {
  FakeSandbox& sandbox = create("one");
  Faults faults;
  faults.read_stalls = faults.write_stalls = true;
  sandbox.set_faults(faults);
  const auto stalled = attach(sandbox);
  sandbox.write_control("unheard");
  std::optional<Status> written;
  asio::co_spawn(io_, store(stalled->attachment->write("x"), &written), asio::detached);
  poll();
  EXPECT_FALSE(written || stalled->over);
  EXPECT_EQ(stalled->out, "");
  stalled->attachment->close();
  poll();
  EXPECT_TRUE(stalled->over);
  EXPECT_TRUE(written && !written->ok());

  faults = {};
  faults.breaks_after = 5;
  faults.piece = 2;
  sandbox.set_faults(faults);
  const auto breaking = attach(sandbox);
  sandbox.write_control("123456789");
  poll();
  EXPECT_TRUE(breaking->over);
  EXPECT_EQ(breaking->out, "12345");

  faults = {};
  faults.floods = Stream::kErr;
  sandbox.set_faults(faults);
  const auto flooded = std::move(*wait(engine_.open(sandbox.found.handle)));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(wait(flooded->read())->bytes.size(), 64U << 10U);
  }
}

TEST_F(FakeEngineTest, ASandboxMayDieByItself) {
  FakeSandbox& sandbox = create("one");
  const auto client = attach(sandbox);
  sandbox.end("idle");
  poll();
  EXPECT_TRUE(client->over);
  EXPECT_EQ(client->out, frame('S', 'z', 1, kNone, "idle"));
  EXPECT_TRUE(wait(engine_.list("scope"))->empty());
}

TEST_F(FakeEngineTest, WhatItSaysOfItselfAndOfImages) {
  world_->missing_images = {"none:1"};
  EXPECT_EQ(wait(engine_.about())->version, "fake 1.0");
  EXPECT_EQ(*wait(engine_.image("r:1")), "sha256:r:1");
  EXPECT_EQ(wait(engine_.image("none:1")).error().code, Errc::kImageNotFound);
}

}  // namespace
}  // namespace omcp_r::fakes
