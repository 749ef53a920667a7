// What ships beside the program and says what it can be told: manual page, completions, and the
// settings in the manifests. All of it is made from the tables of options and hosts; not installed
// itself.

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "commands/hosts.hpp"
#include "commands/install_arguments.hpp"
#include "omcp_r/app/options.hpp"

namespace {

using namespace omcp_r::app;
using omcp_r::commands::described;
using omcp_r::commands::Host;
using omcp_r::commands::hosts;
using omcp_r::commands::install_options;
using omcp_r::commands::InstallOption;
using Json = nlohmann::ordered_json;

constexpr const char* kManStart =
    R"(.SH NAME
omcp\-r\-sandbox \- MCP server that runs R in hardened containers
.SH SYNOPSIS
.B omcp\-r\-sandbox
.RI [ options ]
.br
.B omcp\-r\-sandbox install
.RI [ HOST... "] [" options ]
.SH DESCRIPTION
.B omcp\-r\-sandbox
speaks the Model Context Protocol on its standard input and output.
A language model in a host such as Claude Desktop or VS Code writes R code; the server runs it in a
locked\-down container and answers with what an R console would have shown, plots included.
Hosts start the server themselves:
.B omcp\-r\-sandbox install
tells them how.
.PP
Without options it serves until its input ends; at a terminal it says what it is for.
It needs a Docker engine, 20.10 or later, and an image with R, 4.1 or later.
.SH OPTIONS
Each setting is an option, a variable of the environment, and a line of a
.I .env
file; where several are given, the first of these counts.
An empty value stands for the default.
.TP
.BI \-\-env\-file " FILE"
The
.I .env
file to read, and no other.
.TP
.B \-\-print\-config
Print every value and where it comes from.
.TP
.BR \-h ", " \-\-help
Print all options.
.TP
.BR \-V ", " \-\-version
Print the version.
)";

constexpr const char* kManEnd =
    R"(.SH FILES
.TP
.I \(ti/.config/omcp\-r\-sandbox/.env
Your own settings (or in
.IR $XDG_CONFIG_HOME ).
.TP
.I .env
The one in the working directory, or else in its nearest parent, goes over yours.
It may have come with somebody's project, and so does not set everything.
.TP
.I /usr/share/doc/omcp\-r\-sandbox/sample.env
Every setting, explained at length.
.SH EXIT STATUS
.TP
.B 0
The input ended, or a signal asked for the end.
.TP
.B 1
The server cannot go on, or
.B install
could not do all it was asked for.
.TP
.B 2
A setting or an option is wrong; the message names its place and what is allowed.
A host is told in the answers of the tools instead.
.SH EXAMPLES
Is everything set as it was meant?
.PP
.RS
.nf
omcp\-r\-sandbox \-\-print\-config
.fi
.RE
.PP
Add the server to Claude Code:
.PP
.RS
.nf
omcp\-r\-sandbox install claude\-code \-\-env DATA_DIR=/home/ann/survey
.fi
.RE
.SH SEE ALSO
.BR docker (1),
.BR Rscript (1)
.PP
The Model Context Protocol: https://modelcontextprotocol.io
)";

std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '\\':
        out += "\\e";
        break;
      case '-':
        out += "\\-";
        break;
      case '~':
        out += "\\(ti";
        break;
      case '^':
        out += "\\(ha";
        break;
      case '"':
        out += "\\(dq";
        break;
      default:
        out += c;
    }
  }
  // A line that begins with one of these would be a command.
  return out.starts_with('.') || out.starts_with('\'') ? "\\&" + out : out;
}

std::string man_entry(const Option& option) {
  const std::string fallback = option.fallback;
  std::string found;
  if (option.found == Found::kLowers) found = " A found .env only lowers it.";
  if (option.found == Found::kNothing) found = " Not from a found .env.";
  return ".TP\n.BI " + roff(flag_of(option.variable)) + " \" " + placeholder(option.kind) + "\"\n" +
         roff(option.help) + roff(found) + "\n.br\n.IR " + roff(option.variable) + ";\n" +
         roff(option.allowed) + (fallback.empty() ? "" : "; default " + roff(fallback)) + ".\n";
}

