#pragma once

#include <string_view>

#include "omcp_r/engine/diagnosis.hpp"

namespace omcp_r::engine {

// What is missing or of another kind is left as not told, since engines that only look like
// Docker's tell less.

/// Takes what `docker info --format '{{json .}}'` tells.
void take_docker_info(std::string_view json, Diagnosis& diagnosis);

/// Takes what `docker version --format '{{json .}}'` tells.
void take_docker_version(std::string_view json, Diagnosis& diagnosis);

}  // namespace omcp_r::engine
