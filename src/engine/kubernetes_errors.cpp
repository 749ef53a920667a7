#include "kubernetes_errors.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "docker_errors.hpp"
#include "omcp_r/base/text.hpp"

namespace omcp_r::engine {
namespace {

struct KubectlRule {
  std::string_view words;  ///< lower case; part of what kubectl wrote
  Errc code;
  std::string_view message;
};

constexpr std::string_view kNoAnswer =
    "The cluster does not answer. See whether `kubectl get pods` does, and correct KUBE_CONTEXT or "
    "the kubeconfig, then try again.";
constexpr std::string_view kUnknownContext =
    "The kubeconfig has no such context. Correct KUBE_CONTEXT: `kubectl config get-contexts` shows "
    "those that there are.";
constexpr std::string_view kNoLogin =
    "The cluster does not accept this user's credentials. Log in to it anew, or correct "
    "KUBE_CONTEXT or the kubeconfig.";
constexpr std::string_view kNoNamespace =
    "The cluster has no such namespace. An administrator of it creates what a server needs with "
    "`kubectl apply -k docker/kubernetes`; or correct KUBE_NAMESPACE.";
constexpr std::string_view kQuota =
    "The namespace's quota is used up. End sandboxes, ask for a smaller memory_mb, or have an "
    "administrator raise the ResourceQuota.";
constexpr std::string_view kRange =
    "The namespace's LimitRange forbids a sandbox of this size. Correct SANDBOX_MEMORY, "
    "SANDBOX_CPUS or KUBE_CPU_REQUEST, or have an administrator change the LimitRange.";
constexpr std::string_view kSecurity =
    "The namespace's Pod Security level does not admit the sandbox, although it is made as "
    "\"restricted\" asks. What it names is to be changed by an administrator.";
constexpr std::string_view kForbidden =
    "This user may not do that in the namespace. An administrator gives it the Role of "
    "docker/kubernetes (`kubectl apply -k docker/kubernetes`) with a RoleBinding.";
constexpr std::string_view kNoRuntimeClass =
    "The cluster does not have the configured runtime class. Correct RUNTIME, or have an "
    "administrator create the RuntimeClass.";
constexpr std::string_view kNoPriority =
    "The cluster does not have the configured priority class. Correct KUBE_PRIORITY_CLASS, or have "
    "an administrator create it.";
constexpr std::string_view kInvalid =
    "The cluster refuses the pod as it is configured. Correct the setting that it names.";
constexpr std::string_view kNoPod = "The pod is not there any more.";
constexpr std::string_view kModified = "Somebody else changed the pod at the same time. Try again.";
constexpr std::string_view kExists = "Another pod has this name already.";
constexpr std::string_view kPodEnded = "The pod has ended. Create a new sandbox.";
constexpr std::string_view kNode =
    "The pod's node does not answer. Try again; if it stays, create a new sandbox, which another "
    "node runs.";
constexpr std::string_view kBusy =
    "The cluster asks for fewer calls at once. Try again in a moment.";

/// The first match counts, so what is more particular stands above what is more general.
constexpr std::array kKubectlRules{
    KubectlRule{"exceeded quota", Errc::kLimitReached, kQuota},
    KubectlRule{"failed quota", Errc::kMisconfigured, kQuota},
    KubectlRule{"violates podsecurity", Errc::kMisconfigured, kSecurity},
    KubectlRule{"usage per container is", Errc::kMisconfigured, kRange},
    KubectlRule{"usage per pod is", Errc::kMisconfigured, kRange},
    KubectlRule{"limit to request ratio", Errc::kMisconfigured, kRange},
    KubectlRule{"pod rejected: runtimeclass", Errc::kMisconfigured, kNoRuntimeClass},
    KubectlRule{"no priorityclass with name", Errc::kMisconfigured, kNoPriority},
    // The kubelet's answer to exec and attach, which travels as an error of the API server's.
    KubectlRule{"error dialing backend", Errc::kEngineUnavailable, kNode},
    KubectlRule{"container not found", Errc::kEnded, kPodEnded},
    KubectlRule{"current phase is", Errc::kEnded, kPodEnded},
    KubectlRule{"error: context \"", Errc::kMisconfigured, kUnknownContext},
    KubectlRule{"context was not found for specified context", Errc::kMisconfigured,
                kUnknownContext},
    KubectlRule{"no context exists with the name", Errc::kMisconfigured, kUnknownContext},
    KubectlRule{"namespaces \"", Errc::kMisconfigured, kNoNamespace},
    KubectlRule{"object has been modified", Errc::kBusy, kModified},
    KubectlRule{"already exists", Errc::kBusy, kExists},
    KubectlRule{"(notfound)", Errc::kNotFound, kNoPod},
    KubectlRule{"must be logged in", Errc::kEngineUnavailable, kNoLogin},
    KubectlRule{"unauthorized", Errc::kEngineUnavailable, kNoLogin},
    KubectlRule{"getting credentials", Errc::kEngineUnavailable, kNoLogin},
    KubectlRule{"cannot create resource", Errc::kMisconfigured, kForbidden},
    KubectlRule{"cannot get resource", Errc::kMisconfigured, kForbidden},
    KubectlRule{"cannot list resource", Errc::kMisconfigured, kForbidden},
    KubectlRule{"cannot watch resource", Errc::kMisconfigured, kForbidden},
    KubectlRule{"cannot patch resource", Errc::kMisconfigured, kForbidden},
    KubectlRule{"cannot delete resource", Errc::kMisconfigured, kForbidden},
    KubectlRule{"(forbidden)", Errc::kMisconfigured, kForbidden},
    KubectlRule{"is invalid:", Errc::kMisconfigured, kInvalid},
    KubectlRule{"invalid value:", Errc::kMisconfigured, kInvalid},
    KubectlRule{"(badrequest)", Errc::kMisconfigured, kInvalid},
    KubectlRule{"too many requests", Errc::kEngineUnavailable, kBusy},
    KubectlRule{"unable to connect to the server", Errc::kEngineUnavailable, kNoAnswer},
    KubectlRule{"connection to the server", Errc::kEngineUnavailable, kNoAnswer},
    KubectlRule{"connection refused", Errc::kEngineUnavailable, kNoAnswer},
    KubectlRule{"no configuration has been provided", Errc::kEngineUnavailable, kNoAnswer},
    KubectlRule{"invalid configuration", Errc::kEngineUnavailable, kNoAnswer},
    KubectlRule{"error loading config file", Errc::kEngineUnavailable, kNoAnswer},
    KubectlRule{"i/o timeout", Errc::kEngineUnavailable, kNoAnswer},
    KubectlRule{"tls handshake timeout", Errc::kEngineUnavailable, kNoAnswer},
    KubectlRule{"context deadline exceeded", Errc::kEngineUnavailable, kNoAnswer},
    KubectlRule{"(timeout)", Errc::kEngineUnavailable, kNoAnswer},
    KubectlRule{"(serviceunavailable)", Errc::kEngineUnavailable, kNoAnswer},
    KubectlRule{"no route to host", Errc::kEngineUnavailable, kNoAnswer},
    KubectlRule{"unexpected eof", Errc::kEngineUnavailable, kNoAnswer},
    KubectlRule{"connection reset by peer", Errc::kEngineUnavailable, kNoAnswer},
    KubectlRule{"http2: ", Errc::kEngineUnavailable, kNoAnswer},
    KubectlRule{"x509: ", Errc::kEngineUnavailable, kNoAnswer},
};

}  // namespace

Error classify_kubectl_error(std::string_view action, std::string_view stderr_text) {
  constexpr std::size_t kMostSaid = 400;
  std::string text{stderr_text};
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const std::string line = printable(telling_line(stderr_text), kMostSaid);
  const std::string said = line.empty() ? "nothing" : "\"" + line + "\"";
  const auto* const rule = std::find_if(
      kKubectlRules.begin(), kKubectlRules.end(),
      [&text](const KubectlRule& one) { return text.find(one.words) != std::string::npos; });
  if (rule != kKubectlRules.end()) {
    return Error{rule->code,
                 std::string{rule->message} + " (" + std::string{action} + " said " + said + ")"};
  }
  return Error{Errc::kInternal, std::string{action} + " failed and said " + said +
                                    ". Try again; if it stays, run it by hand to see more."};
}

}  // namespace omcp_r::engine