/// Whether its value is a setting of the server's.
bool takes_setting(const InstallOption& option) {
  return option.flag == std::string_view("--env");
}

/// The command that hosts are told of the server by.
std::string man_install() {
  std::string text = ".SH INSTALL\n" + roff(omcp_r::commands::install_purpose()) + "\n.SS Hosts\n";
  for (const Host& host : hosts()) {
    text += ".TP\n.B " + roff(host.name) + "\n" + roff(described(host)) + ".\n";
  }
  text += ".SS Options of install\n";
  for (const InstallOption& option : install_options()) {
    text += ".TP\n.BI " + roff(option.flag) +
            (option.takes_value() ? " \" " + roff(option.value) + "\"" : "") + "\n" +
            roff(option.help) + "\n";
  }
  return text;
}

std::string man_page() {
  std::string text =
      ".\\\" Made from the table of settings.\n"
      ".TH OMCP\\-R\\-SANDBOX 1 \"\" \"omcp\\-r\\-sandbox " OMCP_VERSION "\" \"User Commands\"\n" +
      std::string(kManStart);
  std::string group;
  for (const Option& option : options()) {
    if (option.group != group) text += ".SS " + roff(option.group) + "\n";
    group = option.group;
    text += man_entry(option);
  }
  return text + man_install() + kManEnd;
}

// --- completions -------------------------------------------------------------------------------

enum class Completes { kNothing, kWords, kFiles, kFolders };

Completes completes(Kind kind) {
  switch (kind) {
    case Kind::kChoice:
      return Completes::kWords;
    case Kind::kPath:
    case Kind::kSystemCalls:
    case Kind::kProgram:
      return Completes::kFiles;
    case Kind::kReadFolder:
    case Kind::kWriteFolder:
    case Kind::kStateFolder:
      return Completes::kFolders;
    default:
      return Completes::kNothing;
  }
}

/// The choices of `option` with blanks between them.
std::string words(const Option& option) {
  std::string text = option.allowed;
  std::erase(text, ',');
  return text;
}

/// The first sentence, for a line beside the flag.
std::string summary(const Option& option) {
  const std::string_view help = option.help;
  return std::string(help.substr(0, help.find(". ")).substr(0, help.find(": ")));
}

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

void add_word(std::string& text, const char* separator, const std::string& word) {
  text += (text.empty() ? "" : separator) + word;
}

/// With blanks between them, and "=" behind each where values are to follow.
std::string all_settings() {
  std::string text;
  for (const Option& option : options()) {
    add_word(text, " ", std::string(option.variable) + "=");
  }
  return text;
}

std::string all_hosts() {
  std::string text;
  for (const Host& host : hosts()) add_word(text, " ", host.name);
  return text;
}

std::string bash_install() {
  std::string flags;
  std::string others;
  for (const InstallOption& option : install_options()) {
    flags += std::string(option.flag) + " ";
    if (option.takes_value() && !takes_setting(option)) add_word(others, "|", option.flag);
  }
  return "_omcp_r_sandbox_install() {\n"
         "  case $before in\n"
         "    --env)\n      compopt -o nospace\n"
         "      mapfile -t COMPREPLY < <(compgen -W '" +
         all_settings() + "' -- \"$word\")\n      return ;;\n    " + others +
         ")\n      return ;;\n"
         "  esac\n"
         "  mapfile -t COMPREPLY < <(compgen -W '" +
         flags + all_hosts() +
         "' -- \"$word\")\n"
         "}\n";
}

