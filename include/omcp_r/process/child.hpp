#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "omcp_r/base/clock.hpp"
#include "omcp_r/base/result.hpp"
#include "omcp_r/process/launch.hpp"

namespace omcp_r::process {

namespace asio = boost::asio;

enum class Output { kOut, kErr };

/// What a waiter wants to hear of, besides the end of the child.
enum class Interest { kEnd, kOutput, kRoom, kOutputAndRoom };

/// A running child process with pipes. It is passive: every call but changed() returns at once, and
/// the owner looks again after changed(). All on the executor's one thread.
///
/// The child leads a process group of its own. When it ends, and when the Child is destroyed, what
/// is left of the group is killed; reaping goes on in the background and never blocks. It also dies
/// when we do, however we die, unless the program is set-user-id (the kernel's rule). With
/// Launch::outlives_us only kill() and its own end end it.
class Child {
 public:
  using Deadline = Clock::time_point;

  /// Starts the program, or says why it did not start; then nothing of it is left behind.
  static Result<std::shared_ptr<Child>> spawn(const asio::any_io_executor& executor,
                                              const Launch& launch);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Writes what fits in the pipe now and takes it off `bytes`. False when nobody reads any more.
  /// The first spawn() sets an unhandled SIGPIPE to be ignored, in our process only.
  bool try_write(std::string_view& bytes);
  /// Closes the child's standard input.
  void close_input();

  /// The bytes that are there now, at most `max`; empty when there are none yet or no more.
  std::string try_read(Output stream, std::size_t max);
  /// How many bytes wait in the pipe.
  [[nodiscard]] std::size_t available(Output stream) const;
  /// Whether the stream has been read to its end or closed.
  [[nodiscard]] bool at_end(Output stream) const;

  /// Set once the child has ended and been reaped. Output may still wait in the pipes.
  [[nodiscard]] const std::optional<ExitStatus>& exit_status() const;

  /// Returns when it may be worth looking again: the child ended, close(), the deadline, and what
  /// `interest` names. Ask for room only after a try_write that left something.
  asio::awaitable<void> changed(Interest interest, Deadline deadline = Deadline::max());
  /// Kills the child's whole group, if it runs.
  void kill();
  /// Closes all pipes and kills the group. Never blocks.
  void close();
  [[nodiscard]] pid_t pid() const;

 private:
  struct State;
  explicit Child(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace omcp_r::process
