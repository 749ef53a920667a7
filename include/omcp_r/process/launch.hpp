#pragma once

#include <map>
#include <string>
#include <vector>

namespace omcp_r::process {

/// What to start. There is no shell and no search: argv[0] is the path of the program.
struct Launch {
  std::vector<std::string> argv{};
  std::map<std::string, std::string> set_environment{};  ///< added to ours, or in place of it
  std::vector<std::string> unset_environment{};          ///< names taken out of ours first
  bool with_input = false;  ///< a pipe on standard input; /dev/null otherwise
  /// Not killed when we end: for what must not stop halfway. It must end by itself.
  bool outlives_us = false;
};

/// How a process ended: by itself, with `code`, or by `signal` (then `code` means nothing).
struct ExitStatus {
  int code = 0;
  int signal = 0;

  [[nodiscard]] bool success() const { return code == 0 && signal == 0; }
};

}  // namespace omcp_r::process
