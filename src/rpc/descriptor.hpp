#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <optional>

namespace omcp_r::rpc {

namespace asio = boost::asio;

/// Waits for a descriptor of the caller's to become ready. epoll refuses regular files and
/// /dev/null (EPERM); those never make anybody wait, so they are not given to the reactor at all.
class Descriptor {
 public:
  using Wait = asio::posix::stream_descriptor::wait_type;

  Descriptor(asio::any_io_executor executor, int fd);
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  /// Leaves the descriptor open.
  ~Descriptor();

  [[nodiscard]] int fd() const { return fd_; }

  /// Returns once the descriptor may be ready, or after cancel(). Lets other work on the loop run
  /// in any case. The object must outlive the wait.
  asio::awaitable<void> wait(Wait what);

  void cancel();

 private:
  asio::any_io_executor executor_;
  int fd_;
  std::optional<asio::posix::stream_descriptor> reactor_;  // empty for what cannot block
};

}  // namespace omcp_r::rpc
