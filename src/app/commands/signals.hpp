#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <functional>
#include <memory>

namespace omcp_r::commands {

namespace asio = boost::asio;

/// The exit code where a signal has ended what ran.
inline constexpr int kStopped = 130;

/// The signals by which a person, or who hangs up, stops what a command does. One at a time.
class Signals : public std::enable_shared_from_this<Signals> {
 public:
  explicit Signals(asio::io_context& io);

  /// From now on `on_signal` is called with each that comes, on the loop, until cancel().
  void watch(std::function<void(int)> on_signal);
  void cancel();
  /// The same, and from now on they end the program again.
  void release();

 private:
  void wait();

  asio::signal_set signals_;
  std::function<void(int)> on_signal_;
};

/// Whether one has come since watch(): also before the loop has run again, for what keeps it from
/// that while it waits for who reads our output.
bool signalled();
/// Forgets those that have come: what they were to end has ended.
void forget_signals();

}  // namespace omcp_r::commands
