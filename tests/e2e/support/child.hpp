#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/text.hpp"

namespace omcp_r::e2e {

using Environment = std::map<std::string, std::string>;
using Argv = std::vector<std::string>;

/// How a process ended: an exit code, or the signal that killed it.
struct Ending {
  int code = -1;
  int signal = 0;
};

std::string to_string(const Ending& ending);

/// What to start. Without `environment` the child gets the test's own.
struct ChildSpec {
  Argv argv;
  std::optional<Environment> environment;
  std::filesystem::path folder;  ///< working directory; empty: the test's own
  std::filesystem::path log;     ///< gets standard error; empty: joins standard output
  std::filesystem::path input;   ///< a regular file for standard input; empty: a pipe
};

/// A process with pipes, killed with this object. It dies with the test that started it.
class Child {
 public:
  explicit Child(const ChildSpec& spec);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  [[nodiscard]] pid_t pid() const { return pid_; }

  /// Writes all of it while reading what comes back, so that neither side waits for the other.
  /// False when the child has closed its input or the limit has passed.
  bool write(std::string_view bytes, std::chrono::milliseconds limit);
  void close_input();
  void close_output();

  /// Waits for more output; false at its end or when the limit has passed.
  bool read(std::chrono::milliseconds limit);
  /// What was read so far; take from it what is used up.
  std::string& received() { return received_; }
  [[nodiscard]] bool at_end() const { return out_ < 0; }

  void kill(int signal) const;
  /// Nothing when it has not ended within the limit.
  std::optional<Ending> wait(std::chrono::milliseconds limit);

 private:
  void read_once();

  pid_t pid_ = -1;
  int in_ = -1;
  int out_ = -1;
  std::string received_;
  std::optional<Ending> ending_;
};

struct Finished {
  Ending ending;
  std::string output;  ///< standard output and error together
};

/// Runs a command to its end with `input` on its standard input; throws when it takes too long.
Finished run(const ChildSpec& spec, std::string_view input = {},
             std::chrono::milliseconds limit = 60s);
Finished run(const Argv& argv);

/// The pids of all processes that `condition` holds for; it is given "/proc/PID".
std::vector<pid_t> processes(const std::function<bool(const std::filesystem::path&)>& condition);

}  // namespace omcp_r::e2e
