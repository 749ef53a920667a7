#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>

#include "engine/run_policy.hpp"
#include "omcp_r/base/clock.hpp"
#include "support.hpp"

namespace omcp_r::engine {
namespace {

using Call = std::vector<std::string>;
using Calls = std::vector<Call>;

const std::string kContainer(64, 'a');  // NOLINT: may throw before main

class DockerEngineTest : public testing::Test {
 protected:
  DockerEngineTest() {
    config_.docker = "/bin/true";  // never run
    script_->answers["info"] = {{.out = R"({"CgroupVersion":"2","ServerVersion":"20.10.24",)"
                                        R"("MemTotal":8589934592,)"
                                        R"("ClientInfo":{"Version":"28.2.2"}})"}};
    script_->answers["run"] = {{.out = kContainer + "\n"}};
    script_->answers["inspect"] = {{.out = inspected(kContainer, "omcp-r-test")}};
  }

  void make() {
    engine_ =
        make_docker_engine(io_.get_executor(), config_, std::make_unique<FakeRunner>(script_));
  }

  template <class T>
  T wait(asio::awaitable<T> work) {
    return run_sync(io_, std::move(work));
  }

  /// The calls of docker with this subcommand.
  [[nodiscard]] Calls calls(const std::string& subcommand) const {
    Calls result;
    for (const auto& call : script_->calls) {
      if (call.front() == subcommand) {
        result.push_back(call);
      }
    }
    return result;
  }
  [[nodiscard]] std::size_t count(const std::string& subcommand) const {
    return calls(subcommand).size();
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
    const auto created = wait(engine_->create(small_spec()));
    ASSERT_TRUE(created) << created.error().message;
    EXPECT_EQ(created->handle.id, kContainer);
    EXPECT_EQ(created->image_digest, "sha256:0");
    EXPECT_TRUE(created->not_in_force.empty());
  }
  EXPECT_EQ(calls("run").back(), docker_run_argv(small_spec(), features));
  EXPECT_EQ(count("info"), 1U);
  EXPECT_EQ(script_->calls.back().front(), "inspect");
  EXPECT_EQ(script_->calls.back().back(), kContainer);
  const process::Command& run = script_->commands.at(script_->commands.size() - 2);
  EXPECT_EQ(run.time_limit, config_.create_limit);
  EXPECT_TRUE(run.launch.outlives_us);
  EXPECT_EQ(run.input, docker_run_input(small_spec()));
  EXPECT_EQ(count("rm"), 0U);
}

TEST_F(DockerEngineTest, OldClientsAreAskedForTheirVersion) {
  script_->answers["info"] = {{.out = R"({"CgroupVersion":"2"})"}};
  script_->answers["--version"] = {{.out = "Docker version 19.03.15, build 99e3ed8919\n"}};
  make();
  ASSERT_TRUE(wait(engine_->create(small_spec())));
  const EngineFeatures features{.pull_never = false, .private_cgroupns = false};
  EXPECT_EQ(calls("run").back(), docker_run_argv(small_spec(), features));
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

TEST_F(DockerEngineTest, SaysWhatItIsAndRemembersAnAnswerOnly) {
  script_->answers["info"].push_front({.timed_out = true});
  make();
  EXPECT_EQ(wait(engine_->about()).error().code, Errc::kTimeout);
  for (int i = 0; i < 2; ++i) {
    const auto about = wait(engine_->about());
    ASSERT_TRUE(about);
    EXPECT_EQ(about->version, "20.10.24");
    EXPECT_EQ(about->memory_bytes, 8ULL << 30U);
  }
  EXPECT_EQ(count("info"), 2U);
}

TEST_F(DockerEngineTest, ASpecWithoutALimitIsRefusedBeforeDockerIsCalled) {
  make();
  Spec spec = small_spec();
  spec.isolation.memory_bytes = 0;
  EXPECT_FALSE(wait(engine_->create(spec)));
  EXPECT_TRUE(script_->calls.empty());
}

TEST_F(DockerEngineTest, AContainerThatDidNotStartIsRemoved) {
  script_->answers["run"] = {{.code = 127, .err = "docker: OCI runtime create failed: x"}};
  make();
  EXPECT_FALSE(wait(engine_->create(small_spec())));
  EXPECT_EQ(script_->calls.back(), (Call{"rm", "--force", "--volumes", "omcp-r-test"}));
}

TEST_F(DockerEngineTest, WhatASilentEngineMakesLateIsRemovedInTheBackground) {
  script_->answers["run"] = {{.timed_out = true}};
  script_->answers["rm"] = {{.code = 1, .err = "Error: No such container: omcp-r-spare-test"},
                            {.timed_out = true},
                            {.out = "omcp-r-spare-test\n"}};
  make();
  Spec spec = small_spec();
  spec.identity.role = Role::kSpare;
  EXPECT_EQ(wait(engine_->create(spec)).error().code, Errc::kTimeout);
  engine_.reset();     // not even the engine's end stops it
  Clock::advance({});  // from now on timers look at it often
  io_.restart();
  while (count("rm") < 3) {
    io_.run_one_for(std::chrono::milliseconds{5});
    Clock::advance(std::chrono::seconds{1});
  }
  io_.run();
  const Call rm{"rm", "--force", "--volumes", "omcp-r-spare-test"};
  EXPECT_EQ(calls("rm"), (Calls{rm, rm, rm})) << "until there was one to remove";
  EXPECT_TRUE(script_->commands.back().launch.outlives_us);
}

TEST_F(DockerEngineTest, AContainerThatCannotBeInspectedIsRemoved) {
  for (const char* answer : {"<html>", ""}) {
    script_->answers["inspect"] = {{.out = answer}};
    make();
    EXPECT_FALSE(wait(engine_->create(small_spec())));
  }
  EXPECT_EQ(count("rm"), 2U);
}

TEST_F(DockerEngineTest, AContainerThatEndsAtOnceIsNoSandbox) {
  script_->answers["inspect"] = {{.code = 1, .err = "Error: No such container: aaa"}};
  make();
  EXPECT_EQ(wait(engine_->create(small_spec())).error().code, Errc::kEnded);
  EXPECT_EQ(count("rm"), 1U);
}

TEST_F(DockerEngineTest, LimitsThatDoNotHoldAreNamed) {
  script_->answers["inspect"] = {{.out = R"({"id":"a","omcp-r.id":"test","running":true,)"
                                         R"("memory":67108864,"memory_swap":-1,"pids":32})"}};
  script_->answers["run"].front().err = "WARNING: … Limitation discarded.\n";
  make();
  const auto created = wait(engine_->create(small_spec()));
  ASSERT_TRUE(created);
  ASSERT_EQ(created->not_in_force.size(), 3U);
  EXPECT_EQ(created->not_in_force[0], "memory with swap");
  EXPECT_EQ(created->not_in_force[1], "CPU");
  EXPECT_NE(created->not_in_force[2].find("Limitation discarded"), std::string::npos);
  EXPECT_EQ(count("rm"), 0U) << "that is for the caller to decide";
}

// As Docker 20.10 without cgroups, rootless: inspect shows the limits that were asked for.
TEST_F(DockerEngineTest, LimitsThatTheEngineCannotSetAreNamedThoughItShowsThem) {
  script_->answers["info"] = {{.out = R"({"ServerVersion":"20.10.24","MemoryLimit":false,)"
                                      R"("CpuCfsQuota":false,"PidsLimit":false})"}};
  make();
  const auto created = wait(engine_->create(small_spec()));
  ASSERT_TRUE(created);
  EXPECT_EQ(created->not_in_force, (std::vector<std::string>{"memory", "CPU", "processes"}));
}

TEST_F(DockerEngineTest, AnotherContainerOfThatNameIsNotRemoved) {
  script_->answers["run"] = {
      {.code = 125, .err = "Conflict. The container name \"/x\" is already in use by container"}};
  make();
  EXPECT_EQ(wait(engine_->create(small_spec())).error().code, Errc::kBusy);
  EXPECT_EQ(count("rm"), 0U);
}

TEST_F(DockerEngineTest, AnImageThatIsNotThereIsNamedWithTheCommandThatGetsIt) {
  script_->answers["run"] = {{.code = 125, .err = "docker: Error: No such image: x:y"}};
  make();
  Spec spec = small_spec();
  spec.image = "some/image:tag";
  const auto created = wait(engine_->create(std::move(spec)));
  EXPECT_EQ(created.error().code, Errc::kImageNotFound);
  EXPECT_NE(created.error().message.find("`docker pull some/image:tag`"), std::string::npos);
  EXPECT_NE(created.error().message.find("No such image: x:y"), std::string::npos);
}

TEST_F(DockerEngineTest, InterruptsAndKillsBySignals) {
  make();
  EXPECT_TRUE(wait(engine_->interrupt({"c1"})));
  EXPECT_TRUE(wait(engine_->kill_session({"c1"})));
  const Calls expected{{"kill", "--signal=INT", "c1"}, {"kill", "--signal=USR1", "c1"}};
  EXPECT_EQ(script_->calls, expected);
  script_->answers["kill"] = {{.code = 1, .err = "Error response from daemon: No such container"}};
  EXPECT_EQ(wait(engine_->interrupt({"c1"})).error().code, Errc::kNotFound);
}

TEST_F(DockerEngineTest, RemovingAsksFirstAndMindsNoRefusal) {
  script_->answers["kill"] = {{.code = 1, .err = "Container c1 is not running"}};
  make();
  EXPECT_TRUE(wait(engine_->remove({"c1"})));
  const Calls expected{{"kill", "--signal=TERM", "c1"}, {"rm", "--force", "--volumes", "c1"}};
  EXPECT_EQ(script_->calls, expected);
  for (const process::Command& command : script_->commands) {
    EXPECT_TRUE(command.launch.outlives_us);
  }
}

TEST_F(DockerEngineTest, RemovingGoesOnWhenItsCallerIsGone) {
  make();
  asio::cancellation_signal signal;
  std::optional<Status> removed;
  asio::co_spawn(io_, store(engine_->remove({"c1"}), &removed),
                 asio::bind_cancellation_slot(signal.slot(), asio::detached));
  asio::post(io_, [&signal, this] {  // when it has begun, and waits for the clients
    signal.emit(asio::cancellation_type::terminal);
    engine_.reset();
  });
  io_.run();
  EXPECT_FALSE(removed);
  EXPECT_EQ(script_->calls.back().front(), "rm");
}

TEST_F(DockerEngineTest, RemovingWhatIsGoneIsSuccess) {
  script_->answers["rm"] = {
      {.code = 1, .err = "Error response from daemon: No such container: c1"},
      {.code = 1,
       .err = "Error response from daemon: removal of container c1 is already in progress"},
      {.out = "c1\n"},
      {.code = 1, .err = "Cannot connect to the Docker daemon at x"}};
  make();
  EXPECT_TRUE(wait(engine_->remove({"c1"})));
  EXPECT_TRUE(wait(engine_->remove({"c1"})));
  EXPECT_EQ(count("rm"), 3U) << "it waits until another's removal is over";
  EXPECT_FALSE(wait(engine_->remove({"c1"})));
}

TEST_F(DockerEngineTest, ASpareIsMarkedByItsNameAndOnce) {
  script_->answers["inspect"] = {{.out = inspected("c1", "omcp-r-spare-test", "spare")},
                                 {.out = inspected("c1", "omcp-r-test", "spare")}};
  make();
  EXPECT_TRUE(wait(engine_->mark_given({"c1"})));
  EXPECT_TRUE(wait(engine_->mark_given({"c1"})));
  EXPECT_EQ(calls("rename"), (Calls{{"rename", "c1", "omcp-r-test"}}));
}

TEST_F(DockerEngineTest, ASpareThatAnotherMarkedFirstIsMarked) {
  script_->answers["inspect"] = {{.out = inspected("c1", "omcp-r-spare-test", "spare")}};
  script_->answers["rename"] = {
      {.code = 1, .err = "Renaming a container with the same name as its current name"},
      {.code = 1, .err = "Error response from daemon: No such container: c1"}};
  make();
  EXPECT_TRUE(wait(engine_->mark_given({"c1"})));
  EXPECT_EQ(wait(engine_->mark_given({"c1"})).error().code, Errc::kNotFound);
}

TEST_F(DockerEngineTest, WhatIsNotThereCannotBeMarked) {
  script_->answers["inspect"] = {{.code = 1, .err = "Error: No such container: c1"}};
  make();
  EXPECT_EQ(wait(engine_->mark_given({"c1"})).error().code, Errc::kNotFound);
  EXPECT_EQ(count("rename"), 0U);
}

TEST_F(DockerEngineTest, ListsAScopeByItsLabels) {
  script_->answers["ps"] = {{.out = "a1\nb2\n"}};
  script_->answers["inspect"] = {{.out = inspected("a1", "omcp-r-test", "spare") +
                                         inspected("b2", "omcp-r-spare-test", "spare") +
                                         R"({"id":"c3","name":"/x","running":true})"}};
  make();
  const auto list = wait(engine_->list("tests"));
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 2U) << "a container without our id is none of ours";
  EXPECT_EQ(list->front().handle.id, "a1");
  EXPECT_TRUE(list->front().given);
  EXPECT_FALSE(list->back().given);
  EXPECT_EQ(script_->calls[0],
            (Call{"ps", "--all", "--quiet", "--no-trunc", "--filter=label=omcp-r.managed=1",
                  "--filter=label=omcp-r.scope=tests"}));
  EXPECT_EQ(script_->calls[1].back(), "b2");
}

TEST_F(DockerEngineTest, ListsNothingWithOneCall) {
  make();
  EXPECT_TRUE(wait(engine_->list(""))->empty());
  EXPECT_EQ(script_->calls.size(), 1U);
}

TEST_F(DockerEngineTest, AListWithoutEndIsAnErrorAndNoWork) {
  std::string ids;
  for (int i = 0; i < 1001; ++i) {
    ids += std::to_string(i) + "\n";
  }
  script_->answers["ps"] = {{.out = ids}};
  make();
  EXPECT_EQ(wait(engine_->list("")).error().code, Errc::kInternal);
  EXPECT_EQ(count("inspect"), 0U);
}

TEST_F(DockerEngineTest, AContainerThatVanishesWhileListingIsLeftOut) {
  script_->answers["ps"] = {{.out = "a1\nb2\n"}};
  script_->answers["inspect"] = {
      {.code = 1, .out = inspected("b2", "n"), .err = "Error: No such container: a1"}};
  make();
  const auto list = wait(engine_->list(""));
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 1U);
  EXPECT_EQ(list->front().handle.id, "b2");
}

TEST_F(DockerEngineTest, AnEngineThatStopsWhileListingIsAnError) {
  script_->answers["ps"] = {{.out = "a1\n"}};
  script_->answers["inspect"] = {{.code = 1, .err = "Cannot connect to the Docker daemon at x"}};
  make();
  EXPECT_EQ(wait(engine_->list("")).error().code, Errc::kEngineUnavailable);
}

TEST_F(DockerEngineTest, SaysWhichCallGaveNoAnswer) {
  script_->answers["image"] = {{.timed_out = true}};
  make();
  const auto image = wait(engine_->image("r:1"));
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code, Errc::kTimeout);
  EXPECT_NE(image.error().message.find("docker image inspect gave no answer within 20 s"),
            std::string::npos);
}

