#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "commands/install_arguments.hpp"
#include "commands/programs.hpp"
#include "omcp_r/app/config.hpp"
#include "omcp_r/base/result.hpp"

namespace omcp_r::commands {

/// How long a server that is tried may take to answer.
inline constexpr std::chrono::seconds kGreetingPatience{10};

/// A place in which a host looks for servers, and what is written there of one.
struct ServerPlace {
  const Host* host;
  std::string file;
  bool here;  ///< the host, or the file of one that is only looked for by name
  Result<std::optional<nlohmann::ordered_json>> entry;
};

/// The places of these hosts, and what they say of the server of that name.
std::vector<ServerPlace> places_of_server(const std::vector<const Host*>& hosts,
                                          const std::string& name,
                                          const app::Surroundings& surroundings);

/// What an entry starts, for a line that people read.
std::string command_line(const Entry& entry);

/// Says what is configured where and whether it answers; 1 where something does not.
int list_servers(const InstallRequest& request, const app::Surroundings& surroundings);

}  // namespace omcp_r::commands
