#include "docker_features.hpp"

#include <cctype>
#include <charconv>
#include <nlohmann/json.hpp>

#include "text_at.hpp"

namespace omcp_r::engine {
namespace {

using Json = nlohmann::json;

constexpr int kVersion2010 = 2010;
constexpr int kVersion25 = 2500;

std::string server_errors(const Json& info) {
  std::string result;
  const auto it = info.find("ServerErrors");
  if (it != info.end() && it->is_array()) {
    for (const Json& line : *it) {
      result += line.is_string() ? line.get<std::string>() + "\n" : std::string{};
    }
  }
  return result;
}

/// Said by "false"; an engine that does not speak of a limit is taken at inspect's word.
std::vector<std::string> limits_lacking(const Json& info) {
  std::vector<std::string> lacking;
  const auto require = [&](const char* name, const char* what) {
    const auto it = info.find(name);
    if (it != info.end() && it->is_boolean() && !it->get<bool>()) lacking.emplace_back(what);
  };
  require("MemoryLimit", "memory");
  require("CpuCfsQuota", "CPU");
  require("PidsLimit", "processes");
  return lacking;
}

}  // namespace

Result<EngineFacts> parse_docker_info(std::string_view json) {
  const Json info = Json::parse(json, nullptr, false);
  if (!info.is_object()) {
    return Error{
        Errc::kEngineUnavailable,
        "`docker info` did not answer with JSON. Check that DOCKER names the real client."};
  }
  EngineFacts facts;
  facts.errors = server_errors(info);
  facts.id = text_at(info, "ID");
  facts.version = text_at(info, "ServerVersion");
  facts.default_runtime = text_at(info, "DefaultRuntime");
  facts.memory_bytes = number_at(info, "MemTotal");
  facts.cgroup_v2 = text_at(info, "CgroupVersion") == "2";
  facts.limits_it_lacks = limits_lacking(info);
  if (const auto client = info.find("ClientInfo"); client != info.end() && client->is_object()) {
    facts.client_version = text_at(*client, "Version");
    facts.context = text_at(*client, "Context");
  }
  return facts;
}

int parse_version(std::string_view text) {
  const auto start = text.find_first_of("0123456789");
  if (start == std::string_view::npos) {
    return 0;
  }
  int major = 0;
  int minor = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + start, end, major);
  if (error != std::errc{} || rest == end || *rest != '.' || major > 10'000) {
    return 0;
  }
  const auto parsed = std::from_chars(rest + 1, end, minor);
  return parsed.ec == std::errc{} && minor < 100 ? major * 100 + minor : 0;
}

EngineFeatures features_of(const EngineFacts& facts, int client_version) {
  EngineFeatures features;
  features.podman_processes = facts.podman.most_processes;
  features.pull_never = client_version >= kVersion2010 || features.podman_processes > 0;
  features.bind_recursive = client_version >= kVersion25 && features.podman_processes == 0;
  features.private_cgroupns = features.pull_never && facts.cgroup_v2;
  return features;
}

}  // namespace omcp_r::engine
