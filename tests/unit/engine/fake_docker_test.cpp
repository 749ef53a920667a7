// The engine against a docker that misbehaves: real processes, no engine.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/detached.hpp>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "support.hpp"

namespace omcp_r::engine {
namespace {

namespace fs = std::filesystem;

/// What docker inspect says of our own container.
std::string own_mounts(const std::string& source, const std::string& target) {
  return R"({"Mounts":[{"Type":"bind","Source":")" + source + R"(","Destination":")" + target +
         R"("}],"Asked":null,"Env":["OMCP_R_CONTAINER=1"]})";
}

class FakeDocker : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path{testing::TempDir()} / ("omcp_fake." + std::to_string(::getpid()));
    fs::create_directories(folder_);
    ::setenv("FAKE_DOCKER", folder_.c_str(), 1);
    path_ = std::getenv("PATH");
    ::setenv("PATH", (std::string{OMCP_FAKES} + ":" + path_).c_str(), 1);
    config_.call_limit = std::chrono::seconds{30};
    config_.create_limit = std::chrono::seconds{30};
    play("info.out", R"({"ClientInfo":{"Version":"28.2.2"}})");
  }
  void TearDown() override {
    ::setenv("PATH", path_.c_str(), 1);
    fs::remove_all(folder_);
    io_.restart();
    io_.run();  // until the last client has been reaped
    EXPECT_TRUE(::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD) << "a child is left";
  }

  void play(const std::string& file, const std::string& text) const {
    std::ofstream{folder_ / file} << text;
  }
  [[nodiscard]] std::string calls() const {
    std::stringstream text;
    text << std::ifstream{folder_ / "calls"}.rdbuf();
    return text.str();
  }
  Engine& engine() {
    engine_ = make_docker_engine(io_.get_executor(), config_);
    return *engine_;
  }
  template <class T>
  T wait(asio::awaitable<T> work) {
    return run_sync(io_, std::move(work));
  }

  fs::path folder_;
  std::string path_;
  asio::io_context io_;
  EngineConfig config_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(FakeDocker, IsFoundFirstInPathAndGetsItsArgumentsUnaltered) {
  play("run.out", std::string(64, 'b') + "\n");
  play("inspect.out", inspected(std::string(64, 'b'), "omcp-r-test"));
  play("run.sh", "for last; do :; done; printf '%s' \"$last\" > \"$dir/script\"\n");
  Spec spec = small_spec();
  spec.program.back() = std::string(110'000, 'x') + "'\"$(rm -rf /)\\\n~+~ é";
  const auto id = wait(engine().create(spec));
  ASSERT_TRUE(id) << id.error().message;
  std::stringstream script;
  script << std::ifstream{folder_ / "script"}.rdbuf();
  EXPECT_EQ(script.str(), spec.program.back());
}

/// Plays an engine that only speaks `version`, as each call of its client finds out.
constexpr const char* kRefusal = R"sh(
wanted=$(cat "$dir/version")
[ "$DOCKER_API_VERSION" = "$wanted" ] || {
  echo "Error: client version 1 is too $(cat "$dir/complaint") supported API version is $wanted, etc." >&2
  exit 1
}
)sh";

TEST_F(FakeDocker, ThatIsTooOldForTheEngineSpeaksTheVersionThatItAsksFor) {
  play("version", "1.44");
  play("complaint", "old. Minimum");
  play("ps.sh", kRefusal);
  Engine& one = engine();
  EXPECT_TRUE(wait(one.list("")));
  EXPECT_TRUE(wait(one.list("")));
  const std::string said = calls();
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 3) << "it is remembered: " << said;
  play("version", "1.41");  // the engine was replaced by an older one
  play("complaint", "new. Maximum");
  EXPECT_TRUE(wait(one.list("")));
}

TEST_F(FakeDocker, ThatIsRefusedWhateverItSpeaksIsAskedTwiceAndNoMore) {
  play("ps.err", "Minimum supported API version is 1.44");
  play("ps.rc", "1");
  Engine& one = engine();
  EXPECT_EQ(wait(one.list("")).error().code, Errc::kEngineUnavailable);
  const std::string said = calls();
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 2) << said;
}

