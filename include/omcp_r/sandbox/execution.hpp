#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "omcp_r/base/event.hpp"
#include "omcp_r/sandbox/transcript.hpp"

namespace omcp_r::sandbox {

/// How an execution ended.
enum class Outcome {
  kOk,
  kError,         ///< an R error reached the top level, or the code does not parse
  kInterrupted,   ///< the caller asked to stop it
  kTimedOut,      ///< it reached its limit
  kOutputLimit,   ///< it printed more than MAX_OUTPUT_BYTES
  kQuit,          ///< the code ended R with quit()
  kCrashed,       ///< R died: memory, or a fault in native code
  kSandboxEnded,  ///< the container is gone
  kEngineLost,    ///< the engine does not answer any more
  kUnknown,       ///< another process ran it and nothing is known of it
};

/// Why code is being stopped.
enum class StopReason { kNone, kRequested, kTimeout, kOutputLimit };

/// What to run, and how.
struct ExecutionRequest {
  std::string code;
  std::chrono::seconds timeout{30};
  std::optional<int> plot_width;
  std::optional<int> plot_height;
  std::optional<int> plot_resolution;
};

/// One run of code in a session, from its start to its collection. Lives as long as somebody may
/// still ask for it; all members are touched on the loop's thread only.
struct Execution {
  Execution(const asio::any_io_executor& executor, std::string execution_id, std::size_t max_chars)
      : id(std::move(execution_id)), transcript(max_chars), changed(executor) {}

  const std::string id;
  Transcript transcript;
  std::vector<std::string> plots;  ///< PNG files, in the order in which they were drawn
  nlohmann::json report;           ///< what the worker told of it; null where it could not
  StopReason stop = StopReason::kNone;
  Outcome outcome = Outcome::kOk;
  bool done = false;
  bool session_restarted = false;  ///< R was started anew: its variables are gone, files are not
  bool joined_late = false;        ///< what it printed before this process attached is missing
  int exit_status = 0;             ///< of R, where it ended
  std::string output_file;         ///< below /sandbox; the whole output, where the text is not
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point finished;
  std::chrono::steady_clock::time_point limit;
  Event changed;  ///< notified at every change

  [[nodiscard]] std::chrono::milliseconds elapsed() const {
    const auto end = done ? finished : std::chrono::steady_clock::now();
    return std::chrono::duration_cast<std::chrono::milliseconds>(end - started);
  }
};

}  // namespace omcp_r::sandbox
