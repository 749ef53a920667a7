#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "omcp_r/base/event.hpp"
#include "omcp_r/base/result.hpp"
#include "omcp_r/engine/engine.hpp"
#include "omcp_r/sandbox/execution.hpp"
#include "omcp_r/sandbox/frames.hpp"

namespace omcp_r::sandbox {

/// What R said when it was greeted.
struct Greeting {
  std::string r_version;
};

/// The channel to the R of one sandbox: one attached stream, kept open. At most one execution and
/// any number of small requests at a time. Shared by its reader, its writer and its owner; all on
/// the loop's thread.
class Session : public std::enable_shared_from_this<Session> {
 public:
  /// How long each rung of the ladder waits for the code to stop before the next.
  struct Ladder {
    std::chrono::milliseconds repeat{300};  ///< interrupts again after this
    std::chrono::milliseconds kill{3000};   ///< then kills R and all it started
    /// Then, this long after the kill was delivered (a busy engine may take its time), removes the
    /// container.
    std::chrono::milliseconds remove{5000};
  };

  Session(const asio::any_io_executor& executor, engine::Engine& engine, std::string container);

  /// Attaches. The container must run.
  asio::awaitable<Status> attach();

  /// Waits until R answers; Errc::kBusy when it has not by `deadline`, kEnded when the stream
  /// ended. `idle` newly sets the idle timeout of the sandbox, in seconds.
  asio::awaitable<Result<Greeting>> greet(std::chrono::steady_clock::time_point deadline,
                                          std::optional<std::int64_t> idle);

  /// Starts `request` as `execution`; watch() sees it to its end.
  void start(const std::shared_ptr<Execution>& execution, const ExecutionRequest& request);

  /// Takes over an execution that another process started: its report is collected when it comes.
  void adopt(const std::shared_ptr<Execution>& execution);

  /// Returns when `execution` has ended, having climbed the ladder where its limit passed, its
  /// output grew beyond `max_output_bytes` or somebody set execution->stop. Sets the outcome; that
  /// it is done is for the owner to say.
  asio::awaitable<void> watch(std::shared_ptr<Execution> execution, std::uint64_t max_output_bytes);

  /// Asks the worker for something small; it answers when R is idle. Errc::kInvalidArgument with
  /// the worker's reason, kBusy at the deadline.
  asio::awaitable<Result<std::string>> ask(Fields fields,
                                           std::chrono::steady_clock::time_point deadline);

  [[nodiscard]] bool open() const { return attachment_ != nullptr && !ended_; }
  /// The container has a new name.
  void renamed(std::string container) { container_ = std::move(container); }
  /// Makes watch() look again, after execution->stop was set.
  void poke();
  void close();

 private:
  using Clock = std::chrono::steady_clock;
  struct Reply {
    std::string type;
    std::string payload;
  };

  asio::awaitable<void> read_loop();
  asio::awaitable<void> write_loop();
  void send(std::string line);
  void on_frame(Frame frame);
  void on_exit(const std::string& payload);
  void on_output(std::string_view bytes);
  asio::awaitable<std::optional<Reply>> await_reply(std::string id, Clock::time_point deadline);
  [[nodiscard]] bool complete(const Execution& execution) const;
  asio::awaitable<void> climb(Execution& execution, Clock::time_point since);
  asio::awaitable<void> settle();
  asio::awaitable<bool> recover(Execution& execution);
  void finish(Execution& execution, Outcome outcome);
  [[nodiscard]] Outcome outcome_of(const Execution& execution) const;

  asio::any_io_executor executor_;
  engine::Engine& engine_;
  std::string container_;
  std::shared_ptr<engine::Attachment> attachment_;
  FrameParser frames_;
  TranscriptFilter filter_;
  std::deque<std::string> outgoing_;
  std::map<std::string, std::optional<Reply>> replies_;  ///< asked for, and answered
  std::shared_ptr<Execution> current_;
  Event wake_;          ///< something arrived, or is to be sent
  bool ended_ = false;  ///< the stream has ended
  bool has_report_ = false;
  bool quit_ = false;
  bool exited_ = false;
  Clock::time_point report_at_;
  Clock::time_point last_heard_;
  int interrupts_sent_ = 0;
  int interrupts_acknowledged_ = 0;
  bool kill_sent_ = false;
  bool remove_sent_ = false;
  Clock::time_point killed_at_{};
  Clock::time_point next_interrupt_;
  std::uint64_t next_id_ = 0;
};

}  // namespace omcp_r::sandbox