TEST_F(FakeDocker, IsGivenFoldersByTheNamesThatTheEngineKnowsThemBy) {
  config_.in_container = true;
  config_.own_container = std::string(64, 'e');
  play("inspect.sh", R"sh(
case $* in
  *Mounts*) echo ')sh" + own_mounts("/mnt/host/c/survey", "/survey") +
                         R"sh('; exit 0 ;;
esac
)sh");
  play("run.out", std::string(64, 'b') + "\n");
  play("inspect.out", inspected(std::string(64, 'b'), "omcp-r-test"));
  Spec spec = small_spec();
  spec.isolation.folders = {{"/survey/may", "/data"}};
  static_cast<void>(wait(engine().create(spec)));
  EXPECT_NE(calls().find("=/mnt/host/c/survey/may"), std::string::npos);
  spec.isolation.folders = {{"/elsewhere", "/data"}};
  EXPECT_EQ(wait(engine().create(spec)).error().code, Errc::kMisconfigured);
}

// Such as where the engine is another machine's, or nothing tells our id.
TEST_F(FakeDocker, ThatDoesNotKnowOurContainerIsGivenNoFolders) {
  config_.in_container = true;
  Spec spec = small_spec();
  spec.isolation.folders = {{"/survey", "/data"}};
  for (const std::string& id : {std::string{}, std::string(64, 'e')}) {
    config_.own_container = id;
    play("inspect.sh", "echo 'Error: No such container: e' >&2; exit 1");
    const auto created = wait(engine().create(spec));
    ASSERT_FALSE(created);
    EXPECT_EQ(created.error().code, Errc::kMisconfigured) << created.error().message;
    EXPECT_EQ(calls().find("docker\trun"), std::string::npos);
  }
}

// `docker info` of 20.10 ends with 0 and tells of it in its answer.
TEST_F(FakeDocker, ThatIsTooOldIsNoticedInTheFactsAsWell) {
  play("info.sh", R"(
if [ -z "$DOCKER_API_VERSION" ]; then
  echo '{"ServerErrors":["client version 1.41 is too old. Minimum supported API version is 1.44"]}'
  exit 0
fi
)");
  EXPECT_TRUE(wait(engine().about()));
}

TEST_F(FakeDocker, ThatMayNotBeUsedFromAContainerIsToldWithTheOptionToAdd) {
  config_.in_container = true;
  config_.docker_host = "unix:///";  // is there, and is a folder
  play("info.out",
       R"({"ServerErrors":["permission denied while trying to connect to the engine"]})");
  const auto about = wait(engine().about());
  ASSERT_FALSE(about);
  EXPECT_NE(about.error().message.find("-v SOCKET:/ "), std::string::npos) << about.error().message;
}

// Whatever its name is in our own container, which knows of a file system only that it is one.
TEST_F(FakeDocker, ThatNamesAFolderOfKeysIsNotToldToShareItAndNothingIsWrittenThere) {
  config_.in_container = true;
  config_.own_container = "c1";
  config_.own_output = "/out";
  play("inspect.out", own_mounts("/home/ann/.ssh", "/out"));
  const auto created = wait(engine().create(small_spec()));
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code, Errc::kMisconfigured);
  EXPECT_NE(created.error().message.find("never shared"), std::string::npos)
      << created.error().message;
  EXPECT_EQ(calls().find("docker\trun"), std::string::npos);
}

TEST_F(FakeDocker, ThatKnowsOurOutputByAnotherNameIsAskedForIt) {
  config_.in_container = true;
  config_.own_container = "c1";
  config_.own_output = "/o";
  play("inspect.out", own_mounts("/srv/results", "/o"));
  Engine& one = engine();
  EXPECT_EQ(one.outside("/o/s1/a.csv"), "/o/s1/a.csv");
  EXPECT_TRUE(wait(one.about()));
  EXPECT_EQ(one.outside("/o/s1/a.csv"), "/srv/results/s1/a.csv");
  EXPECT_EQ(one.outside("/other/a.csv"), "/other/a.csv");
}

