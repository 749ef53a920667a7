#include "omcp_r/sandbox/policy.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace omcp_r::embedded {
extern const std::string_view kSupervisor;
extern const std::string_view kWorker;
}  // namespace omcp_r::embedded

namespace omcp_r::sandbox {
namespace {

constexpr std::uint64_t kMegabyte = 1ULL << 20;

std::string allowed_list(const Settings& settings) {
  std::string text = settings.image;
  for (const std::string& image : settings.allowed_images) {
    text += ", " + image;
  }
  return text;
}

bool is_allowed(const Settings& settings, const std::string& image) {
  return image == settings.image ||
         std::find(settings.allowed_images.begin(), settings.allowed_images.end(), image) !=
             settings.allowed_images.end();
}

/// The names and values that R and the libraries below it read. Nothing of the host's environment.
std::map<std::string, std::string> environment_of(const Grant& grant) {
  const std::string threads = std::to_string(std::max(1, static_cast<int>(std::ceil(grant.cpus))));
  // R's own ceiling below the container's turns most kills for memory into an R error.
  const std::uint64_t heap = grant.memory_bytes / 4 * 3;
  return {{"LANG", "C.UTF-8"},
          {"LC_ALL", "C.UTF-8"},
          {"TZ", "Etc/UTC"},
          {"HOME", "/sandbox"},
          {"TMPDIR", "/tmp"},
          {"XDG_CACHE_HOME", "/tmp/.cache"},
          {"R_ENVIRON_USER", "/dev/null"},
          {"R_MAX_VSIZE", std::to_string(heap)},
          {"OPENBLAS_NUM_THREADS", threads},
          {"OMP_NUM_THREADS", threads},
          {"MC_CORES", threads}};
}

}  // namespace

std::string megabytes(std::uint64_t size) {
  return std::to_string(size / kMegabyte) + " MB";
}

std::string container_name(const std::string& id) {
  return std::string{kNamePrefix} + id;
}

Result<Grant> decide(const Settings& settings, const CreateRequest& request) {
  Grant grant{.idle_timeout = request.idle_timeout.value_or(settings.idle_timeout),
              .image = request.image.value_or(settings.image),
              .memory_bytes = request.memory_bytes.value_or(settings.memory_bytes),
              .cpus = request.cpus.value_or(settings.cpus)};
  if (!is_allowed(settings, grant.image)) {
    return Error{Errc::kImageNotAllowed,
                 "Image " + grant.image + " is not allowed here. Leave image out, or use one of: " +
                     allowed_list(settings) + "."};
  }
  if (grant.memory_bytes > settings.memory_bytes || grant.memory_bytes < 64 * kMegabyte) {
    return Error{Errc::kInvalidArgument, "memory_mb must be from 64 to " +
                                             std::to_string(settings.memory_bytes / kMegabyte) +
                                             ", the configured maximum."};
  }
  if (grant.cpus > settings.cpus || !(grant.cpus >= 0.1)) {
    return Error{
        Errc::kInvalidArgument,
        "cpus must be from 0.1 to " + std::to_string(settings.cpus) + ", the configured maximum."};
  }
  if (grant.idle_timeout.count() < 1 || grant.idle_timeout > settings.max_lifetime) {
    return Error{Errc::kInvalidArgument, "timeout must be from 1 to " +
                                             std::to_string(settings.max_lifetime.count()) +
                                             " seconds, the longest a sandbox may live."};
  }
  return grant;
}

engine::Labels scope_labels(const Settings& settings) {
  return {{"omcp-r.managed", "1"}, {"omcp-r.scope", settings.scope}};
}

bool is_of_scope(const Settings& settings, const engine::Labels& labels) {
  const auto wanted = scope_labels(settings);
  return std::all_of(wanted.begin(), wanted.end(), [&labels](const auto& label) {
    const auto it = labels.find(label.first);
    return it != labels.end() && it->second == label.second;
  });
}

engine::ContainerSpec container_spec(const Settings& settings, const Grant& grant,
                                     const std::string& id) {
  engine::ContainerSpec spec;
  spec.name = container_name(id);
  spec.labels = scope_labels(settings);
  spec.labels["omcp-r.id"] = id;
  spec.labels["omcp-r.idle"] = std::to_string(grant.idle_timeout.count());
  spec.labels["omcp-r.lifetime"] = std::to_string(settings.max_lifetime.count());
  spec.image = grant.image;
  spec.command = {"sh",
                  "-c",
                  std::string{embedded::kSupervisor},
                  "omcp",
                  std::string{embedded::kWorker},
                  std::to_string(grant.idle_timeout.count()),
                  std::to_string(settings.max_lifetime.count())};
  spec.environment = environment_of(grant);
  spec.user = settings.user;
  spec.memory_bytes = grant.memory_bytes;
  spec.cpus = grant.cpus;
  spec.pids = settings.pids;
  // What stands in a tmpfs counts against memory: together they stay below half of it.
  spec.work_bytes = grant.memory_bytes / 4;
  spec.tmp_bytes = grant.memory_bytes / 8;
  spec.shm_bytes = std::min<std::uint64_t>(64 * kMegabyte, grant.memory_bytes / 16);
  spec.file_bytes = spec.work_bytes;
  if (!settings.data_dir.empty()) {
    spec.mounts.push_back({settings.data_dir, "/data"});
  }
  spec.runtime = settings.runtime;
  return spec;
}

Status check_limits(const engine::ContainerSpec& spec, const engine::AppliedLimits& applied) {
  const auto memory = static_cast<std::int64_t>(spec.memory_bytes);
  std::string missing;
  const auto require = [&](bool holds, const char* what) {
    if (!holds) {
      missing += (missing.empty() ? "" : ", ") + std::string{what};
    }
  };
  require(applied.memory_bytes == memory, "memory");
  require(applied.memory_swap_bytes == memory, "memory with swap");
  require(std::abs(applied.cpus - spec.cpus) < 0.01, "CPU");
  require(applied.pids == spec.pids, "processes");
  if (missing.empty()) {
    return Ok{};
  }
  return Error{Errc::kLimitsNotApplied,
               "The container engine did not put these limits in force: " + missing +
                   ". The sandbox was removed. A rootless engine needs cgroup v2 with delegation "
                   "(see the engine's documentation), or use a rootful engine."};
}

}  // namespace omcp_r::sandbox
