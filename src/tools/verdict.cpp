#include "verdict.hpp"

namespace omcp_r::tools {
namespace {

using sandbox::Execution;
using sandbox::Outcome;

constexpr int kBusy = 75;
constexpr int kKilled = 137;

const char* kept_note(const Execution& execution) {
  return execution.session_restarted
             ? " R had to be started anew: variables and loaded packages are gone, files in "
               "/sandbox are still there."
             : " Variables are still there.";
}

std::string crash_message(const Execution& execution) {
  const int status = execution.exit_status;
  const std::string restarted = kept_note(execution);
  if (status == kKilled) {
    return "R was killed, most likely because it ran out of memory. Work on less data at a time." +
           restarted;
  }
  return "R ended unexpectedly (status " + std::to_string(status) + ")." + restarted;
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
      return {124, "execution_timeout",
              "The code reached its time limit after " + seconds_text(execution.elapsed()) +
                  " and was stopped." + kept + " Give a larger timeout, or do less at a time.",
              true};
    case Outcome::kOutputLimit:
      return {kKilled, "output_limit",
              "The code printed more than is allowed and was stopped." + kept +
                  " Print less, or write to a file.",
              false};
    case Outcome::kQuit:
      return {execution.exit_status, execution.exit_status == 0 ? "" : "r_quit",
              "The code ended R with quit(). The next call starts a new session.", false};
    case Outcome::kCrashed:
      return {kKilled, "r_crashed", crash_message(execution), true};
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
          "Nothing is known of this execution in the sandbox: it is too old, or R was started anew "
          "since. Run the code again.",
          false};
}

}  // namespace omcp_r::tools