std::string bash_completion() {
  std::string flags = "--env-file --print-config --help --version";
  std::string files = "--env-file";
  std::string folders;
  std::string others;
  std::string cases;
  for (const Option& option : options()) {
    const std::string flag = flag_of(option.variable);
    flags += "\n    " + flag;
    switch (completes(option.kind)) {
      case Completes::kWords:
        cases += "    " + flag + ")\n      mapfile -t COMPREPLY < <(compgen -W " +
                 quoted(words(option)) + " -- \"$word\")\n      return ;;\n";
        break;
      case Completes::kFiles:
        files += "|" + flag;
        break;
      case Completes::kFolders:
        add_word(folders, "|", flag);
        break;
      case Completes::kNothing:
        add_word(others, "|", flag);
    }
  }
  return "# bash completion for omcp-r-sandbox\n" + bash_install() +
         "_omcp_r_sandbox() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
         "  COMPREPLY=()\n"
         "  if ((COMP_CWORD > 1)) && [ \"${COMP_WORDS[1]}\" = install ]; then\n"
         "    _omcp_r_sandbox_install\n"
         "    return\n"
         "  fi\n"
         "  case $before in\n" +
         cases + "    " + files +
         ")\n      compopt -o filenames\n"
         "      mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n      return ;;\n    " +
         folders +
         ")\n      compopt -o filenames\n"
         "      mapfile -t COMPREPLY < <(compgen -d -- \"$word\")\n      return ;;\n    " +
         others +
         ")\n      return ;;\n"
         "  esac\n"
         "  local commands=\n"
         "  ((COMP_CWORD > 1)) || commands=install\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$commands " +
         flags +
         "\" -- \"$word\")\n"
         "}\n"
         "complete -F _omcp_r_sandbox omcp-r-sandbox\n";
}

std::string zsh_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_install() {
  std::string text =
      "if (( CURRENT > 2 )) && [[ ${words[2]} == install ]]; then\n"
      "  shift words\n"
      "  (( CURRENT-- ))\n"
      "  _arguments";
  for (const InstallOption& option : install_options()) {
    const bool setting = takes_setting(option);
    const std::string action = setting ? "{compadd -S \"\" -- " + all_settings() + "}" : " ";
    const std::string value =
        option.takes_value() ? ":" + zsh_text(option.value) + ":" + action : "";
    text += " \\\n    " + quoted((setting ? "*" : "") + std::string(option.flag) + "[" +
                                 zsh_text(option.help) + "]" + value);
  }
  return text + " \\\n    " + quoted("*:host:(" + all_hosts() + ")") + "\n  return\nfi\n";
}

std::string zsh_completion() {
  std::string text = "#compdef omcp-r-sandbox\n" + zsh_install() +
                     "_arguments \\\n"
                     "  '1:command:(install)' \\\n"
                     "  '--env-file[the .env file to read, and no other]:file:_files' \\\n"
                     "  '--print-config[print every value and where it comes from]' \\\n"
                     "  '(- *)'{-h,--help}'[print all options]' \\\n"
                     "  '(- *)'{-V,--version}'[print the version]'";
  for (const Option& option : options()) {
    std::string action = " ";
    if (completes(option.kind) == Completes::kWords) action = "(" + words(option) + ")";
    if (completes(option.kind) == Completes::kFiles) action = "_files";
    if (completes(option.kind) == Completes::kFolders) action = "_files -/";
    text += " \\\n  " + quoted(flag_of(option.variable) + "[" + zsh_text(summary(option)) +
                               "]:" + zsh_text(placeholder(option.kind)) + ":" + action);
  }
  return text + "\n";
}

std::string fish_install() {
  const std::string start = "complete -c omcp-r-sandbox ";
  const std::string behind = start + "-n '__fish_seen_subcommand_from install' ";
  std::string text = start + "-n __fish_use_subcommand -a install -d " +
                     quoted("Have hosts on this machine start the server") + "\n";
  for (const Host& host : hosts()) {
    text += behind + "-a " + host.name + " -d " + quoted(host.title) + "\n";
  }
  for (const InstallOption& option : install_options()) {
    const bool setting = takes_setting(option);
    const std::string values = setting ? "-x -a " + quoted(all_settings()) + " " : "-x ";
    text += behind + "-l " + std::string(option.flag).substr(2) + " " +
            (option.takes_value() ? values : "") + "-d " + quoted(option.help) + "\n";
  }
  return text;
}

std::string fish_completion() {
  const std::string file = "complete -c omcp-r-sandbox ";
  const std::string start = file + "-n 'not __fish_seen_subcommand_from install' ";
  std::string text =
      file + "-f\n" + start + "-l env-file -r -F -d 'The .env file to read, and no other'\n" +
      start + "-l print-config -d 'Print every value and where it comes from'\n" + start +
      "-s h -l help -d 'Print all options'\n" + start + "-s V -l version -d 'Print the version'\n";
  for (const Option& option : options()) {
    std::string values = "-x";
    if (completes(option.kind) == Completes::kWords) values = "-x -a " + quoted(words(option));
    if (completes(option.kind) == Completes::kFiles) values = "-r -F";
    if (completes(option.kind) == Completes::kFolders) {
      values = "-x -a '(__fish_complete_directories)'";
    }
    text += start + "-l " + flag_of(option.variable).substr(2) + " " + values + " -d " +
            quoted(summary(option)) + "\n";
  }
  return text + fish_install();
}

