#pragma once

#include <cstdint>
#include <map>
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

/// What was asked for and does not hold in the pod, in words.
std::vector<std::string> not_in_force_inside(const Isolation& asked, const std::string& user,
                                             bool has_data, const ProbeAnswer& answer);

}  // namespace omcp_r::engine
