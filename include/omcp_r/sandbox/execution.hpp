#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "omcp_r/base/clock.hpp"
#include "omcp_r/base/event.hpp"
#include "omcp_r/base/result.hpp"
#include "omcp_r/sandbox/report.hpp"
#include "omcp_r/sandbox/transcript.hpp"

namespace omcp_r::sandbox {

/// How an execution ended.
enum class Outcome {
  kOk,
  kError,         ///< an R error reached the top level, or the code does not parse
  kInterrupted,   ///< the caller asked to stop it
  kTimedOut,      ///< it reached its limit
  kOutputLimit,   ///< it printed or sent more than MAX_OUTPUT_BYTES
  kQuit,          ///< the code ended R with quit()
  kCrashed,       ///< R died: memory, or a fault in native code
  kSandboxEnded,  ///< the container is gone
  kEngineLost,    ///< the engine does not answer any more
  kUnknown,       ///< another process ran it and nothing is known of it
};

/// The word for it in logs.
const char* outcome_name(Outcome outcome);

/// Why code is being stopped.
enum class StopReason { kNone, kRequested, kTimeout, kOutputLimit };

/// Takes the bytes of a file slice by slice; an error ends the reading of it.
using ByteSink = std::function<Status(std::string_view)>;

/// Some bytes of a file, and how many it has in all.
struct FilePart {
  std::string bytes;
  std::uint64_t size = 0;
};

/// What to run, and how.
struct ExecutionRequest {
  std::string code;
  std::chrono::seconds timeout{30};
  std::optional<int> plot_width;
  std::optional<int> plot_height;
  std::optional<int> plot_resolution;
  /// Gets what R prints as it comes, bytes as they are; may be empty, and must not throw.
  std::function<void(std::string_view)> on_output = {};
};

/// A page that a run drew on.
struct Plot {
  static constexpr std::uint64_t kNoPlace = ~std::uint64_t{0};

  unsigned number = 0;             ///< in its run, from 1
  std::string bytes;               ///< a valid PNG or JPEG file; "" where it is not to be shown
  std::string file;                ///< in /sandbox, that it shows; "" where it was drawn
  bool open = false;               ///< it was sent while it might still be drawn on
  bool told = false;               ///< an answer has shown it while the run went on
  std::uint64_t place = kNoPlace;  ///< in the transcript: see Transcript::position()
};

/// One run of code in a session, from its start to its collection. Lives as long as somebody may
/// still ask for it; all members are touched on the loop's thread only.
struct Execution {
  Execution(const asio::any_io_executor& executor, std::string execution_id, std::size_t max_chars)
      : id(std::move(execution_id)), transcript(max_chars), changed(executor) {}

  const std::string id;
  Transcript transcript;
  std::function<void(std::string_view)> on_output;  ///< see ExecutionRequest
  std::vector<Plot> plots;                          ///< in the order in which they were first sent
  std::optional<Report> report;     ///< none where the worker could not tell, or lied
  std::vector<Condition> warnings;  ///< as they happened; the report's own replace them
  StopReason stop = StopReason::kNone;
  Outcome outcome = Outcome::kOk;
  bool done = false;
  bool session_restarted = false;    ///< R was started anew: its variables are gone, files are not
  bool joined_late = false;          ///< what it printed before this process attached is missing
  bool found_finished = false;       ///< another process ran it, and it had ended when we looked
  bool recent = false;               ///< its sandbox keeps it for who asks again
  bool let_go = false;               ///< output and plots were dropped to make room for others'
  int exit_status = 0;               ///< of R, where it ended
  std::string output_file;           ///< below /sandbox; the whole output, where the text is not
  std::vector<std::string> dropped;  ///< what was over a bound and left out, in sentences
  Clock::time_point started = Clock::now();  ///< when it was handed to R
  Clock::time_point finished{};
  std::chrono::seconds timeout{
      0};  ///< of the run, from its begin mark on; 0 is not ours to enforce
  std::chrono::seconds longest_timeout{0};  ///< that may be asked for; 0 where nobody said
  std::uint64_t memory_bytes = 0;           ///< of its sandbox; 0 where that is not known
  Clock::time_point limit = Clock::time_point::max();
  Event changed;  ///< notified at every change

  [[nodiscard]] std::chrono::milliseconds elapsed() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>((done ? finished : Clock::now()) -
                                                                 started);
  }
  /// What R has printed since the last of it.
  void print(std::string_view bytes) {
    transcript.append(bytes);
    if (on_output) on_output(bytes);
  }
  /// Bytes of memory that its results hold.
  [[nodiscard]] std::size_t held() const;
};

using ExecutionPtr = std::shared_ptr<Execution>;

}  // namespace omcp_r::sandbox
