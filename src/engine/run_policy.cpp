#include <array>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "omcp_r/engine/docker_engine.hpp"

namespace omcp_r::engine {
namespace {

using Arguments = std::vector<std::string>;

constexpr const char* kInodes = "65536";
constexpr const char* kOpenFiles = "1024:1024";

/// The docker client copies the proxies of the user's config.json, passwords included, into every
/// container, unless the variable is given.
constexpr std::array<std::string_view, 10> kProxyVariables{
    "ALL_PROXY", "FTP_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
    "all_proxy", "ftp_proxy", "http_proxy", "https_proxy", "no_proxy"};

std::string decimal(double value) {
  std::array<char, 32> text{};
  const int length = std::snprintf(text.data(), text.size(), "%.3f", value);
  return {text.data(), static_cast<std::size_t>(length)};
}

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

/// Numeric, and neither user nor group is root.
bool is_plain_user(const std::string& user) {
  const auto colon = user.find(':');
  if (colon == std::string::npos) {
    return false;
  }
  const std::string uid = user.substr(0, colon);
  const std::string gid = user.substr(colon + 1);
  const auto is_zero = [](const std::string& id) {
    return id.find_first_not_of('0') == std::string::npos;
  };
  return is_number(uid) && is_number(gid) && !is_zero(uid) && !is_zero(gid);
}

/// Memory of these counts against the container's limit; inodes are bounded, as they cost too.
std::string tmpfs(const std::string& path, std::uint64_t bytes, const std::string& owner_and_mode) {
  return "--tmpfs=" + path + ":rw,noexec,nosuid,nodev,size=" + std::to_string(bytes) +
         ",nr_inodes=" + kInodes + "," + owner_and_mode;
}

/// "uid:gid" as mount options.
std::string owned_by(const std::string& user) {
  const auto colon = user.find(':');
  return "uid=" + user.substr(0, colon) + ",gid=" + user.substr(colon + 1) + ",mode=0700";
}

/// Commas separate the fields of --mount; a field in quotes may hold them.
std::string mount_field(const std::string& name, const std::string& value) {
  std::string quoted = "\"" + name + "=";
  for (const char c : value) {
    quoted += c == '"' ? std::string{"\"\""} : std::string{c};
  }
  return quoted + "\"";
}

void append(Arguments& to, Arguments more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

/// What nobody may choose.
Arguments isolation() {
  return {
      "--network=none",      "--read-only",
      "--cap-drop=ALL",      "--security-opt=no-new-privileges",
      "--log-driver=none",  // output is ours to keep or drop; a log would fill the engine's disk
      "--no-healthcheck",   // the image's own would run its programs next to user code
      "--stop-timeout=0",
      "--oom-score-adj=500",  // when the host runs short, sandboxes go first
      "--ulimit=core=0:0",   std::string{"--ulimit=nofile="} + kOpenFiles,
      "--hostname=sandbox",  "--workdir=/sandbox",
  };
}

Arguments limits(const ContainerSpec& spec) {
  const std::string memory = std::to_string(spec.memory_bytes);
  return {
      "--user=" + spec.user,
      "--memory=" + memory,
      "--memory-swap=" + memory,  // memory plus swap: equal means no swap
      "--cpus=" + decimal(spec.cpus),
      "--pids-limit=" + std::to_string(spec.pids),
      "--ulimit=fsize=" + std::to_string(spec.file_bytes) + ":" + std::to_string(spec.file_bytes),
      tmpfs("/tmp", spec.tmp_bytes, "mode=1777"),
      tmpfs("/sandbox", spec.work_bytes, owned_by(spec.user)),
  };
}

/// R's fork-based parallel needs no shared memory, but TBB, OpenMP and POSIX semaphores do.
Arguments shared_memory(const ContainerSpec& spec) {
  if (spec.shm_bytes == 0) {
    return {"--ipc=none"};
  }
  return {"--ipc=private", "--shm-size=" + std::to_string(spec.shm_bytes)};
}

Arguments what_the_engine_has(const ContainerSpec& spec, const EngineFeatures& features) {
  Arguments result;
  if (features.private_cgroupns) {
    result.emplace_back("--cgroupns=private");
  }
  if (features.pull_never) {
    result.emplace_back("--pull=never");
  }
  if (!spec.runtime.empty()) {
    result.push_back("--runtime=" + spec.runtime);
  }
  return result;
}

Arguments environment(const ContainerSpec& spec) {
  Arguments result;
  for (const std::string_view name : kProxyVariables) {
    result.push_back("--env=" + std::string{name} + "=");
  }
  for (const auto& [name, value] : spec.environment) {
    result.push_back("--env=" + name + "=" + value);
  }
  return result;
}

Arguments identity(const ContainerSpec& spec) {
  Arguments result{"--name=" + spec.name};
  for (const auto& [key, value] : spec.labels) {
    result.push_back("--label=" + key + "=" + value);
  }
  return result;
}

Arguments mounts(const ContainerSpec& spec) {
  Arguments result;
  for (const BindMount& mount : spec.mounts) {
    result.push_back("--mount=type=bind," + mount_field("source", mount.source) + "," +
                     mount_field("target", mount.target) + ",readonly");
  }
  return result;
}

/// After "--" nothing is an option any more, not even an image called "--privileged".
Arguments program(const ContainerSpec& spec) {
  Arguments result{"--entrypoint=" + (spec.command.empty() ? "" : spec.command.front()), "--",
                   spec.image};
  if (!spec.command.empty()) {
    result.insert(result.end(), spec.command.begin() + 1, spec.command.end());
  }
  return result;
}

}  // namespace

Status check_isolation(const ContainerSpec& spec) {
  // To the engine 0 means "no limit" in every one of these.
  const bool limited = spec.memory_bytes > 0 && spec.cpus >= 0.001 && spec.pids > 0 &&
                       spec.file_bytes > 0 && spec.tmp_bytes > 0 && spec.work_bytes > 0;
  if (!limited) {
    return Error{Errc::kInvalidArgument, "A sandbox needs every limit to be more than zero."};
  }
  if (!is_plain_user(spec.user)) {
    return Error{Errc::kInvalidArgument, "\"" + spec.user +
                                             "\" is no user for a sandbox. Use numbers other than "
                                             "0, such as 65532:65532."};
  }
  if (spec.name.empty() || spec.image.empty() || spec.command.empty()) {
    return Error{Errc::kInvalidArgument, "A sandbox needs a name, an image and a command."};
  }
  return Ok{};
}

std::vector<std::string> docker_run_argv(const ContainerSpec& spec,
                                         const EngineFeatures& features) {
  // --init=false and not --init: our supervisor is process 1 on purpose. The kernel lets nothing
  // inside the container kill or stop process 1, so user code cannot get rid of its guard, and the
  // supervisor reaps. Said aloud, as an engine may be configured to add an init by default.
  Arguments argv{"run", "--detach", "--interactive", "--rm", "--init=false"};
  append(argv, identity(spec));
  append(argv, isolation());
  append(argv, limits(spec));
  append(argv, shared_memory(spec));
  append(argv, what_the_engine_has(spec, features));
  append(argv, environment(spec));
  append(argv, mounts(spec));
  append(argv, program(spec));
  return argv;
}

}  // namespace omcp_r::engine
