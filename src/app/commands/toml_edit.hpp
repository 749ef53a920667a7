#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "commands/json_edit.hpp"
#include "omcp_r/base/result.hpp"

namespace omcp_r::commands {

// The same for one table of a TOML file, such as [mcp_servers.omcp-r-sandbox], whose values are
// strings, arrays of strings, and tables of strings. Other keys of that table are left alone, and
// so is what is not ours.

Result<std::optional<nlohmann::ordered_json>> find_in_toml(std::string_view text,
                                                           const KeyPath& path);

Result<std::string> set_in_toml(std::string_view text, const KeyPath& path,
                                const nlohmann::ordered_json& value);

Result<std::string> remove_from_toml(std::string_view text, const KeyPath& path);

}  // namespace omcp_r::commands
