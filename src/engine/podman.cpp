#include "podman.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "own_script.hpp"
#include "text_at.hpp"

namespace omcp_r::engine {
namespace {

using Json = nlohmann::json;

/// "v2" as "2".
std::string cgroup_version(const Json& host) {
  const std::string version = text_at(host, "cgroupVersion");
  return version.starts_with('v') ? version.substr(1) : version;
}

/// Whether this podman may limit something: rootless it may what was delegated to the user, which
/// with cgroup v1 is nothing, and it leaves a limit out that it cannot set.
bool controls(const Json& host, const char* controller) {
  const auto list = host.find("cgroupControllers");
  return list == host.end() || !list->is_array() ||
         std::find(list->begin(), list->end(), controller) != list->end();
}

std::vector<std::string> limits_lacking(const Json& host) {
  std::vector<std::string> lacking;
  const auto require = [&](const char* controller, const char* what) {
    if (!controls(host, controller)) lacking.emplace_back(what);
  };
  require("memory", "memory");
  require("cpu", "CPU");
  require("pids", "processes");
  return lacking;
}

/// Podman raises the limit of a user's processes, which it may not everywhere, unless it is told
/// another: as many as we may have, for all sandboxes together. It lowers its own to what pid_max
/// says first.
std::uint64_t most_processes() {
  constexpr rlim_t kPodmans = 1U << 20U;
  rlim_t most = kPodmans;
  std::ifstream("/proc/sys/kernel/pid_max") >> most;
  rlimit limit{};
  const bool known = most > 0 && ::getrlimit(RLIMIT_NPROC, &limit) == 0;
  return known ? std::min({limit.rlim_max, most, kPodmans}) : kPodmans;
}

/// "runc version 1.1.5+ds1" and more lines.
Component runtime_component(const Json& host) {
  const Json runtime = object_at(host, "ociRuntime");
  Component component;
  component.name = text_at(runtime, "name");
  const std::string told = text_at(runtime, "version");
  const std::string line = told.substr(0, told.find('\n'));
  component.version = line.substr(line.rfind(' ') + 1);
  component.build = text_at(runtime, "package");
  return component;
}

}  // namespace

Result<EngineFacts> parse_podman_info(std::string_view json) {
  const Json info = Json::parse(json, nullptr, false);
  const Json host = info.is_object() ? object_at(info, "host") : Json::object();
  if (host.empty()) {
    return Error{Errc::kEngineUnavailable,
                 "`podman info` did not answer as podman 4 does. Check that DOCKER, where it is "
                 "set, names the real client."};
  }
  if (flag_at(host, "serviceIsRemote").value_or(false)) {
    return Error{Errc::kEngineUnavailable,
                 "podman runs on another machine (podman machine, or CONTAINER_HOST), where this "
                 "server cannot use it. Run the server on that one, or use ENGINE=docker."};
  }
  EngineFacts facts;
  facts.id =
      "podman:" + text_at(host, "hostname") + ":" + text_at(object_at(info, "store"), "graphRoot");
  facts.version = text_at(object_at(info, "version"), "Version");
  facts.client_version = facts.version;  // they are one program
  facts.memory_bytes = number_at(host, "memTotal");
  facts.cgroup_v2 = cgroup_version(host) == "2";
  facts.limits_it_lacks = limits_lacking(host);
  facts.podman.conmon = text_at(object_at(host, "conmon"), "path");
  facts.podman.most_processes = most_processes();
  return facts;
}

void take_podman_info(std::string_view json, Diagnosis& diagnosis) {
  const Json info = Json::parse(json, nullptr, false);
  const Json host = info.is_object() ? object_at(info, "host") : Json::object();
  diagnosis.version = text_at(object_at(info.is_object() ? info : host, "version"), "Version");
  const Json system = object_at(host, "distribution");
  diagnosis.system = text_at(system, "distribution") + " " + text_at(system, "version");
  diagnosis.kernel = text_at(host, "kernel");
  diagnosis.memory_bytes = number_at(host, "memTotal");
  constexpr std::uint64_t kMostProcessors = 1U << 16U;
  diagnosis.processors = static_cast<int>(std::min(number_at(host, "cpus"), kMostProcessors));
  diagnosis.cgroup_version = cgroup_version(host);
  diagnosis.cgroup_driver = text_at(host, "cgroupManager");
  diagnosis.limits_memory = controls(host, "memory");
  diagnosis.limits_swap = diagnosis.limits_memory;
  diagnosis.limits_cpus = controls(host, "cpu");
  diagnosis.limits_processes = controls(host, "pids");
  const Component runtime = runtime_component(host);
  diagnosis.default_runtime = runtime.name;
  diagnosis.runtimes.push_back(runtime.name);
  diagnosis.components.push_back(runtime);
  const Json security = object_at(host, "security");
  diagnosis.guards.emplace();
  if (flag_at(security, "seccompEnabled").value_or(false))
    (*diagnosis.guards)["seccomp"] = "default";
  if (flag_at(security, "apparmorEnabled").value_or(false)) (*diagnosis.guards)["apparmor"] = "";
  if (flag_at(security, "selinuxEnabled").value_or(false)) (*diagnosis.guards)["selinux"] = "";
  if (flag_at(security, "rootless").value_or(false)) (*diagnosis.guards)["rootless"] = "";
}

Error cannot_limit(const std::vector<std::string>& limits) {
  std::string list;
  for (const std::string& limit : limits) {
    list += (list.empty() ? "" : ", ") + limit;
  }
  return Error{Errc::kLimitsNotApplied,
               "podman cannot limit these here: " + list +
                   ". No sandbox was created. Rootless podman needs cgroup v2 with the controllers "
                   "memory, cpu and pids delegated to this user "
                   "(https://rootlesscontaine.rs/getting-started/common/cgroup2/); `podman info` "
                   "lists them as cgroupControllers. Or run this server, and so podman, as root."};
}

Result<std::string> lasting_conmon(const std::string& conmon, const std::string& folder) {
  return own_script(folder, "conmon", "exec \"" + conmon + "\" --leave-stdin-open \"$@\"\n");
}

}  // namespace omcp_r::engine
