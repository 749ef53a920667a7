// What a pod is made of and what is read of one: pure functions. Lines recorded from
// Kubernetes 1.20.2.

#include <gtest/gtest.h>

#include <array>

#include "engine/kubernetes_attachment.hpp"
#include "engine/kubernetes_errors.hpp"
#include "engine/kubernetes_pod.hpp"
#include "engine/kubernetes_probe.hpp"
#include "support.hpp"

namespace omcp_r::engine {
namespace {

using Json = nlohmann::json;

KubernetesConfig small_config() {
  KubernetesConfig config;
  config.name_space = "omcp-r";
  return config;
}

bool says(const Error& error, std::string_view words) {
  return error.message.find(words) != std::string::npos;
}

TEST(KubernetesPod, IsHardenedAsAWhole) {
  Spec spec = small_spec();
  spec.identity.scope = "0@a machine";
  spec.environment = {{"COST", "$(HOME) $$"}};
  const Json expected = Json::parse(R"json({
    "apiVersion": "v1", "kind": "Pod",
    "metadata": {
      "name": "omcp-r-test",
      "labels": {"omcp-r.managed": "1", "omcp-r.role": "sandbox",
                 "omcp-r.scope": "s0_a_machine-5d76683ca948ea31"},
      "annotations": {"omcp-r.cpus": "500m", "omcp-r.domain": "here", "omcp-r.id": "test",
                      "omcp-r.idle": "300", "omcp-r.image": "omcp-r-test:bookworm",
                      "omcp-r.lifetime": "86400", "omcp-r.managed": "1",
                      "omcp-r.memory": "67108864", "omcp-r.protocol": "2",
                      "omcp-r.role": "sandbox", "omcp-r.scope": "0@a machine"}},
    "spec": {
      "restartPolicy": "Never", "activeDeadlineSeconds": 86460,
      "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": false,
      "enableServiceLinks": false, "hostname": "sandbox", "dnsPolicy": "None",
      "dnsConfig": {"nameservers": ["127.0.0.1"]},
      "securityContext": {"runAsNonRoot": true, "runAsUser": 0, "runAsGroup": 65532,
                          "seccompProfile": {"type": "RuntimeDefault"}},
      "containers": [{
        "name": "r", "image": "omcp-r-test:bookworm", "imagePullPolicy": "Never",
        "command": [], "workingDir": "/sandbox", "stdin": true, "stdinOnce": false, "tty": false,
        "env": [{"name": "COST", "value": "$$(HOME) $$$$"}],
        "resources": {"limits": {"memory": "67108864", "cpu": "500m"},
                      "requests": {"memory": "67108864", "cpu": "100m"}},
        "securityContext": {"allowPrivilegeEscalation": false, "privileged": false,
                            "readOnlyRootFilesystem": true, "runAsNonRoot": true,
                            "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "work", "mountPath": "/sandbox"},
                         {"name": "tmp", "mountPath": "/tmp"}]}],
      "volumes": [
        {"name": "work", "emptyDir": {"medium": "Memory", "sizeLimit": "8388608"}},
        {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "4194304"}}]}})json");
  Json made = pod_manifest(spec, small_config(), {});
  Json& container = made["spec"]["containers"][0];
  const Json command = std::exchange(container["command"], Json::array());
  EXPECT_GE(std::exchange(made["spec"]["securityContext"]["runAsUser"], 0), 1 << 30);
  EXPECT_EQ(made, expected);
  // The first shell sets limits, and is replaced by the program.
  ASSERT_EQ(command.size(), 10U);
  EXPECT_EQ(command[4], "512");
  EXPECT_EQ(command[5], "2048");
  EXPECT_EQ(command[6], "32");
  EXPECT_EQ(command[9], "exec cat");
  EXPECT_NE(command[2].get<std::string>().find("exec \"$$@\""), std::string::npos);
}

