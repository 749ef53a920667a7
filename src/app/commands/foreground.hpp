#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "commands/floors.hpp"
#include "commands/progress.hpp"
#include "commands/signals.hpp"
#include "commands/standard_output.hpp"
#include "commands/words.hpp"
#include "omcp_r/base/result.hpp"
#include "omcp_r/sandbox/execution.hpp"

namespace omcp_r::commands {

/// Bytes of code that a person may give at once.
inline constexpr std::size_t kMaxCode = std::size_t{10} << 20;

/// `own`, and the options of each command that runs R in a new sandbox.
std::vector<Flag> with_sandbox_flags(std::vector<Flag> own);

/// How a person waits for an image that is being got: as long as it takes, or until Ctrl-C.
sandbox::PullWatch watch_of_person(Progress& progress);

/// What runs in a sandbox while a person waits for it: prints as it goes, and is stopped where
/// nobody takes its output any more, and by a signal. A second signal ends the sandbox.
class Foreground : public std::enable_shared_from_this<Foreground> {
 public:
  explicit Foreground(Floors& floors)
      : floors_(floors), signals_(std::make_shared<Signals>(floors.io())) {}

  /// Heeds signals until ignore_signals(), and calls `also` then.
  void heed_signals(std::function<void(int)> also = nullptr);
  void ignore_signals();
  /// Makes the sandbox, with the settings that the command was given.
  asio::awaitable<Result<sandbox::SandboxView>> create();
  asio::awaitable<void> remove();
  /// Takes one that is there, and that no signal ends.
  void use(std::string id);
  /// What stopped the code before does not stop the next.
  void begin_anew();
  /// Runs code there to its end.
  asio::awaitable<Result<sandbox::ExecutionPtr>> run(std::string code);
  /// Tells what was left out of an execution's results, and what the worker remarks.
  static void tell(const sandbox::Execution& execution);
  static void tell_kept(const sandbox::SandboxView& made);

  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] bool stopped() const { return stopped_; }
  [[nodiscard]] StandardOutput& output() { return output_; }

 private:
  static asio::awaitable<void> end_now(std::shared_ptr<Foreground> self);
  void on_signal(int signal);
  void stop();
  void stop_soon();

  Floors& floors_;
  std::shared_ptr<Signals> signals_;
  StandardOutput output_;
  std::function<void(int)> also_;
  std::string id_;
  bool ours_ = true;
  sandbox::ExecutionPtr execution_;
  bool stopped_ = false;  ///< the code is to be, or was
  bool asked_ = false;    ///< by a signal
};

}  // namespace omcp_r::commands
