#include <gtest/gtest.h>

#include "support.hpp"

namespace omcp_r::engine {
namespace {

using Calls = std::vector<std::vector<std::string>>;

class DockerEngineTest : public testing::Test {
 protected:
  DockerEngineTest() {
    config_.docker = "/bin/true";  // never run
    script_->answers["info"] = {
        {.out = R"({"CgroupVersion":"2","ClientInfo":{"Version":"28.2.2"}})"}};
    script_->answers["run"] = {{.out = std::string(64, 'a') + "\n"}};
  }

  void make() {
    engine_ =
        make_docker_engine(io_.get_executor(), config_, std::make_unique<FakeRunner>(script_));
  }

  template <class T>
  T wait(asio::awaitable<T> work) {
    return run_sync(io_, std::move(work));
  }

  /// How often docker was called with this subcommand.
  [[nodiscard]] int count(const std::string& subcommand) const {
    int result = 0;
    for (const auto& call : script_->calls) {
      result += call.front() == subcommand ? 1 : 0;
    }
    return result;
  }

  asio::io_context io_;
  EngineConfig config_;
  std::shared_ptr<FakeRunner::Script> script_ = std::make_shared<FakeRunner::Script>();
  std::unique_ptr<Engine> engine_;
};

TEST_F(DockerEngineTest, MakingItCallsNothing) {
  make();
  io_.run();
  EXPECT_TRUE(script_->calls.empty());
}

TEST_F(DockerEngineTest, CreatesByThePolicyAndAsksForFeaturesOnce) {
  make();
  const EngineFeatures features{.pull_never = true, .private_cgroupns = true};
  for (int i = 0; i < 2; ++i) {
    const auto id = wait(engine_->create(small_spec()));
    ASSERT_TRUE(id) << id.error().message;
    EXPECT_EQ(*id, std::string(64, 'a'));
  }
  EXPECT_EQ(script_->calls.back(), docker_run_argv(small_spec(), features));
  EXPECT_EQ(count("info"), 1);
  EXPECT_EQ(script_->commands.back().time_limit, config_.create_limit);
}

TEST_F(DockerEngineTest, OldClientsAreAskedForTheirVersion) {
  script_->answers["info"] = {{.out = R"({"CgroupVersion":"2"})"}};
  script_->answers["--version"] = {{.out = "Docker version 19.03.15, build 99e3ed8919\n"}};
  make();
  ASSERT_TRUE(wait(engine_->create(small_spec())));
  const EngineFeatures features{.pull_never = false, .private_cgroupns = false};
  EXPECT_EQ(script_->calls.back(), docker_run_argv(small_spec(), features));
}

TEST_F(DockerEngineTest, AStoppedEngineIsAskedAgainTheNextTime) {
  script_->answers["info"].push_front(
      {.code = 1, .err = "Cannot connect to the Docker daemon at unix:///x."});
  make();
  const auto first = wait(engine_->create(small_spec()));
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code, Errc::kEngineUnavailable);
  EXPECT_TRUE(wait(engine_->create(small_spec())));
}

TEST_F(DockerEngineTest, ASpecWithoutALimitIsRefusedBeforeDockerIsCalled) {
  make();
  ContainerSpec spec = small_spec();
  spec.memory_bytes = 0;
  EXPECT_FALSE(wait(engine_->create(spec)));
  EXPECT_TRUE(script_->calls.empty());
}

TEST_F(DockerEngineTest, AContainerThatDidNotStartIsRemoved) {
  script_->answers["run"] = {{.code = 127, .err = "docker: OCI runtime create failed: x"}};
  make();
  EXPECT_FALSE(wait(engine_->create(small_spec())));
  EXPECT_EQ(script_->calls.back(),
            (std::vector<std::string>{"rm", "--force", "--volumes", "omcp-test"}));
}

TEST_F(DockerEngineTest, AnIgnoredLimitIsNoSandbox) {
  script_->answers["run"].front().err = "WARNING: … Limitation discarded.\n";
  make();
  const auto id = wait(engine_->create(small_spec()));
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().code, Errc::kLimitsNotApplied);
  EXPECT_EQ(count("rm"), 1);
}

TEST_F(DockerEngineTest, AnotherContainerOfThatNameIsNotRemoved) {
  script_->answers["run"] = {
      {.code = 125, .err = "Conflict. The container name \"/x\" is already in use by container"}};
  make();
  EXPECT_EQ(wait(engine_->create(small_spec())).error().code, Errc::kBusy);
  EXPECT_EQ(count("rm"), 0);
}

