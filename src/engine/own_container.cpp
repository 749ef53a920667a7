#include "own_container.hpp"

#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "omcp_r/base/sharing.hpp"
#include "omcp_r/engine/docker_engine.hpp"
#include "text_at.hpp"

namespace omcp_r::engine {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kUnix = "unix://";

/// The part of `folder` below `mount`, with its slash; nullopt where it is not in there.
std::optional<std::string> below(const std::string& folder, const std::string& mount) {
  if (mount.empty() || !folder.starts_with(mount)) {
    return std::nullopt;
  }
  const std::string rest = folder.substr(mount.size());
  return rest.empty() || rest.front() == '/' ? std::optional{rest} : std::nullopt;
}

}  // namespace

// Docker binds files of its own folder of each container, such as /etc/hostname, into it.
std::string own_container_id(std::string_view mountinfo) {
  constexpr std::string_view kFolder = "/containers/";
  constexpr std::size_t kDigits = 64;
  for (std::size_t at = mountinfo.find(kFolder); at != std::string_view::npos;
       at = mountinfo.find(kFolder, at + 1)) {
    const std::string_view id = mountinfo.substr(at + kFolder.size(), kDigits);
    const std::size_t end = at + kFolder.size() + kDigits;
    if (id.size() == kDigits && end < mountinfo.size() && mountinfo[end] == '/' &&
        id.find_first_not_of("0123456789abcdef") == std::string_view::npos) {
      return std::string{id};
    }
  }
  return "";
}

Result<std::string> host_path(std::string_view mounts, const std::string& folder) {
  const Json list = Json::parse(mounts, nullptr, false);
  if (!list.is_array()) {
    return Error{Errc::kInternal,
                 "docker inspect of this server's own container did not answer with its mounts."};
  }
  std::string best;
  std::string type;
  std::string source;
  for (const Json& mount : list) {
    if (!mount.is_object()) {
      continue;
    }
    const std::string target = text_at(mount, "Destination");
    const auto rest = below(folder, target);
    if (rest && target.size() > best.size()) {
      best = target;
      type = text_at(mount, "Type");
      source = plain_path(text_at(mount, "Source") + *rest).string();
    }
  }
  // A volume is made for sharing, wherever the engine keeps it.
  if (type != "bind" && type != "volume") {
    return Error{Errc::kInvalidArgument,
                 "The folder " + folder + " is in the server's own container only. Add -v " +
                     folder + ":" + folder + ":ro to docker run, before the image's name."};
  }
  const auto reason = type == "bind" ? not_for_sharing(source, {}) : std::nullopt;
  if (reason) {
    return Error{Errc::kInvalidArgument, "The folder " + folder + " is " + source +
                                             " of your machine, which is never shared, since " +
                                             *reason +
                                             ". In docker run, mount a folder made for this "
                                             "purpose there."};
  }
  return source;
}

std::string what_container_lacks(std::string_view stderr_text, const std::string& docker_host) {
  const bool denied =
      stderr_text.find("permission denied while trying to connect") != std::string_view::npos;
  const bool missing = stderr_text.find("no such file or directory") != std::string_view::npos ||
                       stderr_text.find("Is the docker daemon running") != std::string_view::npos;
  if (!docker_host.empty() && !docker_host.starts_with(kUnix)) {
    return "";  // no socket in here has to do with it
  }
  const std::string socket =
      docker_host.empty() ? "/var/run/docker.sock" : docker_host.substr(kUnix.size());
  struct stat entry {};
  const bool there = ::stat(socket.c_str(), &entry) == 0;
  if ((denied || missing) && there && S_ISDIR(entry.st_mode)) {
    return "This server runs in a container, in which " + socket +
           " is a folder, where nothing listens: Docker makes one for a -v whose source is not "
           "there. Correct the source of -v SOCKET:" +
           socket +
           " in docker run; the client outside names it (docker context inspect). Then remove the "
           "folder that Docker made.";
  }
  if (denied && there && S_ISSOCK(entry.st_mode)) {
    const std::string group = std::to_string(entry.st_gid);
    return "This server runs in a container, in which the engine's socket belongs to group " +
           group + ". Add --group-add " + group +
           " to docker run, before the image's name (with compose: DOCKER_GID=" + group + ").";
  }
  if (missing && !there) {
    return "This server runs in a container, in which the engine's socket is not visible. Add "
           "-v /var/run/docker.sock:" +
           socket + " to docker run, before the image's name.";
  }
  return "";
}

}  // namespace omcp_r::engine
