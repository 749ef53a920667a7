#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "omcp_r/base/result.hpp"
#include "omcp_r/engine/engine.hpp"

namespace omcp_r::engine {

/// What kubernetes_probe.sh found in a pod: its sections by name, as text. Hostile, and bounded by
/// who read it.
using ProbeAnswer = std::map<std::string, std::string, std::less<>>;

ProbeAnswer read_probe(std::string_view text);

/// Whether the pod's network is closed: Ok only where the positive control succeeded, something was
/// tried, and nobody answered.
Status check_network(const ProbeAnswer& answer, const std::string& name_space);

/// Whether no NetworkPolicy opens what others close: refuses where one that may select a pod with
/// `labels` lets anything in or out. `lines` is what kPolicyLine printed.
Status check_policies(std::string_view lines, const nlohmann::json& labels,
                      const std::string& name_space);
/// How `kubectl get networkpolicies` prints each.
inline constexpr const char* kPolicyLine =
    R"({range .items[*]}["{.metadata.name}",{.spec}]{"\n"}{end})";

/// What a pod is to be held to that is not in its isolation.
struct Inside {
  std::string user;        ///< "uid:gid"
  bool has_data = false;   ///< a claim is seen as /data
  bool own_users = false;  ///< its numbers of users are no other pod's
};

/// What was asked for and does not hold in the pod, in words.
std::vector<std::string> not_in_force_inside(const Isolation& asked, const Inside& inside,
                                             const ProbeAnswer& answer);

}  // namespace omcp_r::engine
