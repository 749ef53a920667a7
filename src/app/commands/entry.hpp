#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace omcp_r::commands {

/// How a host starts a server.
struct Entry {
  std::string command;
  std::vector<std::string> arguments{};
  std::map<std::string, std::string> environment{};
};

/// How hosts write that down.
enum class Shape {
  kPlain,   ///< command, args, env
  kStdio,   ///< the same with "type": "stdio"
  kCustom,  ///< the same with "source": "custom"
  kLocal,   ///< "command" is an array of all, and the environment is called so
};

nlohmann::ordered_json shaped(Shape shape, const Entry& entry);

/// What a host would start; nullopt where that cannot be told.
std::optional<Entry> entry_from(Shape shape, const nlohmann::ordered_json& json);

/// Whether an entry that is there starts this server, or nothing at all: then it may be taken over,
/// with what its user has allowed it. `wanted` is what it would start.
bool is_ours(const nlohmann::ordered_json& there, const Entry& wanted);

/// `wanted` with what else a host or its user has written into the entry that is there.
nlohmann::ordered_json merged(const nlohmann::ordered_json& there,
                              const nlohmann::ordered_json& wanted);

/// Whether the entry that is there says all of `wanted`.
bool says(const nlohmann::ordered_json& there, const nlohmann::ordered_json& wanted);

}  // namespace omcp_r::commands
