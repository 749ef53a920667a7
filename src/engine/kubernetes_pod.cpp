#include "kubernetes_pod.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "docker_names.hpp"
#include "docker_output.hpp"
#include "omcp_r/base/text.hpp"
#include "run_policy.hpp"
#include "text_at.hpp"

namespace omcp_r::engine {
namespace {

using Json = nlohmann::json;

constexpr const char* kWork = "/sandbox";
constexpr const char* kTmp = "/tmp";
constexpr const char* kData = "/data";
constexpr const char* kGiven = "omcp-r.given";
constexpr const char* kMemory = "omcp-r.memory";
constexpr const char* kCpus = "omcp-r.cpus";
constexpr const char* kImage = "omcp-r.image";
/// Seconds for its own supervisor to act first, and for a spare's age before it was given out.
constexpr std::int64_t kLifetimeMargin = 60;
constexpr std::size_t kMostSaidOfPod = 300;

/// A pod has no limits of this kind: the first shell sets them for all that runs in it. dash knows
/// processes by another letter than bash.
constexpr const char* kLimits =
    "ulimit -c 0 && ulimit -n $1 && ulimit -f $2 || exit 71\n"
    "{ ulimit -u $3 || ulimit -p $3; } 2>/dev/null || exit 71\n"
    "shift 3\n"
    "exec \"$@\"\n";

/// FNV-1a: short, and the same everywhere.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  }
  return hash;
}

/// Any text as the value of a label: what can be read of it, and what tells it from others.
std::string label_of(std::string_view text) {
  constexpr std::size_t kReadable = 40;
  std::string label;
  for (const char c : text.substr(0, kReadable)) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.';
    label += plain ? c : '_';
  }
  std::array<char, 24> hash{};
  std::snprintf(hash.data(), hash.size(), "%016llx",
                static_cast<unsigned long long>(hash_of(text)));
  return "s" + label + "-" + hash.data();
}

/// The kubelet takes "$(NAME)" for a variable and "$$" for "$" in commands and in values.
std::string unexpanded(std::string_view text) {
  std::string result;
  for (const char c : text) {
    result += c == '$' ? std::string{"$$"} : std::string{c};
  }
  return result;
}

/// Cores as Kubernetes writes them: thousandths.
std::string cores(double value) {
  return std::to_string(std::lround(value * 1000)) + "m";
}

Json pod_labels(const Spec& spec, const KubernetesConfig& config) {
  Json labels = Json::object();
  for (const auto& [name, value] : config.labels) {
    if (!name.starts_with("omcp-r.")) labels[name] = value;  // what begins so is ours to say
  }
  labels["omcp-r.managed"] = "1";
  labels["omcp-r.scope"] = label_of(spec.identity.scope);
  labels["omcp-r.role"] = spec.identity.role == Role::kSpare ? "spare" : "sandbox";
  return labels;
}

Json pod_annotations(const Spec& spec) {
  Json notes = labels_of(spec.identity);
  notes[kMemory] = std::to_string(spec.isolation.memory_bytes);
  notes[kCpus] = cores(spec.isolation.cpus);
  notes[kImage] = spec.image;
  return notes;
}

Json pod_command(const Spec& spec) {
  const Isolation& asked = spec.isolation;
  constexpr std::uint64_t kBlock = 512;  // POSIX counts file sizes in these
  std::vector<std::string> argv{"sh",
                                "-c",
                                kLimits,
                                "omcp-r",
                                std::to_string(asked.open_files),
                                std::to_string(asked.file_bytes / kBlock),
                                std::to_string(asked.processes)};
  argv.insert(argv.end(), spec.program.begin(), spec.program.end());
  for (std::string& word : argv) word = unexpanded(word);
  return argv;
}

Json variables_of(const Spec& spec) {
  Json list = Json::array();
  for (const auto& [name, value] : spec.environment) {
    list.push_back({{"name", name}, {"value", unexpanded(value)}});
  }
  return list;
}

Json seccomp(const std::string& chosen) {
  if (!chosen.starts_with(kNodeProfiles)) return {{"type", "RuntimeDefault"}};
  return {{"type", "Localhost"}, {"localhostProfile", chosen.substr(kNodeProfiles.size())}};
}

Json in_memory(const char* name, std::uint64_t bytes) {
  return {{"name", name},
          {"emptyDir", {{"medium", "Memory"}, {"sizeLimit", std::to_string(bytes)}}}};
}

