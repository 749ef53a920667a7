#include "omcp_r/tools/verdict.hpp"

#include <cstdint>

namespace omcp_r::tools {
namespace {

using sandbox::Execution;
using sandbox::Outcome;

constexpr int kBusy = 75;
constexpr int kKilled = 137;

const char* kept_note(const Execution& execution) {
  return execution.session_restarted
             ? " R had to be restarted: variables and loaded packages are gone, files in "
               "/sandbox are still there."
             : " Variables are still there.";
}

/// What kills an R that nobody asked to stop is the kernel, for memory, or the supervisor, where
/// code crawls for want of it.
Verdict out_of_memory(const Execution& execution) {
  const std::uint64_t limit = execution.memory_bytes >> 20U;
  const std::string of =
      limit == 0 ? "all the memory of its sandbox"
                 : "more than the " + std::to_string(limit) + " MB of memory that its sandbox has";
  return {
      kKilled, "out_of_memory",
      "R was killed, most likely because the code needed " + of +
          "; files in /sandbox and /tmp count as well. Read fewer columns or rows "
          "(data.table::fread(select = , nrows = )), drop what is not needed (rm(), then gc()), "
          "or work on a part at a time." +
          kept_note(execution),
      false};
}

Verdict crashed(const Execution& execution) {
  if (execution.exit_status == kKilled) {
    return out_of_memory(execution);
  }
  return {kKilled, "r_crashed",
          "R ended unexpectedly (status " + std::to_string(execution.exit_status) +
              "), most likely through a fault in a package's compiled code." + kept_note(execution),
          true};
}

Verdict timed_out(const Execution& execution) {
  const std::string limit = execution.timeout.count() > 0
                                ? " of " + std::to_string(execution.timeout.count()) + " s"
                                : " after " + seconds_text(execution.elapsed());
  const auto longest = execution.longest_timeout;
  const std::string most =
      longest.count() > 0 ? " (at most " + std::to_string(longest.count()) + ")" : "";
  const bool can_be_longer = longest.count() == 0 || execution.timeout < longest;
  return {
      124, "execution_timeout",
      "The code reached its time limit" + limit + " and was stopped." + kept_note(execution) +
          (can_be_longer
               ? " Give a larger timeout" + most + ", or do less at a time."
               : std::string{" A longer timeout is not allowed (MAX_EXECUTION_TIMEOUT): do less "
                             "at a time."}),
      true};
}

}  // namespace

std::string seconds_text(std::chrono::milliseconds time) {
  const auto tenths = (time.count() + 50) / 100;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

Verdict verdict_of(const Error& error) {
  switch (error.code) {
    case Errc::kInvalidArgument:
      return {1, "invalid_argument", error.message, false};
    case Errc::kNotFound:
      return {1, "sandbox_not_found", error.message, false};
    case Errc::kBusy:
      return {kBusy, "sandbox_busy", error.message, true};
    case Errc::kLimitReached:
      return {1, "max_sandboxes_reached", error.message, true};
    case Errc::kImageNotAllowed:
      return {1, "image_not_allowed", error.message, false};
    case Errc::kImageNotFound:
      return {1, "image_not_found", error.message, false};
    case Errc::kEngineUnavailable:
      return {1, "engine_unavailable", error.message, true};
    case Errc::kEnded:
      return {1, "sandbox_ended", error.message, false};
    case Errc::kTimeout:
      return {1, "engine_timeout", error.message, true};
    case Errc::kLimitsNotApplied:
      return {1, "limits_not_applied", error.message, false};
    case Errc::kMisconfigured:
      return {1, "configuration_invalid", error.message, false};
    case Errc::kInternal:
      break;
  }
  return {1, "internal_error", error.message, false};
}

Verdict verdict_of(const Execution& execution) {
  const std::string kept = kept_note(execution);
  switch (execution.outcome) {
    case Outcome::kOk:
      return {};
    case Outcome::kError:
      return {1, "r_error", "", false};
    case Outcome::kInterrupted:
      return {execution.session_restarted ? kKilled : 130, "interrupted",
              "The code was stopped as asked." + kept, true};
    case Outcome::kTimedOut:
      return timed_out(execution);
    case Outcome::kOutputLimit:
      return {kKilled, "output_limit",
              "The code printed more than is allowed and was stopped." + kept +
                  " Print less, or write to a file.",
              false};
    case Outcome::kQuit:
      return {execution.exit_status, execution.exit_status == 0 ? "" : "r_quit",
              "The code ended R with quit(). The next call starts a new session.", false};
    case Outcome::kCrashed:
      return crashed(execution);
    case Outcome::kSandboxEnded:
      return {kKilled, "sandbox_ended",
              "The sandbox ended while the code ran; its variables and files are gone. Create a "
              "new one with create_sandbox.",
              false};
    case Outcome::kEngineLost:
      return {kKilled, "engine_unavailable",
              "The container engine stopped answering while the code ran. Call execute_r_code with "
              "the execution_id once it is back.",
              true};
    case Outcome::kUnknown:
      break;
  }
  return {1, "execution_not_found",
          "Nothing is known of this execution in the sandbox: it is too old, or R was restarted "
          "since. Run the code again.",
          false};
}

}  // namespace omcp_r::tools
