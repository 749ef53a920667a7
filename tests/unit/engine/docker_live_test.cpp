// The engine against the real one. Needs a running docker and the image of the tests, which
// OMCP_TEST_IMAGE names; without them the tests are skipped, unless OMCP_REQUIRE_DOCKER says that
// they must not be.

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/detached.hpp>
#include <cstdlib>

#include "support.hpp"

namespace omcp_r::engine {
namespace {

std::string test_image() {
  const char* const named = std::getenv("OMCP_TEST_IMAGE");
  return named != nullptr && *named != '\0' ? named : "omcp-r-test:bookworm";
}

/// Answers each line with "<line>" on standard output and "!line" on the other, tells of INT and
/// USR1, and ends when asked to.
constexpr const char* kEcho =
    "trap 't=1; echo INT' INT; trap 't=1; echo USR1' USR1; trap 'echo TERM; exit' TERM; echo "
    "noise; "
    "while :; do t=; if read -r x; then echo \"<$x>\"; "
    "echo \"!$x\" >&2; elif [ -z \"$t\" ]; then break; fi; done";

class DockerLive : public testing::Test {
 protected:
  void SetUp() override {
    engine_ = make_docker_engine(io_.get_executor(), {});
    const auto image = wait(engine_->image(test_image()));
    if (!image) {
      if (std::getenv("OMCP_REQUIRE_DOCKER") != nullptr) {
        FAIL() << image.error().message;
      }
      GTEST_SKIP() << image.error().message;
    }
    digest_ = *image;
    scope_ = "engine-test," + std::to_string(::getpid()) + "=a";
  }

  void TearDown() override {
    const auto left = wait(engine_->list(scope_));
    for (const Found& found : left ? *left : std::vector<Found>{}) {
      EXPECT_TRUE(wait(engine_->remove(found.handle)));
    }
  }

  Spec spec(const std::string& name, const std::string& script = kEcho) {
    Spec result = small_spec();
    result.identity.id = "engine-test-" + std::to_string(::getpid()) + "-" + name;
    result.identity.scope = scope_;
    result.image = test_image();
    result.program = {"sh", "-c", script};
    return result;
  }

  Handle create(const Spec& made) {
    auto created = wait(engine_->create(made));
    if (!created) {
      ADD_FAILURE() << created.error().message;
      return {};
    }
    return created->handle;
  }

