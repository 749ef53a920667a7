#include "support/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill is POSIX
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <thread>

extern char** environ;  // NOLINT(readability-redundant-declaration)

namespace omcp_r::e2e {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

int milliseconds_until(Clock::time_point end) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
  return static_cast<int>(left > 0 ? left : 0);
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& s : strings) result.push_back(s.data());
  result.push_back(nullptr);
  return result;
}

std::vector<std::string> assignments(const Environment& environment) {
  std::vector<std::string> result;
  for (const auto& [name, value] : environment) result.push_back(name + "=" + value);
  return result;
}

// The program's own search, because the child's PATH may be one the test made up.
std::string find_program(const std::string& name) {
  if (contains(name, "/")) return name;
  std::string path = environment_or("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin:";
  for (std::size_t start = 0, end = 0; (end = path.find(':', start)) != std::string::npos;
       start = end + 1) {
    const std::string candidate = path.substr(start, end - start) + "/" + name;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return name;
}

// Between fork and exec: nothing here allocates.
struct Plan {
  const char* program;
  char* const* argv;
  char* const* environment;
  const char* folder;
  int in;
  int out;
  int log;
};

[[noreturn]] void become(const Plan& plan) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  const bool ready = dup2(plan.in, 0) == 0 && dup2(plan.out, 1) == 1 && dup2(plan.log, 2) == 2 &&
                     (*plan.folder == '\0' || chdir(plan.folder) == 0);
  if (ready) execve(plan.program, plan.argv, plan.environment);
  _exit(127);
}

int open_log(const std::filesystem::path& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) fail("open " + path.string());
  return fd;
}

void close_if_open(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

}  // namespace

std::string to_string(const Ending& ending) {
  return ending.signal != 0 ? "killed by signal " + std::to_string(ending.signal)
                            : "exit code " + std::to_string(ending.code);
}

Child::Child(const ChildSpec& spec) {
  std::array<int, 2> in{-1, -1};
  std::array<int, 2> out{-1, -1};
  if (pipe2(out.data(), O_CLOEXEC) != 0) fail("pipe2");
  if (spec.input.empty()) {
    if (pipe2(in.data(), O_CLOEXEC) != 0) fail("pipe2");
  } else {
    in[0] = open(spec.input.c_str(), O_RDONLY | O_CLOEXEC);
    if (in[0] < 0) fail("open " + spec.input.string());
  }
  int log = spec.log.empty() ? -1 : open_log(spec.log);

  std::vector<std::string> argv = spec.argv;
  std::vector<std::string> environment;
  if (spec.environment) environment = assignments(*spec.environment);
  const auto argv_pointers = pointers(argv);
  const auto environment_pointers = pointers(environment);
  const std::string program = find_program(argv.front());
  const std::string folder = spec.folder.string();
  const Plan plan{program.c_str(),
                  argv_pointers.data(),
                  spec.environment ? environment_pointers.data() : environ,
                  folder.c_str(),
                  in[0],
                  out[1],
                  log < 0 ? out[1] : log};
  pid_ = fork();
  if (pid_ < 0) fail("fork");
  if (pid_ == 0) become(plan);

  ::close(in[0]);
  ::close(out[1]);
  close_if_open(log);
  in_ = in[1];
  out_ = out[0];
  if (in_ >= 0) fcntl(in_, F_SETFL, O_NONBLOCK);
  fcntl(out_, F_SETFL, O_NONBLOCK);
}

Child::~Child() {
  if (!wait(0ms)) {
    kill(SIGKILL);
    wait(10s);
  }
  close_input();
  close_output();
}

bool Child::write(std::string_view bytes, std::chrono::milliseconds limit) {
  signal(SIGPIPE, SIG_IGN);
  const auto end = Clock::now() + limit;
  while (!bytes.empty()) {
    if (in_ < 0 || Clock::now() >= end) return false;
    std::array<pollfd, 2> fds{pollfd{in_, POLLOUT, 0}, pollfd{out_, POLLIN, 0}};
    poll(fds.data(), fds.size(), milliseconds_until(end));
    if (fds[1].revents != 0) read_once();
    if (fds[0].revents == 0) continue;
    const ssize_t written = ::write(in_, bytes.data(), bytes.size());
    if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
    if (written < 0 && errno != EAGAIN && errno != EINTR) return false;
  }
  return true;
}

void Child::close_input() {
  close_if_open(in_);
}

void Child::close_output() {
  close_if_open(out_);
}

bool Child::read(std::chrono::milliseconds limit) {
  if (out_ < 0) return false;
  const std::size_t before = received_.size();
  pollfd fd{out_, POLLIN, 0};
  if (poll(&fd, 1, static_cast<int>(limit.count())) > 0) read_once();
  return received_.size() > before;
}

void Child::read_once() {
  std::array<char, 65536> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  const ssize_t count = ::read(out_, buffer.data(), buffer.size());
  if (count > 0) received_.append(buffer.data(), static_cast<std::size_t>(count));
  if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) close_output();
}

void Child::kill(int signal) const {
  if (!ending_) ::kill(pid_, signal);
}

std::optional<Ending> Child::wait(std::chrono::milliseconds limit) {
  const auto end = Clock::now() + limit;
  while (!ending_) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      ending_ = WIFSIGNALED(status) ? Ending{-1, WTERMSIG(status)} : Ending{WEXITSTATUS(status), 0};
    } else if (Clock::now() >= end) {
      break;
    } else {
      std::this_thread::sleep_for(1ms);
    }
  }
  return ending_;
}

Finished run(const ChildSpec& spec, std::string_view input, std::chrono::milliseconds limit) {
  Child child(spec);
  const auto end = Clock::now() + limit;
  child.write(input, limit);
  child.close_input();
  while (!child.at_end() && Clock::now() < end) child.read(100ms);
  const auto ending = child.wait(std::chrono::milliseconds(milliseconds_until(end)));
  if (!ending) {
    throw std::runtime_error("took too long: " + spec.argv.front() + "\n" + child.received());
  }
  return {*ending, std::move(child.received())};
}

Finished run(const Argv& argv) {
  return run(ChildSpec{argv, {}, {}, {}, {}});
}

std::vector<pid_t> processes(const std::function<bool(const std::filesystem::path&)>& condition) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (condition(entry.path())) found.push_back(std::stoi(name));
  }
  return found;
}

}  // namespace omcp_r::e2e
