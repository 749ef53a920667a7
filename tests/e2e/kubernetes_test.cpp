// What is a cluster's alone. Other suites run on it as well: OMCP_TEST_ENGINE=kubernetes. All of it
// by tests/kubernetes/run.sh.

#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGKILL

#include <sstream>

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

class Kubernetes : public SandboxTest {
 protected:
  [[nodiscard]] Json pod(const Sandbox& box) const {
    return Json::parse(kubernetes({"get", "pod", container(box), "--output=json"}));
  }
  /// A server that is configured otherwise.
  Server& with(Environment changes) { return start({std::move(changes), {}, true, {}}); }
  /// What a server says that creates nothing.
  static ToolResult refused(Server& server) {
    ToolResult result = server.call("create_sandbox");
    EXPECT_FALSE(result.success()) << result;
    return result;
  }
};

TEST_F(Kubernetes, ASandboxIsAPodThatEndsByItself) {
  const Sandbox box = sandbox();
  EXPECT_EQ(box.output("cat(6 * 7)"), "42");
  const Json all = pod(box);
  EXPECT_EQ(all["metadata"]["annotations"]["omcp-r.id"], box.id());
  const Json& spec = all["spec"];
  EXPECT_EQ(spec["restartPolicy"], "Never");
  EXPECT_EQ(spec["activeDeadlineSeconds"], 86460);
  EXPECT_EQ(spec["automountServiceAccountToken"], false);
  EXPECT_EQ(spec["volumes"].size(), 2U) << spec["volumes"];
  EXPECT_EQ(all["status"]["qosClass"], "Burstable");
  EXPECT_FALSE(box.remove().is_error());
  EXPECT_TRUE(eventually([this] { return containers().empty(); }));
}

TEST_F(Kubernetes, IsHeldFromInside) {
  const Sandbox box = sandbox();
  const std::string status = box.output("cat(readLines('/proc/self/status'), sep = '\\n')");
  for (const char* line : {"CapPrm:\t0000000000000000", "CapBnd:\t0000000000000000",
                           "NoNewPrivs:\t1", "Seccomp:\t2"}) {
    EXPECT_TRUE(contains(status, line)) << line << "\n" << status;
  }
  const std::string limits = box.output("cat(readLines('/proc/1/limits'), sep = '\\n')");
  for (const char* line : {"Max processes             128                  128",
                           "Max open files            1024                 1024",
                           "Max core file size        0                    0"}) {
    EXPECT_TRUE(contains(limits, line)) << limits;
  }
  EXPECT_EQ(
      box.output("cat(file.exists('/var/run/secrets'), suppressWarnings(file.create('/mark')))"),
      "FALSE FALSE");
  EXPECT_EQ(box.output("cat(file.create('/tmp/mark', 'mark'))"), "TRUE TRUE");
  EXPECT_EQ(box.run("socketConnection(Sys.getenv('KUBERNETES_SERVICE_HOST'), 443, timeout = 2)")
                .error_code(),
            "r_error");
}

// The kernel counts processes by their user: each sandbox has one of its own.
TEST_F(Kubernetes, AForkBombStaysInsideAndLeavesTheNeighbours) {
  Server& server = with({{"KUBE_NODE_SELECTOR", "kubernetes.io/hostname=n1"}});
  const Sandbox bomb = create(server);
  const Sandbox neighbour = create(server);
  EXPECT_NE(bomb.output("cat(system('id -u', intern = TRUE))"),
            neighbour.output("cat(system('id -u', intern = TRUE))"));
  const ToolResult result =
      bomb.run("for (i in 1:400) system('sleep 60', wait = FALSE)", Json{{"timeout", 20}});
  EXPECT_FALSE(result.text().empty());
  EXPECT_EQ(neighbour.output("cat(system('echo 42', intern = TRUE))"), "42");
  EXPECT_EQ(bomb.output("cat(6 * 7)", Json{{"timeout", 20}}), "42");
}

