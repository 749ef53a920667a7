#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "omcp_r/base/clock.hpp"
#include "omcp_r/rpc/line_framer.hpp"

namespace omcp_r::rpc {

namespace asio = boost::asio;

struct TransportLimits {
  std::size_t line_bytes = std::size_t{16} << 20;  ///< longer lines are refused
  std::size_t queue_bytes = std::size_t{8} << 20;  ///< unwritten answers; beyond: congested()
};

class LineReader;
class LineWriter;

/// Lines in, lines out, over two descriptors that stay the caller's (see ProtectedStdio). Pipes,
/// sockets, terminals, regular files and /dev/null all serve.
class StdioTransport {
 public:
  StdioTransport(const asio::any_io_executor& executor, int input, int output,
                 TransportLimits limits = {});
  StdioTransport(const StdioTransport&) = delete;
  StdioTransport& operator=(const StdioTransport&) = delete;
  ~StdioTransport();

  /// The next line, without its end. Nothing at the end of input, once the client no longer takes
  /// our answers, and after close_input().
  asio::awaitable<std::optional<Line>> read_line();

  /// Makes the current and every further read_line() return nothing.
  void close_input();

  /// Queues a line (without its end) for writing; never blocks. Lines go out whole and in order.
  void send(std::string line);

  /// Whether so much is queued that nobody should produce more for now. Ends when half of it has
  /// been written.
  [[nodiscard]] bool congested() const;

  /// Bytes not written yet; none once the client has gone.
  [[nodiscard]] std::size_t queued_bytes() const;

  /// When the client last took some of our bytes.
  [[nodiscard]] Clock::time_point last_progress() const;

  /// Called, on the loop, whenever the client has taken some bytes or has gone. An empty function
  /// takes it back.
  void set_on_progress(std::function<void()> on_progress);

  /// Whether the client has closed its end of our output.
  [[nodiscard]] bool broken() const;

  /// Whether the client has closed its end of our input, even if bytes are left to be read.
  [[nodiscard]] bool hung_up() const;

  /// Whether the input ended in the middle of a line.
  [[nodiscard]] bool has_partial_line() const;

 private:
  std::shared_ptr<LineReader> reader_;
  std::shared_ptr<LineWriter> writer_;
};

}  // namespace omcp_r::rpc