TEST_F(DockerEngineTest, AnImageIsItsDigest) {
  script_->answers["image"] = {{.out = "sha256:1\n"}, {.out = "\n"}};
  make();
  EXPECT_EQ(*wait(engine_->image("--help")), "sha256:1");
  EXPECT_EQ(script_->calls.back(), (Call{"image", "inspect", "--format={{.Id}}", "--", "--help"}));
  EXPECT_EQ(wait(engine_->image("r:1")).error().code, Errc::kInternal);
}

TEST_F(DockerEngineTest, AMissingClientIsAdviceAtEachCall) {
  config_.docker = "/nonexistent/docker";
  make();
  EXPECT_EQ(wait(engine_->list("")).error().code, Errc::kEngineUnavailable);
  EXPECT_EQ(wait(engine_->create(small_spec())).error().code, Errc::kEngineUnavailable);
  EXPECT_EQ(wait(engine_->open({"c1"})).error().code, Errc::kEngineUnavailable);
  EXPECT_EQ(wait(engine_->remove({"c1"})).error().code, Errc::kEngineUnavailable);
}

TEST_F(DockerEngineTest, TheConfiguredHostGoesToTheClient) {
  make();
  EXPECT_TRUE(wait(engine_->list("")));
  EXPECT_EQ(script_->commands.back().launch.set_environment.count("DOCKER_HOST"), 0U);
  config_.docker_host = "ssh://big";
  make();
  EXPECT_TRUE(wait(engine_->list("")));
  EXPECT_EQ(script_->commands.back().launch.set_environment.at("DOCKER_HOST"), "ssh://big");
}

