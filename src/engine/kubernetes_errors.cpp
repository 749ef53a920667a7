#include "kubernetes_errors.hpp"

#include <array>

#include "docker_errors.hpp"
#include "omcp_r/base/text.hpp"

namespace omcp_r::engine {
namespace {

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
constexpr std::string_view kDenied =
    "An admission webhook of the cluster refuses the sandbox. What it says is to be seen to by an "
    "administrator.";
constexpr std::string_view kWebhook =
    "A webhook of the cluster, which is asked before a pod is made, does not answer. Try again; if "
    "it stays, tell an administrator.";
constexpr std::string_view kNamespaceEnds =
    "The namespace is being deleted. An administrator creates it anew with `kubectl apply -k "
    "docker/kubernetes`; or correct KUBE_NAMESPACE.";
constexpr std::string_view kNamespaceNew =
    "The namespace is still being set up. Try again in a moment.";
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
    ErrorRule{"exceeded quota", Errc::kLimitReached, kQuota},
    ErrorRule{"failed quota", Errc::kMisconfigured, kQuota},
    ErrorRule{"violates podsecurity", Errc::kMisconfigured, kSecurity},
    ErrorRule{"usage per container is", Errc::kMisconfigured, kRange},
    ErrorRule{"usage per pod is", Errc::kMisconfigured, kRange},
    ErrorRule{"limit to request ratio", Errc::kMisconfigured, kRange},
    ErrorRule{"pod rejected: runtimeclass", Errc::kMisconfigured, kNoRuntimeClass},
    ErrorRule{"no priorityclass with name", Errc::kMisconfigured, kNoPriority},
    // The kubelet's answer to exec and attach, which travels as an error of the API server's.
    ErrorRule{"error dialing backend", Errc::kEngineUnavailable, kNode},
    ErrorRule{"container not found", Errc::kEnded, kPodEnded},
    ErrorRule{"current phase is", Errc::kEnded, kPodEnded},
    ErrorRule{"error: context \"", Errc::kMisconfigured, kUnknownContext},
    ErrorRule{"context was not found for specified context", Errc::kMisconfigured, kUnknownContext},
    ErrorRule{"no context exists with the name", Errc::kMisconfigured, kUnknownContext},
    ErrorRule{"denied the request", Errc::kMisconfigured, kDenied},
    ErrorRule{"failed calling webhook", Errc::kInternal, kWebhook},
    ErrorRule{"because it is being terminated", Errc::kMisconfigured, kNamespaceEnds},
    ErrorRule{"error looking up service account", Errc::kBusy, kNamespaceNew},
    ErrorRule{"(notfound): namespaces \"", Errc::kMisconfigured, kNoNamespace},
    ErrorRule{"object has been modified", Errc::kBusy, kModified},
    ErrorRule{"already exists", Errc::kBusy, kExists},
    ErrorRule{"(notfound)", Errc::kNotFound, kNoPod},
    ErrorRule{"must be logged in", Errc::kEngineUnavailable, kNoLogin},
    ErrorRule{"unauthorized", Errc::kEngineUnavailable, kNoLogin},
    ErrorRule{"getting credentials", Errc::kEngineUnavailable, kNoLogin},
    ErrorRule{"cannot create resource", Errc::kMisconfigured, kForbidden},
    ErrorRule{"cannot get resource", Errc::kMisconfigured, kForbidden},
    ErrorRule{"cannot list resource", Errc::kMisconfigured, kForbidden},
    ErrorRule{"cannot watch resource", Errc::kMisconfigured, kForbidden},
    ErrorRule{"cannot patch resource", Errc::kMisconfigured, kForbidden},
    ErrorRule{"cannot delete resource", Errc::kMisconfigured, kForbidden},
    ErrorRule{"(forbidden)", Errc::kMisconfigured, kForbidden},
    ErrorRule{"is invalid:", Errc::kMisconfigured, kInvalid},
    ErrorRule{"invalid value:", Errc::kMisconfigured, kInvalid},
    ErrorRule{"(badrequest)", Errc::kMisconfigured, kInvalid},
    ErrorRule{"too many requests", Errc::kEngineUnavailable, kBusy},
    ErrorRule{"unable to connect to the server", Errc::kEngineUnavailable, kNoAnswer},
    ErrorRule{"connection to the server", Errc::kEngineUnavailable, kNoAnswer},
    ErrorRule{"connection refused", Errc::kEngineUnavailable, kNoAnswer},
    ErrorRule{"no configuration has been provided", Errc::kEngineUnavailable, kNoAnswer},
    ErrorRule{"invalid configuration", Errc::kEngineUnavailable, kNoAnswer},
    ErrorRule{"error loading config file", Errc::kEngineUnavailable, kNoAnswer},
    ErrorRule{"i/o timeout", Errc::kEngineUnavailable, kNoAnswer},
    ErrorRule{"tls handshake timeout", Errc::kEngineUnavailable, kNoAnswer},
    ErrorRule{"context deadline exceeded", Errc::kEngineUnavailable, kNoAnswer},
    ErrorRule{"(timeout)", Errc::kEngineUnavailable, kNoAnswer},
    ErrorRule{"(serviceunavailable)", Errc::kEngineUnavailable, kNoAnswer},
    ErrorRule{"no route to host", Errc::kEngineUnavailable, kNoAnswer},
    ErrorRule{"unexpected eof", Errc::kEngineUnavailable, kNoAnswer},
    ErrorRule{"connection reset by peer", Errc::kEngineUnavailable, kNoAnswer},
    ErrorRule{"http2: ", Errc::kEngineUnavailable, kNoAnswer},
    ErrorRule{"x509: ", Errc::kEngineUnavailable, kNoAnswer},
};

}  // namespace

Error classify_kubectl_error(std::string_view action, std::string_view stderr_text) {
  constexpr std::size_t kMostSaid = 400;
  return error_by(kKubectlRules, action, stderr_text,
                  printable(telling_line(stderr_text), kMostSaid));
}

}  // namespace omcp_r::engine