  std::unique_ptr<Attachment> open(const Handle& handle) {
    auto attachment = wait(engine_->open(handle));
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
  std::string digest_;
  std::string scope_;
};

TEST_F(DockerLive, SaysWhatItIs) {
  const auto about = wait(engine_->about());
  ASSERT_TRUE(about) << about.error().message;
  EXPECT_FALSE(about->version.empty());
  EXPECT_GT(about->memory_bytes, 64ULL << 20U);
}

TEST_F(DockerLive, ALifeFromCreateToRemove) {
  const Spec made = spec("life");
  const Handle handle = create(made);
  auto attachment = open(handle);
  EXPECT_NE(ask(*attachment, "one", Stream::kOut, "<one>\n"), "");
  EXPECT_NE(ask(*attachment, "two", Stream::kErr, "!two\n"), "");

  EXPECT_TRUE(wait(engine_->interrupt(handle)));
  EXPECT_NE(ask(*attachment, "three", Stream::kOut, "<three>\n").find("INT\n"), std::string::npos);
  EXPECT_TRUE(wait(engine_->kill_session(handle)));
  EXPECT_NE(ask(*attachment, "four", Stream::kOut, "<four>\n").find("USR1\n"), std::string::npos);

  const auto list = wait(engine_->list(scope_));
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 1U);
  const Found& found = list->front();
  EXPECT_EQ(found.handle, handle);
  EXPECT_EQ(found.identity.id, made.identity.id);
  EXPECT_EQ(found.identity.scope, scope_);
  EXPECT_EQ(found.identity.domain, "here");
  EXPECT_EQ(found.identity.protocol, 2);
  EXPECT_EQ(found.image, made.image);
  EXPECT_EQ(found.image_digest, digest_);
  EXPECT_EQ(found.memory_bytes, made.isolation.memory_bytes);
  EXPECT_DOUBLE_EQ(found.cpus, made.isolation.cpus);
  EXPECT_TRUE(found.running);
  EXPECT_FALSE(found.given);
  EXPECT_GT(found.since, 1'600'000'000);

  EXPECT_TRUE(wait(engine_->remove(handle)));
  // It was asked to end before it was made to, and said so.
  EXPECT_NE(wait(await_text(attachment.get(), Stream::kOut, "TERM\n")), "");
  EXPECT_EQ(wait(await_text(attachment.get(), Stream::kOut, "never")), "");
  EXPECT_TRUE(wait(engine_->list(scope_))->empty());
  EXPECT_EQ(wait(engine_->interrupt(handle)).error().code, Errc::kNotFound);
  EXPECT_TRUE(wait(engine_->remove(handle)));
}

TEST_F(DockerLive, ASpareIsMarkedOnceAndForAll) {
  Spec made = spec("spare");
  made.identity.role = Role::kSpare;
  const Handle handle = create(made);
  EXPECT_FALSE(wait(engine_->list(scope_))->front().given);
  EXPECT_TRUE(wait(engine_->mark_given(handle)));
  EXPECT_TRUE(wait(engine_->mark_given(handle)));
  const Found found = wait(engine_->list(scope_))->front();
  EXPECT_TRUE(found.given);
  EXPECT_EQ(found.identity.role, Role::kSpare) << "as born";
  EXPECT_EQ(found.handle, handle);
  EXPECT_TRUE(wait(engine_->remove(handle)));
  EXPECT_EQ(wait(engine_->mark_given(handle)).error().code, Errc::kNotFound);
}

TEST_F(DockerLive, ASpareThatTwoMarkAtOnceIsMarked) {
  Spec made = spec("race");
  made.identity.role = Role::kSpare;
  const Handle handle = create(made);
  std::optional<Status> one;
  std::optional<Status> two;
  const auto both = [&]() -> asio::awaitable<void> {
    asio::co_spawn(io_, store(engine_->mark_given(handle), &one), asio::detached);
    two.emplace(co_await engine_->mark_given(handle));
  };
  wait(both());
  while (!one) {
    io_.run_one();
  }
  EXPECT_TRUE(one->ok());
  EXPECT_TRUE(two->ok());
  EXPECT_TRUE(wait(engine_->list(scope_))->front().given);
}

TEST_F(DockerLive, TheLimitsHold) {
  const auto created = wait(engine_->create(spec("limits")));
  ASSERT_TRUE(created) << created.error().message;
  EXPECT_EQ(created->image_digest, digest_);
  EXPECT_EQ(created->not_in_force, std::vector<std::string>{});
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
  auto attachment = open(create(spec("inside", look)));
  EXPECT_EQ(ask(*attachment, "go", Stream::kOut, "END\n"),
            "uid=65532:65532\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n65532\n/sandbox\nlo\n"
            "root-ro\nsh\n0\n512\nsandbox\nproxy=[]\nwritable\nnoexec\nEND\n");
}

TEST_F(DockerLive, DetachingLeavesTheContainerAndTheDetachKeysDoNothing) {
  const Handle handle = create(spec("detach"));
  {
    auto first = open(handle);
    EXPECT_NE(ask(*first, "\x10\x11 keys", Stream::kOut, "keys>\n"), "");  // ctrl-p ctrl-q
    EXPECT_NE(ask(*first, "still", Stream::kOut, "<still>\n"), "");
  }
  auto second = open(handle);
  EXPECT_NE(ask(*second, "again", Stream::kOut, "<again>\n"), "");
  EXPECT_TRUE(wait(engine_->list(scope_))->front().running);
}

TEST_F(DockerLive, AnAnswerIsNeverLostHoweverEarlyItIsAskedFor) {
  const Handle handle = create(spec("early"));
  for (int i = 0; i < 10; ++i) {
    auto attachment = open(handle);
    EXPECT_NE(
        ask(*attachment, "q" + std::to_string(i), Stream::kOut, "<q" + std::to_string(i) + ">\n"),
        "");
  }
}

TEST_F(DockerLive, LongScriptsArriveWhole) {
  Spec made = spec("long", "echo ${#1} ${#2}; read -r x; echo ${#1} ${#2}; read -r y");
  made.program.insert(made.program.end(),
                      {"sh", std::string(110'000, 'x'), std::string(120'000, '\'')});
  auto attachment = open(create(made));
  EXPECT_NE(ask(*attachment, "go", Stream::kOut, "110000 120000\n"), "");
}

TEST_F(DockerLive, WhatIsNotThereIsSaid) {
  EXPECT_EQ(wait(engine_->image("omcp-no-such-image:x")).error().code, Errc::kImageNotFound);
  Spec made = spec("no-image");
  made.image = "omcp-no-such-image:x";
  EXPECT_EQ(wait(engine_->create(made)).error().code, Errc::kImageNotFound);
  made = spec("no-runtime");
  made.isolation.runtime = "no-such-runtime";
  EXPECT_EQ(wait(engine_->create(made)).error().code, Errc::kInvalidArgument);
  made = spec("no-program");
  made.program = {"/no/such/program"};
  EXPECT_EQ(wait(engine_->create(made)).error().code, Errc::kInvalidArgument);
  const Handle nowhere{"omcp-no-such"};
  EXPECT_EQ(wait(engine_->interrupt(nowhere)).error().code, Errc::kNotFound);
  EXPECT_EQ(wait(engine_->kill_session(nowhere)).error().code, Errc::kNotFound);
  EXPECT_EQ(wait(engine_->mark_given(nowhere)).error().code, Errc::kNotFound);
  EXPECT_TRUE(wait(engine_->remove(nowhere)));
  auto attachment = open(nowhere);
  EXPECT_EQ(wait(await_text(attachment.get(), Stream::kOut, "never")), "");
  EXPECT_TRUE(wait(engine_->list(scope_))->empty()) << "a failed create left something";
}

TEST_F(DockerLive, WhatEndsAtOnceIsSaidAndLeavesNothing) {
  // On a busy machine it may still be there when it is looked at, and end right after.
  const auto created = wait(engine_->create(spec("short", "exit 0")));
  EXPECT_TRUE(created || created.error().code == Errc::kEnded) << created.error().message;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  auto left = wait(engine_->list(scope_));
  while (left && !left->empty() && std::chrono::steady_clock::now() < end) {
    left = wait(engine_->list(scope_));
  }
  EXPECT_TRUE(left && left->empty());
}

TEST_F(DockerLive, WhatWasMadeTooSlowlyIsRemoved) {
  EngineConfig config;
  config.create_limit = std::chrono::milliseconds{150};
  const auto hasty = make_docker_engine(io_.get_executor(), config);
  const auto created = wait(hasty->create(spec("slow")));
  if (created) {
    GTEST_SKIP() << "this engine is too fast";
  }
  EXPECT_EQ(created.error().code, Errc::kTimeout);
  io_.restart();
  io_.run();
  EXPECT_TRUE(wait(engine_->list(scope_))->empty());
}

TEST_F(DockerLive, ANameIsTakenOnce) {
  const Spec made = spec("twice");
  ASSERT_TRUE(wait(engine_->create(made)));
  EXPECT_EQ(wait(engine_->create(made)).error().code, Errc::kBusy);
  EXPECT_EQ(wait(engine_->list(scope_))->size(), 1U);
}

TEST_F(DockerLive, AnEngineThatIsNotThereIsSaid) {
  EngineConfig config;
  config.docker_host = "unix:///nonexistent/docker.sock";
  const auto elsewhere = make_docker_engine(io_.get_executor(), config);
  EXPECT_EQ(wait(elsewhere->list("")).error().code, Errc::kEngineUnavailable);
  EXPECT_EQ(wait(elsewhere->create(spec("nowhere"))).error().code, Errc::kEngineUnavailable);
}

}  // namespace
}  // namespace omcp_r::engine
