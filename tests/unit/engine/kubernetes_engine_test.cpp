// The engine above kubectl, with a client that plays answers.

#include "omcp_r/engine/kubernetes_engine.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "support.hpp"

namespace omcp_r::engine {
namespace {

constexpr const char* kInside =
    "omcp status\nUid: 2000 2000 2000 2000\nGid: 2000 2000 2000 2000\nCapInh: 0\nCapPrm: 0\n"
    "CapEff: 0\nCapBnd: 0\nCapAmb: 0\nNoNewPrivs: 1\nSeccomp: 2\n"
    "omcp limits\nMax file size 1048576 1048576 bytes\nMax processes 32 32 processes\n"
    "Max open files 512 512 files\n"
    "omcp mounts\noverlay / overlay ro 0 0\ntmpfs /sandbox tmpfs rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n"
    "omcp swaps\nFilename\nomcp memory\n67108864\nomcp cpu\n50000 100000\n"
    "omcp network\ncontrol yes\ntarget 10.77.0.12:10250 silent\nanswers 0\nomcp end\n";

/// A line of `kubectl get`.
std::string pod(const std::string& status, const std::string& scope = "tests") {
  return R"([{"name":"omcp-r-test","uid":"u-1","labels":{},"annotations":{"omcp-r.id":"test",)"
         R"("omcp-r.scope":")" +
         scope + "\"}}," + status + ",\"n2\"]\n";
}

const std::string kRunning =
    R"({"phase":"Running","hostIP":"10.77.0.12","containerStatuses":[{"name":"r",)"
    R"("imageID":"x@sha256:12",)"
    R"("state":{"running":{}}}]})";
const std::string kPending = R"({"phase":"Pending"})";

class KubernetesEngineTest : public testing::Test {
 protected:
  KubernetesEngineTest() {
    script_->answers["get networkpolicies"] = {{0, ""}};
    script_->answers["get"] = {{0, "uid-of-namespace"}, {0, pod(kPending) + pod(kRunning)}};
    script_->answers["version"] = {{0,
                                    R"({"clientVersion":{"gitVersion":"v1.32.4"},)"
                                    R"("serverVersion":{"gitVersion":"v1.20.2","minor":"20+"}})"}};
    script_->answers["create"] = {{0, "pod/omcp-r-test\n"}};
    script_->answers["exec"] = {{0, kInside}};
    KubernetesConfig config;
    config.kubectl = "/bin/true";
    config.name_space = "ns";
    config.context = "c";
    engine_ = make_kubernetes_engine(io_.get_executor(), std::move(config),
                                     std::make_unique<FakeRunner>(script_));
    spec_.isolation.user = "2000:2000";
  }

  Result<Created> create() { return run_sync(io_, engine_->create(spec_)); }

  /// The calls of a subcommand.
  [[nodiscard]] std::vector<process::Command> calls(const std::string& verb) const {
    std::vector<process::Command> found;
    for (const process::Command& command : script_->commands) {
      const auto& argv = command.launch.argv;
      if (std::find(argv.begin(), argv.end(), verb) != argv.end()) found.push_back(command);
    }
    return found;
  }

  asio::io_context io_;
  std::shared_ptr<FakeRunner::Script> script_ = std::make_shared<FakeRunner::Script>();
  std::unique_ptr<Engine> engine_;
  Spec spec_ = small_spec();
};

TEST_F(KubernetesEngineTest, ACallIsGivenUpWhereTheClusterAnswersNothing) {
  ASSERT_TRUE(create());
  script_->answers["get"] = {{.hangs = true}};
  const auto slow = run_sync(io_, engine_->list("tests"));
  ASSERT_FALSE(slow);
  EXPECT_EQ(slow.error().code, Errc::kTimeout) << slow.error().message;
  EXPECT_TRUE(run_sync(io_, engine_->answers()));
  script_->answers["version"] = {{.timed_out = true}};
  const auto lost = run_sync(io_, engine_->list("tests"));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Errc::kEngineUnavailable) << lost.error().message;
  EXPECT_FALSE(run_sync(io_, engine_->answers()));
}

// A quota counts what was removed for a moment longer.
TEST_F(KubernetesEngineTest, ThePlaceOfWhatWasJustRemovedIsWaitedFor) {
  script_->answers["create"] = {{1, "", "Error from server (Forbidden): exceeded quota: q"},
                                {0, "pod/omcp-r-test\n"}};
  ASSERT_TRUE(run_sync(io_, engine_->remove({"omcp-r-other/u-0"})));
  const auto created = create();
  ASSERT_TRUE(created) << created.error().message;
  EXPECT_EQ(calls("create").size(), 2U);
}

