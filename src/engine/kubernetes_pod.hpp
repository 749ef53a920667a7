#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "omcp_r/base/result.hpp"
#include "omcp_r/engine/kubernetes_engine.hpp"

namespace omcp_r::engine {

// How a sandbox is written as a pod, and read from one. Pure, and the one place where the isolation
// of pods is decided.

/// The one container of a pod.
inline constexpr const char* kPodContainer = "r";
/// The folder of a node in which the profiles lie that pods may name.
inline constexpr std::string_view kNodeProfiles = "/var/lib/kubelet/seccomp/";

/// What the cluster's server tells of itself.
struct ClusterFacts {
  std::string id;       ///< the uid of the namespace
  std::string version;  ///< of the server, as it writes it
  int minor = 0;        ///< of 1.MINOR; 0 is not known
};

/// Refuses what a pod cannot have, such as folders of this machine.
Status check_pod(const Spec& spec);

/// What `kubectl create` gets.
nlohmann::json pod_manifest(const Spec& spec, const KubernetesConfig& config,
                            const ClusterFacts& facts);

/// "uid:gid" of the sandbox. Where user namespaces do not keep pods apart, each has a number of its
/// own in place of the usual one: the kernel counts processes by it.
std::string pod_user(const Spec& spec, const ClusterFacts& facts);

/// The first server that keeps the users of pods apart (KEP-127), and where that is on by default.
inline constexpr int kUserNamespaces = 33;

/// "omcp-r-ID".
std::string pod_name(const std::string& id);

/// What chooses the pods of a scope. Labels are short and of few characters: a pod of another scope
/// may be chosen as well, and its annotation tells.
std::string scope_selector(const std::string& scope);

/// How `kubectl get` prints a pod for read_pod(): a line each, a list in JSON. Without tabs, which
/// it takes for columns where it watches.
inline constexpr const char* kPodLine = R"([{.metadata},{.status},"{.spec.nodeName}"]{"\n"})";

/// What is to be known of a pod.
struct PodState {
  Found found;
  std::string name;
  std::string node;
  std::string node_address;
  std::string phase;
  std::string unschedulable;    ///< why no node takes it; "" where one has, or none was asked yet
  std::string waiting_reason;   ///< why its container does not run yet, such as ErrImagePull
  std::string waiting_message;  ///< the same in a sentence
  std::string ended;            ///< why it has ended, such as Evicted; "" where it has not
  std::string others;           ///< names of containers in it that are not ours
};

/// Reads what kPodLine printed; nullopt for what is none of our pods.
std::optional<PodState> read_pod(std::string_view line);

/// Why a pod that does not run yet never will; nullopt where it still may.
std::optional<Error> hopeless(const PodState& pod, const std::string& image, bool pulls);

}  // namespace omcp_r::engine