TEST(KubernetesPod, HasWhatItsAdministratorWants) {
  KubernetesConfig config = small_config();
  config.pull = true;
  config.cpu_request = 2;
  config.node_selector = {{"disk", "fast"}};
  config.tolerations = {
      {"dedicated", "r", "NoSchedule"}, {"spot", std::nullopt, ""}, {"tainted", "", "NoSchedule"}};
  config.priority_class = "low";
  config.pull_secrets = {"mine"};
  config.labels = {{"team", "stats"}, {"omcp-r.managed", "0"}, {"omcp-r.given", "1"}};
  config.data_volume = "survey";
  Spec spec = small_spec();
  spec.identity.role = Role::kSpare;
  spec.isolation.runtime = "gvisor";
  spec.isolation.system_calls = "/var/lib/kubelet/seccomp/omcp/r.json";
  const Json made = pod_manifest(spec, config, {"", "v1.33.1", 33});
  const Json& pod = made["spec"];
  EXPECT_EQ(pod["hostUsers"], false);
  EXPECT_EQ(pod["securityContext"]["runAsUser"], 65532) << "a namespace keeps pods apart";
  EXPECT_EQ(pod["securityContext"]["seccompProfile"],
            Json::parse(R"({"type": "Localhost", "localhostProfile": "omcp/r.json"})"));
  EXPECT_EQ(pod["runtimeClassName"], "gvisor");
  EXPECT_EQ(pod["nodeSelector"], Json::parse(R"({"disk": "fast"})"));
  EXPECT_EQ(pod["tolerations"], Json::parse(R"([
    {"key": "dedicated", "operator": "Equal", "value": "r", "effect": "NoSchedule"},
    {"key": "spot", "operator": "Exists"},
    {"key": "tainted", "operator": "Equal", "value": "", "effect": "NoSchedule"}])"));
  EXPECT_EQ(pod["priorityClassName"], "low");
  EXPECT_EQ(pod["imagePullSecrets"], Json::parse(R"([{"name": "mine"}])"));
  EXPECT_EQ(pod["activeDeadlineSeconds"], 2 * 86400 + 60) << "the age of a spare does not count";
  EXPECT_EQ(pod["volumes"][2], Json::parse(R"({"name": "data", "persistentVolumeClaim":
    {"claimName": "survey", "readOnly": true}})"));
  const Json& container = pod["containers"][0];
  EXPECT_EQ(container["volumeMounts"][2],
            Json::parse(R"({"name": "data", "mountPath": "/data", "readOnly": true})"));
  EXPECT_EQ(container["imagePullPolicy"], "IfNotPresent");
  EXPECT_EQ(container["resources"]["requests"]["cpu"], "500m") << "no more than the limit";
  EXPECT_EQ(made["metadata"]["labels"]["team"], "stats");
  EXPECT_EQ(made["metadata"]["labels"]["omcp-r.managed"], "1") << "ours are ours";
  EXPECT_FALSE(made["metadata"]["labels"].contains("omcp-r.given")) << "that would be given out";
}

TEST(KubernetesPod, HasAUserOfItsOwnUnlessOneIsChosen) {
  Spec one = small_spec();
  Spec other = small_spec();
  other.identity.id = "other";
  EXPECT_NE(pod_user(one, {}), pod_user(other, {}));
  EXPECT_EQ(pod_user(one, {}), pod_user(one, {}));
  EXPECT_TRUE(pod_user(one, {}).ends_with(":65532"));
  one.isolation.user = "2000:2000";
  EXPECT_EQ(pod_user(one, {}), "2000:2000");
}

TEST(KubernetesPod, SeesNothingOfThisMachine) {
  Spec spec = small_spec();
  EXPECT_TRUE(check_pod(spec));
  spec.isolation.folders = {{"/home/me/survey", "/data"}};
  EXPECT_TRUE(says(check_pod(spec).error(), "DATA_VOLUME"));
  spec.isolation.folders.clear();
  spec.isolation.system_calls = "/etc/mine.json";
  EXPECT_TRUE(says(check_pod(spec).error(), "/var/lib/kubelet/seccomp/"));
  spec.isolation.system_calls = "engine";
  spec.isolation.user = "0:0";
  EXPECT_EQ(check_pod(spec).error().code, Errc::kInvalidArgument);
}

