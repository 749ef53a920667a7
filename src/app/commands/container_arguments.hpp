#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace omcp_r::commands {

/// A server that itself runs in a container, and talks to the engine outside.
struct ContainerEntry {
  std::string image;
  std::string socket;  ///< of the engine, as the engine's machine names it
  gid_t group = 0;     ///< who may use the socket
  std::map<std::string, std::string> settings{};
  std::string scope;  ///< where the settings do not say: a container does not know who it serves
};

/// The options of `docker run` that lock the server's container down. README.md, the bundle's
/// launcher, the registry's entry and the Compose file say the same; a test holds them together.
std::vector<std::string> confinement();

/// The arguments of docker that start it.
std::vector<std::string> container_arguments(const ContainerEntry& entry);

}  // namespace omcp_r::commands