TEST_F(FakeDocker, ThatHangsIsStoppedAtTheLimit) {
  config_.call_limit = std::chrono::milliseconds{200};
  play("ps.sh", "sleep 1000\n");
  const auto list = wait(engine().list(""));
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().code, Errc::kTimeout);
}

TEST_F(FakeDocker, ThatIsKilledIsAnError) {
  play("ps.sh", "kill -KILL $$\n");
  EXPECT_EQ(wait(engine().list("")).error().code, Errc::kEngineUnavailable);
}

TEST_F(FakeDocker, ThatTalksNonsenseIsAnError) {
  play("inspect.out", "<html>proxy</html>\n");
  EXPECT_EQ(wait(engine().mark_given({"c1"})).error().code, Errc::kInternal);
  play("run.out", "hello\n");
  EXPECT_EQ(wait(engine().create(small_spec())).error().code, Errc::kInternal);
  EXPECT_NE(calls().find("docker\trm\t--force"), std::string::npos);
}

TEST_F(FakeDocker, ThatFloodsUsIsBounded) {
  play("ps.sh", "head -c 30000000 /dev/zero | tr '\\0' x; exit 0\n");
  play("inspect.rc", "1");
  EXPECT_FALSE(wait(engine().list("")));
}

TEST_F(FakeDocker, IsLookedForAgainWhenItHasGone) {
  const fs::path moved = folder_ / "bin";
  fs::create_directories(moved);
  fs::copy(fs::path{OMCP_FAKES} / "docker", moved / "docker");
  ::setenv("PATH", (moved.string() + ":" + std::string{OMCP_FAKES} + ":" + path_).c_str(), 1);
  Engine& one = engine();
  EXPECT_TRUE(wait(one.list("")));
  fs::remove(moved / "docker");
  EXPECT_EQ(wait(one.list("")).error().code, Errc::kEngineUnavailable);
  EXPECT_TRUE(wait(one.list("")));
}

TEST_F(FakeDocker, ThatHangsWhileCreatingIsCleanedUpAfter) {
  config_.create_limit = std::chrono::milliseconds{200};
  play("run.sh", "sleep 1000\n");
  play("rm.out", "omcp-r-test\n");
  EXPECT_EQ(wait(engine().create(small_spec())).error().code, Errc::kTimeout);
  io_.restart();
  io_.run();
  EXPECT_NE(calls().find("docker\trm\t--force\t--volumes\tomcp-r-test\n"), std::string::npos);
}

using Chunks = std::vector<std::pair<Stream, std::string>>;

asio::awaitable<Chunks> read_all(Attachment* attachment) {
  Chunks result;
  for (;;) {
    auto chunk = co_await attachment->read();
    if (!chunk) {
      co_return result;
    }
    if (!result.empty() && result.back().first == chunk->stream) {
      result.back().second += chunk->bytes;
    } else {
      result.emplace_back(chunk->stream, std::move(chunk->bytes));
    }
  }
}

TEST_F(FakeDocker, AttachmentCarriesBothStreamsAndEnds) {
  play("attach.sh", "read -r x; echo \"got $x\"; echo oops >&2; exit 3\n");
  auto attachment = std::move(*wait(engine().open({"c1"})));
  EXPECT_TRUE(wait(attachment->write("hello\n")));
  Chunks chunks = wait(read_all(attachment.get()));
  std::sort(chunks.begin(), chunks.end());
  EXPECT_EQ(chunks, (Chunks{{Stream::kOut, "got hello\n"}, {Stream::kErr, "oops\n"}}));
  const auto after = wait(attachment->write("more\n"));
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().code, Errc::kEnded);
  EXPECT_FALSE(wait(attachment->read()));
  EXPECT_EQ(calls(), "docker\tattach\t--sig-proxy=false\tc1\n");
}