Json pod_container(const Spec& spec, const KubernetesConfig& config) {
  const Isolation& asked = spec.isolation;
  const std::string memory = std::to_string(asked.memory_bytes);
  Json mounts = Json::array(
      {{{"name", "work"}, {"mountPath", kWork}}, {{"name", "tmp"}, {"mountPath", kTmp}}});
  if (!config.data_volume.empty()) {
    mounts.push_back({{"name", "data"}, {"mountPath", kData}, {"readOnly", true}});
  }
  return {{"name", kPodContainer},
          {"image", spec.image},
          {"imagePullPolicy", config.pull ? "IfNotPresent" : "Never"},
          {"command", pod_command(spec)},
          {"workingDir", kWork},
          {"stdin", true},
          {"stdinOnce", false},  // true would close R's input with the first server that ends
          {"tty", false},
          {"env", variables_of(spec)},
          {"resources",
           {{"limits", {{"memory", memory}, {"cpu", cores(asked.cpus)}}},
            {"requests",
             {{"memory", memory}, {"cpu", cores(std::min(config.cpu_request, asked.cpus))}}}}},
          {"securityContext",
           {{"allowPrivilegeEscalation", false},
            {"privileged", false},
            {"readOnlyRootFilesystem", true},
            {"runAsNonRoot", true},
            {"capabilities", {{"drop", Json::array({"ALL"})}}}}},
          {"volumeMounts", mounts}};
}

Json pod_volumes(const Spec& spec, const KubernetesConfig& config) {
  Json list = Json::array(
      {in_memory("work", spec.isolation.work_bytes), in_memory("tmp", spec.isolation.tmp_bytes)});
  if (!config.data_volume.empty()) {
    list.push_back(
        {{"name", "data"},
         {"persistentVolumeClaim", {{"claimName", config.data_volume}, {"readOnly", true}}}});
  }
  return list;
}

/// What the administrator wants of the pod, as far as something is wanted.
void add_wishes(Json& pod, const Spec& spec, const KubernetesConfig& config) {
  if (!spec.isolation.runtime.empty()) pod["runtimeClassName"] = spec.isolation.runtime;
  if (!config.node_selector.empty()) pod["nodeSelector"] = config.node_selector;
  if (!config.priority_class.empty()) pod["priorityClassName"] = config.priority_class;
  for (const std::string& secret : config.pull_secrets) {
    pod["imagePullSecrets"].push_back({{"name", secret}});
  }
  for (const Toleration& one : config.tolerations) {
    Json toleration{{"key", one.key}, {"operator", one.value ? "Equal" : "Exists"}};
    if (one.value) toleration["value"] = *one.value;
    if (!one.effect.empty()) toleration["effect"] = one.effect;
    pod["tolerations"].push_back(toleration);
  }
}

