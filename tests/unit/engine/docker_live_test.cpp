// The engine against the real one. Needs a running docker and the image of the tests; without them
// the tests are skipped, unless OMCP_REQUIRE_DOCKER says that they must not be.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "support.hpp"

namespace omcp_r::engine {
namespace {

constexpr const char* kImage = "omcp-r-test:bookworm";

/// Answers each line with "<line>" on standard output and "!line" on the other, counts TERM.
constexpr const char* kEcho =
    "trap 't=1; echo TERM' TERM; echo noise; while :; do t=; if read -r x; then echo \"<$x>\"; "
    "echo \"!$x\" >&2; elif [ -z \"$t\" ]; then break; fi; done";

class DockerLive : public testing::Test {
 protected:
  void SetUp() override {
    engine_ = make_docker_engine(io_.get_executor(), {});
    const auto image = wait(engine_->image(kImage));
    if (!image) {
      if (std::getenv("OMCP_REQUIRE_DOCKER") != nullptr) {
        FAIL() << image.error().message;
      }
      GTEST_SKIP() << image.error().message;
    }
    image_id_ = image->id;
    labels_ = {{"omcp.engine-test", std::to_string(::getpid())}, {"omcp.odd", "a,b=c"}};
  }

  void TearDown() override {
    const auto left = wait(engine_->list(labels_));
    for (const ContainerInfo& container : left ? *left : std::vector<ContainerInfo>{}) {
      EXPECT_TRUE(wait(engine_->remove(container.id)));
    }
  }

  ContainerSpec spec(const std::string& name, const std::string& script = kEcho) {
    ContainerSpec result = small_spec();
    result.name = "omcp-engine-test-" + std::to_string(::getpid()) + "-" + name;
    result.labels = labels_;
    result.image = kImage;
    result.command = {"sh", "-c", script};
    return result;
  }

  std::unique_ptr<Attachment> attach(const std::string& name) {
    auto attachment = wait(engine_->attach(name));
    EXPECT_TRUE(attachment);
    return std::move(*attachment);
  }

  /// Reads until `text` has come on `stream`; what came so far, or "" at the end.
  static asio::awaitable<std::string> await_text(Attachment* attachment, Stream stream,
                                                 std::string text) {
    std::string seen;
    while (seen.find(text) == std::string::npos) {
      auto chunk = co_await attachment->read();
      if (!chunk) {
        co_return std::string{};
      }
      seen += chunk->stream == stream ? chunk->bytes : "";
    }
    co_return seen;
  }

  std::string ask(Attachment& attachment, const std::string& line, Stream stream,
                  const std::string& answer) {
    const auto talk = [&]() -> asio::awaitable<std::string> {
      std::string bytes = line + "\n";
      const auto sent = co_await attachment.write(std::move(bytes));
      std::string seen;
      if (sent) {  // no co_await in a conditional expression: g++ 12 destroys its operands twice
        seen = co_await await_text(&attachment, stream, answer);
      }
      co_return seen;
    };
    return wait(talk());
  }

  template <class T>
  T wait(asio::awaitable<T> work) {
    return run_sync(io_, std::move(work));
  }

