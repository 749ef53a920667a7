#include <string_view>
#include <vector>

#include "commands/commands.hpp"
#include "commands/hosts.hpp"
#include "commands/install_arguments.hpp"
#include "omcp_r/app/options.hpp"
#include "pages/pages.hpp"

namespace omcp_r::pages {
namespace {

using namespace omcp_r::app;
using commands::Host;
using commands::hosts;
using commands::install_options;
using commands::InstallOption;

/// Whether its value is a setting of the server's.
bool takes_setting(const InstallOption& option) {
  return option.flag == std::string_view("--env");
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

/// The commands, with blanks between them.
std::string all_commands() {
  std::string text;
  for (const commands::Command& command : commands::commands()) {
    add_word(text, " ", command.name);
  }
  return text;
}

/// Those that have the settings of the server as well, with their own options.
std::vector<const commands::Usage*> usages() {
  std::vector<const commands::Usage*> found;
  for (const commands::Command& command : commands::commands()) {
    if (command.usage != nullptr) found.push_back(&command.usage());
  }
  return found;
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

/// Sets $commands to the words that stand where the cursor is, or completes a value of theirs.
std::string bash_commands() {
  std::string own;
  for (const commands::Usage* usage : usages()) {
    std::string words;
    for (const commands::Flag& flag : usage->flags) add_word(words, " ", flag.name);
    own += std::string("    ") + usage->name + ") commands='" + words + "' ;;\n";
  }
  return "  local commands=\n"
         "  ((COMP_CWORD > 1)) || commands='" +
         all_commands() +
         "'\n"
         "  ((COMP_CWORD < 2)) || case ${COMP_WORDS[1]} in\n" +
         own +
         "  esac\n"
         "  case $before in\n"
         "    --data|--out)\n      compopt -o filenames\n"
         "      mapfile -t COMPREPLY < <(compgen -d -- \"$word\")\n      return ;;\n"
         "    run)\n      compopt -o filenames\n"
         "      mapfile -t COMPREPLY < <(compgen -f -X '!*.[rR]' -- \"$word\"; compgen -d -- "
         "\"$word\"; compgen -W \"$commands\" -- \"$word\")\n      return ;;\n"
         "  esac\n";
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

}  // namespace

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
         "  esac\n" +
         bash_commands() + "  mapfile -t COMPREPLY < <(compgen -W \"$commands " + flags +
         "\" -- \"$word\")\n"
         "}\n"
         "complete -F _omcp_r_sandbox omcp-r-sandbox\n";
}

std::string zsh_completion() {
  std::string text = "#compdef omcp-r-sandbox\n" + zsh_install() +
                     "_arguments \\\n"
                     "  '1:command:(" +
                     all_commands() +
                     ")' \\\n"
                     "  '*:file:_files -g \"*.[rR]\"' \\\n"
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
  for (const commands::Usage* usage : usages()) {
    for (const commands::Flag& flag : usage->flags) {
      const std::string value = flag.value;
      const std::string action = value == "FOLDER" ? "_files -/" : " ";
      text += " \\\n  " + quoted(std::string(flag.name) + "[" + zsh_text(flag.help) + "]" +
                                 (value.empty() ? "" : ":" + zsh_text(value) + ":" + action));
    }
  }
  return text + "\n";
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
  for (const commands::Usage* usage : usages()) {
    const std::string name = usage->name;
    text += file + "-n __fish_use_subcommand -a " + name + " -d " + quoted(usage->help) + "\n";
    if (name == "run") text += file + "-n '__fish_seen_subcommand_from run' -F\n";
    for (const commands::Flag& flag : usage->flags) {
      const std::string_view word = flag.name;
      const std::string way = word.starts_with("--") ? "-l " + std::string(word.substr(2))
                                                     : "-s " + std::string(word.substr(1));
      text += file + "-n '__fish_seen_subcommand_from " + name + "' " + way +
              (*flag.value == '\0' ? "" : " -r") + " -d " + quoted(flag.help) + "\n";
    }
  }
  return text + fish_install();
}

}  // namespace omcp_r::pages
