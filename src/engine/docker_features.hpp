#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "omcp_r/base/result.hpp"
#include "run_policy.hpp"

namespace omcp_r::engine {

/// What podman needs to be told.
struct PodmanFacts {
  std::string conmon;                ///< its program that holds a container's streams
  std::uint64_t most_processes = 0;  ///< of one user; 0 is that it is not podman
};

/// What `docker info --format '{{json .}}'` tells.
struct EngineFacts {
  std::string id;                  ///< of the engine; "" where it does not say
  std::string version;             ///< of the engine; "" where it does not say
  std::string default_runtime;     ///< of containers
  std::uint64_t memory_bytes = 0;  ///< of the engine's machine; 0 where it does not say
  bool cgroup_v2 = false;          ///< named from engine 20.10 on, which speaks API 1.41
  std::string context;             ///< of the client; "" where it does not say
  std::string client_version;      ///< "" from clients that do not tell
  /// Limits that it cannot set, in words. A rootless engine of 20.10 without cgroups takes them all
  /// the same, and inspect then shows them as if they held.
  std::vector<std::string> limits_it_lacks;
  PodmanFacts podman;
  /// What the client says instead, with exit status 0, where the engine does not answer it; a line
  /// each.
  std::string errors;
};

/// Errc::kEngineUnavailable when the answer is no JSON.
Result<EngineFacts> parse_docker_info(std::string_view json);

/// The first "major.minor" in `text`, such as the answer of `docker --version`, as major * 100 +
/// minor; 0 if there is none.
int parse_version(std::string_view text);

/// What a client of this version can be asked for.
EngineFeatures features_of(const EngineFacts& facts, int client_version);

}  // namespace omcp_r::engine