TEST_F(Kubernetes, StateSurvivesAServerThatIsKilled) {
  Server& first = start();
  const Sandbox box = create(first);
  box.output("x <- 42");
  first.kill(SIGKILL);
  Server& second = start();
  EXPECT_EQ(box.through(second).output("cat(x)"), "42");
}

TEST_F(Kubernetes, ALimitInterruptsAndKeepsVariables) {
  const Sandbox box = sandbox();
  box.output("x <- 42");
  EXPECT_EQ(box.run("repeat Sys.sleep(0.1)", Json{{"timeout", 2}}).error_code(),
            "execution_timeout");
  EXPECT_EQ(box.output("cat(x)"), "42");
}

TEST_F(Kubernetes, WhatDoesNotHeedAnInterruptIsKilledAndTheSandboxStays) {
  const Sandbox box = sandbox();
  const ToolResult result =
      box.run("repeat tryCatch(repeat {}, interrupt = function(i) NULL)", Json{{"timeout", 1}});
  EXPECT_EQ(result.error_code(), "execution_timeout") << result;
  EXPECT_EQ(box.output("cat(6 * 7)"), "42");
}

// The connection is a relay's: what R says meanwhile is asked for again.
TEST_F(Kubernetes, AConnectionThatBreaksInARunLosesNoResult) {
  const Sandbox box = sandbox();
  const int call =
      box.start("cat('begun\\n'); file.create('/tmp/begun'); Sys.sleep(4); x <- 42; cat('ended')");
  wait_for_file(box, "/tmp/begun");
  for (const pid_t child : server().children()) {
    if (contains(read_file("/proc/" + std::to_string(child) + "/cmdline"), "attach")) {
      ::kill(child, SIGKILL);
    }
  }
  const ToolResult result = server().finish_call(call);
  EXPECT_TRUE(result.success()) << result;
  EXPECT_TRUE(contains(result.output(), "ended")) << result;
  EXPECT_FALSE(contains(result.output(), "command prompt")) << result;
  EXPECT_EQ(box.output("cat(x)"), "42");
}

TEST_F(Kubernetes, ASpareIsHandedOutAndMarked) {
  allow_spares();
  Server& server = with({{"WARM_POOL", "1"}});
  create(server);
  const auto spare_is_there = [this] {
    return contains(kubernetes({"get", "pods", "--selector=omcp-r.role=spare,!omcp-r.given",
                                "--field-selector=status.phase=Running", "--output=name"}),
                    "pod/");
  };
  ASSERT_TRUE(eventually(spare_is_there, 60s));
  const Sandbox second = create(server);
  EXPECT_EQ(second.output("cat(6 * 7)"), "42");
  if (pod(second)["metadata"]["labels"]["omcp-r.role"] == "spare") {
    EXPECT_TRUE(eventually(
        [&] { return pod(second)["metadata"]["labels"].contains("omcp-r.given"); }, 20s));
  }
}

TEST_F(Kubernetes, TwoServersOfTwoStateFoldersLeaveEachOtherAlone) {
  Server& first = start();
  const Sandbox box = create(first);
  Server& other = with({{"STATE_DIR", (folder() / "other").string()}});
  const ToolResult used = box.through(other).run("1");
  EXPECT_TRUE(contains(used.text(), "STATE_DIR")) << used;
  EXPECT_EQ(box.output("cat(6 * 7)"), "42");
  EXPECT_FALSE(box.through(other).remove(true).is_error());
}

TEST_F(Kubernetes, AnImageThatNoNodeHasIsToldAndLeavesNothing) {
  Server& server = with({{"DOCKER_IMAGE", "omcp.local/none:1"}});
  const ToolResult result = refused(server);
  EXPECT_EQ(result.error_code(), "image_not_found") << result;
  EXPECT_TRUE(contains(result.text(), "PULL=missing")) << result;
  EXPECT_TRUE(containers().empty());
}

