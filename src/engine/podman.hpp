#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "docker_features.hpp"
#include "omcp_r/engine/diagnosis.hpp"

namespace omcp_r::engine {

/// What `podman info --format '{{json .}}'` tells. Errors where podman runs on another machine.
Result<EngineFacts> parse_podman_info(std::string_view json);

/// The same, for who looks for what is wrong.
void take_podman_info(std::string_view json, Diagnosis& diagnosis);

/// Says that podman would ignore these limits, and what to do.
Error cannot_limit(const std::vector<std::string>& limits);

/// The path of a program, in a folder of ours, that runs podman's conmon such that a container's
/// standard input stays open when the client that is attached to it ends, as docker's does. Podman
/// has no option for that; conmon has.
Result<std::string> lasting_conmon(const std::string& conmon, const std::string& folder);

}  // namespace omcp_r::engine
