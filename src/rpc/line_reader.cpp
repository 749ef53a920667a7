#include "line_reader.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace omcp_r::rpc {

LineReader::LineReader(asio::any_io_executor executor, int fd, std::size_t max_line)
    : descriptor_(std::move(executor), fd), framer_(max_line) {}

asio::awaitable<std::optional<Line>> LineReader::read_line() {
  const auto keep_alive = shared_from_this();
  while (!closed_) {
    if (auto line = framer_.next()) {
      co_return line;
    }
    co_await fill();
  }
  co_return std::nullopt;
}

asio::awaitable<void> LineReader::fill() {
  co_await descriptor_.wait(Descriptor::Wait::wait_read);
  if (closed_) {
    co_return;
  }
  const ssize_t got = ::read(descriptor_.fd(), chunk_.data(), chunk_.size());
  if (got > 0) {
    framer_.push({chunk_.data(), static_cast<std::size_t>(got)});
  } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
    closed_ = true;
  }
}

void LineReader::close() {
  closed_ = true;
  descriptor_.cancel();
}

bool LineReader::hung_up() const {
  pollfd state{descriptor_.fd(), POLLRDHUP, 0};
  return ::poll(&state, 1, 0) == 1 && (state.revents & (POLLHUP | POLLRDHUP | POLLERR)) != 0;
}

}  // namespace omcp_r::rpc
