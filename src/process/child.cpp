#include "omcp_r/process/child.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "launcher.hpp"
#include "omcp_r/base/event.hpp"

namespace omcp_r::process {
namespace {

constexpr int kLastReapMilliseconds = 500;

/// Our end of a pipe, and whether somebody is told when it becomes ready.
struct Channel {
  PipeEnd end;
  bool armed = false;

  void close() {
    boost::system::error_code ignored;
    end.close(ignored);
  }
};

void ignore_broken_pipes() {
  struct sigaction current {};
  if (::sigaction(SIGPIPE, nullptr, &current) == 0 && current.sa_handler == SIG_DFL) {
    std::signal(SIGPIPE, SIG_IGN);
  }
}

ExitStatus to_exit_status(int native) {
  if (WIFSIGNALED(native)) {
    return {.code = 0, .signal = WTERMSIG(native)};
  }
  return {.code = WEXITSTATUS(native), .signal = 0};
}

}  // namespace

/// Outlives the Child where the process does: the handler that waits for its end keeps it alive.
struct Child::State : std::enable_shared_from_this<State> {
  State(const asio::any_io_executor& executor, LaunchedChild launched)
      : pid(launched.process.id()),
        process(std::move(launched.process)),
        ended(std::move(launched.ended)),
        in{std::move(launched.in)},
        out{std::move(launched.out)},
        err{std::move(launched.err)},
        event(executor) {}

  ~State() {
    if (!status && !outlives_us) {  // the loop has gone and nobody else will reap
      kill_group();
      pollfd wait{ended.native_handle(), POLLIN, 0};
      ::poll(&wait, 1, kLastReapMilliseconds);
      reap();
    }
    if (!status) {
      process.detach();  // its destructor would wait without limit
    }
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Channel& channel(Output stream) { return stream == Output::kOut ? out : err; }

  void watch_end() {
    ended.async_wait(PipeEnd::wait_read, [self = shared_from_this()](boost::system::error_code ec) {
      if (ec || !self->has_ended()) {
        if (ec != asio::error::operation_aborted) {
          self->watch_end();  // readiness can be reported too early: never wait on the strength of
                              // it
        }
        return;
      }
      self->kill_group();
      self->reap();
      self->event.notify_all();
    });
  }

  /// Looks without reaping: as long as the leader is a zombie, its group's number cannot be reused.
  [[nodiscard]] bool has_ended() const {
    siginfo_t info{};
    const int result = ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT);
    return result != 0 || info.si_pid == pid;
  }

  void kill_group() const {
    if (!status) {
      ::kill(-pid, SIGKILL);
    }
  }

  void reap() {
    boost::system::error_code ec;
    if (status || (process.running(ec) && !ec)) {
      return;
    }
    // The portable exit_code() cannot tell `exit 9` from SIGKILL.
    status =
        ec ? ExitStatus{.code = 0, .signal = SIGKILL} : to_exit_status(process.native_exit_code());
    process
        .detach();  // its destructor would wait for the pid again, which may be another's by then
  }

  void arm(Channel& channel, PipeEnd::wait_type type) {
    if (channel.armed || !channel.end.is_open()) {
      return;
    }
    channel.armed = true;
    channel.end.async_wait(type, [self = shared_from_this(), &channel](boost::system::error_code) {
      channel.armed = false;
      self->event.notify_all();
    });
  }

  void close() {
    if (!outlives_us) {
      kill_group();
    }
    for (Channel* each : {&in, &out, &err}) {
      each->close();
    }
    event.notify_all();
  }

  pid_t pid;
  boost::process::v2::process process;
  PipeEnd ended;
  Channel in;
  Channel out;
  Channel err;
  Event event;
  std::optional<ExitStatus> status;
  bool outlives_us = false;
};

Result<std::shared_ptr<Child>> Child::spawn(const asio::any_io_executor& executor,
                                            const Launch& launch) {
  ignore_broken_pipes();
  auto launched = Launcher{}(executor, launch);
  if (!launched) {
    return launched.error();
  }
  auto state = std::make_shared<State>(executor, std::move(*launched));
  state->outlives_us = launch.outlives_us;
  state->watch_end();
  return std::shared_ptr<Child>{new Child{std::move(state)}};
}

Child::Child(std::shared_ptr<State> state) : state_(std::move(state)) {}

Child::~Child() {
  state_->close();
}

bool Child::try_write(std::string_view& bytes) {
  while (!bytes.empty()) {
    if (!state_->in.end.is_open()) {
      return false;
    }
    const ssize_t count = ::write(state_->in.end.native_handle(), bytes.data(), bytes.size());
    if (count >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      return true;
    } else if (errno != EINTR) {
      close_input();
      return false;
    }
  }
  return true;
}

void Child::close_input() {
  state_->in.close();
}

std::string Child::try_read(Output stream, std::size_t max) {
  Channel& channel = state_->channel(stream);
  if (!channel.end.is_open()) {
    return {};
  }
  std::array<char, std::size_t{64} << 10> buffer;  // NOLINT: filled by read
  ssize_t count = 0;
  do {
    count = ::read(channel.end.native_handle(), buffer.data(), std::min(max, buffer.size()));
  } while (count < 0 && errno == EINTR);
  if (count == 0 || (count < 0 && errno != EAGAIN)) {
    channel.close();
  }
  return {buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0))};
}

std::size_t Child::available(Output stream) const {
  Channel& channel = state_->channel(stream);
  int count = 0;
  if (channel.end.is_open()) {
    ::ioctl(channel.end.native_handle(), FIONREAD, &count);
  }
  return static_cast<std::size_t>(std::max(count, 0));
}

bool Child::at_end(Output stream) const {
  return !state_->channel(stream).end.is_open();
}

const std::optional<ExitStatus>& Child::exit_status() const {
  return state_->status;
}

asio::awaitable<void> Child::changed(Interest interest, Deadline deadline) {
  const std::shared_ptr<State> state = state_;
  if (interest == Interest::kOutput || interest == Interest::kOutputAndRoom) {
    state->arm(state->out, PipeEnd::wait_read);
    state->arm(state->err, PipeEnd::wait_read);
  }
  if (interest == Interest::kRoom || interest == Interest::kOutputAndRoom) {
    state->arm(state->in, PipeEnd::wait_write);
  }
  if (deadline == Deadline::max()) {
    co_await state->event.wait();
  } else {
    co_await state->event.wait_until(deadline);
  }
}

void Child::kill() {
  state_->kill_group();
}

void Child::close() {
  state_->close();
}

pid_t Child::pid() const {
  return state_->pid;
}

}  // namespace omcp_r::process
