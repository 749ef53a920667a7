#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "omcp_r/base/result.hpp"

namespace omcp_r::engine {

/// What is mounted into the container of this server.
struct OwnMount {
  std::string type;
  std::string source;  ///< on the engine's machine
  std::string target;  ///< in the container, with no links in it
};

/// Names the folders that this server sees in its own container as the engine does, which is asked
/// to share them with a sandbox.
class OwnMounts {
 public:
  /// What to ask `docker inspect` for.
  static constexpr const char* kFormat =
      R"({"Mounts":{{json .Mounts}},"Asked":{{json .HostConfig.Mounts}},"Env":{{json .Config.Env}}})";

  /// Errc::kMisconfigured for the answer of another container than ours.
  static Result<OwnMounts> from(std::string_view inspected);

  /// Where a folder lies on the engine's machine. Errc::kMisconfigured for what is in the container
  /// only, with the option to add, and for what nobody shares on purpose: by its name out there,
  /// which the container itself does not always know. `written`: it is no folder to read only.
  [[nodiscard]] Result<std::string> host_path(const std::string& folder, bool written) const;

 private:
  std::vector<OwnMount> mounts_;
};

/// Says that this server's own container cannot be found, and what to do.
Error unknown_container();

/// Why a call of the docker client was refused, where the reason is how our container was started;
/// "" where it is another. `stderr_text` is what the client said, `docker_host` the address.
std::string what_container_lacks(std::string_view stderr_text, const std::string& docker_host);

}  // namespace omcp_r::engine