TEST(KubernetesPod, LabelsOfScopesAreShortAndTellThemApart) {
  const std::string all(64, '@');
  const std::string one = scope_selector(all + "a");
  EXPECT_NE(one, scope_selector(all + "b"));
  const std::string value = one.substr(one.rfind('=') + 1);
  EXPECT_LE(value.size(), 63U);
  EXPECT_EQ(value.find('@'), std::string::npos);
}

std::string pod_line(const std::string& status, const std::string& more = "") {
  return R"([{"name":"omcp-r-test","uid":"u-1","creationTimestamp":"2026-11-23T23:37:33Z","labels":)"
         R"({"omcp-r.managed":"1")" +
         more +
         R"(},"annotations":{"omcp-r.id":"test","omcp-r.scope":"tests","omcp-r.domain":"here",)"
         R"("omcp-r.role":"spare","omcp-r.idle":"30","omcp-r.lifetime":"600","omcp-r.protocol":"2",)"
         R"("omcp-r.memory":"67108864","omcp-r.cpus":"500m","omcp-r.image":"r:1"}})"
         "," +
         status + R"(,"n2"])";
}

constexpr const char* kRunningPod =
    R"({"phase":"Running","hostIP":"10.77.0.12","containerStatuses":[{"name":"r","imageID":)"
    R"("docker.io/library/import@sha256:12ab","state":{"running":{"startedAt":"now"}}}]})";

TEST(KubernetesPod, IsReadAsItWasWritten) {
  const auto pod = read_pod(pod_line(kRunningPod, R"(,"omcp-r.given":"1")"));
  ASSERT_TRUE(pod);
  EXPECT_EQ(pod->found.handle.id, "omcp-r-test/u-1");
  EXPECT_EQ(pod->found.identity.id, "test");
  EXPECT_EQ(pod->found.identity.role, Role::kSpare);
  EXPECT_EQ(pod->found.identity.lifetime, 600);
  EXPECT_TRUE(pod->found.given);
  EXPECT_TRUE(pod->found.running);
  EXPECT_EQ(pod->found.since, 1795477053);
  EXPECT_EQ(pod->found.image, "r:1");
  EXPECT_EQ(pod->found.image_digest, "sha256:12ab");
  EXPECT_EQ(pod->found.memory_bytes, 67108864U);
  EXPECT_EQ(pod->found.cpus, 0.5);
  EXPECT_EQ(pod->node, "n2");
  EXPECT_EQ(pod->node_address, "10.77.0.12");
  EXPECT_FALSE(hopeless(*pod, "r:1", false));
  EXPECT_FALSE(read_pod(pod_line(kRunningPod))->found.given);
}

// Seen: the state of a mesh's proxy was taken for R's.
TEST(KubernetesPod, WithOthersInItIsRefused) {
  const std::string proxy =
      R"({"name":"istio-proxy","imageID":"y@sha256:7","state":{"running":{}}})";
  for (const std::string& status :
       {R"({"phase":"Running","containerStatuses":[)" + proxy +
            R"(,{"name":"r","state":{"terminated":{"exitCode":1,"reason":"Error"}}}]})",
        R"({"phase":"Running","initContainerStatuses":[)" + proxy +
            R"(],"containerStatuses":[{"name":"r","state":{"terminated":{"exitCode":1}}}]})"}) {
    const auto pod = read_pod(pod_line(status));
    ASSERT_TRUE(pod);
    EXPECT_FALSE(pod->found.running);
    EXPECT_EQ(pod->found.image_digest, "");
    const auto error = hopeless(*pod, "r:1", false);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, Errc::kLimitsNotApplied);
    EXPECT_TRUE(says(*error, "istio-proxy")) << error->message;
  }
}

// Code can write what stands in the message of its container.
TEST(KubernetesPod, ThatHasEndedSaysWhyInTheClustersWords) {
  const auto end = [](const std::string& status, const char* more = "") {
    return read_pod(pod_line(status, more))->found.ended;
  };
  EXPECT_EQ(end(kRunningPod), std::nullopt);
  EXPECT_EQ(end(R"({"phase":"Pending"})"), std::nullopt);
  EXPECT_EQ(end(R"({"phase":"Failed","reason":"Evicted","message":"The node was low on memory."})"),
            "Evicted: The node was low on memory.");
  EXPECT_EQ(end(R"({"phase":"Running","containerStatuses":[{"name":"r","state":{"terminated":)"
                R"({"exitCode":137,"reason":"OOMKilled","message":"mine"}}}]})"),
            "OOMKilled");
  EXPECT_EQ(end(R"({"phase":"Succeeded","containerStatuses":[{"name":"r","state":{"terminated":)"
                R"({"exitCode":0,"reason":"Completed"}}}]})"),
            "");
}