// Seen: one question that hung ended a creation beside a list that was answered each second.
TEST_F(DockerEngineTest, AQuestionInVainCountsForNothingWhereTheEngineWasHeardMeanwhile) {
  make();
  script_->answers["ps"] = {{.out = ""}};
  script_->answers["version"] = {{.slow = true}};
  std::optional<bool> there;
  const auto both = [this, &there]() -> asio::awaitable<bool> {
    asio::co_spawn(io_, store(engine_->answers(), &there), asio::detached);
    co_await asio::post(io_, asio::use_awaitable);
    Clock::advance(std::chrono::seconds{1});
    const auto listed = co_await engine_->list("");
    while (!there) {
      co_await asio::post(io_, asio::use_awaitable);
    }
    co_return listed.ok();
  };
  EXPECT_TRUE(run_sync(io_, both()));
  EXPECT_TRUE(*there);
}

// Words that are no answer of the engine's, and a client that cannot be started.
TEST_F(DockerEngineTest, WhetherItIsThereIsReadOffWhatTheClientSays) {
  const auto says = [this](Answer answer) {
    script_->answers["version"] = {std::move(answer)};
    make();
    return wait(engine_->answers());
  };
  EXPECT_TRUE(says({.out = "28.2.2"}));
  EXPECT_TRUE(says({.code = 1, .err = "Error response from daemon: no such thing"}));
  EXPECT_TRUE(says(
      {.code = 1, .err = "client version 1.41 is too old. Minimum supported API version is 1.44"}));
  EXPECT_FALSE(says({.code = 1, .err = "Cannot connect to the Docker daemon at unix:///x."}));
  EXPECT_FALSE(
      says({.code = 1,
            .err = "failed to connect to the docker API at unix:///x; check if the path is "
                   "correct and if the daemon is running: dial unix /x: connect: no such "
                   "file or directory"}));
  config_.docker = "/nonexistent/docker";
  EXPECT_TRUE(says({})) << "nobody was asked";
}

