#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "descriptor.hpp"
#include "omcp_r/base/clock.hpp"

namespace omcp_r::rpc {

/// Writes queued lines to a descriptor, in order and whole, many with one system call.
class LineWriter : public std::enable_shared_from_this<LineWriter> {
 public:
  LineWriter(const asio::any_io_executor& executor, int fd, std::size_t queue_bound);

  /// Called whenever something has been written, and once the reader of the lines has gone.
  void set_on_progress(std::function<void()> on_progress) { on_progress_ = std::move(on_progress); }

  void send(std::string line);
  /// Gives up what is unwritten.
  void close();

  [[nodiscard]] std::size_t queued_bytes() const { return queued_bytes_; }
  [[nodiscard]] bool congested() const { return congested_; }
  [[nodiscard]] bool broken() const { return broken_; }
  [[nodiscard]] Clock::time_point last_progress() const { return last_progress_; }

 private:
  static asio::awaitable<void> run(std::shared_ptr<LineWriter> self);
  asio::awaitable<void> write_some();
  void consume(std::size_t written);
  void tell() const;

  asio::any_io_executor executor_;
  Descriptor descriptor_;
  std::size_t queue_bound_;
  std::deque<std::string> queue_;
  std::size_t front_offset_ = 0;  // of the first line, written already
  std::size_t queued_bytes_ = 0;
  std::vector<iovec> batch_;
  bool writing_ = false;
  bool congested_ = false;
  bool broken_ = false;
  Clock::time_point last_progress_{};
  std::function<void()> on_progress_;
};

}  // namespace omcp_r::rpc
