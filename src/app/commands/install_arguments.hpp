#pragma once

#include <map>
#include <string>
#include <vector>

#include "commands/hosts.hpp"
#include "omcp_r/app/config.hpp"
#include "omcp_r/base/result.hpp"

namespace omcp_r::commands {

/// What hosts know this server by.
inline constexpr const char* kServerName = "omcp-r-sandbox";

/// What `install` was asked for.
struct InstallRequest {
  enum class Kind { kInstall, kUninstall, kList, kHelp };

  Kind kind = Kind::kInstall;
  std::vector<const Host*> hosts{};  ///< empty is those that are found
  std::string name = kServerName;
  std::string image = "omcp-r-sandbox:latest";
  std::map<std::string, std::string> settings{};  ///< checked; paths are absolute
  bool container = false;
  bool dry_run = false;
};

/// An option of `install`.
struct InstallOption {
  const char* flag;
  const char* value;  ///< what it takes, such as NAME; "" is none
  const char* help;

  [[nodiscard]] bool takes_value() const { return *value != '\0'; }
};

/// The one table of them, in the order of the help.
const std::vector<InstallOption>& install_options();

/// What `install` does, in two sentences or so.
const char* install_purpose();

Result<InstallRequest> parse_install(const std::vector<std::string>& arguments,
                                     const app::Surroundings& surroundings);

std::string install_help();

}  // namespace omcp_r::commands
