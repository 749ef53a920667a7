#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "omcp_r/app/folders.hpp"
#include "omcp_r/app/options.hpp"
#include "omcp_r/app/values.hpp"

// How each kind of option is read, and what it is where nobody sets it.

namespace omcp_r::app {
namespace {

namespace fs = std::filesystem;

Error must_be(std::string what) {
  return {Errc::kInvalidArgument, std::move(what)};
}

/// A number as this kind is written.
std::optional<double> number_of(Kind kind, std::string_view text) {
  if (kind == Kind::kDecimal) {
    return parse_decimal(text);
  }
  if (kind == Kind::kSize) {
    const auto size = parse_size(text);
    return size ? std::optional(static_cast<double>(*size)) : std::nullopt;
  }
  const auto whole = parse_integer(text);
  return whole ? std::optional(static_cast<double>(*whole)) : std::nullopt;
}

/// Within "LOW to HIGH". All that are allowed are exact as a double.
Result<Value> read_number(const Option& option, std::string_view text) {
  const std::string_view range = option.allowed;
  const std::size_t to = range.find(" to ");
  const auto low = number_of(option.kind, range.substr(0, to));
  const auto high = number_of(option.kind, range.substr(to + 4));
  const auto value = number_of(option.kind, text);
  if (value && *value >= *low && *value <= *high) {
    return Value{std::string(text), static_cast<std::int64_t>(*value), *value};
  }
  const bool size = option.kind == Kind::kSize;
  const char* const what = size                            ? "a size"
                           : option.kind == Kind::kDecimal ? "a number"
                           : option.kind == Kind::kSeconds ? "a whole number of seconds"
                                                           : "a whole number";
  return must_be(std::string(what) + " from " + std::string(range) +
                 (size ? ": a number of bytes, or such as 512m, 1.5g" : ""));
}

Result<Value> read_choice(const Option& option, std::string_view text) {
  const std::vector<std::string> choices = parse_list(option.allowed);
  const auto chosen = std::find_if(choices.begin(), choices.end(),
                                   [text](const auto& choice) { return same_word(choice, text); });
  if (chosen == choices.end()) {
    return must_be((choices.size() == 1 ? "" : "one of ") + std::string(option.allowed));
  }
  return Value{*chosen, chosen - choices.begin()};
}

/// Without a group docker would take the image's for that user, and else that of root.
Result<Value> read_user(std::string_view text) {
  constexpr std::int64_t kLargest = 2147483647;  // docker's
  const std::size_t colon = text.find(':');
  const std::string_view uid = text.substr(0, colon);
  const std::string_view gid = colon == std::string_view::npos ? uid : text.substr(colon + 1);
  for (const std::string_view part : {uid, gid}) {
    const auto number = parse_integer(part);
    if (!number || *number < 1 || *number > kLargest) {
      return must_be("a numeric uid or uid:gid, neither of them 0 (root)");
    }
  }
  return Value{std::string(uid) + ":" + std::string(gid)};
}

Result<Value> text_or(bool good, std::string_view text, std::string what) {
  return good ? Result<Value>{Value{std::string(text)}} : must_be(std::move(what));
}

Result<Value> path_or(const Result<std::string>& path, const std::string& what = "") {
  return path ? Result<Value>{Value{*path}} : must_be(what.empty() ? path.error().message : what);
}

Result<Value> read_images(std::string_view text) {
  Value value{std::string(text), 0, 0, parse_list(text)};
  for (const std::string& name : value.list) {
    if (!is_image_name(name)) {
      return must_be("image names with commas between them, and " + shown(name) + " is none");
    }
  }
  return value;
}

/// As "Writing R Extensions" has their names.
Result<Value> read_packages(std::string_view text) {
  constexpr std::size_t kMost = 50;
  Value value{std::string(text), 0, 0, parse_list(text)};
  for (const std::string& name : value.list) {
    if (!is_package_name(name)) {
      return must_be("names of R packages with commas between them, and " + shown(name) +
                     " is none");
    }
  }
  return value.list.size() <= kMost ? Result<Value>{value} : must_be("at most 50 packages");
}

/// The docker client reads it anew for each sandbox, and says what else is wrong with it.
bool is_profile(const std::string& path) {
  constexpr std::uintmax_t kLargest = 1 << 20;
  std::error_code failure;
  if (!fs::is_regular_file(path, failure) || fs::file_size(path, failure) > kLargest) return false;
  const auto profile = nlohmann::json::parse(std::ifstream(path), nullptr, false);
  return profile.is_object() && profile.contains("defaultAction");
}

Result<Value> read_system_calls(std::string_view text, const std::string& home) {
  if (text == "default" || text == "engine") {
    return Value{std::string(text)};
  }
  constexpr std::string_view kOnNodes = "/var/lib/kubelet/seccomp/";
  const auto path = absolute_path(text, home);
  const bool on_nodes =
      path && path->starts_with(kOnNodes);  // of a cluster, whose machines have it
  return path && (on_nodes || is_profile(*path))
             ? path_or(path)
             : must_be(
                   "default, engine, or the path of a seccomp profile: a JSON file with a "
                   "defaultAction, which this user may read");
}

/// In the server's container only what is mounted there is of the user's machine.
Result<std::string> folder_of_user(std::string_view text, const Surroundings& surroundings,
                                   Sharing sharing) {
  auto folder = shared_folder(text, surroundings.home, sharing);
  if (!surroundings.in_container) return folder;
  const std::string mounts = own_mounts();
  if (is_mounted(mounts, folder ? *folder : std::string(text))) {
    const Status meant = folder ? check_mounted(mounts, *folder) : folder.error();
    return meant ? folder : meant.error();
  }
  const std::string mode = sharing == Sharing::kRead ? ":ro" : "";
  // Only what is absolute, without a colon, is one and the same in docker run and in here.
  const bool plain = text.starts_with('/') && text.find(':') == std::string_view::npos;
  const std::string option = plain ? " -v " + std::string(text) + ":" + std::string(text) + mode
                                   : " -v FOLDER:/survey" + mode + " (and /survey here)";
  return Error{Errc::kInvalidArgument,
               folder ? "a folder of your machine, and this one is in the server's container only: "
                        "add" +
                            option + " to docker run, before the image's name"
                      : folder.error().message +
                            ". The server runs in a container, which sees a "
                            "folder of your machine by" +
                            option + " before the image's name in docker run"};
}

/// As Kubernetes has the names of its objects (RFC 1123).
bool is_object_name(std::string_view text) {
  constexpr std::size_t kLongest = 253;
  constexpr std::string_view kInner = "abcdefghijklmnopqrstuvwxyz0123456789-.";
  const auto is_end = [](char c) { return c != '-' && c != '.'; };
  return !text.empty() && text.size() <= kLongest &&
         text.find_first_not_of(kInner) == std::string_view::npos && is_end(text.front()) &&
         is_end(text.back());
}

/// The value of a label: short, and of few characters; or nothing.
bool is_label_value(std::string_view text) {
  constexpr std::size_t kLongest = 63;
  return text.empty() || is_word(text, "-_.", kLongest);
}

/// "example.com/name" or "name".
bool is_label_name(std::string_view text) {
  const std::size_t slash = text.find('/');
  const bool prefixed = slash != std::string_view::npos;
  const std::string_view name = prefixed ? text.substr(slash + 1) : text;
  return !name.empty() && is_label_value(name) &&
         (!prefixed || is_object_name(text.substr(0, slash)));
}

bool is_pair(std::string_view text) {
  const std::size_t equals = text.find('=');
  return equals != std::string_view::npos && is_label_name(text.substr(0, equals)) &&
         is_label_value(text.substr(equals + 1));
}

/// "key", "key=value", either with ":effect".
bool is_toleration(std::string_view text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::string_view effect = text.substr(std::min(colon + 1, text.size()));
  const std::string_view taint = text.substr(0, colon);
  const bool known = colon == text.size() || effect == "NoSchedule" || effect == "NoExecute" ||
                     effect == "PreferNoSchedule";
  return known && (is_pair(taint) || is_label_name(taint));
}

Result<Value> read_list(std::string_view text, bool (*good)(std::string_view),
                        const std::string& what) {
  Value value{std::string(text), 0, 0, parse_list(text)};
  for (const std::string& item : value.list) {
    if (!good(item)) return must_be(what + ", and " + shown(item) + " is none");
  }
  return value;
}

/// What names something of a cluster.
Result<Value> read_of_cluster(const Option& option, std::string_view text) {
  constexpr std::size_t kLongest = 253;
  const std::string allowed = option.allowed;
  switch (option.kind) {
    case Kind::kContext:
      return text_or(is_word(text, "._@-:/+", kLongest), text,
                     "the name of a context, as `kubectl config get-contexts` shows it");
    case Kind::kLabels:
      return read_list(text, is_object_name, allowed);
    case Kind::kPairs:
      return read_list(text, is_pair, "labels with their values, as " + allowed);
    case Kind::kTolerations:
      return read_list(text, is_toleration, "taints, as " + allowed);
    default:
      return text_or(is_object_name(text), text, "a name as Kubernetes has them: " + allowed);
  }
}

/// Whether `path` could be made: its nearest part that exists is a folder that we may write to.
bool could_be_made(fs::path path) {
  std::error_code failure;
  while (!fs::exists(path, failure) && path.has_relative_path()) path = path.parent_path();
  return fs::is_directory(path, failure) && ::access(path.c_str(), W_OK | X_OK) == 0;
}

/// In the server's container, which is read-only, it is a volume.
Result<Value> state_folder(std::string_view text, const Surroundings& surroundings) {
  const auto path = absolute_path(text, surroundings.home);
  if (!path || !surroundings.in_container || could_be_made(*path)) return path_or(path);
  return must_be("a folder that can be written to: add -v omcp-r-state:" + *path +
                 " to docker run, before the image's name");
}

/// The state serves the processes of one user on one host. Whoever makes the folder gives it mode
/// 0700 and makes sure that it is ours: anybody could have made one in /tmp.
std::string default_state_folder(const Surroundings& surroundings) {
  const std::string configured = surroundings.variable("XDG_STATE_HOME").value_or("");
  std::vector<std::string> folders;
  if (configured.starts_with('/')) folders.push_back(configured);
  if (!surroundings.home.empty()) folders.push_back(surroundings.home + "/.local/state");
  for (const std::string& folder : folders) {
    if (could_be_made(folder)) return folder + "/omcp-r-sandbox";
  }
  return "/tmp/omcp-r-sandbox-" + std::to_string(surroundings.uid);
}

/// A container has another host name each time it is started.
std::string default_scope(const Surroundings& surroundings) {
  constexpr std::size_t kLongest = 64;
  std::string scope = std::to_string(surroundings.uid) + "@" +
                      (surroundings.in_container ? "container" : surroundings.host_name);
  const auto foreign = [](unsigned char c) {
    return std::isalnum(c) == 0 && c != '_' && c != '.' && c != '@' && c != '-';
  };
  std::replace_if(scope.begin(), scope.end(), foreign, '-');
  return scope.substr(0, kLongest);
}

}  // namespace

const char* placeholder(Kind kind) {
  switch (kind) {
    case Kind::kWhole:
    case Kind::kDecimal:
      return "NUMBER";
    case Kind::kSeconds:
      return "SECONDS";
    case Kind::kSize:
      return "SIZE";
    case Kind::kChoice:
      return "WORD";
    case Kind::kName:
    case Kind::kScope:
      return "NAME";
    case Kind::kImage:
      return "IMAGE";
    case Kind::kImages:
      return "IMAGES";
    case Kind::kPackages:
      return "PACKAGES";
    case Kind::kUser:
      return "UID:GID";
    case Kind::kPath:
    case Kind::kStateFolder:
    case Kind::kSystemCalls:
      return "PATH";
    case Kind::kReadFolder:
    case Kind::kWriteFolder:
      return "FOLDER";
    case Kind::kProgram:
      return "PROGRAM";
    case Kind::kDatabaseName:
      return "NAME";
    case Kind::kSecret:
      return "TEXT";
    case Kind::kContext:
    case Kind::kLabel:
      return "NAME";
    case Kind::kLabels:
      return "NAMES";
    case Kind::kPairs:
      return "LABELS";
    case Kind::kTolerations:
      return "TAINTS";
    case Kind::kAddress:
      break;
  }
  return "ADDRESS";
}

std::string default_of(const Option& option, const Surroundings& surroundings) {
  return option.kind == Kind::kScope         ? default_scope(surroundings)
         : option.kind == Kind::kStateFolder ? default_state_folder(surroundings)
                                             : option.fallback;
}

Result<Value> read_value(const Option& option, std::string_view text,
                         const Surroundings& surroundings) {
  constexpr std::size_t kLongest = 128;
  constexpr std::size_t kLongestName = 63;  // PostgreSQL's
  constexpr std::size_t kLongestSecret = 1000;
  const std::string& home = surroundings.home;
  switch (option.kind) {
    case Kind::kWhole:
    case Kind::kSeconds:
    case Kind::kSize:
    case Kind::kDecimal:
      return read_number(option, text);
    case Kind::kChoice:
      return read_choice(option, text);
    case Kind::kName:
    case Kind::kScope:
      return text_or(is_word(text, "._@-", kLongest), text,
                     "made of " + std::string(option.allowed) +
                         ", beginning with a letter or a digit, and no longer than " +
                         std::to_string(kLongest));
    case Kind::kImage:
      return text_or(is_image_name(text), text,
                     "the name of an image, such as rocker/r-ver:4.4 or name@sha256:...");
    case Kind::kImages:
      return read_images(text);
    case Kind::kPackages:
      return read_packages(text);
    case Kind::kUser:
      return read_user(text);
    case Kind::kStateFolder:
      return state_folder(text, surroundings);
    case Kind::kPath:
      return path_or(absolute_path(text, home));
    case Kind::kReadFolder:
      return path_or(folder_of_user(text, surroundings, Sharing::kRead));
    case Kind::kWriteFolder:
      return path_or(folder_of_user(text, surroundings, Sharing::kWrite));
    case Kind::kProgram:
      return is_word(text, "._-+", 255)
                 ? Result<Value>{Value{std::string(text)}}
                 : path_or(absolute_path(text, home),
                           "a name that is looked for in PATH, or an absolute path");
    case Kind::kSystemCalls:
      return read_system_calls(text, home);
    case Kind::kDatabaseName:
      return text_or(text.size() <= kLongestName, text,
                     std::string(option.allowed) + ", of 63 bytes at most");
    case Kind::kSecret:
      return text_or(text.size() <= kLongestSecret, text, "of 1000 bytes at most");
    case Kind::kContext:
    case Kind::kLabel:
    case Kind::kLabels:
    case Kind::kPairs:
    case Kind::kTolerations:
      return read_of_cluster(option, text);
    case Kind::kAddress:
      break;
  }
  return text_or(text.front() != '-' && text.find(' ') == std::string_view::npos, text,
                 "an address such as unix:///var/run/docker.sock or ssh://user@machine");
}

}  // namespace omcp_r::app
