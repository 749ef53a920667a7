#pragma once

#include <string>

#include "omcp_r/base/result.hpp"

namespace omcp_r::engine {

/// Where to look. Hosts launch us with a bare PATH and at times without HOME.
struct DockerSearch {
  std::string wanted;            ///< a path, a name to find in `path`, or "" for the usual one
  std::string path;              ///< the PATH variable
  std::string home;              ///< "" where unknown
  std::string usual = "docker";  ///< name
};

/// The path of an executable client, docker or podman, else Errc::kEngineUnavailable with advice.
Result<std::string> find_docker(const DockerSearch& search);

/// HOME, else what the user database says, else "".
std::string home_directory();

}  // namespace omcp_r::engine