// The watch of a pod that is on its way, too.
TEST_F(KubernetesEngineTest, NoPodIsWaitedForBehindALostLink) {
  script_->answers["get"] = {{0, "uid-of-namespace"}, {.hangs = true}};
  script_->answers["version"].push_back({.timed_out = true});
  const auto created = create();
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code, Errc::kEngineUnavailable) << created.error().message;
}

TEST_F(KubernetesEngineTest, CreatesWaitsAndLooksFromInside) {
  const auto created = create();
  ASSERT_TRUE(created) << created.error().message;
  EXPECT_EQ(created->handle.id, "omcp-r-test/u-1");
  EXPECT_EQ(created->image_digest, "sha256:12");
  EXPECT_EQ(created->not_in_force, std::vector<std::string>{});
  const auto made = calls("create");
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].launch.argv[1], "--namespace=ns");
  EXPECT_EQ(made[0].launch.argv[2], "--context=c");
  EXPECT_TRUE(made[0].launch.outlives_us) << "half a creation would be worse than one too many";
  EXPECT_EQ(nlohmann::json::parse(made[0].input)["metadata"]["name"], "omcp-r-test");
  const auto looked = calls("exec");
  ASSERT_EQ(looked.size(), 1U);
  EXPECT_EQ(looked[0].launch.argv.back(), "10.77.0.12:22");
  EXPECT_TRUE(calls("delete").empty());
}

TEST_F(KubernetesEngineTest, WhatIsNotClosedIsRemoved) {
  std::string open = kInside;
  open.replace(open.find("silent"), 6, "reached");
  script_->answers["exec"] = {{0, open}};
  const auto created = create();
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code, Errc::kLimitsNotApplied);
  EXPECT_NE(created.error().message.find("NetworkPolicy"), std::string::npos);
  const auto removed = calls("delete");
  ASSERT_EQ(removed.size(), 1U);
  EXPECT_NE(std::find(removed[0].launch.argv.begin(), removed[0].launch.argv.end(),
                      "/api/v1/namespaces/ns/pods/omcp-r-test"),
            removed[0].launch.argv.end());
}

TEST_F(KubernetesEngineTest, WhatDoesNotHoldIsTold) {
  std::string open = kInside;
  open.replace(open.find("67108864"), 8, "max");
  script_->answers["exec"] = {{0, open}};
  const auto created = create();
  ASSERT_TRUE(created);
  EXPECT_EQ(created->not_in_force, std::vector<std::string>{"memory"});
}

TEST_F(KubernetesEngineTest, AQuotaThatIsUsedUpMakesNothing) {
  script_->answers["create"] = {{1, "", "Error from server (Forbidden): exceeded quota: q"}};
  const auto created = create();
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code, Errc::kLimitReached);
  EXPECT_TRUE(calls("delete").empty());
}

TEST_F(KubernetesEngineTest, WhatASilentClusterMayHaveMadeIsRemoved) {
  script_->answers["create"] = {{0, "", "", true}};
  const auto created = create();
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code, Errc::kTimeout);
  for (int i = 0; i < 100 && calls("delete").empty(); ++i) io_.run_one();
  EXPECT_FALSE(calls("delete").empty());
}

// Seen: it was answered for with an error of the cluster's own, and lived.
TEST_F(KubernetesEngineTest, OnlyWhatIsRefusedIsKnownNotToBeThere) {
  for (const auto& [said, refused] : std::vector<std::pair<const char*, bool>>{
           {"Error from server: etcdserver: request timed out", false},
           {"Error from server (AlreadyExists): pods \"omcp-r-test\" already exists", false},
           {"Error from server (Forbidden): exceeded quota: q", true},
           {"Error from server (Invalid): Pod \"x\" is invalid: spec", true}}) {
    script_->commands.clear();
    script_->answers["create"] = {{1, "", said}};
    EXPECT_FALSE(create());
    for (int i = 0; i < 100 && calls("delete").empty(); ++i) io_.poll();
    EXPECT_EQ(calls("delete").empty(), refused) << said;
  }
}

TEST_F(KubernetesEngineTest, WhatAPolicyOpensIsNotCreated) {
  script_->answers["get networkpolicies"] = {{0, R"(["dns",{"podSelector":{},"egress":[{}]}])"}};
  const auto created = create();
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code, Errc::kLimitsNotApplied) << created.error().message;
  EXPECT_TRUE(calls("create").empty());
}

TEST_F(KubernetesEngineTest, AMissingImageIsRemovedAndTold) {
  script_->answers["get"] = {
      {0, "uid-of-namespace"},
      {0, pod(R"({"phase":"Pending","containerStatuses":[{"name":"r","state":{"waiting":{"reason":)"
              R"("ErrImageNeverPull"}}}]})")}};
  const auto created = create();
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code, Errc::kImageNotFound);
  EXPECT_EQ(calls("delete").size(), 1U);
}