TEST_F(DockerEngineTest, SignalsAndRenames) {
  make();
  EXPECT_TRUE(wait(engine_->signal("c1", "INT")));
  EXPECT_TRUE(wait(engine_->rename("c1", "c2")));
  const Calls expected{{"kill", "--signal=INT", "c1"}, {"rename", "c1", "c2"}};
  EXPECT_EQ(script_->calls, expected);
}

TEST_F(DockerEngineTest, RemovingWhatIsGoneIsSuccess) {
  script_->answers["rm"] = {
      {.code = 1, .err = "Error response from daemon: No such container: c1"},
      {.code = 1,
       .err = "Error response from daemon: removal of container c1 is already in progress"},
      {.code = 1, .err = "Cannot connect to the Docker daemon at x"}};
  make();
  EXPECT_TRUE(wait(engine_->remove("c1")));
  EXPECT_TRUE(wait(engine_->remove("c1")));
  EXPECT_FALSE(wait(engine_->remove("c1")));
}

TEST_F(DockerEngineTest, ListsByEveryLabel) {
  script_->answers["ps"] = {{.out = "a1\nb2\n"}};
  script_->answers["inspect"] = {{.out = R"({"id":"a1","name":"/n","running":true})"}};
  make();
  const Labels labels{{"k", "v"}, {"l", "w"}};
  const auto list = wait(engine_->list(labels));
  ASSERT_TRUE(list);
  EXPECT_EQ(list->front().name, "n");
  EXPECT_EQ(script_->calls[0],
            (std::vector<std::string>{"ps", "--all", "--quiet", "--no-trunc", "--filter=label=k=v",
                                      "--filter=label=l=w"}));
  EXPECT_EQ(script_->calls[1].back(), "b2");
}

TEST_F(DockerEngineTest, ListsNothingWithOneCall) {
  make();
  EXPECT_TRUE(wait(engine_->list({}))->empty());
  EXPECT_EQ(script_->calls.size(), 1U);
}

TEST_F(DockerEngineTest, AContainerThatVanishesWhileListingIsLeftOut) {
  script_->answers["ps"] = {{.out = "a1\nb2\n"}};
  script_->answers["inspect"] = {{.code = 1,
                                  .out = R"({"id":"b2","name":"/n","running":true})",
                                  .err = "Error: No such container: a1"}};
  make();
  const auto list = wait(engine_->list({}));
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 1U);
  EXPECT_EQ(list->front().id, "b2");
}

TEST_F(DockerEngineTest, AnEngineThatStopsWhileListingIsAnError) {
  script_->answers["ps"] = {{.out = "a1\n"}};
  script_->answers["inspect"] = {{.code = 1, .err = "Cannot connect to the Docker daemon at x"}};
  make();
  EXPECT_EQ(wait(engine_->list({})).error().code, Errc::kEngineUnavailable);
}

TEST_F(DockerEngineTest, SaysWhichCallGaveNoAnswer) {
  script_->answers["inspect"] = {{.timed_out = true}};
  make();
  const auto state = wait(engine_->inspect("c1"));
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, Errc::kTimeout);
  EXPECT_NE(state.error().message.find("docker inspect gave no answer within 20 s"),
            std::string::npos);
}

TEST_F(DockerEngineTest, AMissingClientIsAdviceAtEachCall) {
  config_.docker = "/nonexistent/docker";
  make();
  EXPECT_EQ(wait(engine_->list({})).error().code, Errc::kEngineUnavailable);
  EXPECT_EQ(wait(engine_->create(small_spec())).error().code, Errc::kEngineUnavailable);
  EXPECT_EQ(wait(engine_->attach("c1")).error().code, Errc::kEngineUnavailable);
  EXPECT_EQ(wait(engine_->remove("c1")).error().code, Errc::kEngineUnavailable);
}

TEST_F(DockerEngineTest, TheConfiguredHostGoesToTheClient) {
  make();
  EXPECT_TRUE(wait(engine_->list({})));
  EXPECT_EQ(script_->commands.back().launch.set_environment.count("DOCKER_HOST"), 0U);
  config_.docker_host = "ssh://big";
  make();
  EXPECT_TRUE(wait(engine_->list({})));
  EXPECT_EQ(script_->commands.back().launch.set_environment.at("DOCKER_HOST"), "ssh://big");
}

}  // namespace
}  // namespace omcp_r::engine
