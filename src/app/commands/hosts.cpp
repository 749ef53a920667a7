#include "commands/hosts.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "commands/replace_file.hpp"
#include "commands/toml_edit.hpp"
#include "omcp_r/process/find_program.hpp"

namespace omcp_r::commands {
namespace {

namespace fs = std::filesystem;
using app::Surroundings;
using nlohmann::ordered_json;

constexpr Format kJson{find_in_json, set_in_json, remove_from_json};
constexpr Format kToml{find_in_toml, set_in_toml, remove_from_toml};

// --- the hosts' own commands ---------------------------------------------------------------------

Arguments claude_add(const std::string& name, const Entry& /*entry*/, const ordered_json& json) {
  return {"mcp", "add-json", name, json.dump(), "--scope", "user"};
}
Arguments remove_from_user(const std::string& name) {
  return {"mcp", "remove", name, "--scope", "user"};
}

Arguments code_add(const std::string& name, const Entry& /*entry*/, const ordered_json& json) {
  ordered_json named = {{"name", name}};
  named.update(json);
  return {"--add-mcp", named.dump()};
}

/// Variables as FLAG K=V.
void append_environment(Arguments& arguments, const char* flag, const Entry& entry) {
  for (const auto& [name, value] : entry.environment) {
    arguments.insert(arguments.end(), {flag, name + "=" + value});
  }
}

Arguments codex_add(const std::string& name, const Entry& entry, const ordered_json& /*json*/) {
  Arguments arguments{"mcp", "add", name};
  append_environment(arguments, "--env", entry);
  arguments.insert(arguments.end(), {"--", entry.command});
  arguments.insert(arguments.end(), entry.arguments.begin(), entry.arguments.end());
  return arguments;
}
Arguments codex_remove(const std::string& name) {
  return {"mcp", "remove", name};
}

Arguments gemini_add(const std::string& name, const Entry& entry, const ordered_json& /*json*/) {
  Arguments arguments{"mcp", "add", "--scope", "user"};
  append_environment(arguments, "-e", entry);
  arguments.insert(arguments.end(), {name, entry.command});
  if (!entry.arguments.empty()) arguments.emplace_back("--");
  arguments.insert(arguments.end(), entry.arguments.begin(), entry.arguments.end());
  return arguments;
}

// --- places --------------------------------------------------------------------------------------

std::string expanded(std::string text, const Surroundings& surroundings) {
  if (text.starts_with("${")) {
    const std::size_t middle = text.find(":-");
    const std::size_t end = text.find('}');
    const auto chosen = surroundings.variable(text.substr(2, middle - 2)).value_or("");
    const std::string start =
        chosen.starts_with('/') ? chosen : text.substr(middle + 2, end - middle - 2);
    text = start + text.substr(end + 1);
  }
  if (text.starts_with('~')) return surroundings.home + text.substr(1);
  return text.starts_with('/') ? text : surroundings.working_directory + "/" + text;
}

/// Whether an application has a folder: an empty one, or one with backups of ours, is what an
/// uninstall leaves.
bool is_used(const std::string& folder, const std::string& file) {
  std::error_code failure;
  for (fs::directory_iterator entry{folder, failure}, end; !failure && entry != end;
       entry.increment(failure)) {
    if (!is_backup(entry->path().filename().string(), file)) return true;
  }
  return false;
}

FoundPlace look_at(const Place& place, const Surroundings& surroundings) {
  std::error_code ignored;
  FoundPlace found;
  found.file = expanded(place.file, surroundings);
  const std::string home = *place.home == '\0' ? fs::path(found.file).parent_path().string()
                                               : expanded(place.home, surroundings);
  found.has_file = fs::exists(found.file, ignored);
  found.has_home = found.has_file || is_used(home, found.file);
  return found;
}

}  // namespace

// NOLINTNEXTLINE(readability-function-size): it is a table
const std::vector<Host>& hosts() {
  constexpr const char* kServers = "mcpServers";
  static const std::vector<Host> kTable{
      {"claude-desktop",
       "Claude Desktop",
       {{"${XDG_CONFIG_HOME:-~/.config}/Claude/claude_desktop_config.json"},
        {"~/.config/Claude/claude_desktop_config.json"}},
       Places::kEach,
       kServers,
       Shape::kPlain,
       &kJson,
       "Quit Claude Desktop and start it again."},
      {"claude-code",
       "Claude Code",
       {{"${CLAUDE_CONFIG_DIR:-~}/.claude.json", "${CLAUDE_CONFIG_DIR:-~/.claude}"}},
       Places::kFirst,
       kServers,
       Shape::kStdio,
       &kJson,
       "A new session of claude has it.",
       {"claude", claude_add, remove_from_user, true}},
      {"vscode",
       "VS Code",
       {{"${XDG_CONFIG_HOME:-~/.config}/Code/User/mcp.json"}},
       Places::kFirst,
       "servers",
       Shape::kStdio,
       &kJson,
       "VS Code asks once whether you trust it.",
       {"code", code_add}},
      {"portable",
       "the portable file of this folder",
       {{".mcp.json"}},
       Places::kFirst,
       kServers,
       Shape::kStdio,
       &kJson,
       "Claude Code, VS Code and others read it in this folder. It names paths of this machine.",
       {},
       true},
      {"cursor",
       "Cursor",
       {{"~/.cursor/mcp.json"}},
       Places::kFirst,
       kServers,
       Shape::kPlain,
       &kJson,
       "Switch it on in Cursor's settings, under MCP."},
      {"codex",
       "Codex",
       {{"${CODEX_HOME:-~/.codex}/config.toml"}},
       Places::kFirst,
       "mcp_servers",
       Shape::kPlain,
       &kToml,
       "A new session of codex has it.",
       {"codex", codex_add, codex_remove}},
      {"gemini",
       "Gemini CLI",
       {{"~/.gemini/settings.json"}},
       Places::kFirst,
       kServers,
       Shape::kPlain,
       &kJson,
       "A new session of gemini has it.",
       {"gemini", gemini_add, remove_from_user}},
      {"zed",
       "Zed",
       {{"${XDG_CONFIG_HOME:-~/.config}/zed/settings.json"}},
       Places::kFirst,
       "context_servers",
       Shape::kCustom,
       &kJson,
       "Zed takes notice by itself."},
      {"posit",
       "Posit Assistant",
       {{"~/.posit/assistant/settings.json"}, {"~/.positai/settings.json"}},
       Places::kFirst,
       kServers,
       Shape::kLocal,
       &kJson,
       "Start Positron or RStudio again."},
  };
  return kTable;
}

const Host* find_host(const std::string& name) {
  const auto found = std::find_if(hosts().begin(), hosts().end(),
                                  [&name](const Host& host) { return host.name == name; });
  return found == hosts().end() ? nullptr : &*found;
}

std::string described(const Host& host) {
  return std::string(host.title) + (host.only_by_name ? "; only where it is named" : "");
}

std::vector<FoundPlace> places_of(const Host& host, const Surroundings& surroundings) {
  std::vector<FoundPlace> found;
  for (const Place& place : host.places) {
    FoundPlace one = look_at(place, surroundings);
    const bool again = std::any_of(found.begin(), found.end(), [&one](const FoundPlace& other) {
      return other.file == one.file;
    });
    if (one.has_home && !again) found.push_back(std::move(one));
  }
  if (found.empty()) return {look_at(host.places.front(), surroundings)};
  if (host.which == Places::kFirst) found.resize(1);
  return found;
}

std::string command_of(const Host& host, const Surroundings& surroundings) {
  return process::find_program(host.command.program, surroundings.variable("PATH").value_or(""));
}

}  // namespace omcp_r::commands
