#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "commands/entry.hpp"
#include "commands/json_edit.hpp"
#include "omcp_r/app/config.hpp"

namespace omcp_r::commands {

using Arguments = std::vector<std::string>;

/// How the text of a host's file is read and edited.
struct Format {
  Result<std::optional<nlohmann::ordered_json>> (*find)(std::string_view, const KeyPath&);
  Result<std::string> (*set)(std::string_view, const KeyPath&, const nlohmann::ordered_json&);
  Result<std::string> (*remove)(std::string_view, const KeyPath&);
};

/// A file in which a host looks for servers: "~" is the home folder, and "${NAME:-OTHER}" what
/// NAME says, or OTHER.
struct Place {
  const char* file;
  /// The folder that is there if the host is; "" is the one of the file.
  const char* home = "";
};

enum class Places {
  kEach,   ///< the host may look into any of those that are there
  kFirst,  ///< the first that is there counts
};

/// A host's own command for its servers. A null function is one that it does not have.
struct HostCommand {
  const char* program = "";
  Arguments (*add)(const std::string& name, const Entry&, const nlohmann::ordered_json&) = nullptr;
  Arguments (*remove)(const std::string& name) = nullptr;
  /// An entry that is there can be removed and added again: add takes all that it said.
  bool replaces = false;
};

/// An application that starts MCP servers.
struct Host {
  const char* name;
  const char* title;
  std::vector<Place> places;
  Places which;
  const char* key;  ///< of the object that has the servers by their names
  Shape shape;
  const Format* format;
  const char* advice;  ///< what makes it take notice
  HostCommand command = {};
  bool only_by_name = false;  ///< the file may be shared with others
};

/// The one table of hosts.
const std::vector<Host>& hosts();

const Host* find_host(const std::string& name);

/// The title, and whether it must be named, for a list of hosts.
std::string described(const Host& host);

/// A place on this machine.
struct FoundPlace {
  std::string file;
  bool has_file = false;
  bool has_home = false;
};

/// The places of a host that count: those that are there, else the first.
std::vector<FoundPlace> places_of(const Host& host, const app::Surroundings& surroundings);

/// The path of the host's own command; "" where it is not in PATH.
std::string command_of(const Host& host, const app::Surroundings& surroundings);

}  // namespace omcp_r::commands
