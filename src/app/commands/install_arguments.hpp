#pragma once

#include <map>
#include <string>
#include <vector>

#include "commands/hosts.hpp"
#include "omcp_r/app/config.hpp"
#include "omcp_r/base/result.hpp"

namespace omcp_r::commands {

/// What `install` was asked for.
struct InstallRequest {
  enum class Kind { kInstall, kUninstall, kList, kHelp };

  Kind kind = Kind::kInstall;
  std::vector<const Host*> hosts{};  ///< empty is those that are found
  std::string name = "omcp-r-sandbox";
  std::string image = "omcp-r-sandbox:latest";
  std::map<std::string, std::string> settings{};  ///< checked; paths are absolute
  bool container = false;
  bool dry_run = false;
};

Result<InstallRequest> parse_install(const std::vector<std::string>& arguments,
                                     const app::Surroundings& surroundings);

std::string install_help();

}  // namespace omcp_r::commands
