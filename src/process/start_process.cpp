#include "start_process.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

// Why not boost::process::v2's launchers (1.81), nor posix_spawn:
// - v2's fork tells Asio's reactor in the child, which throws where a descriptor is a regular file;
//   the exception unwinds through our coroutines in the child, a second server on our stdout.
// - When exec fails, v2 leaves a zombie and runs exit handlers in the child; its close_all compares
//   its list with itself and closes nothing.
// - posix_spawn has none of that but cannot set PR_SET_PDEATHSIG, and our children must not outlive
//   us even when we are killed with SIGKILL.
// So this is what posix_spawn does inside (a child that borrows our memory until exec, on a stack
// of its own, all signals blocked), plus that one call. The child makes system calls and nothing
// else: no allocation, no destructor, no lock, no Asio.

#if defined(__clang__)
#define OMCP_UNSANITIZED __attribute__((no_sanitize("address", "undefined", "thread")))
#else
#define OMCP_UNSANITIZED __attribute__((no_sanitize("address", "undefined", "thread"), noinline))
#endif

namespace omcp_r::process {
namespace {

constexpr std::size_t kStackBytes = std::size_t{64} << 10;
constexpr int kSignals = 64;
constexpr int kExecFailed = 127;

struct ChildArguments {
  const StartPlan* plan;
  pid_t parent;
  long highest_descriptor;
  int error;  ///< errno of the failing step; the memory is the parent's
};

/// Back to default: also SIGPIPE, which we ignore and which exec would leave ignored. All-zero is
/// SIG_DFL in the kernel's own layout; libc's function would also write into our memory under TSan.
OMCP_UNSANITIZED void reset_signals() {
  alignas(long) unsigned char default_action[64] = {};
  for (int signal = 1; signal <= kSignals; ++signal) {
    ::syscall(SYS_rt_sigaction, signal, default_action, nullptr, kSignals / 8);
  }
}

OMCP_UNSANITIZED void unblock_signals() {
  const unsigned long none = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, kSignals / 8);
}

/// Where close_range is missing (before 5.9) or forbidden (old seccomp profiles), one by one.
OMCP_UNSANITIZED void close_from_three(long highest) {
  if (::syscall(SYS_close_range, 3U, ~0U, 0U) == 0) {
    return;
  }
  for (long fd = 3; fd <= highest; ++fd) {
    ::syscall(SYS_close, fd);
  }
}

OMCP_UNSANITIZED bool take_stdio(const StartPlan& plan) {
  for (int fd = 0; fd < 3; ++fd) {
    if (::syscall(SYS_dup3, plan.stdio[static_cast<unsigned>(fd)], fd, 0) < 0) {
      return false;
    }
  }
  return true;
}

OMCP_UNSANITIZED int child_main(void* raw) {
  auto& arguments = *static_cast<ChildArguments*>(raw);
  const StartPlan& plan = *arguments.plan;
  ::syscall(SYS_setpgid, 0, 0);
  if (!plan.outlives_us) {
    ::syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  }
  // If the parent died before that call, no signal will ever come.
  if (::syscall(SYS_getppid) == arguments.parent && take_stdio(plan)) {
    close_from_three(arguments.highest_descriptor);
    reset_signals();
    unblock_signals();
    ::syscall(SYS_execve, plan.argv[0], plan.argv, plan.environment);
  }
  arguments.error = errno;
  ::syscall(SYS_exit_group, kExecFailed);
  return kExecFailed;
}

long highest_descriptor() {
  rlimit limit{};
  const bool known = ::getrlimit(RLIMIT_NOFILE, &limit) == 0;
  return known ? static_cast<long>(std::min<rlim_t>(limit.rlim_cur, 65536)) : 65536;
}

/// No handler of ours may run in the child while it shares our memory.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~AllSignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

Error start_error(const char* program, int error) {
  return Error{Errc::kInternal, "cannot run " + std::string{program} + ": " + std::strerror(error)};
}

}  // namespace

Result<StartedProcess> start_process(const StartPlan& plan) {
  void* stack = ::mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) {
    return start_error(plan.argv[0], errno);
  }
  ChildArguments arguments{&plan, ::getpid(), highest_descriptor(), 0};
  StartedProcess started;
  int clone_error = 0;
  {
    const AllSignalsBlocked blocked;
    // CLONE_VFORK: we sleep until the child has reached exec or ended, so `arguments` stays valid
    // and no pipe is needed to learn how it went.
    started.pid =
        ::clone(&child_main, static_cast<char*>(stack) + kStackBytes,
                CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &arguments, &started.pidfd);
    clone_error = errno;
  }
  ::munmap(stack, kStackBytes);
  if (started.pid < 0) {
    return start_error(plan.argv[0], clone_error);
  }
  if (arguments.error != 0) {
    while (::waitpid(started.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    ::close(started.pidfd);
    return start_error(plan.argv[0], arguments.error);
  }
  return started;
}

}  // namespace omcp_r::process