TEST(KubernetesPod, OfAnotherKindIsLeftOut) {
  for (const char* line :
       {"", "[]", "7", "[{},{},\"\"]", "[{},{}]", "[{",
        R"([{"annotations":{"omcp-r.id":7}},{},""])",
        R"([{"annotations":[],"labels":7},{"containerStatuses":[7],"conditions":[7]},""])",
        R"([{"annotations":{"omcp-r.id":"a"}},[],""])"}) {
    EXPECT_FALSE(read_pod(line)) << line;
  }
}

struct Hopeless {
  const char* status;
  Errc code;
  const char* words;
};

TEST(KubernetesPod, ThatWillNeverRunSaysWhy) {
  const std::array kAll{
      Hopeless{
          R"({"phase":"Pending","containerStatuses":[{"name":"r","state":{"waiting":{"reason":)"
          R"("ErrImageNeverPull","message":"not present"}}}]})",
          Errc::kImageNotFound, "PULL=missing"},
      Hopeless{
          R"({"phase":"Pending","containerStatuses":[{"name":"r","state":{"waiting":{"reason":)"
          R"("CreateContainerConfigError","message":"cannot load seccomp profile"}}}]})",
          Errc::kMisconfigured, "cannot load seccomp profile"},
      Hopeless{
          R"({"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":)"
          R"("Unschedulable","message":"0/2 nodes are available: 2 Insufficient memory."}]})",
          Errc::kLimitReached, "has room for another sandbox"},
      Hopeless{
          R"({"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":)"
          R"("Unschedulable","message":"2 node(s) didn't match node selector."}]})",
          Errc::kMisconfigured, "KUBE_NODE_SELECTOR"},
      Hopeless{R"({"phase":"Failed","reason":"Evicted","message":"The node was low on memory."})",
               Errc::kEnded, "Evicted: The node was low on memory."},
      Hopeless{
          R"({"phase":"Failed","containerStatuses":[{"name":"r","state":{"terminated":{"exitCode":71,)"
          R"("reason":"Error"}}}]})",
          Errc::kEnded, "Error"}};
  for (const Hopeless& one : kAll) {
    const auto pod = read_pod(pod_line(one.status));
    ASSERT_TRUE(pod) << one.status;
    EXPECT_FALSE(pod->found.running) << one.status;
    const auto error = hopeless(*pod, "r:1", false);
    ASSERT_TRUE(error) << one.status;
    EXPECT_EQ(error->code, one.code) << one.status;
    EXPECT_TRUE(says(*error, one.words)) << error->message;
  }
  const auto starting = read_pod(pod_line(
      R"({"phase":"Pending","containerStatuses":[{"name":"r","state":{"waiting":{"reason":"ContainerCreating"}}}]})"));
  EXPECT_FALSE(hopeless(*starting, "r:1", false));
}

// --- from inside --------------------------------------------------------------------------------

constexpr const char* kFoundInside = R"(
omcp status
Name:	sh
Uid:	7	7	7	7
Gid:	8	8	8	8
Groups:	8
CapInh:	0000000000000000
CapPrm:	0000000000000000
CapEff:	0000000000000000
CapBnd:	0000000000000000
CapAmb:	0000000000000000
NoNewPrivs:	1
Seccomp:	2

omcp users
         0          0 4294967295

omcp limits
Limit                     Soft Limit           Hard Limit           Units
Max file size             1048576              1048576              bytes
Max processes             32                   32                   processes
Max open files            512                  512                  files

omcp mounts
overlay / overlay ro,relatime 0 0
proc /proc proc rw,nosuid 0 0
tmpfs /dev tmpfs rw,nosuid 0 0
/dev/vda1 /etc/hosts ext4 rw 0 0
tmpfs /sandbox tmpfs rw,relatime 0 0
tmpfs /tmp tmpfs rw,relatime 0 0

