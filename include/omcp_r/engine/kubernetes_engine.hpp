#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "omcp_r/engine/engine.hpp"

namespace omcp_r::process {
class CommandRunner;
}

namespace omcp_r::engine {

/// What a pod may be placed on in spite of a taint.
struct Toleration {
  std::string key;
  std::optional<std::string> value;  ///< any where there is none
  std::string effect;                ///< "" is any
};

/// How to reach a cluster through kubectl, and what its administrator wants of each pod.
struct KubernetesConfig {
  std::string kubectl;       ///< path or name of the client; "" looks in PATH and the usual places
  std::string context;       ///< of the user's kubeconfig; "" is the current one
  std::string name_space;    ///< where the pods are made
  double cpu_request = 0.1;  ///< cores that a node must have free for one; the limit is its own
  bool pull = false;         ///< a node that lacks the image may get it
  std::map<std::string, std::string> node_selector{};
  std::vector<Toleration> tolerations{};
  std::string priority_class{};
  std::vector<std::string> pull_secrets{};
  std::map<std::string, std::string> labels{};     ///< of the pods, besides ours
  std::string data_volume{};                       ///< a claim, seen read-only as /data; "" is none
  std::chrono::milliseconds call_limit{20'000};    ///< of every call but create
  std::chrono::milliseconds create_limit{60'000};  ///< of create, until the pod runs
};

/// The engine behind kubectl: a sandbox is one pod. Nothing is looked for or called before the
/// first use. What make_docker_engine() says of open() and of reading holds here, too, except that
/// the client's own remarks are left out.
///
/// No API tells whether a cluster enforces a NetworkPolicy: before create() returns, the pod has
/// tried to get out, and one that got out is removed.
std::unique_ptr<Engine> make_kubernetes_engine(asio::any_io_executor executor,
                                               KubernetesConfig config);

/// The same with another way to run commands; open() still starts a real client.
std::unique_ptr<Engine> make_kubernetes_engine(asio::any_io_executor executor,
                                               KubernetesConfig config,
                                               std::unique_ptr<process::CommandRunner> runner);

}  // namespace omcp_r::engine
