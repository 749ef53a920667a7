#include "launcher.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>
#include <utility>

#include "omcp_r/base/unique_fd.hpp"
#include "start_process.hpp"

namespace omcp_r::process {
namespace {

/// Moves `fd` out of the way of 0, 1 and 2, which the child is about to replace.
bool lift(UniqueFd& fd) {
  if (fd && fd.get() < 3) {
    fd = UniqueFd{::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3)};
  }
  return static_cast<bool>(fd);
}

struct Pipe {
  UniqueFd read;
  UniqueFd write;

  bool open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
      return false;
    }
    read = UniqueFd{ends[0]};
    write = UniqueFd{ends[1]};
    return lift(read) && lift(write);
  }
};

struct Stdio {
  Pipe in;
  Pipe out;
  Pipe err;

  bool open(bool with_input) {
    if (with_input) {
      return in.open() && out.open() && err.open();
    }
    in.read = UniqueFd{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    return lift(in.read) && out.open() && err.open();
  }
};

std::vector<std::string> environment_of(const Launch& launch) {
  std::vector<std::string> result;
  const auto replaced = [&launch](const std::string& name) {
    const auto& unset = launch.unset_environment;
    return launch.set_environment.count(name) != 0 ||
           std::find(unset.begin(), unset.end(), name) != unset.end();
  };
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text{*entry};
    if (!replaced(std::string{text.substr(0, text.find('='))})) {
      result.emplace_back(text);
    }
  }
  for (const auto& [name, value] : launch.set_environment) {
    std::string entry = name;
    entry.append("=").append(value);
    result.push_back(std::move(entry));
  }
  return result;
}

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (std::string& text : strings) {
    result.push_back(text.data());
  }
  result.push_back(nullptr);
  return result;
}

Error no_resources(const Launch& launch) {
  return Error{Errc::kInternal, "cannot run " + launch.argv[0] + ": " + std::strerror(errno)};
}

PipeEnd pipe_end(const asio::any_io_executor& executor, UniqueFd& fd) {
  if (fd.get() < 0) {
    return PipeEnd{executor};
  }
  // Non-blocking on our side only: the child's end is another file description.
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
  PipeEnd end{executor, fd.get()};
  static_cast<void>(fd.release());
  return end;
}

}  // namespace

Result<LaunchedChild> Launcher::operator()(const asio::any_io_executor& executor,
                                           const Launch& launch) {
  if (launch.argv.empty()) {
    return Error{Errc::kInternal, "cannot run a command without a name"};
  }
  Stdio stdio;
  if (!stdio.open(launch.with_input)) {
    return no_resources(launch);
  }
  std::vector<std::string> arguments = launch.argv;
  std::vector<std::string> environment = environment_of(launch);
  const std::vector<char*> argv = pointers_to(arguments);
  const std::vector<char*> envp = pointers_to(environment);
  const StartPlan plan{argv.data(),
                       envp.data(),
                       {stdio.in.read.get(), stdio.out.write.get(), stdio.err.write.get()},
                       launch.outlives_us};
  const auto started = start_process(plan);
  if (!started) {
    return started.error();
  }
  UniqueFd ended{started->pidfd};
  // Boost's object wants a descriptor of its own and does not show it.
  UniqueFd for_boost{::fcntl(started->pidfd, F_DUPFD_CLOEXEC, 3)};
  if (for_boost.get() < 0) {
    const Error error = no_resources(launch);
    ::kill(-started->pid, SIGKILL);
    ::waitpid(started->pid, nullptr, 0);
    return error;
  }
  boost::process::v2::process process{executor, started->pid, for_boost.release()};
  return LaunchedChild{std::move(process), PipeEnd{executor, ended.release()},
                       pipe_end(executor, stdio.in.write), pipe_end(executor, stdio.out.read),
                       pipe_end(executor, stdio.err.read)};
}

}  // namespace omcp_r::process
