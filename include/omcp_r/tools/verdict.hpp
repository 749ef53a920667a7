#pragma once

#include <chrono>
#include <string>

#include "omcp_r/base/result.hpp"
#include "omcp_r/sandbox/execution.hpp"

namespace omcp_r::tools {

/// What an error or an outcome means for the caller.
struct Verdict {
  int exit_code = 0;
  const char* code = "";  ///< stable, snake_case; "" where there is no error
  std::string message;    ///< what happened, then what to do; "" where R's own message stands
  bool retryable = false;
};

Verdict verdict_of(const Error& error);
/// Of an execution that is done.
Verdict verdict_of(const sandbox::Execution& execution);

std::string seconds_text(std::chrono::milliseconds time);

}  // namespace omcp_r::tools
