#include "line_writer.hpp"

#include <fcntl.h>

#include <cerrno>
#include <utility>

#include "omcp_r/base/background.hpp"

namespace omcp_r::rpc {
namespace {

constexpr std::size_t kLinesAtOnce = 64;
constexpr int kPipeBytes = 1 << 18;

/// So that writer and reader wake each other a quarter as often. A wish: what is no pipe stays as
/// it is, as does a pipe of one who has many.
void widen(int fd) {
#ifdef F_SETPIPE_SZ
  static_cast<void>(::fcntl(fd, F_SETPIPE_SZ, kPipeBytes));
#endif
}

}  // namespace

LineWriter::LineWriter(const asio::any_io_executor& executor, int fd, std::size_t queue_bound)
    : executor_(executor), descriptor_(executor, fd), queue_bound_(queue_bound) {
  batch_.reserve(kLinesAtOnce);
  widen(fd);
}

void LineWriter::send(std::string line) {
  if (broken_) {
    return;
  }
  line += '\n';
  queued_bytes_ += line.size();
  queue_.push_back(std::move(line));
  congested_ = congested_ || queued_bytes_ > queue_bound_;
  if (!std::exchange(writing_, true)) {
    // Starts on the next turn of the loop, so that all lines of this turn go out together.
    spawn(executor_, "writing to the client", run(shared_from_this()), Work::kVital);
  }
}

asio::awaitable<void> LineWriter::run(std::shared_ptr<LineWriter> self) {
  while (!self->queue_.empty() && !self->broken_) {
    co_await self->write_some();
  }
  self->writing_ = false;
}

asio::awaitable<void> LineWriter::write_some() {
  batch_.clear();
  for (std::string& line : queue_) {
    if (batch_.size() == kLinesAtOnce) {
      break;
    }
    const std::size_t offset = batch_.empty() ? front_offset_ : 0;
    batch_.push_back({line.data() + offset, line.size() - offset});
  }
  const ssize_t written =
      ::writev(descriptor_.fd(), batch_.data(), static_cast<int>(batch_.size()));
  if (written >= 0) {
    consume(static_cast<std::size_t>(written));
  } else if (errno == EAGAIN) {
    co_await descriptor_.wait(Descriptor::Wait::wait_write);
  } else if (errno != EINTR) {
    close();
    tell();
  }
}

void LineWriter::consume(std::size_t written) {
  queued_bytes_ -= written;
  front_offset_ += written;
  while (!queue_.empty() && front_offset_ >= queue_.front().size()) {
    front_offset_ -= queue_.front().size();
    queue_.pop_front();
  }
  last_progress_ = Clock::now();
  congested_ = congested_ && queued_bytes_ > queue_bound_ / 2;
  tell();
}

void LineWriter::close() {
  broken_ = true;
  congested_ = false;
  queue_.clear();
  queued_bytes_ = 0;
  descriptor_.cancel();
}

void LineWriter::tell() const {
  if (on_progress_) {
    on_progress_();
  }
}

}  // namespace omcp_r::rpc
