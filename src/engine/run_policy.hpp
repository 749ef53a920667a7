#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "omcp_r/engine/engine.hpp"

namespace omcp_r::engine {

inline constexpr std::string_view kOwnSystemCalls = "default";
inline constexpr std::string_view kEngineSystemCalls = "engine";

/// What differs between engines in the words of `docker run`; asked once, before the first create.
struct EngineFeatures {
  bool pull_never = true;         ///< the client knows --pull (20.10 and later)
  bool private_cgroupns = false;  ///< the engine has cgroup v2 and API 1.41, so --cgroupns works
  bool bind_recursive = false;    ///< the client's word is bind-recursive (25 and later)
  std::uint64_t podman_processes = 0;  ///< 0: it is docker; else what one user may have
};

/// Refuses a spec that would leave a limit out (0 is "none" to engines), or run as root. create()
/// asks this first.
Status check_isolation(const Spec& spec);

/// The arguments of `docker`, from "run" on. Pure, and the one place where isolation is decided.
std::vector<std::string> docker_run_argv(const Spec& spec, const EngineFeatures& features);

/// What that client reads from its standard input; "" is nothing.
std::string docker_run_input(const Spec& spec);

/// The limits that really hold, as the engine tells after creation; -1 or 0 where none holds.
struct AppliedLimits {
  std::int64_t memory_bytes = 0;
  std::int64_t memory_swap_bytes = 0;  ///< memory plus swap
  double cpus = 0;
  std::int64_t processes = 0;
  std::int64_t mounts = -1;  ///< folders and volumes, ours included; -1 is not known
};

/// What was asked for and does not hold, in words. Rootless engines ignore limits silently.
std::vector<std::string> not_in_force(const Isolation& asked, const AppliedLimits& applied);

}  // namespace omcp_r::engine
