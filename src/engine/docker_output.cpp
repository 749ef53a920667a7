#include "docker_output.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

namespace omcp_r::engine {

const char* const kListFormat =
    R"({"id":{{json .Id}},"name":{{json .Name}},"image":{{json .Config.Image}},)"
    R"("labels":{{json .Config.Labels}},"running":{{json .State.Running}},)"
    R"("created":{{json .Created}}})";
const char* const kInspectFormat =
    R"({"running":{{json .State.Running}},"exit_code":{{json .State.ExitCode}},)"
    R"("oom_killed":{{json .State.OOMKilled}},"image":{{json .Image}},)"
    R"("labels":{{json .Config.Labels}},)"
    R"("memory":{{json .HostConfig.Memory}},"memory_swap":{{json .HostConfig.MemorySwap}},)"
    R"("nano_cpus":{{json .HostConfig.NanoCpus}},"pids":{{json .HostConfig.PidsLimit}}})";
const char* const kImageFormat = R"({"id":{{json .Id}},"repo_digests":{{json .RepoDigests}}})";

namespace {

using Json = nlohmann::json;

constexpr double kNano = 1e-9;

Error unreadable(std::string_view text) {
  return Error{Errc::kInternal,
               "The docker client answered in a way that this server does not "
               "understand: \"" +
                   std::string{text.substr(0, 200)} +
                   "\". Check that it is a current docker client."};
}

/// A member of any type as T; `fallback` where it is missing, null or of another kind.
template <class T>
T member(const Json& object, const char* key, T fallback) {
  const auto it = object.find(key);
  if (it == object.end() || it->is_null()) {
    return fallback;
  }
  if constexpr (std::is_same_v<T, bool>) {
    return it->is_boolean() ? it->get<bool>() : fallback;
  } else if constexpr (std::is_arithmetic_v<T>) {
    return it->is_number() ? it->get<T>() : fallback;
  } else {
    return it->is_string() ? it->get<T>() : fallback;
  }
}

Labels labels_of(const Json& container) {
  Labels result;
  const auto it = container.find("labels");
  if (it != container.end() && it->is_object()) {
    for (const auto& [key, value] : it->items()) {
      result[key] = value.is_string() ? value.get<std::string>() : std::string{};
    }
  }
  return result;
}

ContainerInfo to_info(const Json& container) {
  ContainerInfo info;
  info.id = member(container, "id", std::string{});
  info.name = member(container, "name", std::string{});
  info.name.erase(0, info.name.rfind('/') == 0 ? 1 : 0);  // docker writes "/name"
  info.image = member(container, "image", std::string{});
  info.labels = labels_of(container);
  info.running = member(container, "running", false);
  info.created_at = parse_time(member(container, "created", std::string{}));
  return info;
}

}  // namespace

Result<std::vector<ContainerInfo>> parse_containers(std::string_view lines) {
  std::vector<ContainerInfo> result;
  for (const std::string& line : non_empty_lines(lines)) {
    const Json container = Json::parse(line, nullptr, false);
    if (!container.is_object()) {
      return unreadable(line);
    }
    result.push_back(to_info(container));
  }
  return result;
}

Result<ContainerState> parse_state(std::string_view line) {
  const Json object = Json::parse(line, nullptr, false);
  if (!object.is_object()) {
    return unreadable(line);
  }
  ContainerState state;
  state.running = member(object, "running", false);
  state.exit_code = member(object, "exit_code", 0);
  state.oom_killed = member(object, "oom_killed", false);
  state.image_id = member(object, "image", std::string{});
  state.labels = labels_of(object);
  state.limits.memory_bytes = member(object, "memory", std::int64_t{0});
  state.limits.memory_swap_bytes = member(object, "memory_swap", std::int64_t{0});
  state.limits.cpus = member(object, "nano_cpus", 0.0) * kNano;
  state.limits.pids = member(object, "pids", std::int64_t{0});
  return state;
}

Result<ImageInfo> parse_image(std::string_view line) {
  const Json object = Json::parse(line, nullptr, false);
  if (!object.is_object()) {
    return unreadable(line);
  }
  ImageInfo image;
  image.id = member(object, "id", std::string{});
  if (const auto it = object.find("repo_digests"); it != object.end() && it->is_array()) {
    for (const Json& digest : *it) {
      image.repo_digests.push_back(digest.is_string() ? digest.get<std::string>() : "");
    }
  }
  return image;
}

std::int64_t parse_time(std::string_view text) {
  std::tm time{};
  const std::string copy{text};
  const int fields = std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d",  // NOLINT
                                 &time.tm_year, &time.tm_mon, &time.tm_mday, &time.tm_hour,
                                 &time.tm_min, &time.tm_sec);
  if (fields != 6) {
    return 0;
  }
  time.tm_year -= 1900;
  time.tm_mon -= 1;
  const std::int64_t local = ::timegm(&time);
  const auto zone = copy.find_first_of("+-", copy.find('T'));
  int hours = 0;
  int minutes = 0;
  if (zone == std::string::npos ||
      std::sscanf(copy.c_str() + zone + 1, "%2d:%2d", &hours, &minutes) != 2) {  // NOLINT
    return local;
  }
  const std::int64_t offset = hours * 3600 + minutes * 60;
  return copy[zone] == '+' ? local - offset : local + offset;
}

std::string parse_container_id(std::string_view out) {
  const auto lines = non_empty_lines(out);
  constexpr std::size_t kIdLength = 64;
  if (lines.empty() || lines.back().size() != kIdLength ||
      lines.back().find_first_not_of("0123456789abcdef") != std::string::npos) {
    return {};
  }
  return lines.back();
}

std::vector<std::string> non_empty_lines(std::string_view text) {
  std::vector<std::string> result;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto last = line.find_last_not_of(" \t\r");
    if (last != std::string_view::npos) {
      result.emplace_back(line.substr(0, last + 1));
    }
  }
  return result;
}

}  // namespace omcp_r::engine