  asio::io_context io_;
  std::unique_ptr<Engine> engine_;
  std::string image_id_;
  Labels labels_;
};

TEST_F(DockerLive, ALifeFromCreateToRemove) {
  const ContainerSpec made = spec("life");
  const auto id = wait(engine_->create(made));
  ASSERT_TRUE(id) << id.error().message;

  auto attachment = attach(made.name);
  EXPECT_NE(ask(*attachment, "one", Stream::kOut, "<one>\n"), "");
  EXPECT_NE(ask(*attachment, "two", Stream::kErr, "!two\n"), "");

  EXPECT_TRUE(wait(engine_->signal(*id, "TERM")));
  EXPECT_NE(ask(*attachment, "three", Stream::kOut, "<three>\n").find("TERM\n"), std::string::npos);

  EXPECT_TRUE(wait(engine_->rename(*id, made.name + "-b")));
  const auto list = wait(engine_->list(labels_));
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 1U);
  EXPECT_EQ(list->front().id, *id);
  EXPECT_EQ(list->front().name, made.name + "-b");
  EXPECT_EQ(list->front().labels.at("omcp.odd"), "a,b=c");
  EXPECT_TRUE(list->front().running);
  EXPECT_GT(list->front().created_at, 1'600'000'000);

  EXPECT_TRUE(wait(engine_->remove(*id)));
  EXPECT_EQ(wait(await_text(attachment.get(), Stream::kOut, "never")), "");
  EXPECT_TRUE(wait(engine_->list(labels_))->empty());
  EXPECT_EQ(wait(engine_->inspect(*id)).error().code, Errc::kNotFound);
  EXPECT_TRUE(wait(engine_->remove(*id)));
}

TEST_F(DockerLive, TheLimitsHold) {
  const ContainerSpec made = spec("limits");
  const auto id = wait(engine_->create(made));
  ASSERT_TRUE(id) << id.error().message;
  const auto state = wait(engine_->inspect(*id));
  ASSERT_TRUE(state);
  EXPECT_TRUE(state->running);
  EXPECT_EQ(state->image_id, image_id_);
  EXPECT_EQ(state->limits.memory_bytes, static_cast<std::int64_t>(made.memory_bytes));
  EXPECT_EQ(state->limits.memory_swap_bytes, static_cast<std::int64_t>(made.memory_bytes));
  EXPECT_DOUBLE_EQ(state->limits.cpus, made.cpus);
  EXPECT_EQ(state->limits.pids, made.pids);
}

TEST_F(DockerLive, InsideItIsAsThePolicySays) {
  const char* const look =
      "read -r go; echo uid=$(id -u):$(id -g); grep CapEff /proc/self/status; "
      "grep NoNewPrivs /proc/self/status; stat -c %u /sandbox; pwd; "
      "ls /sys/class/net; touch /x 2>/dev/null || echo root-ro; "
      "cat /proc/1/comm; ulimit -c; ulimit -n; hostname; echo proxy=[$HTTP_PROXY]; "
      "touch /sandbox/f && echo writable; cp /bin/true /tmp/t && /tmp/t 2>/dev/null || echo "
      "noexec; "
      "echo END; read -r x";
  const auto id = wait(engine_->create(spec("inside", look)));
  ASSERT_TRUE(id) << id.error().message;
  auto attachment = attach(*id);
  EXPECT_EQ(ask(*attachment, "go", Stream::kOut, "END\n"),
            "uid=65532:65532\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n65532\n/sandbox\nlo\n"
            "root-ro\nsh\n0\n1024\nsandbox\nproxy=[]\nwritable\nnoexec\nEND\n");
}

TEST_F(DockerLive, DetachingLeavesTheContainerAndTheDetachKeysDoNothing) {
  const auto id = wait(engine_->create(spec("detach")));
  ASSERT_TRUE(id) << id.error().message;
  {
    auto first = attach(*id);
    EXPECT_NE(ask(*first, "\x10\x11 keys", Stream::kOut, "keys>\n"), "");  // ctrl-p ctrl-q
    EXPECT_NE(ask(*first, "still", Stream::kOut, "<still>\n"), "");
  }
  auto second = attach(*id);
  EXPECT_NE(ask(*second, "again", Stream::kOut, "<again>\n"), "");
  EXPECT_TRUE(wait(engine_->inspect(*id))->running);
}

TEST_F(DockerLive, AnAnswerIsNeverLostHoweverEarlyItIsAskedFor) {
  const auto id = wait(engine_->create(spec("early")));
  ASSERT_TRUE(id) << id.error().message;
  for (int i = 0; i < 10; ++i) {
    auto attachment = attach(*id);
    EXPECT_NE(
        ask(*attachment, "q" + std::to_string(i), Stream::kOut, "<q" + std::to_string(i) + ">\n"),
        "");
  }
}

TEST_F(DockerLive, LongScriptsArriveWhole) {
  ContainerSpec made = spec("long", "echo ${#1} ${#2}; read -r x; echo ${#1} ${#2}; read -r y");
  made.command.insert(made.command.end(),
                      {"sh", std::string(110'000, 'x'), std::string(120'000, '\'')});
  const auto id = wait(engine_->create(made));
  ASSERT_TRUE(id) << id.error().message;
  auto attachment = attach(*id);
  EXPECT_NE(ask(*attachment, "go", Stream::kOut, "110000 120000\n"), "");
}

TEST_F(DockerLive, WhatIsNotThereIsSaid) {
  EXPECT_EQ(wait(engine_->image("omcp-no-such-image:x")).error().code, Errc::kImageNotFound);
  ContainerSpec made = spec("no-image");
  made.image = "omcp-no-such-image:x";
  EXPECT_EQ(wait(engine_->create(made)).error().code, Errc::kImageNotFound);
  made = spec("no-runtime");
  made.runtime = "no-such-runtime";
  EXPECT_EQ(wait(engine_->create(made)).error().code, Errc::kInvalidArgument);
  made = spec("no-program");
  made.command = {"/no/such/program"};
  EXPECT_EQ(wait(engine_->create(made)).error().code, Errc::kInvalidArgument);
  EXPECT_EQ(wait(engine_->signal("omcp-no-such", "INT")).error().code, Errc::kNotFound);
  EXPECT_EQ(wait(engine_->rename("omcp-no-such", "x")).error().code, Errc::kNotFound);
  EXPECT_TRUE(wait(engine_->remove("omcp-no-such")));
  auto attachment = attach("omcp-no-such");
  EXPECT_EQ(wait(await_text(attachment.get(), Stream::kOut, "never")), "");
  EXPECT_TRUE(wait(engine_->list(labels_))->empty()) << "a failed create left something";
}

TEST_F(DockerLive, ANameIsTakenOnce) {
  const ContainerSpec made = spec("twice");
  ASSERT_TRUE(wait(engine_->create(made)));
  EXPECT_EQ(wait(engine_->create(made)).error().code, Errc::kBusy);
  EXPECT_EQ(wait(engine_->list(labels_))->size(), 1U);
}

TEST_F(DockerLive, AnEngineThatIsNotThereIsSaid) {
  EngineConfig config;
  config.docker_host = "unix:///nonexistent/docker.sock";
  const auto elsewhere = make_docker_engine(io_.get_executor(), config);
  EXPECT_EQ(wait(elsewhere->list({})).error().code, Errc::kEngineUnavailable);
  EXPECT_EQ(wait(elsewhere->create(spec("nowhere"))).error().code, Errc::kEngineUnavailable);
}

}  // namespace
}  // namespace omcp_r::engine
