#pragma once

#include <optional>
#include <string>
#include <vector>

#include "omcp_r/app/config.hpp"
#include "omcp_r/base/result.hpp"

namespace omcp_r::app {

/// A .env file that was chosen, and its text.
struct EnvFile {
  std::string path;
  std::string text;
  /// The user named it, or it is in the user's own folder of settings. One that merely lies about
  /// in the working directory came with somebody's project, and may not name programs to run.
  bool trusted = false;
};

/// Reads the file that the user named.
Result<EnvFile> named_env_file(const std::string& path, const Surroundings& surroundings);

/// Looks for .env in the working directory, in its parents, then in the user's folder of settings;
/// the first one counts. One that cannot be read, or belongs to another user, is passed over with a
/// word in `warnings`.
std::optional<EnvFile> find_env_file(const Surroundings& surroundings,
                                     std::vector<std::string>& warnings);

}  // namespace omcp_r::app
