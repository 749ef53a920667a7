#include "omcp_r/rpc/protected_stdio.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

namespace omcp_r::rpc {
namespace {

constexpr int kFirstPrivate = 3;

int checked(int result, const char* what) {
  if (result < 0) {
    throw std::system_error(errno, std::generic_category(), what);
  }
  return result;
}

void open_closed_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0) {
      // The lowest free number is `fd`: the ones below it are open.
      checked(::open("/dev/null", O_RDWR), "open /dev/null");
    }
  }
}

void restore(int fd, int flags) {
  if (fd >= 0) {
    ::fcntl(fd, F_SETFL, flags);
    ::close(fd);
  }
}

}  // namespace

ProtectedStdio::ProtectedStdio(int input, int output)
    : input_(input),
      output_(output),
      input_flags_(::fcntl(input, F_GETFL)),
      output_flags_(::fcntl(output, F_GETFL)) {}

ProtectedStdio::ProtectedStdio(ProtectedStdio&& other) noexcept
    : input_(std::exchange(other.input_, -1)),
      output_(std::exchange(other.output_, -1)),
      input_flags_(other.input_flags_),
      output_flags_(other.output_flags_) {}

ProtectedStdio::~ProtectedStdio() {
  restore(input_, input_flags_);
  restore(output_, output_flags_);
}

ProtectedStdio protect_stdio() {
  open_closed_standard_descriptors();
  std::signal(SIGPIPE, SIG_IGN);
  ProtectedStdio stdio{
      checked(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, kFirstPrivate), "duplicate stdin"),
      checked(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, kFirstPrivate), "duplicate stdout")};
  const int null = checked(::open("/dev/null", O_RDWR | O_CLOEXEC), "open /dev/null");
  checked(::dup2(null, STDIN_FILENO), "redirect stdin");
  ::close(null);
  checked(::dup2(STDERR_FILENO, STDOUT_FILENO), "redirect stdout");
  return stdio;
}

}  // namespace omcp_r::rpc