omcp swaps
Filename				Type		Size	Used	Priority

omcp memory
67108864

omcp swap

omcp cpu
50000
100000

omcp network
control yes
target 10.77.0.12:10250 silent
target 10.96.0.1:443 silent
answers 0

omcp end
)";

std::string inside(const std::string& what, const std::string& instead) {
  std::string text = kFoundInside;
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), instead);
}

std::vector<std::string> lacking(const std::string& text) {
  return not_in_force_inside(small_spec().isolation, {"7:8"}, read_probe(text));
}

TEST(KubernetesProbe, TakesWhatHolds) {
  EXPECT_EQ(lacking(kFoundInside), std::vector<std::string>{});
  EXPECT_EQ(lacking(inside("67108864", "67108864\n")), std::vector<std::string>{});
  EXPECT_EQ(lacking(inside("50000\n100000", "50000 100000")), std::vector<std::string>{});
}

TEST(KubernetesProbe, NamesWhatDoesNotHold) {
  const std::vector<std::array<const char*, 3>> all{
      {"Uid:	7	7", "Uid:	0	0", "the user"},
      {"Groups:	8", "Groups:	8 27", "the user"},
      {"CapBnd:	0000000000000000", "CapBnd:	00000000a80425fb", "no capabilities"},
      {"NoNewPrivs:	1", "NoNewPrivs:	0", "no new privileges"},
      {"Seccomp:	2", "Seccomp:	0", "the list of system calls"},
      {"/ overlay ro", "/ overlay rw", "a read-only file system"},
      {"tmpfs /tmp tmpfs", "ext4 /tmp ext4", "a read-only file system"},
      {"proc /proc", "/dev/vda1 /var/lib/data ext4 rw 0 0\nproc /proc", "nothing mounted besides"},
      {"proc /proc", "tmpfs /run/secrets/token tmpfs ro 0 0\nproc /proc",
       "nothing mounted besides"},
      {"Max processes             32                   32",
       "Max processes             32                   unlimited", "processes"},
      {"Max open files            512                  512",
       "Max open files            20000 20000", "open files"},
      {"Max file size             1048576              1048576", "Max file size  1 2", "file size"},
      {"omcp memory\n67108864", "omcp memory\nmax", "memory"},
      {"omcp memory\n67108864", "omcp memory\n9223372036854771712", "memory"},
      {"Priority\n", "Priority\n/dev/sda partition 8 0 -2\n", "memory with swap"},
      {"50000", "-1", "CPU"},
  };
  for (const auto& [what, instead, lacks] : all) {
    const auto missing = lacking(inside(what, instead));
    ASSERT_EQ(missing.size(), 1U) << instead << testing::PrintToString(missing);
    EXPECT_TRUE(missing[0].starts_with(lacks)) << missing[0];
  }
  EXPECT_EQ(lacking("").size(), 11U) << "what says nothing holds nothing";
}

TEST(KubernetesProbe, AClaimMustBeReadOnly) {
  const auto with_data = [](const char* mount) {
    return not_in_force_inside(small_spec().isolation, {"7:8", true},
                               read_probe(inside("proc /proc", mount)));
  };
  EXPECT_EQ(with_data("nfs /data nfs4 ro 0 0\nproc /proc").size(), 0U);
  EXPECT_EQ(with_data("nfs /data nfs4 rw 0 0\nproc /proc").size(), 1U);
  EXPECT_EQ(with_data("proc /proc").size(), 1U);
}

TEST(KubernetesProbe, UsersAreMappedWhereTheyAreToBe) {
  const auto missing = [](const std::string& text) {
    return not_in_force_inside(small_spec().isolation, {"7:8", false, true}, read_probe(text));
  };
  EXPECT_EQ(missing(kFoundInside).size(), 1U);
  EXPECT_EQ(missing(inside("0          0 4294967295", "0 131072 65536")).size(), 0U);
  EXPECT_EQ(missing(inside("0          0 4294967295", "")).size(), 1U);
}

