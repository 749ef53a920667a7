// Makes system calls inside a sandbox and prints what came of each, one line a call: its name and
// the error number, 0 for success, or "signal N" for who made it. Each is made by a child of its
// own.

#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

constexpr int kSucceeded = 255;

/// Runs `call` in a child, and prints.
template <class Call>
void probe(const char* name, Call call) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(2);
    errno = 0;
    const long result = call();
    _exit(result == -1 && errno != 0 ? errno : kSucceeded);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) {
    std::printf("%s signal %d\n", name, WTERMSIG(status));
  } else {
    std::printf("%s %d\n", name, WEXITSTATUS(status) == kSucceeded ? 0 : WEXITSTATUS(status));
  }
  std::fflush(stdout);
}

/// Every call there is, with arguments that are wrong for all: who may make it gets another error.
void probe_all() {
  for (long number = 0; number < 480; ++number) {
    probe(std::to_string(number).c_str(),
          [number] { return syscall(number, -1L, -1L, -1L, -1L, -1L, -1L); });
  }
}

void probe_sockets() {
  for (int family = 0; family < 46; ++family) {
    probe(std::to_string(family).c_str(), [family]() -> long {
      const long stream = syscall(SYS_socket, family, 1, 0);
      return stream >= 0 ? stream : syscall(SYS_socket, family, 2, 0);
    });
  }
}

void probe_namespaces() {
  for (const unsigned long flag : {0x80UL, 0x20000UL, 0x2000000UL, 0x4000000UL, 0x8000000UL,
                                   0x10000000UL, 0x20000000UL, 0x40000000UL}) {
    probe(("clone " + std::to_string(flag)).c_str(),
          [flag] { return syscall(SYS_clone, flag | SIGCHLD, 0, 0, 0, 0); });
  }
  probe("clone 0",
        [] { return syscall(SYS_clone, static_cast<unsigned long>(SIGCHLD), 0, 0, 0, 0); });
}

void probe_other_entries() {
  // Process 1 of the sandbox is of the same user: whoever lowers its priority or its limits keeps
  // it from ending what has run too long.
  probe("setpriority-process-1", [] { return syscall(SYS_setpriority, 0, 1, 19); });
  probe("setpriority-of-all", [] { return syscall(SYS_setpriority, 2, 0, 19); });
  probe("prlimit-process-1", [] {
    const unsigned long limit[2] = {64, 64};
    return syscall(SYS_prlimit64, 1, 7, limit, nullptr);
  });
  probe("personality", [] { return syscall(SYS_personality, 0x0040000UL); });
#ifdef __x86_64__
  probe("x32", [] { return syscall(0x40000000L | SYS_getpid); });
  probe("int80", [] {
    long result = 20;  // getpid, of 32-bit programs
    asm volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
    if (result < 0 && result > -4096) {
      errno = static_cast<int>(-result);
      return -1L;
    }
    return result;
  });
#endif
}

}  // namespace

int main(int argc, char** argv) {
  const char* const what = argc > 1 ? argv[1] : "all";
  if (std::strcmp(what, "all") == 0) {
    probe_all();
  } else if (std::strcmp(what, "sockets") == 0) {
    probe_sockets();
  } else if (std::strcmp(what, "namespaces") == 0) {
    probe_namespaces();
  } else {
    probe_other_entries();
  }
  return 0;
}
