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
  /// The user named it, or it is the user's own. One that merely lies about in the working
  /// directory may have come with somebody's project.
  bool trusted = false;
};

/// Reads the file that the user named.
Result<EnvFile> named_env_file(const std::string& path, const Surroundings& surroundings);

/// The user's own file of settings and the nearest .env of the working directory or its parents,
/// in this order, as far as they are there. One that cannot be read, or belongs to another user, is
/// passed over with a word in `warnings`.
std::vector<EnvFile> find_env_files(const Surroundings& surroundings,
                                    std::vector<std::string>& warnings);

/// Where the user's own file of settings is looked for; "" is nowhere.
std::string settings_file(const Surroundings& surroundings);

}  // namespace omcp_r::app
