#include "omcp_r/process/command_runner.hpp"

#include <algorithm>
#include <csignal>
#include <string_view>
#include <utility>

#include "omcp_r/process/child.hpp"

namespace omcp_r::process {
namespace {

/// How long a killed child may take to vanish before we stop looking (it is still reaped).
constexpr std::chrono::seconds kKillPatience{2};
/// How often it is asked whether a child is still wanted.
constexpr std::chrono::milliseconds kLook{200};
/// What is read in one go: a child that floods us must not starve the loop.
constexpr std::size_t kReadAtOnce = std::size_t{64} << 10;

/// Keeps the head of one stream, and reads on so that the child never blocks on it.
class Collector {
 public:
  using Sink = std::function<void(std::string_view)>;
  Collector(Output stream, std::size_t bound, Sink sink)
      : stream_(stream), bound_(bound), sink_(std::move(sink)) {}

  void take(Child& child, std::size_t max) {
    const std::string bytes = child.try_read(stream_, max);
    if (sink_ && !bytes.empty()) sink_(bytes);
    const std::size_t room = bound_ - text_.size();
    text_.append(bytes, 0, std::min(room, bytes.size()));
    truncated_ = truncated_ || bytes.size() > room;
  }

  /// What the pipe holds now and not what a stray grandchild may add to it for ever.
  void take_rest(Child& child) {
    for (std::size_t left = child.available(stream_); left > 0 && !child.at_end(stream_);) {
      const std::size_t step = std::min(left, kReadAtOnce);
      take(child, step);
      left -= step;
    }
  }

  [[nodiscard]] bool truncated() const { return truncated_; }
  std::string text() { return std::move(text_); }

 private:
  Output stream_;
  std::size_t bound_;
  Sink sink_;
  std::string text_;
  bool truncated_ = false;
};

/// Feeds a child's input from a string, then closes it.
class Feeder {
 public:
  explicit Feeder(std::string_view input) : left_(input) {}

  void feed(Child& child) {
    if (!done_ && (!child.try_write(left_) || left_.empty())) {
      done_ = true;
      child.close_input();
    }
  }
  [[nodiscard]] Interest interest() const {
    return done_ ? Interest::kOutput : Interest::kOutputAndRoom;
  }

 private:
  std::string_view left_;
  bool done_ = false;
};

/// One command on its way; looked at after every change.
class Execution {
 public:
  Execution(std::shared_ptr<Child> child, const Command& command)
      : child_(std::move(child)),
        deadline_(Clock::now() + command.time_limit),
        wanted_(command.wanted),
        feeder_(command.input),
        out_(Output::kOut, command.max_out, command.on_output),
        err_(Output::kErr, command.max_err, command.on_output) {}

  asio::awaitable<void> finish() {
    while (!step()) {
      const auto look = wanted_ ? std::min(deadline_, Clock::now() + kLook) : deadline_;
      co_await child_->changed(feeder_.interest(), look);
    }
  }

  Exit result() {
    const ExitStatus killed{.code = 0, .signal = SIGKILL};
    Exit exit;
    exit.status = child_->exit_status().value_or(killed);
    exit.timed_out = timed_out_;
    exit.truncated = out_.truncated() || err_.truncated();
    exit.out = out_.text();
    exit.err = err_.text();
    return exit;
  }

 private:
  /// True when there is nothing left to wait for.
  bool step() {
    feeder_.feed(*child_);
    if (child_->exit_status()) {
      out_.take_rest(*child_);
      err_.take_rest(*child_);
      return true;
    }
    out_.take(*child_, kReadAtOnce);
    err_.take(*child_, kReadAtOnce);
    if (!timed_out_ && wanted_ && !wanted_()) {
      deadline_ = Clock::now();
    }
    return past_deadline();
  }

  /// First kills, then gives up.
  bool past_deadline() {
    if (Clock::now() < deadline_) {
      return false;
    }
    if (timed_out_) {
      return true;
    }
    timed_out_ = true;
    deadline_ = Clock::now() + kKillPatience;
    child_->kill();
    return false;
  }

  std::shared_ptr<Child> child_;
  Clock::time_point deadline_;
  std::function<bool()> wanted_;
  Feeder feeder_;
  Collector out_;
  Collector err_;
  bool timed_out_ = false;
};

class ProcessRunner final : public CommandRunner {
 public:
  explicit ProcessRunner(asio::any_io_executor executor) : executor_(std::move(executor)) {}

  asio::awaitable<Result<Exit>> run(Command command) override {
    command.launch.with_input = !command.input.empty();
    auto child = Child::spawn(executor_, command.launch);
    if (!child) {
      co_return child.error();
    }
    Execution execution{std::move(*child), command};
    co_await execution.finish();
    co_return execution.result();
  }

 private:
  asio::any_io_executor executor_;
};

}  // namespace

std::unique_ptr<CommandRunner> make_command_runner(asio::any_io_executor executor) {
  return std::make_unique<ProcessRunner>(std::move(executor));
}

}  // namespace omcp_r::process
