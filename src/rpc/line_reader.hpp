#pragma once

#include <array>
#include <memory>
#include <optional>

#include "descriptor.hpp"
#include "omcp_r/rpc/line_framer.hpp"

namespace omcp_r::rpc {

/// Reads lines from a descriptor. What has been read of a line survives a wait that is given up.
class LineReader : public std::enable_shared_from_this<LineReader> {
 public:
  LineReader(asio::any_io_executor executor, int fd, std::size_t max_line);

  /// Nothing at the end of input and after close(). A line that the end cuts short is dropped.
  asio::awaitable<std::optional<Line>> read_line();

  void close();

  [[nodiscard]] bool hung_up() const;
  [[nodiscard]] bool has_partial_line() const { return framer_.has_partial_line(); }

 private:
  asio::awaitable<void> fill();

  Descriptor descriptor_;
  LineFramer framer_;
  bool closed_ = false;
  std::array<char, std::size_t{64} << 10> chunk_;
};

}  // namespace omcp_r::rpc
