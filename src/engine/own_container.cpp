#include "own_container.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <utility>

#include "omcp_r/base/sharing.hpp"
#include "omcp_r/engine/docker_engine.hpp"
#include "text_at.hpp"

namespace omcp_r::engine {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kUnix = "unix://";
constexpr const char* kMark = "OMCP_R_CONTAINER=1";  ///< in the environment that our image sets

/// The part of `folder` below `mount`, with its slash; nullopt where it is not in there.
std::optional<std::string> below(const std::string& folder, const std::string& mount) {
  if (mount.empty() || !folder.starts_with(mount)) {
    return std::nullopt;
  }
  const std::string rest = folder.substr(mount.size());
  return rest.empty() || rest.front() == '/' ? std::optional{rest} : std::nullopt;
}

}  // namespace

// Docker binds files of its own folder of each container, such as /etc/hostname, into it. Of the
// lines of proc(5) the fourth word is what is mounted, the fifth where.
std::string own_container_id(std::string_view mountinfo) {
  constexpr std::string_view kFolder = "/containers/";
  constexpr std::size_t kDigits = 64;
  std::istringstream lines{std::string{mountinfo}};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words{line};
    std::string skipped;
    std::string root;
    std::string point;
    words >> skipped >> skipped >> skipped >> root >> point;
    const std::size_t at = root.rfind(kFolder);
    const bool of_docker =
        point == "/etc/hostname" || point == "/etc/hosts" || point == "/etc/resolv.conf";
    if (!of_docker || at == std::string::npos) {
      continue;
    }
    std::string id = root.substr(at + kFolder.size(), kDigits);
    if (id.size() == kDigits && root[at + kFolder.size() + kDigits] == '/' &&
        id.find_first_not_of("0123456789abcdef") == std::string::npos) {
      return id;
    }
  }
  return "";
}

// With --network container:X the files that name a container are those of X.
Result<OwnMounts> OwnMounts::from(std::string_view inspected) {
  const Json facts = Json::parse(inspected, nullptr, false);
  const auto list_of = [&facts](const char* name) {
    return facts.is_object() && facts.contains(name) && facts[name].is_array() ? facts[name]
                                                                               : Json::array();
  };
  if (!facts.is_object() || !facts.contains("Mounts")) {
    return Error{Errc::kInternal,
                 "docker inspect of this server's own container did not answer with its mounts."};
  }
  const Json environment = list_of("Env");
  if (std::find(environment.begin(), environment.end(), kMark) == environment.end()) {
    return unknown_container();
  }
  OwnMounts own;
  for (const Json& mount : list_of("Mounts")) {
    if (!mount.is_object()) {
      continue;
    }
    OwnMount one{text_at(mount, "Type"), text_at(mount, "Source"), text_at(mount, "Destination")};
    // A part of a volume is told beside what was asked for only.
    for (const Json& asked : list_of("Asked")) {
      if (asked.is_object() && plain_path(text_at(asked, "Target")) == plain_path(one.target)) {
        const Json options = asked.value("VolumeOptions", Json::object());
        const std::string part = options.is_object() ? text_at(options, "Subpath") : "";
        one.source += part.empty() ? "" : "/" + part;
      }
    }
    // We know folders by what is behind all links, such as /run for /var/run.
    std::error_code failure;
    const auto real = std::filesystem::weakly_canonical(one.target, failure);
    one.target = failure ? one.target : real.string();
    own.mounts_.push_back(std::move(one));
  }
  return own;
}

Error unknown_container() {
  return Error{Errc::kMisconfigured,
               "This server runs in a container and cannot find out which, so that it cannot tell "
               "the engine where DATA_DIR, R_LIBRARY or OUTPUT_DIR is. Start it without --network "
               "container:NAME and with nothing mounted at /etc/hostname, /etc/hosts and "
               "/etc/resolv.conf, or leave these two out."};
}

Result<std::string> OwnMounts::host_path(const std::string& folder, bool written) const {
  OwnMount best;
  for (const OwnMount& mount : mounts_) {
    if (below(folder, mount.target) && mount.target.size() > best.target.size()) {
      best = mount;
    }
  }
  // A volume is made for sharing, wherever the engine keeps it.
  if (best.type != "bind" && best.type != "volume") {
    return Error{Errc::kMisconfigured, "The folder " + folder +
                                           " is in the server's own container only. Add -v " +
                                           folder + ":" + folder + (written ? "" : ":ro") +
                                           " to docker run, before the image's name."};
  }
  const std::string source = plain_path(best.source + *below(folder, best.target)).string();
  const auto reason = best.type == "bind" ? not_for_sharing(source, {}) : std::nullopt;
  if (reason) {
    return Error{Errc::kMisconfigured, "The folder " + folder + " is " + source +
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
