#include "commands/entry.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace omcp_r::commands {
namespace {

using nlohmann::ordered_json;

/// Ours are but a beginning: what the user chose later stays.
constexpr std::array<std::string_view, 2> kUsersOwn{"enabled", "timeout"};

bool is_users_own(std::string_view key) {
  return std::find(kUsersOwn.begin(), kUsersOwn.end(), key) != kUsersOwn.end();
}

bool read_strings(const ordered_json& json, std::vector<std::string>& strings) {
  if (!json.is_array()) return false;
  for (const ordered_json& item : json) {
    if (!item.is_string()) return false;
    strings.push_back(item.get<std::string>());
  }
  return true;
}

bool read_environment(const ordered_json& json, std::map<std::string, std::string>& variables) {
  if (!json.is_object()) return false;
  for (const auto& [name, value] : json.items()) {
    if (!value.is_string()) return false;
    variables[name] = value.get<std::string>();
  }
  return true;
}

/// A string, or those of an array; the rest is passed over.
void add_strings(const ordered_json& json, std::vector<std::string>& strings) {
  for (const ordered_json& item : json.is_array() ? json : ordered_json::array({json})) {
    if (item.is_string()) strings.push_back(item.get<std::string>());
  }
}

}  // namespace

ordered_json shaped(Shape shape, const Entry& entry) {
  ordered_json result = ordered_json::object();
  const ordered_json environment = ordered_json(entry.environment);
  if (shape == Shape::kLocal) {
    constexpr int kPatience = 10'000;  // milliseconds; the host's own default
    std::vector<std::string> all{entry.command};
    all.insert(all.end(), entry.arguments.begin(), entry.arguments.end());
    result = {{"type", "local"},
              {"command", all},
              {"environment", environment},
              {"enabled", true},
              {"timeout", kPatience}};
    return result;
  }
  if (shape == Shape::kStdio) result["type"] = "stdio";
  if (shape == Shape::kCustom) result["source"] = "custom";
  result["command"] = entry.command;
  result["args"] = entry.arguments;
  result["env"] = environment;
  return result;
}

std::optional<Entry> entry_from(Shape shape, const ordered_json& json) {
  if (!json.is_object() || !json.contains("command")) return std::nullopt;
  const bool local = shape == Shape::kLocal;
  std::vector<std::string> all;
  const ordered_json& command = json["command"];
  if (local ? !read_strings(command, all) : !command.is_string()) return std::nullopt;
  if (!local) all.push_back(command.get<std::string>());
  const bool more = !local && json.contains("args");
  if ((more && !read_strings(json["args"], all)) || all.empty()) return std::nullopt;
  Entry entry{all.front(), {all.begin() + 1, all.end()}};
  const char* const environment = local ? "environment" : "env";
  if (json.contains(environment) && !read_environment(json[environment], entry.environment)) {
    return std::nullopt;
  }
  return entry;
}

bool is_ours(const ordered_json& there, const Entry& wanted) {
  if (!there.is_object()) return true;
  if (!there.contains("command")) {
    constexpr std::array kAddresses{"url", "httpUrl", "serverUrl"};
    return std::none_of(kAddresses.begin(), kAddresses.end(),
                        [&there](const char* key) { return there.contains(key); });
  }
  std::vector<std::string> words;
  add_strings(there["command"], words);
  if (there.contains("args")) add_strings(there["args"], words);
  if (words.empty()) return false;
  const std::string& program = words.front();
  const std::string name = program.substr(program.find_last_of("/\\") + 1);
  if (!name.starts_with("docker")) {
    return name.starts_with("omcp-r-sandbox") || program == wanted.command;
  }
  // The image, the volume of the state or the service of Compose.
  return std::any_of(words.begin() + 1, words.end(), [&wanted](const std::string& word) {
    return word.find("omcp-r") != std::string::npos ||
           (!wanted.arguments.empty() && word == wanted.arguments.back());
  });
}

ordered_json merged(const ordered_json& there, const ordered_json& wanted) {
  if (!there.is_object()) return wanted;
  ordered_json result = there;
  for (const auto& [key, value] : wanted.items()) {
    if (!is_users_own(key) || !there.contains(key)) result[key] = value;
  }
  return result;
}

bool says(const ordered_json& there, const ordered_json& wanted) {
  if (!there.is_object()) return false;
  for (const auto& [key, value] : wanted.items()) {
    if (is_users_own(key)) continue;
    const auto found = there.find(key);
    const bool same = found == there.end()
                          ? value.empty()
                          : nlohmann::json(*found) == nlohmann::json(value);  // in whatever order
    if (!same) return false;
  }
  return true;
}

}  // namespace omcp_r::commands
