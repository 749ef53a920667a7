#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "omcp_r/base/result.hpp"
#include "omcp_r/engine/engine.hpp"
#include "omcp_r/sandbox/settings.hpp"

namespace omcp_r::sandbox {

/// Who waits for an image that is being got.
struct PullWatch {
  std::function<void(const std::string& line)> on_line{};  ///< hears the client's last words of it
  std::function<bool()> wanted{};                          ///< asked often: false ends the waiting
  bool ends_it = false;                        ///< and, where nobody else waits, the pull
  std::optional<std::chrono::seconds> most{};  ///< to wait; EXECUTION_WAIT where there is none
};

/// What a caller may choose of a new sandbox; everything else is the configuration's.
struct CreateRequest {
  std::optional<std::chrono::seconds> idle_timeout;
  std::optional<std::string> image;
  std::optional<std::uint64_t> memory_bytes;
  std::optional<double> cpus;
  bool pull = false;  ///< an image that is missing is got, as with PULL=missing
  PullWatch watch{};
};

/// The request with the configuration's values where it has none, within the configured bounds.
struct Grant {
  std::chrono::seconds idle_timeout{300};
  std::string image;
  std::uint64_t memory_bytes = 0;
  double cpus = 1.0;
};

/// Bytes that a sandbox gets where the call names none: the configured maximum. Where nobody
/// configured that, a share of `machine`, the memory of the engine's machine in bytes (0: not
/// known), but 512 MB at least.
std::uint64_t usual_memory(const Settings& settings, std::uint64_t machine);

/// Errc::kImageNotAllowed or kInvalidArgument with what is allowed.
Result<Grant> decide(const Settings& settings, const CreateRequest& request);

/// What the engine is to create. Id, domain and role are the caller's; the rest is filled in here.
engine::Spec spec_of(const Settings& settings, const Grant& grant, engine::Identity identity);

/// Below STATE_DIR, what is of one scope.
std::string scope_folder(const Settings& settings);

/// The folder with the way to the database, which sandboxes see: one for each role and database of
/// a scope, so that servers of other settings open other doors.
std::string database_folder(const Settings& settings);

/// Errc::kLimitsNotApplied where something is not in force: a sandbox without its limits is
/// refused.
Status check_in_force(const std::vector<std::string>& not_in_force);

}  // namespace omcp_r::sandbox