TEST(KubernetesProbe, APolicyThatOpensThePodIsRefused) {
  const Json labels{{"omcp-r.managed", "1"}, {"team", "a"}};
  const auto opened = [&labels](const std::string& lines) {
    const Status checked = check_policies(lines, labels, "ns");
    return checked ? std::string{} : checked.error().message;
  };
  EXPECT_EQ(opened(""), "");
  EXPECT_EQ(opened(R"(["deny-all",{"podSelector":{},"policyTypes":["Ingress","Egress"]}])"), "");
  EXPECT_EQ(opened(R"(["web",{"podSelector":{"matchLabels":{"team":"b"}},"ingress":[{}]}])"), "");
  for (const char* policy :
       {R"(["dns",{"podSelector":{},"egress":[{"ports":[{"port":53,"protocol":"UDP"}]}]}])",
        R"(["dns",{"podSelector":{"matchLabels":{"team":"a"}},"ingress":[{}]}])",
        R"(["dns",{"podSelector":{"matchExpressions":[{"key":"team"}]},"egress":[{}]}])"}) {
    EXPECT_NE(opened(policy).find("NetworkPolicy dns"), std::string::npos) << policy;
  }
  EXPECT_NE(opened("no policy"), "") << "what cannot be read counts";
}

TEST(KubernetesProbe, OnlySilenceAfterAControlIsAClosedNetwork) {
  EXPECT_TRUE(check_network(read_probe(kFoundInside), "ns"));
  const auto why = [](const std::string& text) {
    const Status status = check_network(read_probe(text), "ns");
    return status ? Error{} : status.error();
  };
  const Error open = why(inside("10250 silent", "10250 reached"));
  EXPECT_EQ(open.code, Errc::kLimitsNotApplied);
  EXPECT_TRUE(says(open, "is not closed: it was answered by 10.77.0.12:10250"));
  EXPECT_TRUE(says(open, "NetworkPolicy")) << open.message;
  // A refusal is an answer, although nothing was reached.
  EXPECT_TRUE(says(why(inside("answers 0", "answers 1")), "is not closed"));
  for (const auto& [what, instead] :
       std::vector<std::array<const char*, 2>>{{"control yes", "control no"},
                                               {"control yes", ""},
                                               {"omcp end", ""},
                                               {"omcp network", "omcp other"}}) {
    EXPECT_TRUE(says(why(inside(what, instead)), "could not be found out")) << what << instead;
  }
  EXPECT_TRUE(says(why(inside("answers 0", "")), "is not closed")) << "what is not told counts";
}

// --- kubectl's words ----------------------------------------------------------------------------

