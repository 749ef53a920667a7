#include <algorithm>
#include <cstddef>

#include "omcp_r/app/options.hpp"

namespace omcp_r::app {
namespace {

constexpr std::size_t kColumns = 88;

std::string entry(const Option& option) {
  const std::string fallback = option.fallback;
  const char* const found = option.found == Found::kSets     ? ""
                            : option.found == Found::kLowers ? "; a found .env only lowers it"
                                                             : "; not from a found .env";
  return "  " + flag_of(option.variable) + " " + placeholder(option.kind) + "    " +
         option.variable + (fallback.empty() ? "" : "=" + fallback) + "\n" +
         wrapped(std::string(option.help) + " [" + option.allowed + found + "]", 6);
}

/// A value as a .env file has to have it.
std::string dotenv_text(const std::string& value) {
  if (value.find_first_of(" #\"'\\") == std::string::npos) return value;
  if (value.find('\'') == std::string::npos) return "'" + value + "'";
  std::string text = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\' || c == '$') text += '\\';
    text += c;
  }
  return text + "\"";
}

}  // namespace

std::string wrapped(std::string_view text, std::size_t indent) {
  const std::size_t room = kColumns - indent;
  std::string result;
  while (!text.empty()) {
    std::size_t end = text.size();
    if (end > room) end = text.rfind(' ', room);
    if (end == std::string_view::npos) end = std::min(text.find(' '), text.size());
    result.append(indent, ' ').append(text.substr(0, end)).append("\n");
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

std::string version_text() {
  return "omcp-r-sandbox " OMCP_VERSION "\n";
}

std::string greeting_text() {
  return "omcp-r-sandbox " OMCP_VERSION
         ": an MCP server that runs R in hardened containers, for a language model.\n"
         "It talks to a host such as Claude Desktop, through pipes: there is nobody to talk to "
         "here.\n"
         "  omcp-r-sandbox install          adds it to the hosts on this machine\n"
         "  omcp-r-sandbox --print-config   shows every setting and where it comes from\n"
         "  omcp-r-sandbox --help           lists the settings\n";
}

std::string help_text(std::string_view commands) {
  std::string text = "omcp-r-sandbox " OMCP_VERSION
                     ": an MCP server on stdio that runs R in hardened containers\n"
                     "\n"
                     "Usage: omcp-r-sandbox [options]\n" +
                     std::string(commands) + "\n" +
                     wrapped(
                         "Without options it serves. Each setting below is a flag, a variable of "
                         "the environment, and a line of a .env file; where several are given, "
                         "the first of these counts. An empty value stands for the default, "
                         "which is shown behind the variable.",
                         0) +
                     "\n"
                     "  --env-file FILE\n" +
                     wrapped(
                         "The .env file to read, and no other. Without it, yours is read, which is "
                         "omcp-r-sandbox/.env in $XDG_CONFIG_HOME or ~/.config, and over it the "
                         ".env that is found in the working directory or else in its nearest "
                         "parent. A found one may have come with somebody's project, and so does "
                         "not set everything.",
                         6) +
                     "  --print-config    Print every value and where it comes from.\n"
                     "  --help, -h        Print this.\n"
                     "  --version, -V     Print the version.\n";
  std::string group;
  for (const Option& option : options()) {
    if (option.group != group) text += "\n" + std::string(option.group) + ":\n";
    group = option.group;
    text += entry(option);
  }
  return text;
}

std::string effective_text(const Config& config) {
  std::string files;
  for (const std::string& file : config.env_files) files += (files.empty() ? "" : ", ") + file;
  std::string text =
      "# omcp-r-sandbox " OMCP_VERSION "; .env files read: " + (files.empty() ? "none" : files) +
      "\n";
  for (const Origin& origin : config.origins) {
    const std::string line = origin.variable + "=" + dotenv_text(origin.value);
    constexpr std::size_t kColumn = 44;
    const std::size_t gap = line.size() < kColumn ? kColumn - line.size() : 1;
    text.append(line).append(gap, ' ').append(" # ").append(origin.source).append("\n");
  }
  return text;
}

}  // namespace omcp_r::app