TEST_F(DockerEngineTest, AContextAndCertificatesGoToTheClient) {
  config_.docker_context = "far";
  config_.certificates = "/keys";
  make();
  EXPECT_TRUE(wait(engine_->list("")));
  const auto& given = script_->commands.back().launch.set_environment;
  EXPECT_EQ(given.count("DOCKER_HOST"), 0U);
  EXPECT_EQ(given.at("DOCKER_CONTEXT"), "far");
  EXPECT_EQ(given.at("DOCKER_CERT_PATH"), "/keys");
  EXPECT_EQ(given.at("DOCKER_TLS_VERIFY"), "1");
}

TEST_F(DockerEngineTest, ACallIsGivenUpWhereTheEngineSaysNotEvenItsVersion) {
  make();
  script_->answers["ps"] = {{.hangs = true}};
  script_->answers["version"] = {{.timed_out = true}};
  const auto lost = wait(engine_->list(""));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Errc::kEngineUnavailable);
  EXPECT_NE(lost.error().message.find("does not even say its version"), std::string::npos);
  EXPECT_FALSE(wait(engine_->answers()));
}

TEST_F(DockerEngineTest, ASlowEngineIsWaitedForAsLongAsItSaysItsVersion) {
  make();
  script_->answers["ps"] = {{.hangs = true}};
  script_->answers["version"] = {{.out = "28.2.2\n"}};
  const auto slow = wait(engine_->list(""));
  ASSERT_FALSE(slow);
  EXPECT_EQ(slow.error().code, Errc::kTimeout) << slow.error().message;
  EXPECT_TRUE(wait(engine_->answers()));
}