TEST_F(Kubernetes, ANodeThatIsNotThereIsTold) {
  Server& server = with({{"KUBE_NODE_SELECTOR", "disk=none"}});
  const ToolResult result = refused(server);
  EXPECT_TRUE(contains(result.text(), "KUBE_NODE_SELECTOR")) << result;
  EXPECT_TRUE(containers().empty());
}

// A signal comes by a process in the pod, which code can stop; and what it writes where its limits
// are kept lets the pod's own deadline wait.
TEST_F(Kubernetes, WhatKeepsEverySignalFromActingLosesItsSandbox) {
  const Sandbox box = sandbox();
  const ToolResult result = box.run(
      "life <- file('/proc/self/fd/6', 'r+b')\n"
      "writeBin(charToRaw(sprintf('%-79s\\n', '300 777777 80000 - 0 1')), life)\n"
      "flush(life)\n"
      "system('while :; do kill -STOP -1; done')",
      {{"timeout", 3}, {"wait", 80}});
  EXPECT_TRUE(result.tells_that_sandbox_is_gone()) << result;
  EXPECT_TRUE(eventually([this] { return containers().empty(); }));
}

// Seen: the server held all of it back, and answered nobody else meanwhile.
TEST_F(Kubernetes, OutputThatBeginsAsARemarkOfTheClientsIsOutput) {
  const ToolResult result =
      sandbox().run("message('error: mine'); cat('\nerror: ', strrep('x', 2e6), sep = '')");
  EXPECT_TRUE(result.success()) << result;
  EXPECT_TRUE(contains(result.output(), "error: mine")) << result;
  EXPECT_TRUE(contains(result.output(), "error: xxx")) << result;
}

TEST_F(Kubernetes, WithoutItsRoleItSaysWhatIsMissing) {
  const ToolResult result = refused(with({{"KUBE_NAMESPACE", "default"}}));
  EXPECT_TRUE(contains(result.text(), "This user may not do that")) << result;
  const ToolResult nowhere = refused(with({{"KUBE_NAMESPACE", "nowhere"}}));
  EXPECT_TRUE(contains(nowhere.text(), "This user may not do that")) << nowhere;
  const ToolResult context = refused(with({{"KUBE_CONTEXT", "none"}}));
  EXPECT_TRUE(contains(context.text(), "KUBE_CONTEXT")) << context;
}

TEST_F(Kubernetes, AQuotaAndARangeAreLimits) {
  const std::string name = "quota-" + std::to_string(::getpid());
  kubernetes({"create", "namespace", name});
  kubernetes({"--namespace=" + name, "create", "quota", "one", "--hard=pods=1"});
  Server& server =
      with({{"KUBECONFIG", environment_or("OMCP_TEST_KUBE_ADMIN", "")}, {"KUBE_NAMESPACE", name}});
  const Sandbox box = create(server);
  const ToolResult second = refused(server);
  EXPECT_EQ(second.error_code(), "max_sandboxes_reached") << second;
  EXPECT_TRUE(contains(second.text(), "quota")) << second;
  EXPECT_FALSE(box.remove().is_error());
  const Sandbox again = create(server);
  EXPECT_EQ(again.output("cat(6 * 7)"), "42");
  EXPECT_FALSE(again.remove().is_error());
  kubernetes({"delete", "namespace", name, "--wait=false"});
}

TEST_F(Kubernetes, AClaimIsSeenReadOnly) {
  Server& server = with({{"DATA_VOLUME", "survey"}});
  const ToolResult created = server.call("create_sandbox");
  ASSERT_TRUE(created.success()) << created;
  EXPECT_TRUE(contains(created.text(), "/data is survey of the cluster")) << created;
  const Sandbox box{server, created.data().at("sandbox_id").get<std::string>()};
  EXPECT_EQ(box.output("cat(file.exists('/data/GPL-3'), suppressWarnings(file.create('/data/x')))"),
            "TRUE FALSE");
}

