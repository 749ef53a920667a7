#pragma once

#include "commands/install_arguments.hpp"
#include "omcp_r/app/config.hpp"

namespace omcp_r::commands {

/// Says what is configured where and whether it answers; 1 where something does not.
int list_servers(const InstallRequest& request, const app::Surroundings& surroundings);

}  // namespace omcp_r::commands