// --- manifests -----------------------------------------------------------------------------------

const Option& option_named(const std::string& variable) {
  const Option* const option = find_option(variable);
  if (option == nullptr) throw std::runtime_error("no setting is called " + variable);
  return *option;
}

std::string text_of_file(const std::string& path) {
  std::ifstream file{path};
  std::ostringstream text;
  text << file.rdbuf();
  if (!file || !text) throw std::runtime_error("cannot read " + path);
  return text.str();
}

bool is_number(Kind kind) {
  return kind == Kind::kWhole || kind == Kind::kSeconds || kind == Kind::kDecimal;
}

/// A question of the form that a host shows for a bundle.
Json question(const Option& option, const std::string& title) {
  const bool folder = completes(option.kind) == Completes::kFolders;
  const std::string seconds = option.kind == Kind::kSeconds ? " In seconds." : "";
  Json json{{"type", is_number(option.kind) ? "number"
                     : folder               ? "directory"
                                            : "string"},
            {"title", title},
            {"description", option.help + seconds},
            {"required", false}};
  const std::string fallback = option.fallback;
  if (is_number(option.kind)) {
    const std::string allowed = option.allowed;
    json["min"] = Json::parse(allowed.substr(0, allowed.find(' ')));
    json["max"] = Json::parse(allowed.substr(allowed.rfind(' ') + 1));
    json["default"] = Json::parse(fallback);
  } else if (!fallback.empty()) {
    json["default"] = fallback;
  }
  return json;
}

/// The template names settings as {"DATA_DIR": "its title"}; they become questions, and what is
/// answered reaches the server in its environment.
std::string bundle_manifest(const std::string& path) {
  Json manifest = Json::parse(text_of_file(path));
  Json questions = Json::object();
  Json& environment = manifest["server"]["mcp_config"]["env"];
  for (const auto& [name, value] : manifest["user_config"].items()) {
    if (value.is_object()) {  // none of the server's own
      questions[name] = value;
      continue;
    }
    const Option& option = option_named(name);
    std::string key = flag_of(name).substr(2);
    for (char& c : key) c = c == '-' ? '_' : c;
    questions[key] = question(option, value);
    environment[name] = "${user_config." + key + "}";
  }
  manifest["user_config"] = questions;
  return manifest.dump(2) + "\n";
}

/// The template names settings as {"name": "DATA_DIR"}.
std::string registry_entry(const std::string& path, const std::string& sha256) {
  Json entry = Json::parse(text_of_file(path));
  for (Json& package : entry["packages"]) {
    if (package["registryType"] == "mcpb") package["fileSha256"] = sha256;
    if (!package.contains("environmentVariables")) continue;
    for (Json& variable : package["environmentVariables"]) {
      const Option& option = option_named(variable["name"]);
      variable["description"] = option.help;
      const std::string fallback = option.fallback;
      if (!fallback.empty()) variable["default"] = fallback;
      if (completes(option.kind) == Completes::kFolders) variable["format"] = "filepath";
      if (is_number(option.kind)) variable["format"] = "number";
    }
  }
  return entry.dump(2) + "\n";
}

std::string page(const std::vector<std::string>& words) {
  const std::string kind = words.empty() ? "" : words[0];
  if (kind == "man") return man_page();
  if (kind == "bash") return bash_completion();
  if (kind == "zsh") return zsh_completion();
  if (kind == "fish") return fish_completion();
  if (kind == "bundle" && words.size() == 2) return bundle_manifest(words[1]);
  if (kind == "registry" && words.size() == 3) return registry_entry(words[1], words[2]);
  throw std::runtime_error("usage: omcp_pages man|bash|zsh|fish|bundle FILE|registry FILE SHA256");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::string text = page({argv + 1, argv + argc});
    return std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "omcp_pages: %s\n", error.what());
    return 1;
  }
}
