#pragma once

#include <string_view>

namespace omcp_r::engine {

/// What a runtime of sandboxes does otherwise than runc, the usual one of engines.
struct Runtime {
  std::string_view name;  ///< how it is known, as a part of its name in the engine's configuration
  bool own_kernel = false;  ///< what the machine's limits and forbids is not seen from inside
  /// RLIMIT_NPROC counts the processes of one sandbox; the machine's would count its user's.
  bool counts_processes = false;
  int own_tasks = 0;   ///< processes and threads on the machine beyond those of the sandbox
  int each_tasks = 1;  ///< of them for each process of the sandbox
};

/// That of a name that RUNTIME may have; an unknown one is taken to be as runc.
const Runtime& runtime_of(std::string_view name);

/// How many processes and threads the machine must allow for `processes` in a sandbox.
int tasks_for(const Runtime& runtime, int processes);

}  // namespace omcp_r::engine
