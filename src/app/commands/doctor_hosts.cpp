#include <utility>

#include "commands/doctor_checks.hpp"

// The applications that start this server.

namespace omcp_r::commands::checks {
namespace {

constexpr const char* kInstall = "omcp-r-sandbox install writes it anew.";

Finding judged(const ServerPlace& place) {
  if (!place.entry) {
    return failure(place.entry.error().message, "Correct the file, and try again.");
  }
  if (!*place.entry) return ok(place.file + " does not have this server");
  const auto entry = entry_from(place.host->shape, **place.entry);
  if (!entry) return failure(place.file + ": what is written there cannot be started", kInstall);
  if (place.host->only_by_name) {
    return unknown(place.file + ": not tried, since it may be another's; omcp-r-sandbox install " +
                   "--list " + place.host->name + " does that");
  }
  const auto name = greet(*entry, kGreetingPatience);
  const std::string start = place.file + ": " + command_line(*entry);
  return name ? ok(start + " answers as " + *name)
              : failure(start + ": " + name.error().message, kInstall);
}

Findings servers(const Facts& facts) {
  if (facts.config.engine.in_container) {
    return {unknown("not looked at: they are outside of this container")};
  }
  if (facts.surroundings.home.empty()) {
    return {warning("there is no home folder to look for them in", "Set HOME.")};
  }
  Findings found;
  bool any = false;
  std::vector<const Host*> all;
  for (const Host& host : hosts()) all.push_back(&host);
  for (const ServerPlace& place : places_of_server(all, kServerName, facts.surroundings)) {
    if (!place.here) continue;
    found.push_back(of(place.host->name, judged(place)));
    any = any || !place.entry || *place.entry;
  }
  if (!any) {
    found.push_back(warning(std::string("none starts this server by the name ") + kServerName,
                            "omcp-r-sandbox install adds it to those that are here."));
  }
  return found;
}

}  // namespace

const Group& hosts_group() {
  static const Group kGroup{
      "hosts", "Hosts", nullptr, nullptr, {{"server", "Any of them", servers}}};
  return kGroup;
}

}  // namespace omcp_r::commands::checks
