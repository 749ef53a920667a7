#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "omcp_r/base/result.hpp"
#include "omcp_r/engine/engine.hpp"
#include "omcp_r/sandbox/settings.hpp"

namespace omcp_r::sandbox {

/// What a caller may choose of a new sandbox; everything else is the configuration's.
struct CreateRequest {
  std::optional<std::chrono::seconds> idle_timeout;
  std::optional<std::string> image;
  std::optional<std::uint64_t> memory_bytes;
  std::optional<double> cpus;
};

/// The request with the configuration's values where it has none, within the configured bounds.
struct Grant {
  std::chrono::seconds idle_timeout{300};
  std::string image;
  std::uint64_t memory_bytes = 0;
  double cpus = 1.0;
};

/// Errc::kImageNotAllowed or kInvalidArgument with what is allowed.
Result<Grant> decide(const Settings& settings, const CreateRequest& request);

/// The labels that every sandbox of this scope carries.
engine::Labels scope_labels(const Settings& settings);

/// Whether a container with these labels is a sandbox of this scope.
bool is_of_scope(const Settings& settings, const engine::Labels& labels);

/// Prefix of a container's name, before the sandbox's id. A spare gets the other name when it is
/// given out.
inline constexpr std::string_view kNamePrefix = "omcp-r-";
inline constexpr std::string_view kSparePrefix = "omcp-r-spare-";

std::string container_name(const std::string& id);

/// The container of sandbox `id`. What isolates it is engine::docker_run_argv's.
engine::ContainerSpec container_spec(const Settings& settings, const Grant& grant,
                                     const std::string& id);

/// Errc::kLimitsNotApplied where the engine did not put `spec`'s limits in force; rootless engines
/// without delegated cgroups ignore them silently.
Status check_limits(const engine::ContainerSpec& spec, const engine::AppliedLimits& applied);

/// `size` as people write it: "512 MB".
std::string megabytes(std::uint64_t size);

}  // namespace omcp_r::sandbox