TEST(KubernetesErrors, SayWhatToDo) {
  struct Said {
    const char* said;
    Errc code;
    const char* words;
  };
  const std::array kAll{
      Said{"Error from server (Forbidden): error when creating \"STDIN\": pods \"x\" is forbidden: "
           "exceeded quota: sandboxes, requested: pods=1, used: pods=2, limited: pods=2",
           Errc::kLimitReached, "quota is used up"},
      Said{"Error from server (Forbidden): error when creating \"STDIN\": pods \"x\" is forbidden: "
           "maximum memory usage per Container is 512Mi, but limit is 1Gi",
           Errc::kMisconfigured, "LimitRange"},
      Said{"Error from server (Forbidden): pods is forbidden: User \"me\" cannot list resource "
           "\"pods\" in API group \"\" in the namespace \"x\"",
           Errc::kMisconfigured, "Role"},
      Said{"Error from server (Forbidden): pods \"x\" is forbidden: violates PodSecurity "
           "\"restricted:latest\"",
           Errc::kMisconfigured, "Pod Security"},
      Said{"Error from server (NotFound): namespaces \"x\" not found", Errc::kMisconfigured,
           "KUBE_NAMESPACE"},
      Said{"Error from server (Forbidden): namespaces \"x\" is forbidden: User \"me\" cannot get "
           "resource \"namespaces\" in API group \"\" in the namespace \"x\"",
           Errc::kMisconfigured, "This user may not do that"},
      Said{"Error from server: error when creating \"STDIN\": admission webhook \"w\" denied the "
           "request: namespaces \"x\" are closed",
           Errc::kMisconfigured, "webhook of the cluster refuses"},
      Said{"Error from server (InternalError): Internal error occurred: failed calling webhook "
           "\"w\": dial tcp 10.0.0.9:443: connect: connection refused",
           Errc::kInternal, "does not answer"},
      Said{"Error from server (Forbidden): pods \"x\" is forbidden: error looking up service "
           "account x/default: serviceaccount \"default\" not found",
           Errc::kBusy, "set up"},
      Said{
          "Error from server (Forbidden): pods \"x\" is forbidden: unable to create new content in "
          "namespace x because it is being terminated",
          Errc::kMisconfigured, "is being deleted"},
      Said{"Error from server (NotFound): pods \"x\" not found", Errc::kNotFound, "not there"},
      Said{"error: context \"x\" does not exist", Errc::kMisconfigured, "KUBE_CONTEXT"},
      Said{"error: You must be logged in to the server (Unauthorized)", Errc::kEngineUnavailable,
           "Log in"},
      Said{"The connection to the server localhost:8080 was refused - did you specify the right "
           "host "
           "or port?",
           Errc::kEngineUnavailable, "does not answer"},
      Said{"Unable to connect to the server: dial tcp 10.0.0.1:443: i/o timeout",
           Errc::kEngineUnavailable, "does not answer"},
      Said{"Error from server: error dialing backend: dial tcp 10.77.0.12:10250: connect: no route "
           "to host",
           Errc::kEngineUnavailable, "node does not answer"},
      Said{"error: cannot attach a container in a completed pod; current phase is Failed",
           Errc::kEnded, "has ended"},
      Said{"something new", Errc::kInternal, "something new"}};
  for (const Said& one : kAll) {
    const Error error = classify_kubectl_error("kubectl create", one.said);
    EXPECT_EQ(error.code, one.code) << one.said;
    EXPECT_TRUE(says(error, one.words)) << error.message;
    EXPECT_TRUE(says(error, "kubectl create")) << error.message;
  }
  const Error hostile = classify_kubectl_error("kubectl exec", "\x1b[2J" + std::string(9999, 'x'));
  EXPECT_LT(hostile.message.size(), 1000U);
  EXPECT_FALSE(says(hostile, "\x1b"));
}

TEST(KubernetesRemarks, OfTheClientAreNoTranscript) {
  Remarks remarks;
  EXPECT_EQ(remarks.feed("If you don't see a command prompt, try pressing enter.\n"), "");
  EXPECT_EQ(remarks.feed("Loading\n"), "Loading\n");
  EXPECT_EQ(remarks.feed("done\nerror: unexpected end\n"), "done\n");
  EXPECT_EQ(remarks.feed("Error from server: gone\nE1130 02:24:29.1 x.go:1] lost\n"), "");
}

TEST(KubernetesRemarks, LookAlikesAreOnlyHeldBack) {
  Remarks remarks;
  EXPECT_EQ(remarks.feed("error: mine\n"), "");
  EXPECT_EQ(remarks.feed("more\n"), "error: mine\nmore\n");
  EXPECT_EQ(remarks.feed("If you don't see a command prompt"), "If you don't see a command prompt");
  EXPECT_EQ(remarks.feed("error: again"), "");
  EXPECT_EQ(remarks.release(), "error: again");
  EXPECT_EQ(remarks.release(), "");
  EXPECT_EQ(remarks.feed("Error in f(): x\n"), "Error in f(): x\n");
}

// Seen: a line without an end was held back whole, and read again with each part of it.
TEST(KubernetesRemarks, HoldBackNoMoreThanARemarkIsLong) {
  Remarks remarks;
  EXPECT_EQ(remarks.feed("error: "), "");
  std::size_t passed = 0;
  std::size_t most = 0;
  std::size_t fed = 7;
  for (int i = 0; i < 200; ++i) {
    const std::string more(50'000, i % 2 == 0 ? 'x' : '\n');
    fed += more.size();
    passed += remarks.feed(more).size();
    most = std::max(most, fed - passed);
  }
  EXPECT_LE(most, 4096U);
}

}  // namespace
}  // namespace omcp_r::engine
