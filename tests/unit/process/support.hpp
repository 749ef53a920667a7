#pragma once

#include <dirent.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <cerrno>
#include <csignal>
#include <future>
#include <optional>
#include <string>
#include <utility>

#include "omcp_r/process/command_runner.hpp"

namespace omcp_r::process {

/// `work` with a result that need not be default-constructible, as co_spawn demands of it.
template <class T>
asio::awaitable<void> store(asio::awaitable<T> work, std::optional<T>* result) {
  result->emplace(co_await std::move(work));
}

/// Runs a coroutine to its end on `io`.
inline void run_sync(asio::io_context& io, asio::awaitable<void> work) {
  auto done = asio::co_spawn(io, std::move(work), asio::use_future);
  io.restart();
  io.run();
  done.get();
}

template <class T>
T run_sync(asio::io_context& io, asio::awaitable<T> work) {
  std::optional<T> result;
  run_sync(io, store(std::move(work), &result));
  return std::move(*result);
}

/// `sh -c script`, with a time limit that only a hang reaches.
inline Command shell(const std::string& script) {
  Command command;
  command.launch.argv = {"/bin/sh", "-c", script};
  command.time_limit = std::chrono::seconds{40};
  return command;
}

/// A command that must start.
inline Exit run(Command command) {
  asio::io_context io;
  const auto runner = make_command_runner(io.get_executor());
  auto exit = run_sync(io, runner->run(std::move(command)));
  if (exit) {
    return std::move(*exit);
  }
  Exit never;
  never.status.code = -1;
  never.err = exit.error().message;
  return never;
}

/// Whether a process that is no child of ours ends (zombies count as ended) within ten seconds.
inline bool ends(pid_t pid) {
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) {
    return errno == ESRCH;
  }
  pollfd wait{fd, POLLIN, 0};
  const bool ended = ::poll(&wait, 1, 10'000) == 1;
  ::close(fd);
  return ended;
}

/// Whether we have no child at all, not even a zombie.
inline bool no_children() {
  return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD;
}

inline int open_descriptors() {
  int count = 0;
  DIR* folder = ::opendir("/proc/self/fd");
  while (::readdir(folder) != nullptr) {
    ++count;
  }
  ::closedir(folder);
  return count;
}

}  // namespace omcp_r::process
