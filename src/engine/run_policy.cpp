#include "run_policy.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <string_view>

#include "docker_names.hpp"
#include "omcp_r/engine/runtimes.hpp"

namespace omcp_r::embedded {
extern const std::string_view kSystemCalls;
}

namespace omcp_r::engine {
namespace {

using Arguments = std::vector<std::string>;

constexpr const char* kInodes = "65536";

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
std::string tmpfs(const std::string& path, std::uint64_t bytes, const std::string& owner_and_mode,
                  const EngineFeatures& features, bool exec = false) {
  const bool podman = features.podman_processes > 0;  // knows no nr_inodes
  return "--tmpfs=" + path + ":rw," + (exec ? "exec" : "noexec") +
         ",nosuid,nodev,size=" + std::to_string(bytes) +
         (podman ? "," : std::string{",nr_inodes="} + kInodes + ",") + owner_and_mode;
}

/// "uid:gid" as mount options; podman's is to give it to the container's user.
std::string owned_by(const std::string& user, const EngineFeatures& features) {
  if (features.podman_processes > 0) {
    return "U,mode=0700";
  }
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

/// "--ulimit" with the soft and the hard limit equal.
std::string ulimit(const std::string& name, const std::string& value) {
  return "--ulimit=" + name + "=" + value + ":" + value;
}

/// What nobody may choose.
Arguments fixed() {
  return {
      "--network=none",      "--read-only",
      "--cap-drop=ALL",      "--security-opt=no-new-privileges",
      "--log-driver=none",  // output is ours to keep or drop; a log would fill the engine's disk
      "--no-healthcheck",   // the image's own would run its programs next to user code
      "--stop-timeout=0",
      "--oom-score-adj=500",  // when the host runs short, sandboxes go first
      "--ulimit=core=0:0",   "--hostname=sandbox",
      "--workdir=/sandbox",
  };
}

Arguments limits(const Isolation& asked, const EngineFeatures& features) {
  const std::string memory = std::to_string(asked.memory_bytes);
  return {
      "--user=" + asked.user,
      "--memory=" + memory,
      "--memory-swap=" + memory,  // memory plus swap: equal means no swap
      "--cpus=" + decimal(asked.cpus),
      "--pids-limit=" + std::to_string(tasks_for(runtime_of(asked.runtime), asked.processes)),
      ulimit("nofile", std::to_string(asked.open_files)),
      ulimit("fsize", std::to_string(asked.file_bytes)),
      tmpfs("/tmp", asked.tmp_bytes, "mode=1777", features, asked.exec_tmp),
      tmpfs("/sandbox", asked.work_bytes, owned_by(asked.user, features), features),
  };
}

/// R's fork-based parallel needs no shared memory, but TBB, OpenMP and POSIX semaphores do.
Arguments shared_memory(const Isolation& asked) {
  if (asked.shared_memory_bytes == 0) {
    return {"--ipc=none"};  // --shm-size=0 would mean the engine's default
  }
  return {"--ipc=private", "--shm-size=" + std::to_string(asked.shared_memory_bytes)};
}

/// What podman does unless told otherwise, and docker does not: folders that can be written and run
/// from, this process's proxies, and systemd's socket if we are a service of it.
Arguments podmans_own(const EngineFeatures& features) {
  return {"--read-only-tmpfs=false", "--http-proxy=false", "--sdnotify=ignore",
          ulimit("nproc", std::to_string(features.podman_processes))};
}

Arguments what_the_engine_has(const Isolation& asked, const EngineFeatures& features) {
  Arguments result;
  if (features.private_cgroupns) {
    result.emplace_back("--cgroupns=private");
  }
  if (features.pull_never) {
    result.emplace_back("--pull=never");
  }
  if (features.podman_processes > 0) {
    append(result, podmans_own(features));
  }
  if (!asked.runtime.empty()) {
    result.push_back("--runtime=" + asked.runtime);
  }
  if (runtime_of(asked.runtime).counts_processes) {
    result.push_back(ulimit("nproc", std::to_string(asked.processes)));
  }
  return result;
}

/// The client reads ours from its standard input, so that no file has to lie about.
Arguments system_calls(const Isolation& asked) {
  if (asked.system_calls == kEngineSystemCalls) {
    return {};
  }
  const bool ours = asked.system_calls == kOwnSystemCalls;
  return {"--security-opt=seccomp=" + (ours ? "/dev/stdin" : asked.system_calls)};
}

Arguments environment(const Spec& spec) {
  Arguments result;
  for (const std::string_view name : kProxyVariables) {
    result.push_back("--env=" + std::string{name} + "=");
  }
  for (const auto& [name, value] : spec.environment) {
    result.push_back("--env=" + name + "=" + value);
  }
  for (const auto& [name, value] : spec.secrets) {
    result.push_back("--env=" + name);  // the client takes it from its own environment
  }
  return result;
}

Arguments identity(const Identity& who) {
  Arguments result{"--name=" + container_name(who.id, who.role)};
  for (const auto& [key, value] : labels_of(who)) {
    result.push_back("--label=" + key + "=" + value);
  }
  return result;
}

/// Read-only is said of a mount and not of what is mounted below it, which would be writable: it is
/// left out.
Arguments folders(const Isolation& asked, const EngineFeatures& features) {
  const std::string alone =
      features.bind_recursive ? "bind-recursive=disabled" : "bind-nonrecursive=true";
  Arguments result;
  for (const Folder& folder : asked.folders) {
    result.push_back("--mount=type=bind," + mount_field("source", folder.source) + "," +
                     mount_field("target", folder.target) + ",readonly," + alone);
  }
  return result;
}

/// After "--" nothing is an option any more, not even an image called "--privileged".
Arguments program(const Spec& spec) {
  Arguments result{"--entrypoint=" + (spec.program.empty() ? "" : spec.program.front()), "--",
                   spec.image};
  if (!spec.program.empty()) {
    result.insert(result.end(), spec.program.begin() + 1, spec.program.end());
  }
  return result;
}

}  // namespace

std::string docker_run_input(const Spec& spec) {
  return spec.isolation.system_calls == kOwnSystemCalls ? std::string{embedded::kSystemCalls} : "";
}

Status check_isolation(const Spec& spec) {
  const Isolation& asked = spec.isolation;
  // To the engine 0 means "no limit" in every one of these.
  const bool limited = asked.memory_bytes > 0 && asked.cpus >= 0.001 && asked.processes > 0 &&
                       asked.open_files > 0 && asked.file_bytes > 0 && asked.tmp_bytes > 0 &&
                       asked.work_bytes > 0;
  if (!limited) {
    return Error{Errc::kInvalidArgument, "A sandbox needs every limit to be more than zero."};
  }
  if (!is_plain_user(asked.user)) {
    return Error{Errc::kInvalidArgument,
                 "\"" + asked.user +
                     "\" is not a user for a sandbox. Use numbers other than "
                     "0, such as 65532:65532."};
  }
  if (spec.identity.id.empty() || spec.image.empty() || spec.program.empty()) {
    return Error{Errc::kInvalidArgument, "A sandbox needs an id, an image and a program."};
  }
  return Ok{};
}

std::vector<std::string> docker_run_argv(const Spec& spec, const EngineFeatures& features) {
  // --init=false and not --init: our supervisor is process 1 on purpose. The kernel lets nothing
  // inside the container kill or stop process 1, so user code cannot get rid of its guard, and the
  // supervisor reaps. Said aloud, as an engine may be configured to add an init by default.
  Arguments argv{"run", "--detach", "--interactive", "--rm", "--init=false"};
  append(argv, identity(spec.identity));
  append(argv, fixed());
  append(argv, limits(spec.isolation, features));
  append(argv, shared_memory(spec.isolation));
  append(argv, what_the_engine_has(spec.isolation, features));
  append(argv, system_calls(spec.isolation));
  append(argv, environment(spec));
  append(argv, folders(spec.isolation, features));
  append(argv, program(spec));
  return argv;
}

std::vector<std::string> not_in_force(const Isolation& asked, const AppliedLimits& applied) {
  const auto memory = static_cast<std::int64_t>(asked.memory_bytes);
  std::vector<std::string> missing;
  const auto require = [&missing](bool holds, const char* what) {
    if (!holds) {
      missing.emplace_back(what);
    }
  };
  require(applied.memory_bytes == memory, "memory");
  require(applied.memory_swap_bytes == memory, "memory with swap");
  require(std::abs(applied.cpus - asked.cpus) < 0.01, "CPU");
  require(applied.processes == tasks_for(runtime_of(asked.runtime), asked.processes), "processes");
  // An image may declare volumes: folders of the engine's disk, without bounds, to be executed
  // from.
  require(applied.mounts < 0 || static_cast<std::size_t>(applied.mounts) == asked.folders.size(),
          "a read-only file system (the image declares a VOLUME: use one that does not)");
  return missing;
}

}  // namespace omcp_r::engine
