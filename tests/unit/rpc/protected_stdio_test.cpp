#include "omcp_r/rpc/protected_stdio.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <functional>

#include "pipes.hpp"

namespace omcp_r::rpc {
namespace {

/// The exit code of a child that runs `body` with the given standard descriptors.
int in_child(int in, int out, const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    in < 0 ? ::close(0) : ::dup2(in, 0);
    out < 0 ? ::close(1) : ::dup2(out, 1);
    ::_exit(body());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool same_file(int a, int b) {
  struct stat first {};
  struct stat second {};
  return ::fstat(a, &first) == 0 && ::fstat(b, &second) == 0 && first.st_ino == second.st_ino &&
         first.st_dev == second.st_dev;
}

TEST(ProtectStdio, KeepsChildrenAwayFromTheProtocol) {
  Pipe in;
  Pipe out;
  EXPECT_EQ(in_child(in.read_end(), out.write_end(),
                     [&] {
                       const ProtectedStdio stdio = protect_stdio();
                       const bool moved = stdio.input() >= 3 && stdio.output() >= 3 &&
                                          same_file(stdio.input(), in.read_end()) &&
                                          same_file(stdio.output(), out.write_end());
                       const bool closed_on_exec =
                           (::fcntl(stdio.input(), F_GETFD) & FD_CLOEXEC) != 0 &&
                           (::fcntl(stdio.output(), F_GETFD) & FD_CLOEXEC) != 0;
                       const bool redirected = same_file(1, 2) && !same_file(0, in.read_end());
                       return moved && closed_on_exec && redirected ? 0 : 1;
                     }),
            0);
}

TEST(ProtectStdio, OpensWhatIsClosed) {
  EXPECT_EQ(in_child(-1, -1,
                     [] {
                       const ProtectedStdio stdio = protect_stdio();
                       char byte = 0;
                       const bool ended = ::read(stdio.input(), &byte, 1) == 0;
                       return ended && ::write(stdio.output(), "x", 1) == 1 ? 0 : 1;
                     }),
            0);
}

TEST(ProtectStdio, GivesTheFlagsBack) {
  Pipe in;
  Pipe out;
  EXPECT_EQ(in_child(in.read_end(), out.write_end(),
                     [] {
                       const ProtectedStdio stdio = protect_stdio();
                       ::fcntl(stdio.input(), F_SETFL,
                               ::fcntl(stdio.input(), F_GETFL) | O_NONBLOCK);
                       return 0;
                     }),
            0);
  // _exit runs no destructors of the child's frames, but the lambda has returned by then.
  EXPECT_EQ(::fcntl(in.read_end(), F_GETFL) & O_NONBLOCK, 0);
}

}  // namespace
}  // namespace omcp_r::rpc
