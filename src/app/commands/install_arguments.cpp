#include "commands/install_arguments.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include "omcp_r/app/options.hpp"
#include "omcp_r/app/values.hpp"
#include "omcp_r/base/sharing.hpp"
#include "omcp_r/base/text.hpp"

namespace omcp_r::commands {
namespace {

using app::Option;
using app::Surroundings;

Error wrong(const std::string& text) {
  return {Errc::kInvalidArgument, text};
}

std::string hint_for(const std::string& word, const std::vector<std::string>& known,
                     const char* help = "install --help") {
  const auto meant = app::nearest(word, known);
  return meant ? "; did you mean " + *meant + "?" : " (" + std::string(help) + " lists them)";
}

/// What a server says that starts with these settings and no others.
Status check_together(const std::map<std::string, std::string>& settings,
                      const Surroundings& surroundings) {
  Surroundings made_up = surroundings;
  made_up.variable = [&settings](const std::string& name) {
    const auto found = settings.find(name);
    return found == settings.end() ? std::nullopt : std::optional(found->second);
  };
  constexpr std::array kArguments{"omcp-r-sandbox", "--env-file", "/dev/null"};
  const auto config = app::load_config(kArguments.size(), kArguments.data(), made_up);
  return config ? Status{Ok{}} : wrong("--env: " + config.error().message);
}

/// In a container the server sees none of the files that settings name.
Status check_contained(const std::map<std::string, std::string>& settings) {
  constexpr const char* kVolume = "/var/lib/omcp-r-sandbox";
  for (const char* const name : {"AUDIT_LOG", "SECCOMP", "STATE_DIR"}) {
    const auto chosen = settings.find(name);
    if (chosen == settings.end() || !chosen->second.starts_with('/') ||
        is_within(chosen->second, kVolume)) {
      continue;
    }
    return wrong(std::string("--env: ") + name + "=" + app::shown(chosen->second) +
                 " does not go with --container: the server would not see it, and keeps only what "
                 "is in " +
                 kVolume + ". Leave the setting or --container out");
  }
  return Ok{};
}

/// The argument list on its way into a request.
class Parser {
 public:
  Parser(const std::vector<std::string>& arguments, const Surroundings& surroundings)
      : arguments_(arguments), surroundings_(surroundings) {}

  Result<InstallRequest> run() {
    for (at_ = 0; at_ < arguments_.size(); ++at_) {
      const Status taken = take(arguments_[at_]);
      if (!taken) return taken.error();
    }
    if (image_given_ && !request_.container) return wrong("--image goes with --container");
    const Status contained = request_.container ? check_contained(request_.settings) : Status{Ok{}};
    if (!contained) return contained.error();
    const Status together = check_together(request_.settings, surroundings_);
    if (!together) return together.error();
    return std::move(request_);
  }

 private:
  using Kind = InstallRequest::Kind;

  Status take(const std::string& argument) {
    if (!argument.starts_with('-')) return take_host(argument);
    const std::size_t equals = argument.find('=');
    const std::string flag = argument.substr(0, equals);
    for (const InstallOption& known : install_options()) {
      if (flag != known.flag || !known.takes_value()) continue;
      if (equals != std::string::npos) return take_value(flag, argument.substr(equals + 1));
      if (at_ + 1 == arguments_.size()) return wrong(flag + " needs a value");
      return take_value(flag, arguments_[++at_]);
    }
    return take_flag(argument);
  }

  Status take_flag(const std::string& flag) {
    if (flag == "--container") {
      request_.container = true;
    } else if (flag == "--dry-run") {
      request_.dry_run = true;
    } else if (flag == "--help" || flag == "-h") {
      return take_kind(Kind::kHelp);
    } else if (flag == "--uninstall") {
      return take_kind(Kind::kUninstall);
    } else if (flag == "--list") {
      return take_kind(Kind::kList);
    } else {
      std::vector<std::string> known;
      for (const InstallOption& option : install_options()) known.emplace_back(option.flag);
      return wrong("install has no option " + app::shown(flag) + hint_for(flag, known));
    }
    return Ok{};
  }

  Status take_kind(Kind kind) {
    if (request_.kind == Kind::kHelp) return Ok{};
    if (kind != Kind::kHelp && request_.kind != Kind::kInstall && request_.kind != kind) {
      return wrong("--uninstall and --list cannot be used together");
    }
    request_.kind = kind;
    return Ok{};
  }

  Status take_host(const std::string& name) {
    const Host* const host = find_host(name);
    if (host == nullptr) {
      std::vector<std::string> names;
      for (const Host& known : hosts()) names.emplace_back(known.name);
      return wrong("there is no host " + app::shown(name) + hint_for(name, names));
    }
    const auto known = std::find(request_.hosts.begin(), request_.hosts.end(), host);
    if (known == request_.hosts.end()) request_.hosts.push_back(host);
    return Ok{};
  }

