#include "commands/signals.hpp"

#include <csignal>
#include <utility>

namespace omcp_r::commands {
namespace {

volatile std::sig_atomic_t g_signalled = 0;
void (*g_theirs)(int) = nullptr;  ///< the handler of those signals that Asio has set

void note_signal(int signal) {
  g_signalled = 1;
  if (g_theirs != nullptr) g_theirs(signal);
}

/// Asio's own handlers only write into a pipe, which is read once the loop runs again.
void note_at_once() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction theirs {};
    if (::sigaction(signal, nullptr, &theirs) != 0 || theirs.sa_handler == note_signal) continue;
    g_theirs = theirs.sa_handler;
    theirs.sa_handler = note_signal;
    ::sigaction(signal, &theirs, nullptr);
  }
}

}  // namespace

Signals::Signals(asio::io_context& io) : signals_(io, SIGINT, SIGTERM, SIGHUP) {}

void Signals::watch(std::function<void(int)> on_signal) {
  on_signal_ = std::move(on_signal);
  wait();
  note_at_once();
}

void Signals::cancel() {
  on_signal_ = nullptr;
  signals_.cancel();
}

void Signals::release() {
  on_signal_ = nullptr;
  boost::system::error_code ignored;
  signals_.clear(ignored);
}

void Signals::wait() {
  signals_.async_wait([self = shared_from_this()](const auto& error, int signal) {
    if (error || !self->on_signal_) return;
    self->on_signal_(signal);
    self->wait();
  });
}

bool signalled() {
  return g_signalled != 0;
}

void forget_signals() {
  g_signalled = 0;
}

}  // namespace omcp_r::commands