TEST_F(KubernetesEngineTest, NoMoreThanFourAreMadeAtOnce) {
  std::vector<std::optional<Result<Created>>> made(9);
  for (auto& one : made) {
    asio::co_spawn(io_, store(engine_->create(spec_), &one), [](const std::exception_ptr&) {});
  }
  while (calls("create").size() < 4) io_.run_one();
  EXPECT_EQ(calls("exec").size(), 0U);
  std::size_t most = 0;
  while (io_.run_one() > 0) {
    most = std::max(most, calls("create").size() - calls("exec").size());
  }
  EXPECT_EQ(most, 4U);
  EXPECT_EQ(calls("create").size(), 9U);
}

TEST_F(KubernetesEngineTest, ListsItsScopeOnly) {
  script_->answers["get"] = {{0, pod(kRunning) + pod(kRunning, "another of this label") + "x\n"}};
  const auto found = run_sync(io_, engine_->list("tests"));
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->front().identity.scope, "tests");
}

TEST_F(KubernetesEngineTest, RemovesThePodOfThatUidAndNoOther) {
  const auto remove = [this] { return run_sync(io_, engine_->remove({"omcp-r-test/u-1"})); };
  EXPECT_TRUE(remove());
  const auto options = nlohmann::json::parse(calls("delete").at(0).input);
  EXPECT_EQ(options["preconditions"]["uid"], "u-1");
  EXPECT_TRUE(calls("delete").at(0).launch.outlives_us);
  script_->answers["delete"] = {{1, "", "Error from server (NotFound): pods \"x\" not found"}};
  EXPECT_TRUE(remove());
  script_->answers["delete"] = {
      {1, "", "Error from server (Conflict): Precondition failed: UID in precondition: u-1"}};
  EXPECT_TRUE(remove()) << "another pod has its name: that one is gone";
  script_->answers["delete"] = {{1, "", "Error from server (Forbidden): pods is forbidden"}};
  EXPECT_FALSE(remove());
}

TEST_F(KubernetesEngineTest, SignalsGoToTheFirstProcess) {
  ASSERT_TRUE(run_sync(io_, engine_->interrupt({"omcp-r-test/u-1"})));
  EXPECT_EQ(calls("exec").at(0).launch.argv.back(), "kill -INT 1");
  ASSERT_TRUE(run_sync(io_, engine_->kill_session({"omcp-r-test/u-1"})));
  EXPECT_EQ(calls("exec").at(1).launch.argv.back(), "kill -USR1 1");
  for (const int code : {130, 137}) {  // the one who sends it gets it as well
    script_->answers["exec"] = {{code, "", "command terminated with exit code"}};
    EXPECT_TRUE(run_sync(io_, engine_->interrupt({"omcp-r-test/u-1"}))) << code;
  }
  script_->answers["exec"] = {{1, "", "error: cannot exec into a container in a completed pod"}};
  EXPECT_FALSE(run_sync(io_, engine_->interrupt({"omcp-r-test/u-1"})));
}

TEST_F(KubernetesEngineTest, OfTwoWhoMarkASpareOneLooksAgain) {
  script_->answers["get"] = {{0, "u-1 7 "}, {0, "u-1 8 "}};
  script_->answers["label"] = {{1, "",
                                "error: Operation cannot be fulfilled on pods \"x\": the "
                                "object has been modified; please apply your changes"},
                               {0, ""}};
  EXPECT_TRUE(run_sync(io_, engine_->mark_given({"omcp-r-test/u-1"})));
  ASSERT_EQ(calls("label").size(), 2U);
  EXPECT_EQ(calls("label")[0].launch.argv.back(), "--resource-version=7");
  EXPECT_EQ(calls("label")[1].launch.argv.back(), "--resource-version=8");
  script_->answers["get"] = {{0, "u-1 9 1"}};
  EXPECT_TRUE(run_sync(io_, engine_->mark_given({"omcp-r-test/u-1"}))) << "it is marked already";
  EXPECT_EQ(calls("label").size(), 2U);
  script_->answers["get"] = {{0, "u-2 9 "}};
  EXPECT_EQ(run_sync(io_, engine_->mark_given({"omcp-r-test/u-1"})).error().code, Errc::kNotFound);
}

TEST_F(KubernetesEngineTest, SaysWhichClusterItIsAndGetsNoImages) {
  const auto about = run_sync(io_, engine_->about());
  ASSERT_TRUE(about);
  EXPECT_EQ(about->id, "kubernetes:uid-of-namespace");
  EXPECT_EQ(about->version, "v1.20.2");
  const Status pulled = run_sync(io_, engine_->pull("r:1", {}));
  ASSERT_FALSE(pulled);
  EXPECT_NE(pulled.error().message.find("PULL=missing"), std::string::npos);
  EXPECT_FALSE(run_sync(io_, engine_->image("r:1")));
}

}  // namespace
}  // namespace omcp_r::engine
