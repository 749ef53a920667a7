#pragma once

#include <sys/types.h>

#include <array>

#include "omcp_r/base/result.hpp"

namespace omcp_r::process {

/// What the child needs, made ready by the parent: the child itself may not allocate.
struct StartPlan {
  char* const* argv = nullptr;         ///< null-terminated; argv[0] is the program's path
  char* const* environment = nullptr;  ///< null-terminated
  std::array<int, 3> stdio{};          ///< become 0, 1 and 2; all above 2
  bool outlives_us = false;            ///< no SIGKILL when the calling thread ends
};

/// A started process that has reached exec, and a descriptor that becomes readable when it ends.
struct StartedProcess {
  pid_t pid = -1;
  int pidfd = -1;
};

/// Starts a process in a group of its own, with default signals, an empty signal mask, nothing open
/// but 0, 1 and 2, and (but for outlives_us) SIGKILL due when the calling thread ends. On failure
/// nothing is left behind.
Result<StartedProcess> start_process(const StartPlan& plan);

}  // namespace omcp_r::process