TEST_F(DockerEngineTest, DiagnosesByInfoAndVersion) {
  script_->answers["version"] = {
      {.out =
           R"({"Server":{"ApiVersion":"1.41","Components":[{"Name":"runc","Version":"1.1.5"}]}})"}};
  make();
  const auto told = wait(engine_->diagnose());
  ASSERT_TRUE(told);
  EXPECT_EQ(told->version, "20.10.24");
  EXPECT_EQ(told->api_version, "1.41");
  EXPECT_EQ(told->components.at(0).version, "1.1.5");
  EXPECT_EQ(told->client_version, "28.2.2");
}

TEST_F(DockerEngineTest, DiagnosesAnEngineThatTellsNoVersion) {
  script_->answers["version"] = {{.code = 1, .err = "unknown flag"}};
  make();
  const auto told = wait(engine_->diagnose());
  ASSERT_TRUE(told);
  EXPECT_EQ(told->version, "20.10.24");
  EXPECT_TRUE(told->components.empty());
}

TEST_F(DockerEngineTest, DiagnosesNothingWhereTheEngineIsOut) {
  script_->answers["info"] = {{.code = 1, .err = "Cannot connect to the Docker daemon"}};
  make();
  const auto told = wait(engine_->diagnose());
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, Errc::kEngineUnavailable);
}

TEST_F(DockerEngineTest, ItsAddressIsThatOfTheContext) {
  script_->answers["context"] = {{.out = "unix:///run/user/7/docker.sock\n"}};
  make();
  EXPECT_EQ(wait(engine_->address()), "unix:///run/user/7/docker.sock");
  script_->answers["context"] = {{.code = 1, .err = "unknown command"}};
  EXPECT_EQ(wait(engine_->address()), "");
}

}  // namespace
}  // namespace omcp_r::engine
