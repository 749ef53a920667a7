#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace omcp_r::rpc {

/// One line of input. An over-long one has lost its text.
struct Line {
  std::string text;
  bool too_long = false;
};

/// Cuts a stream of bytes into lines. A trailing \r, blank lines and a byte order mark at the start
/// are dropped. Holds at most one line of `max_line` bytes, and what was pushed last.
class LineFramer {
 public:
  explicit LineFramer(std::size_t max_line) : max_line_(max_line) {}

  /// Adds bytes of the stream. To be called when next() has nothing left.
  void push(std::string_view bytes);

  /// The next whole line, if there is one.
  std::optional<Line> next();

  /// Whether the stream has stopped in the middle of a line.
  [[nodiscard]] bool has_partial_line() const { return skipping_ || buffer_.size() > start_; }

 private:
  [[nodiscard]] std::optional<Line> take(std::size_t end);
  void bound_the_unfinished_line();

  std::size_t max_line_;
  std::string buffer_;
  std::size_t start_ = 0;    // first byte not handed out yet
  std::size_t scanned_ = 0;  // bytes before it hold no newline
  bool skipping_ = false;    // inside a line that was already too long
  bool at_stream_start_ = true;
};

}  // namespace omcp_r::rpc
