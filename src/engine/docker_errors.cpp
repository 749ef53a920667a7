#include "docker_errors.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "docker_output.hpp"

namespace omcp_r::engine {
namespace {

constexpr std::string_view kNotRunning =
    "The container engine does not answer. Start Docker (Docker Desktop, or `sudo systemctl start "
    "docker`) or correct DOCKER_HOST, then try again.";
constexpr std::string_view kNotAllowed =
    "This user may not use Docker's socket. Add the user to its group (`sudo usermod -aG docker "
    "$USER`, then log in again), or set DOCKER_HOST to a rootless engine.";
constexpr std::string_view kVersions =
    "The docker client and the engine are too far apart in version. Update the older one, or set "
    "DOCKER_API_VERSION.";
constexpr std::string_view kNoContext =
    "The docker context in use does not exist. Choose another with `docker context use`, or set "
    "DOCKER_HOST.";
constexpr std::string_view kNoContainer = "The container is not there any more.";
constexpr std::string_view kNoImage =
    "The engine does not have this image. Get it with `docker pull`, or name another image.";
constexpr std::string_view kBadImage =
    "This is not the name of an image. Correct DOCKER_IMAGE or ALLOWED_IMAGES, as in "
    "rocker/r-ver:latest.";
constexpr std::string_view kNameTaken = "Another container has this name already.";
constexpr std::string_view kEndedMessage = "The container has ended. Create a new one.";
constexpr std::string_view kNoRuntime =
    "The engine does not know the configured runtime. Correct RUNTIME, or install it in the "
    "engine's configuration.";
constexpr std::string_view kNoSeccomp =
    "The engine's kernel cannot filter system calls (seccomp). With SECCOMP=engine sandboxes run "
    "there all the same, less well guarded.";
constexpr std::string_view kBadProfile =
    "The file that SECCOMP names is not a seccomp profile that the docker client can read.";
constexpr std::string_view kNoProgram =
    "The image lacks a program that is needed (sh and R). Use an image that has R installed.";
constexpr std::string_view kBadLimit =
    "The engine refuses a limit that was asked for. Choose one within the bounds it names.";
constexpr std::string_view kFull =
    "The engine's disk is full. Free space (`docker system prune`), then try again.";
constexpr std::string_view kTooLong = "The command is too long for this system.";
constexpr std::string_view kStartFailed =
    "The engine could not start the container. Try again; if it stays, look at the engine's log.";

/// The first match counts, so what is more particular stands above what is more general.
constexpr std::array kRules{
    ErrorRule{"permission denied while trying to connect", Errc::kEngineUnavailable, kNotAllowed},
    ErrorRule{"dial unix", Errc::kEngineUnavailable, kNotRunning},
    ErrorRule{"cannot connect to the docker daemon", Errc::kEngineUnavailable, kNotRunning},
    ErrorRule{"cannot connect to podman", Errc::kEngineUnavailable, kNotRunning},
    ErrorRule{"is the docker daemon running", Errc::kEngineUnavailable, kNotRunning},
    ErrorRule{"failed to connect to the docker api", Errc::kEngineUnavailable, kNotRunning},
    ErrorRule{"maximum supported api version", Errc::kEngineUnavailable, kVersions},
    ErrorRule{"minimum supported api version", Errc::kEngineUnavailable, kVersions},
    ErrorRule{"unable to resolve docker endpoint", Errc::kEngineUnavailable, kNoContext},
    ErrorRule{"error during connect", Errc::kEngineUnavailable, kNotRunning},
    ErrorRule{"connection refused", Errc::kEngineUnavailable, kNotRunning},
    // It ended in the middle of an answer.
    ErrorRule{"unexpected eof", Errc::kEngineUnavailable, kNotRunning},
    ErrorRule{"connection reset by peer", Errc::kEngineUnavailable, kNotRunning},
    ErrorRule{"unable to parse docker host", Errc::kEngineUnavailable, kNotRunning},
    ErrorRule{"no such image", Errc::kImageNotFound, kNoImage},
    ErrorRule{"image not known", Errc::kImageNotFound, kNoImage},
    ErrorRule{"did not resolve to an alias", Errc::kImageNotFound, kNoImage},
    ErrorRule{"unable to find image", Errc::kImageNotFound, kNoImage},
    ErrorRule{"pull access denied", Errc::kImageNotFound, kNoImage},
    ErrorRule{"invalid reference format", Errc::kImageNotFound, kBadImage},
    ErrorRule{"no such container", Errc::kNotFound, kNoContainer},
    ErrorRule{"no such object", Errc::kNotFound, kNoContainer},
    ErrorRule{"already in use by container", Errc::kBusy, kNameTaken},
    ErrorRule{"is already in use by", Errc::kBusy, kNameTaken},
    ErrorRule{"same name as its current name", Errc::kBusy, kNameTaken},
    ErrorRule{"removal of container", Errc::kEnded, kEndedMessage},
    ErrorRule{"marked for removal", Errc::kEnded, kEndedMessage},
    // Engine 20.10: --rm and rm --force at once stand in each other's way, and a dead container
    // stays until it is removed again.
    ErrorRule{"unable to remove filesystem", Errc::kEnded, kEndedMessage},
    ErrorRule{"container state improper", Errc::kEnded, kEndedMessage},
    ErrorRule{"only attach to running containers", Errc::kEnded, kEndedMessage},
    ErrorRule{"is not running", Errc::kEnded, kEndedMessage},
    ErrorRule{"cannot attach to a stopped container", Errc::kEnded, kEndedMessage},
    ErrorRule{"seccomp is not enabled", Errc::kLimitsNotApplied, kNoSeccomp},
    ErrorRule{"decoding seccomp profile failed", Errc::kInvalidArgument, kBadProfile},
    ErrorRule{"opening seccomp profile", Errc::kInvalidArgument, kBadProfile},
    ErrorRule{"unknown runtime specified", Errc::kInvalidArgument, kNoRuntime},
    ErrorRule{"default oci runtime", Errc::kInvalidArgument, kNoRuntime},
    ErrorRule{"unknown or invalid runtime", Errc::kInvalidArgument, kNoRuntime},
    ErrorRule{"unable to set memory limit", Errc::kInvalidArgument, kBadLimit},
    ErrorRule{"minimum memory limit", Errc::kInvalidArgument, kBadLimit},
    ErrorRule{"range of cpus", Errc::kInvalidArgument, kBadLimit},
    ErrorRule{"no space left on device", Errc::kEngineUnavailable, kFull},
    ErrorRule{"argument list too long", Errc::kInvalidArgument, kTooLong},
    ErrorRule{"to invoke a command that was not found", Errc::kInvalidArgument, kNoProgram},
    ErrorRule{"executable file not found", Errc::kInvalidArgument, kNoProgram},
    ErrorRule{"exec: \"", Errc::kInvalidArgument, kNoProgram},
    ErrorRule{"oci runtime", Errc::kInternal, kStartFailed},
};

std::string lower(std::string_view text) {
  std::string result{text};
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool is_hint(const std::string& line) {
  return line.rfind("See '", 0) == 0 || line.rfind("Run '", 0) == 0 ||
         line.rfind("WARNING", 0) == 0;
}

}  // namespace

std::string telling_line(std::string_view stderr_text) {
  std::string last;
  for (std::string& line : non_empty_lines(stderr_text)) {
    if (is_hint(line)) {
      continue;
    }
    if (contains(lower(line), "error")) {
      return std::move(line);
    }
    last = std::move(line);
  }
  return last;
}

// "Minimum supported API version is 1.44", and the same of a maximum.
std::string wanted_api_version(std::string_view text) {
  constexpr std::string_view kBefore = "imum supported API version is ";
  const std::size_t words = text.find(kBefore);
  if (words == std::string_view::npos) {
    return "";
  }
  text.remove_prefix(words + kBefore.size());
  std::string_view version = text.substr(0, text.find_first_not_of("0123456789."));
  while (version.ends_with('.')) {
    version.remove_suffix(1);
  }
  constexpr std::size_t kLongest = 8;
  return version.size() <= kLongest ? std::string{version} : "";
}

bool says_limit_discarded(std::string_view stderr_text) {
  return contains(lower(stderr_text), "discarded");
}

Error error_by(std::span<const ErrorRule> rules, std::string_view action,
               std::string_view stderr_text, const std::string& line) {
  const std::string text = lower(stderr_text);
  const std::string said = line.empty() ? "nothing" : "\"" + line + "\"";
  for (const ErrorRule& rule : rules) {
    if (contains(text, rule.words)) {
      return Error{rule.code,
                   std::string{rule.message} + " (" + std::string{action} + " said " + said + ")"};
    }
  }
  return Error{Errc::kInternal, std::string{action} + " failed and said " + said +
                                    ". Try again; if it stays, run it by hand to see more."};
}

Error classify_docker_error(std::string_view action, std::string_view stderr_text) {
  return error_by(kRules, action, stderr_text, telling_line(stderr_text));
}

Error name_image(Error error, std::string_view image, std::string_view pull) {
  constexpr std::string_view kSame = "The engine does not have this image. ";  // then the client
  if (error.message.starts_with(kSame)) {
    const std::size_t end = std::min(error.message.find(" (", kSame.size()), error.message.size());
    const std::string name{image};
    error.message.replace(0, end,
                          "The engine does not have the image " + name + ". Ask the user to run `" +
                              std::string{pull} +
                              "`, or to set DOCKER_IMAGE to an image that is there.");
  }
  return error;
}

}  // namespace omcp_r::engine
