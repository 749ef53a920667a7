#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "omcp_r/base/result.hpp"
#include "omcp_r/process/launch.hpp"

namespace omcp_r::process {

namespace asio = boost::asio;

/// One command that runs to its end.
struct Command {
  Launch launch;
  std::string input;                             ///< goes to standard input, then end of file
  std::chrono::milliseconds time_limit{20'000};  ///< after that the child's group is killed
  std::size_t max_out = std::size_t{8} << 20;    ///< what is beyond is read and dropped
  std::size_t max_err = std::size_t{256} << 10;
  /// Gets what the child prints on either stream as it comes, what is beyond the bounds included.
  std::function<void(std::string_view)> on_output;
  /// Asked several times a second; once it says false, the child is ended as at its time limit.
  std::function<bool()> wanted;
};

/// How a command ended.
struct Exit {
  ExitStatus status;
  std::string out;
  std::string err;
  bool timed_out = false;  ///< killed at its time limit
  bool truncated = false;  ///< out or err was longer than its bound
};

/// Runs commands. An interface, because tests of what is above need a world without processes.
class CommandRunner {
 public:
  CommandRunner() = default;
  CommandRunner(const CommandRunner&) = delete;
  CommandRunner& operator=(const CommandRunner&) = delete;
  virtual ~CommandRunner() = default;

  /// Runs one command to its end. What the child does is in Exit; Error means that it never ran.
  /// Cancelling the awaiting coroutine, or destroying it, kills the child's process group.
  virtual asio::awaitable<Result<Exit>> run(Command command) = 0;
};

/// The runner that starts real processes.
std::unique_ptr<CommandRunner> make_command_runner(asio::any_io_executor executor);

}  // namespace omcp_r::process