TEST_F(Kubernetes, ANodeThatIsLostIsToldAndNothingIsLostWhenItReturns) {
  Server& server = with({{"KUBE_NODE_SELECTOR", "kubernetes.io/hostname=n2"}});
  const Sandbox box = create(server);
  box.output("x <- 42");
  const std::string node = environment_or("OMCP_TEST_KUBE_NODE", "");
  ASSERT_EQ(run({"ip", "-n", node, "link", "set", "eth0", "down"}).ending.code, 0);
  const ToolResult lost = box.run("x", Json{{"wait", 40}});
  run({"ip", "-n", node, "link", "set", "eth0", "up"});
  EXPECT_EQ(lost.data().value("status", ""), "running") << lost;
  std::string told;
  const bool back = eventually(
      [&] {
        const ToolResult result = box.run("cat(x)");
        told = result.shown();
        return result.success() && result.output() == "42";
      },
      120s);
  EXPECT_TRUE(back) << told;
}

TEST_F(Kubernetes, TwentyLiveOverBothNodes) {
  Server& server = with({{"MAX_SANDBOXES", "20"}, {"SANDBOX_MEMORY", "256m"}});
  std::vector<int> calls;
  for (int i = 0; i < 20; ++i) calls.push_back(server.send_call("create_sandbox"));
  std::vector<Sandbox> boxes;
  for (const int call : calls) {
    const ToolResult result = server.finish_call(call, 300s);
    ASSERT_TRUE(result.success()) << result;
    boxes.emplace_back(server, result.data().at("sandbox_id").get<std::string>());
  }
  std::set<std::string> nodes;
  for (const Sandbox& box : boxes) {
    EXPECT_EQ(box.output("cat(6 * 7)"), "42");
    nodes.insert(pod(box)["spec"]["nodeName"].get<std::string>());
  }
  EXPECT_EQ(nodes.size(), 2U);
  for (const Sandbox& box : boxes) EXPECT_FALSE(box.remove().is_error());
}

TEST_F(Kubernetes, EveryClientServes) {
  std::istringstream clients(environment_or("OMCP_TEST_KUBECTLS", ""));
  int tried = 0;
  for (std::string client; std::getline(clients, client, ':'); ++tried) {
    Server& server = with({{"DOCKER", client}});
    const Sandbox box = create(server);
    EXPECT_EQ(box.output("message('said'); cat(6 * 7)"), "said\n42") << client;
    EXPECT_EQ(box.run("repeat {}", Json{{"timeout", 1}}).error_code(), "execution_timeout")
        << client;
    EXPECT_FALSE(box.remove().is_error()) << client;
  }
  EXPECT_GT(tried, 0);
}

TEST_F(Kubernetes, ADoctorLooksAtIt) {
  const Finished told = run(
      {"env", "-i", "HOME=" + (folder() / "home").string(), "PATH=" + environment_or("PATH", ""),
       "ENGINE=kubernetes", "DOCKER=" + environment_or("OMCP_TEST_KUBECTL", ""),
       "KUBECONFIG=" + environment_or("OMCP_TEST_KUBECONFIG", ""), "DOCKER_IMAGE=" + test_image(),
       "SCOPE=" + scope(), "STATE_DIR=" + (folder() / "state").string(), binary(), "doctor"});
  EXPECT_TRUE(contains(told.output, "v1.20.2")) << told.output;
}

/// A plugin that accepts a NetworkPolicy and does not enforce it.
class OpenKubernetes : public Kubernetes {
 protected:
  [[nodiscard]] std::string network() const override { return "open"; }
};

TEST_F(OpenKubernetes, IsRefusedWithWhatIsToBeDone) {
  const ToolResult result = refused(server());
  EXPECT_TRUE(contains(result.text(), "network is not closed")) << result;
  EXPECT_TRUE(contains(result.text(), "NetworkPolicy")) << result;
  EXPECT_TRUE(containers().empty());
}

}  // namespace
}  // namespace omcp_r::e2e