std::int64_t whole_number(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string first_of(std::initializer_list<std::string> texts) {
  for (const std::string& text : texts) {
    if (!text.empty()) return text;
  }
  return "";
}

/// The status of our container; an empty object where there is none yet.
const Json& container_status(const Json& status) {
  static const Json kNone = Json::object();
  const auto list = status.find("containerStatuses");
  if (list == status.end() || !list->is_array()) return kNone;
  const auto ours = std::find_if(list->begin(), list->end(), [](const Json& one) {
    return one.is_object() && text_at(one, "name") == kPodContainer;
  });
  return ours == list->end() ? kNone : *ours;
}

/// Names of containers that somebody has added to the pod.
std::string others_in(const Json& status) {
  std::string others;
  for (const char* kind :
       {"containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"}) {
    const auto list = status.find(kind);
    if (list == status.end() || !list->is_array()) continue;
    for (const Json& one : *list) {
      const std::string name = one.is_object() ? text_at(one, "name") : "";
      if (name != kPodContainer) others += (others.empty() ? "" : ", ") + name;
    }
  }
  return others;
}

/// Why a pod has ended, in words that no code in it can choose; nullopt where it has not.
std::optional<std::string> end_of(const Json& metadata, const Json& status) {
  const std::string phase = text_at(status, "phase");
  const Json& terminated = object_at(object_at(container_status(status), "state"), "terminated");
  if (metadata.contains("deletionTimestamp") ||
      (phase != "Failed" && phase != "Succeeded" && terminated.empty())) {
    return std::nullopt;
  }
  if (terminated.contains("exitCode") && terminated["exitCode"] == 0) return "";
  const std::string why = first_of({text_at(status, "reason"), text_at(terminated, "reason")});
  const std::string more = text_at(status, "message");
  return printable(why + (more.empty() ? "" : ": " + more), kMostSaidOfPod);
}

std::string not_scheduled(const Json& status) {
  const auto conditions = status.find("conditions");
  if (conditions == status.end() || !conditions->is_array()) return "";
  for (const Json& one : *conditions) {
    if (one.is_object() && text_at(one, "type") == "PodScheduled" &&
        text_at(one, "reason") == "Unschedulable") {
      return text_at(one, "message");
    }
  }
  return "";
}

Found found_of(const Json& metadata, const Json& status) {
  Labels notes;
  for (const auto& [key, value] : object_at(metadata, "annotations").items()) {
    if (value.is_string()) notes[key] = value.get<std::string>();
  }
  Found found;
  found.identity = identity_of(notes);
  found.handle.id = text_at(metadata, "name") + "/" + text_at(metadata, "uid");
  found.given = object_at(metadata, "labels").contains(kGiven);
  found.since = parse_time(text_at(metadata, "creationTimestamp"));
  found.image = notes[kImage];
  found.memory_bytes =
      static_cast<std::uint64_t>(std::max<std::int64_t>(whole_number(notes[kMemory]), 0));
  found.cpus = static_cast<double>(whole_number(notes[kCpus])) / 1000;
  const Json& container = container_status(status);
  const std::string image = text_at(container, "imageID");
  const std::size_t digest = image.rfind("sha256:");
  found.image_digest = digest == std::string::npos ? image : image.substr(digest);
  found.ended = end_of(metadata, status);
  found.running = text_at(status, "phase") == "Running" &&
                  object_at(container, "state").contains("running") &&
                  !metadata.contains("deletionTimestamp");
  return found;
}

Error unschedulable(const PodState& pod) {
  const std::string why = printable(pod.unschedulable, kMostSaidOfPod);
  const bool full = why.find("Insufficient") != std::string::npos ||
                    why.find("Too many pods") != std::string::npos;
  return Error{full ? Errc::kLimitReached : Errc::kMisconfigured,
               (full ? "No node of the cluster has room for another sandbox. End one with "
                       "remove_sandbox, or ask for a smaller memory_mb or fewer cpus. (\""
                     : "No node of the cluster takes the sandbox. Correct KUBE_NODE_SELECTOR, "
                       "KUBE_TOLERATIONS or DATA_VOLUME, or have an administrator see to the "
                       "nodes. (\"") +
                   why + "\")"};
}

Error no_image(const std::string& image, const PodState& pod, bool pulls) {
  const std::string said =
      printable(first_of({pod.waiting_message, pod.waiting_reason}), kMostSaidOfPod);
  return Error{
      Errc::kImageNotFound,
      pulls ? "The node " + pod.node + " cannot get the image " + image +
                  ". Ask the user to correct DOCKER_IMAGE, or KUBE_PULL_SECRETS where its registry "
                  "asks for a password. (It says \"" +
                  said + "\")"
            : "The node " + pod.node + " does not have the image " + image +
                  ". Ask the user to have it put on every node, or to set PULL=missing, by which "
                  "nodes get it themselves. (It says \"" +
                  said + "\")"};
}

}  // namespace

Status check_pod(const Spec& spec) {
  if (const Status checked = check_isolation(spec); !checked) {
    return checked.error();
  }
  // What stands in a pod's manifest whoever may look at pods can read.
  if (!spec.isolation.folders.empty() || !spec.secrets.empty()) {
    return Error{Errc::kMisconfigured,
                 "A folder of this machine cannot be seen in a cluster: leave DATA_DIR, R_LIBRARY "
                 "and DB_SOCKET out. Data come from a claim, DATA_VOLUME; packages from an image "
                 "that has them."};
  }
  const std::string& calls = spec.isolation.system_calls;
  if (calls != kOwnSystemCalls && calls != kEngineSystemCalls &&
      !calls.starts_with(kNodeProfiles)) {
    return Error{Errc::kMisconfigured,
                 "SECCOMP names a file of this machine. In a cluster it must "
                 "lie on every node, below " +
                     std::string{kNodeProfiles} + "."};
  }
  return Ok{};
}

std::string pod_user(const Spec& spec, const ClusterFacts& facts) {
  static const std::string kUsual = Isolation{}.user;
  const std::string& user = spec.isolation.user;
  if (user != kUsual || facts.minor >= kUserNamespaces) {
    return user;  // in a user namespace no number is another pod's
  }
  constexpr std::uint64_t kFirst = 1ULL << 30U;
  const std::uint64_t own = kFirst + hash_of(spec.identity.id) % kFirst;
  return std::to_string(own) + user.substr(user.find(':'));
}

std::string pod_name(const std::string& id) {
  return "omcp-r-" + id;
}

std::string scope_selector(const std::string& scope) {
  return "omcp-r.managed=1,omcp-r.scope=" + label_of(scope);
}

