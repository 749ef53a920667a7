#include "docker_diagnosis.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "text_at.hpp"

namespace omcp_r::engine {
namespace {

using Json = nlohmann::json;

/// A member of that kind; an empty one where it is not there.
Json member(const Json& object, const char* key, Json::value_t kind) {
  const auto it = object.find(key);
  return it != object.end() && it->type() == kind ? *it : Json(kind);
}

std::vector<std::string> texts_at(const Json& object, const char* key) {
  std::vector<std::string> texts;
  for (const Json& item : member(object, key, Json::value_t::array)) {
    if (item.is_string()) {
      texts.push_back(item.get<std::string>());
    }
  }
  return texts;
}

/// "name=seccomp,profile=default", or a name alone.
void take_guard(std::string_view option, std::map<std::string, std::string>& guards) {
  constexpr std::string_view kName = "name=";
  constexpr std::string_view kProfile = "profile=";
  const std::size_t comma = std::min(option.find(','), option.size());
  std::string_view name = option.substr(0, comma);
  name.remove_prefix(name.starts_with(kName) ? kName.size() : 0);
  const std::size_t profile = option.find(kProfile);
  guards[std::string{name}] =
      profile == std::string_view::npos ? "" : option.substr(profile + kProfile.size());
}

}  // namespace

void take_docker_info(std::string_view json, Diagnosis& diagnosis) {
  const Json info = Json::parse(json, nullptr, false);
  if (!info.is_object()) {
    return;
  }
  diagnosis.version = text_at(info, "ServerVersion");
  diagnosis.system = text_at(info, "OperatingSystem");
  diagnosis.kernel = text_at(info, "KernelVersion");
  diagnosis.memory_bytes = number_at(info, "MemTotal");
  constexpr std::uint64_t kMostProcessors = 1U << 16;
  diagnosis.processors = static_cast<int>(std::min(number_at(info, "NCPU"), kMostProcessors));
  diagnosis.cgroup_version = text_at(info, "CgroupVersion");
  diagnosis.cgroup_driver = text_at(info, "CgroupDriver");
  diagnosis.limits_memory = flag_at(info, "MemoryLimit");
  diagnosis.limits_swap = flag_at(info, "SwapLimit");
  diagnosis.limits_cpus = flag_at(info, "CpuCfsQuota");
  diagnosis.limits_processes = flag_at(info, "PidsLimit");
  diagnosis.default_runtime = text_at(info, "DefaultRuntime");
  const Json runtimes = member(info, "Runtimes", Json::value_t::object);
  for (const auto& [name, unused] : runtimes.items()) {
    diagnosis.runtimes.push_back(name);
  }
  if (info.contains("SecurityOptions")) {
    diagnosis.guards.emplace();
    for (const std::string& option : texts_at(info, "SecurityOptions")) {
      take_guard(option, *diagnosis.guards);
    }
  }
  diagnosis.warnings = texts_at(info, "Warnings");
}

void take_docker_version(std::string_view json, Diagnosis& diagnosis) {
  const Json all = Json::parse(json, nullptr, false);
  if (!all.is_object()) {
    return;
  }
  const Json client = member(all, "Client", Json::value_t::object);
  if (const std::string version = text_at(client, "Version"); !version.empty()) {
    diagnosis.client_version = version;
  }
  const Json server = member(all, "Server", Json::value_t::object);
  diagnosis.api_version = text_at(server, "ApiVersion");
  for (const Json& one : member(server, "Components", Json::value_t::array)) {
    if (one.is_object()) {
      const Json details = member(one, "Details", Json::value_t::object);
      diagnosis.components.push_back(
          {text_at(one, "Name"), text_at(one, "Version"), text_at(details, "GitCommit")});
    }
  }
}

}  // namespace omcp_r::engine
