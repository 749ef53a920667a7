#include "docker_output.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "docker_names.hpp"

namespace omcp_r::engine {
namespace {

using Json = nlohmann::json;

constexpr double kNano = 1e-9;
constexpr std::size_t kIdLength = 64;
constexpr const char* kFields =
    R"("name":{{json .Name}},"image":{{json .Config.Image}},)"
    R"("digest":{{json .Image}},"running":{{json .State.Running}},"created":{{json .Created}},)"
    R"("memory":{{json .HostConfig.Memory}},"memory_swap":{{json .HostConfig.MemorySwap}},)"
    R"("nano_cpus":{{json .HostConfig.NanoCpus}},"pids":{{json .HostConfig.PidsLimit}},)"
    R"("mounts":{{len .Mounts}},)";

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
  } else if constexpr (std::is_integral_v<T>) {
    return it->is_number_integer() ? it->get<T>() : fallback;
  } else if constexpr (std::is_arithmetic_v<T>) {
    return it->is_number() ? it->get<T>() : fallback;
  } else {
    return it->is_string() ? it->get<T>() : fallback;
  }
}

/// As people name it: podman names images made here and those of docker.io in full.
std::string short_image_name(std::string name) {
  for (const std::string_view prefix : {"localhost/", "docker.io/library/", "docker.io/"}) {
    if (name.starts_with(prefix)) return name.substr(prefix.size());
  }
  return name;
}

Inspected to_inspected(const Json& container) {
  Labels labels;
  for (const std::string_view key : kLabels) {
    const std::string name{key};
    labels[name] = member(container, name.c_str(), std::string{});
  }
  Inspected result;
  result.name = member(container, "name", std::string{});
  result.name.erase(0, result.name.rfind('/', 0) == 0 ? 1 : 0);  // docker writes "/name"
  result.limits.memory_bytes = member(container, "memory", std::int64_t{0});
  result.limits.memory_swap_bytes = member(container, "memory_swap", std::int64_t{0});
  result.limits.cpus = member(container, "nano_cpus", 0.0) * kNano;
  result.limits.mounts = member(container, "mounts", std::int64_t{-1});
  result.limits.processes = member(container, "pids", std::int64_t{0});
  Found& found = result.found;
  found.handle.id = member(container, "id", std::string{});
  found.identity = identity_of(labels);
  found.given = found.identity.role == Role::kSpare && !is_spare_name(result.name);
  found.running = member(container, "running", false);
  found.since = parse_time(member(container, "created", std::string{}));
  found.image = short_image_name(member(container, "image", std::string{}));
  found.image_digest = image_digest(member(container, "digest", std::string{}));
  found.memory_bytes =
      static_cast<std::uint64_t>(std::max<std::int64_t>(result.limits.memory_bytes, 0));
  found.cpus = result.limits.cpus;
  return result;
}

}  // namespace

std::string inspect_format(std::string_view id) {
  std::string format = R"({"id":{{json .)" + std::string{id} + "}}," + kFields;
  for (const std::string_view key : kLabels) {
    const std::string quoted = "\"" + std::string{key} + "\"";
    format += quoted + ":{{json (index .Config.Labels " + quoted + ")}},";
  }
  format.back() = '}';
  return format;
}

Result<std::vector<Inspected>> parse_containers(std::string_view lines) {
  std::vector<Inspected> result;
  for (const std::string& line : non_empty_lines(lines)) {
    const Json container = Json::parse(line, nullptr, false);
    if (!container.is_object()) {
      return unreadable(line);
    }
    Inspected inspected = to_inspected(container);
    if (!inspected.found.identity.id.empty()) {
      result.push_back(std::move(inspected));
    }
  }
  return result;
}

std::string image_format(std::string_view id) {
  return R"({"digest":{{json .)" + std::string{id} +
         std::string(R"(}},"bytes":{{json .Size}},"created":{{json .Created}},)"
                     R"("recipe":{{json (index .Config.Labels ")") +
         kImageLabel + R"(")}}})";
}

Result<std::vector<Image>> parse_images(std::string_view lines) {
  std::vector<Image> result;
  for (const std::string& line : non_empty_lines(lines)) {
    const Json json = Json::parse(line, nullptr, false);
    if (!json.is_object()) {
      return unreadable(line);
    }
    Image image;
    image.digest = image_digest(member(json, "digest", std::string{}));
    image.bytes = static_cast<std::uint64_t>(
        std::max(member(json, "bytes", std::int64_t{0}), std::int64_t{0}));
    image.created = parse_time(member(json, "created", std::string{}));
    image.recipe = member(json, "recipe", std::string{});
    result.push_back(std::move(image));
  }
  return result;
}

std::string image_digest(const std::string& id) {
  return id.size() == kIdLength ? "sha256:" + id : id;
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