nlohmann::json pod_manifest(const Spec& spec, const KubernetesConfig& config,
                            const ClusterFacts& facts) {
  const std::string user = pod_user(spec, facts);
  const std::size_t colon = user.find(':');
  const std::int64_t lifetime = spec.identity.lifetime;
  Json pod{{"restartPolicy", "Never"},
           {"activeDeadlineSeconds",
            (spec.identity.role == Role::kSpare ? 2 * lifetime : lifetime) + kLifetimeMargin},
           {"terminationGracePeriodSeconds", 0},
           {"automountServiceAccountToken", false},
           {"enableServiceLinks", false},
           {"hostname", "sandbox"},
           {"dnsPolicy", "None"},
           {"dnsConfig", {{"nameservers", Json::array({"127.0.0.1"})}}},
           {"securityContext",
            {{"runAsNonRoot", true},
             {"runAsUser", whole_number(user.substr(0, colon))},
             {"runAsGroup", whole_number(user.substr(colon + 1))},
             {"seccompProfile", seccomp(spec.isolation.system_calls)}}},
           {"containers", Json::array({pod_container(spec, config)})},
           {"volumes", pod_volumes(spec, config)}};
  if (facts.minor >= kUserNamespaces) pod["hostUsers"] = false;
  add_wishes(pod, spec, config);
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata",
           {{"name", pod_name(spec.identity.id)},
            {"labels", pod_labels(spec, config)},
            {"annotations", pod_annotations(spec)}}},
          {"spec", pod}};
}

std::optional<PodState> read_pod(std::string_view line) {
  const Json all = Json::parse(line, nullptr, false);
  const bool known = all.is_array() && all.size() == 3 && all[0].is_object() &&
                     all[1].is_object() && all[2].is_string();
  if (!known) return std::nullopt;
  const Json& metadata = all[0];
  const Json& status = all[1];
  PodState pod;
  pod.found = found_of(metadata, status);
  if (pod.found.identity.id.empty()) return std::nullopt;
  pod.name = text_at(metadata, "name");
  pod.node = all[2].get<std::string>();
  pod.node_address = text_at(status, "hostIP");
  pod.phase = text_at(status, "phase");
  pod.unschedulable = not_scheduled(status);
  pod.others = others_in(status);
  const Json& state = object_at(container_status(status), "state");
  pod.waiting_reason = text_at(object_at(state, "waiting"), "reason");
  pod.waiting_message = text_at(object_at(state, "waiting"), "message");
  const Json& terminated = object_at(state, "terminated");
  if (pod.found.ended || metadata.contains("deletionTimestamp")) {
    const std::string why =
        first_of({text_at(status, "reason"), text_at(terminated, "reason"), pod.phase});
    const std::string more = first_of({text_at(status, "message"), text_at(terminated, "message")});
    pod.ended = printable(why + (more.empty() ? "" : ": " + more), kMostSaidOfPod);
  }
  return pod;
}

std::optional<Error> hopeless(const PodState& pod, const std::string& image, bool pulls) {
  constexpr std::array<std::string_view, 5> kImageReasons{"ErrImageNeverPull", "ErrImagePull",
                                                          "ImagePullBackOff", "InvalidImageName",
                                                          "ImageInspectError"};
  constexpr std::array<std::string_view, 5> kNoStart{"CreateContainerConfigError",
                                                     "CreateContainerError", "RunContainerError",
                                                     "CrashLoopBackOff", "PreCreateHookError"};
  const auto waits_for = [&pod](const auto& reasons) {
    return std::find(reasons.begin(), reasons.end(), pod.waiting_reason) != reasons.end();
  };
  if (!pod.others.empty()) {
    return Error{
        Errc::kLimitsNotApplied,
        "Something in the cluster adds containers to the sandbox's pod (" +
            printable(pod.others, kMostSaidOfPod) +
            "), so it was removed. An administrator has to keep that out of the namespace, "
            "such as the injection of a service mesh."};
  }
  if (!pod.ended.empty()) {
    return Error{Errc::kEnded, "The pod ended as soon as it had started (" + pod.ended +
                                   "). Try again; if it stays, check that the image has R and sh."};
  }
  if (waits_for(kImageReasons)) {
    return no_image(image, pod, pulls);
  }
  if (waits_for(kNoStart)) {
    return Error{Errc::kMisconfigured,
                 "The node " + pod.node + " cannot start the container (" + pod.waiting_reason +
                     ": \"" + printable(pod.waiting_message, kMostSaidOfPod) +
                     "\"). Correct what it names: the image, SECCOMP, RUNTIME or DATA_VOLUME."};
  }
  if (!pod.unschedulable.empty()) {
    return unschedulable(pod);
  }
  return std::nullopt;
}

}  // namespace omcp_r::engine