  Status take_value(const std::string& flag, const std::string& value) {
    if (flag == "--env") return take_setting(value);
    if (flag == "--name") return take_name(value);
    image_given_ = true;
    request_.image = value;
    const auto image = app::read_value(*app::find_option("DOCKER_IMAGE"), value, surroundings_);
    return image ? Status{Ok{}} : wrong("--image must be " + image.error().message);
  }

  /// What all hosts take for a name, and all formats for a key.
  Status take_name(const std::string& name) {
    constexpr std::size_t kLongest = 64;
    constexpr std::string_view kAllowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    if (name.empty() || name.size() > kLongest || name.front() == '-' ||
        name.find_first_not_of(kAllowed) != std::string::npos) {
      return wrong("--name must be made of letters, digits, _ and -, at most " +
                   std::to_string(kLongest) + ", and not begin with -");
    }
    request_.name = name;
    return Ok{};
  }

  Status take_setting(const std::string& text) {
    const std::size_t equals = text.find('=');
    const std::string variable = text.substr(0, equals);
    const Option* const option = app::find_option(variable);
    if (option == nullptr) {
      std::vector<std::string> names;
      for (const Option& known : app::options()) names.emplace_back(known.variable);
      return wrong("--env: there is no setting " + app::shown(variable) +
                   hint_for(variable, names, "omcp-r-sandbox --help"));
    }
    const std::string value(equals == std::string::npos ? "" : app::trim(text.substr(equals + 1)));
    if (value.empty()) return wrong("--env " + variable + " needs a value: " + variable + "=...");
    if (to_valid_utf8(value) != value) return wrong("--env " + variable + " is not UTF-8");
    const auto read = app::read_value(*option, value, surroundings_);
    if (!read) {
      return wrong("--env: " + variable + "=" + app::shown(value) + " must be " +
                   read.error().message);
    }
    // Hosts start us elsewhere and at times without HOME: "~" is written out.
    const bool path = read->text.starts_with('/');
    request_.settings[variable] = path ? read->text : value;
    return Ok{};
  }

  const std::vector<std::string>& arguments_;
  const Surroundings& surroundings_;
  std::size_t at_ = 0;
  bool image_given_ = false;
  InstallRequest request_;
};

}  // namespace

const std::vector<InstallOption>& install_options() {
  static const std::vector<InstallOption> kTable{
      {"--env", "NAME=VALUE",
       "A setting for the server, as omcp-r-sandbox --help lists them. May be given several "
       "times."},
      {"--name", "NAME",
       "What the host calls the server: omcp-r-sandbox unless you say otherwise."},
      {"--container", "", "The server itself runs in a container, too."},
      {"--image", "IMAGE",
       "The image of that container: omcp-r-sandbox:latest unless you say otherwise."},
      {"--dry-run", "", "Only show what would be done."},
      {"--uninstall", "", "Take it out again."},
      {"--list", "", "Say what is configured where, and whether it answers."},
      {"--help", "", "Print all hosts and options of install."},
  };
  return kTable;
}

const char* install_purpose() {
  return "Adds this server to the applications that can start it: with the host's own command "
         "where there is one, otherwise by editing its file, of which all else keeps every byte "
         "and a backup is kept. Without HOST, to all that are found on this machine. What is "
         "done is shown. No tool is approved: the host goes on asking you.";
}

Result<InstallRequest> parse_install(const std::vector<std::string>& arguments,
                                     const Surroundings& surroundings) {
  return Parser{arguments, surroundings}.run();
}

std::string install_help() {
  constexpr std::size_t kColumn = 18;
  const auto padded = [&](std::string text) {
    text.resize(std::max(kColumn, text.size() + 1), ' ');
    return "  " + text;
  };
  std::string text = "Usage: omcp-r-sandbox install [HOST...] [options]\n\n" +
                     app::wrapped(install_purpose(), 0) + "\nHosts:\n";
  for (const Host& host : hosts()) {
    text += padded(host.name) + described(host) + "\n";
  }
  text += "\nOptions:\n";
  for (const InstallOption& option : install_options()) {
    const std::string flag = option.flag == std::string_view("--help") ? "--help, -h" : option.flag;
    const std::string name = flag + (option.takes_value() ? " " : "") + option.value;
    // The first line stands beside the name.
    text += padded(name) + app::wrapped(option.help, kColumn + 2).substr(kColumn + 2);
  }
  return text;
}

}  // namespace omcp_r::commands
