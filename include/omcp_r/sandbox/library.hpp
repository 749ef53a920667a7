#pragma once

#include <string>

#include "omcp_r/base/result.hpp"

namespace omcp_r::sandbox {

/// "4.5" of "4.5.0": packages serve all versions of one series.
std::string r_series(const std::string& version);

/// Whether the packages in `folder` were built for an R of this version ("4.5.0") and platform
/// ("x86_64-pc-linux-gnu"; "" where it is not known), by the field Built of their DESCRIPTION
/// files. Errc::kMisconfigured names the first that was not, and what to do.
Status check_library(const std::string& folder, const std::string& r_version,
                     const std::string& platform);

/// Whether the sandboxes' user ("65532:65532") may list the folder and what is in it.
/// Errc::kMisconfigured says what to do.
Status check_readable(const std::string& folder, const std::string& user);

}  // namespace omcp_r::sandbox
