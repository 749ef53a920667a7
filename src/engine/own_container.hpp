#pragma once

#include <string>
#include <string_view>

#include "omcp_r/base/result.hpp"

namespace omcp_r::engine {

/// Where a folder that this server sees in its own container lies on the engine's machine: what the
/// engine is asked to share with a sandbox has to be named by that. `mounts` is the answer of
/// `docker inspect --format '{{json .Mounts}}'` for our container. Errc::kInvalidArgument for what
/// is in the container only, with the option to add, and for what nobody shares on purpose: by its
/// name out there, which the container itself does not always know.
Result<std::string> host_path(std::string_view mounts, const std::string& folder);

/// Why a call of the docker client was refused, where the reason is how our container was started;
/// "" where it is another. `stderr_text` is what the client said, `docker_host` the address.
std::string what_container_lacks(std::string_view stderr_text, const std::string& docker_host);

}  // namespace omcp_r::engine
