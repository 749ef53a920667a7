#include "commands/make_entry.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include "commands/container_arguments.hpp"
#include "commands/programs.hpp"
#include "omcp_r/app/options.hpp"
#include "omcp_r/app/values.hpp"
#include "omcp_r/base/text.hpp"
#include "omcp_r/engine/find_docker.hpp"

namespace omcp_r::commands {
namespace {

using app::Surroundings;
using Settings = std::map<std::string, std::string>;

constexpr const char* kSocket = "/var/run/docker.sock";
constexpr std::string_view kUnix = "unix://";

/// The program that a server with these settings drives.
std::string client_of(const Settings& settings) {
  const auto kind = settings.find("ENGINE");
  const std::string engine = kind == settings.end() ? "" : kind->second;
  return engine == "podman" ? "podman" : engine == "kubernetes" ? "kubectl" : "docker";
}

bool on_docker(const Settings& settings) {
  return client_of(settings) == "docker";
}

Result<std::string> docker_client(const Settings& settings, const Surroundings& surroundings) {
  const auto chosen = settings.find("DOCKER");
  return engine::find_docker({.wanted = chosen == settings.end() ? "" : chosen->second,
                              .path = surroundings.variable("PATH").value_or(""),
                              .home = surroundings.home,
                              .usual = client_of(settings)});
}

/// The engine that the user's own docker speaks to; "" where that is the usual one.
Result<std::string> current_engine(const std::string& docker, const Surroundings& surroundings) {
  constexpr std::chrono::seconds kPatience{10};
  auto answer = output_of({docker, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"},
                          kPatience);
  if (!answer) return answer;
  const std::string address(app::trim(*answer));
  if (address.empty() || address == std::string(kUnix) + kSocket) return std::string{};
  const auto read = app::read_value(*app::find_option("DOCKER_HOST"), address, surroundings);
  const bool plain = read && address.find_first_of("\r\n\t") == std::string::npos;
  if (plain && address.find("://") != std::string::npos) return address;
  return Error{Errc::kInternal, "its address is " + app::shown(address)};
}

void find_engine(Settings& environment, const Surroundings& surroundings,
                 std::vector<std::string>& warnings) {
  if (environment.contains("DOCKER_HOST") || !on_docker(environment)) return;
  const auto address = current_engine(environment["DOCKER"], surroundings);
  if (!address) {
    warnings.push_back("which engine the docker command speaks to is unknown (" +
                       address.error().message +
                       "): where it is not the usual one, add --env DOCKER_HOST=ADDRESS");
  } else if (!address->empty()) {
    environment["DOCKER_HOST"] = *address;
  }
}

/// As the engine's machine names it.
std::string socket_of(const Settings& environment) {
  const auto address = environment.find("DOCKER_HOST");
  if (address != environment.end() && address->second.starts_with(kUnix)) {
    return address->second.substr(kUnix.size());
  }
  return kSocket;
}

gid_t group_of(const std::string& socket) {
  struct stat status {};
  return ::stat(socket.c_str(), &status) == 0 ? status.st_gid : 0;
}

/// The client outside takes the variables of the client, the server inside all others.
Result<Entry> container_entry(const InstallRequest& request, Settings outside,
                              const Surroundings& surroundings) {
  ContainerEntry container;
  container.image = request.image;
  container.socket = socket_of(outside);
  container.group = group_of(container.socket);
  container.scope = app::default_of(*app::find_option("SCOPE"), surroundings);
  container.settings = request.settings;
  container.settings.erase("DOCKER");
  container.settings.erase("DOCKER_HOST");
  for (const char* const folder : {"DATA_DIR", "R_LIBRARY", "OUTPUT_DIR"}) {
    const auto path = container.settings.find(folder);
    if (path != container.settings.end() && path->second.find(':') != std::string::npos) {
      return Error{Errc::kInvalidArgument,
                   std::string(folder) + " has a colon in it, which docker run -v cannot mount"};
    }
  }
  Entry entry{outside["DOCKER"], container_arguments(container)};
  outside.erase("DOCKER");
  entry.environment = std::move(outside);
  return entry;
}

}  // namespace

Result<std::string> own_path() {
  std::error_code failure;
  const std::string path = std::filesystem::read_symlink("/proc/self/exe", failure).string();
  if (failure || !std::filesystem::exists(path, failure)) {
    return Error{Errc::kInternal, "cannot tell where this program is: run it where it is to stay"};
  }
  if (to_valid_utf8(path) == path) return path;
  return Error{Errc::kInternal, "the path of this program is not UTF-8: no host could write it"};
}

Result<Entry> make_entry(const InstallRequest& request, const Surroundings& surroundings,
                         std::vector<std::string>& warnings) {
  const auto self = own_path();
  if (!self) return self.error();
  const auto docker = docker_client(request.settings, surroundings);
  if (!docker && (request.container || request.settings.contains("DOCKER"))) return docker.error();
  if (request.container && !on_docker(request.settings)) {
    return Error{Errc::kInvalidArgument,
                 "the server's image speaks to Docker only: leave --container or ENGINE out"};
  }
  Settings environment = request.container ? Settings{} : request.settings;
  const auto chosen = request.settings.find("DOCKER_HOST");
  if (chosen != request.settings.end()) environment.insert(*chosen);
  if (docker) {
    environment["DOCKER"] = *docker;
    find_engine(environment, surroundings, warnings);
  } else {
    warnings.push_back(client_of(request.settings) +
                       " was not found, so that the entry does not say where it is. Once it "
                       "is installed, do this again.");
  }
  if (request.container) return container_entry(request, std::move(environment), surroundings);
  return Entry{*self, {}, std::move(environment)};
}

}  // namespace omcp_r::commands