TEST_F(FakeDocker, ErrorsPrintedBeforeOutputComeBeforeIt) {
  play("attach.sh", "i=0; while [ $i -lt 300 ]; do echo e$i >&2; echo o$i; i=$((i+1)); done\n");
  auto attachment = std::move(*wait(engine().open({"c1"})));
  std::string errors;
  int outputs = 0;
  const auto look = [&]() -> asio::awaitable<void> {
    for (;;) {
      auto chunk = co_await attachment->read();
      if (!chunk) {
        co_return;
      }
      if (chunk->stream == Stream::kErr) {
        errors += chunk->bytes;
        continue;
      }
      for (const char c : chunk->bytes) {
        outputs += c == '\n' ? 1 : 0;
      }
      EXPECT_NE(errors.find("e" + std::to_string(outputs - 1) + "\n"), std::string::npos);
    }
  };
  wait(look());
  EXPECT_EQ(outputs, 300);
}

TEST_F(FakeDocker, ClosingEndsAPendingReadAndAPendingWrite) {
  play("attach.sh", "sleep 1000\n");
  auto attachment = std::move(*wait(engine().open({"c1"})));
  std::optional<std::optional<Chunk>> read;
  std::optional<Status> written;
  asio::co_spawn(io_, store(attachment->read(), &read), asio::detached);
  asio::co_spawn(io_, store(attachment->write(std::string(1 << 20, 'x')), &written),
                 asio::detached);
  io_.restart();
  io_.poll();
  EXPECT_FALSE(read || written);
  attachment->close();
  io_.restart();
  io_.run();
  EXPECT_TRUE(read && !*read);
  EXPECT_TRUE(written && !written->ok());
}

TEST_F(FakeDocker, AFloodIsHeldBackByNotReadingAndComesInPieces) {
  play("attach.sh", "while :; do echo flood-flood-flood-flood; echo err >&2; done\n");
  auto attachment = std::move(*wait(engine().open({"c1"})));
  const auto look = [&]() -> asio::awaitable<void> {
    std::size_t bytes[2] = {0, 0};
    while (bytes[0] < (1U << 20U) || bytes[1] < (1U << 17U)) {
      const auto chunk = co_await attachment->read();
      if (!chunk) {
        co_return;
      }
      EXPECT_LE(chunk->bytes.size(), 64U << 10U);
      EXPECT_FALSE(chunk->bytes.empty());
      bytes[chunk->stream == Stream::kErr ? 1 : 0] += chunk->bytes.size();
    }
  };
  wait(look());
  io_.restart();
  // Nobody reads: once the pipes are full there is nothing to do, or this goes on for ever.
  while (io_.run_for(std::chrono::milliseconds{50}) > 0) {
  }
  attachment->close();
  EXPECT_FALSE(wait(attachment->read()));
}

TEST_F(FakeDocker, DestroyingAnAttachmentEndsAPendingRead) {
  play("attach.sh", "sleep 1000\n");
  auto attachment = std::move(*wait(engine().open({"c1"})));
  std::optional<std::optional<Chunk>> read;
  asio::co_spawn(io_, store(attachment->read(), &read), asio::detached);
  io_.restart();
  io_.poll();
  attachment.reset();
  io_.restart();
  io_.run();
  EXPECT_TRUE(read && !*read);
}

TEST_F(FakeDocker, AMegabyteGoesThroughAnAttachmentAndBack) {
  play("attach.sh", "exec head -c 1048576\n");
  auto attachment = std::move(*wait(engine().open({"c1"})));
  const std::string sent(1 << 20, 'x');
  std::optional<Status> written;
  asio::co_spawn(io_, store(attachment->write(sent), &written), asio::detached);
  const Chunks chunks = wait(read_all(attachment.get()));
  EXPECT_TRUE(written && written->ok());
  ASSERT_EQ(chunks.size(), 1U);
  EXPECT_EQ(chunks[0].second, sent);
}

}  // namespace
}  // namespace omcp_r::engine
