#include "commands/list_servers.hpp"

#include <string>

#include "commands/replace_file.hpp"
#include "commands/say.hpp"
#include "omcp_r/base/text.hpp"

namespace omcp_r::commands {
namespace {

using nlohmann::ordered_json;

Result<std::optional<ordered_json>> configured(const Host& host, const std::string& file,
                                               const std::string& name) {
  const auto text = read_text(file);
  if (!text) return text.error();
  if (!*text) return std::optional<ordered_json>{};
  auto found = host.format->find(**text, {host.key, name});
  if (!found) return Error{Errc::kInvalidArgument, file + ": " + found.error().message};
  return found;
}

/// Whether all is well.
bool list_entry(const Host& host, const ordered_json& json, bool by_name) {
  const auto entry = entry_from(host.shape, json);
  if (!entry) {
    say("  FAILED: what is written there cannot be started");
    return false;
  }
  say("  starts " + command_line(*entry));
  if (host.only_by_name && !by_name) {
    // It may have come with somebody's project, and would be run.
    say(std::string("  not tried: install --list ") + host.name + " does that");
    return true;
  }
  const auto name = greet(*entry, kGreetingPatience);
  say(name ? "  answers as " + *name : "  FAILED: " + name.error().message);
  return name.ok();
}

bool list_place(const ServerPlace& place, const InstallRequest& request) {
  const Host& host = *place.host;
  const std::string start = std::string(host.name) + ": ";
  if (!place.here) {
    say(start + (host.only_by_name ? "not in this folder" : "not on this machine"));
    return true;
  }
  if (!place.entry) {
    say(start + "FAILED: " + place.entry.error().message);
    return false;
  }
  const auto& json = *place.entry;
  say(start + place.file + (json ? " has " : " does not have ") + request.name);
  return !json || list_entry(host, *json, !request.hosts.empty());
}

}  // namespace

std::vector<ServerPlace> places_of_server(const std::vector<const Host*>& hosts,
                                          const std::string& name,
                                          const app::Surroundings& surroundings) {
  std::vector<ServerPlace> found;
  for (const Host* const host : hosts) {
    for (const FoundPlace& place : places_of(*host, surroundings)) {
      const bool there = host->only_by_name ? place.has_file : place.has_home;
      const bool here = there || !command_of(*host, surroundings).empty();
      found.push_back({host, place.file, here, std::optional<ordered_json>{}});
      if (here) found.back().entry = configured(*host, place.file, name);
    }
  }
  return found;
}

std::string command_line(const Entry& entry) {
  std::string line = entry.command;
  for (const std::string& argument : entry.arguments) line += " " + argument;
  constexpr std::size_t kLongest = 400;
  return printable(line, kLongest);
}

int list_servers(const InstallRequest& request, const app::Surroundings& surroundings) {
  std::vector<const Host*> listed = request.hosts;
  if (listed.empty()) {
    for (const Host& host : hosts()) listed.push_back(&host);
  }
  bool good = true;
  for (const ServerPlace& place : places_of_server(listed, request.name, surroundings)) {
    good = list_place(place, request) && good;
  }
  return good ? 0 : 1;
}

}  // namespace omcp_r::commands
