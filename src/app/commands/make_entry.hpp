#pragma once

#include <string>
#include <vector>

#include "commands/entry.hpp"
#include "commands/install_arguments.hpp"
#include "omcp_r/app/config.hpp"
#include "omcp_r/base/result.hpp"

namespace omcp_r::commands {

/// The path of this program.
Result<std::string> own_path();

/// What hosts are to start. Hosts have little of PATH, HOME and other variables, so that the entry
/// says where docker is and which engine it speaks to. What could not be found out goes to
/// `warnings`.
Result<Entry> make_entry(const InstallRequest& request, const app::Surroundings& surroundings,
                         std::vector<std::string>& warnings);

}  // namespace omcp_r::commands
