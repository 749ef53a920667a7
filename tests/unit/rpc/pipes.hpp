#pragma once

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

namespace omcp_r::rpc {

/// A pipe whose far end belongs to the test.
class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) {
      ends_ = {-1, -1};
    }
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_read_end();
    close_write_end();
  }

  [[nodiscard]] int read_end() const { return ends_[0]; }
  [[nodiscard]] int write_end() const { return ends_[1]; }
  void close_read_end() { close_end(ends_[0]); }
  void close_write_end() { close_end(ends_[1]); }

  [[nodiscard]] bool write(std::string_view bytes) const {
    return ::write(ends_[1], bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
  }

  /// What is there now.
  [[nodiscard]] std::string read_available() const {
    std::string all;
    std::array<char, 65536> chunk{};
    pollfd state{ends_[0], POLLIN, 0};
    while (::poll(&state, 1, 0) == 1 && (state.revents & POLLIN) != 0) {
      const ssize_t got = ::read(ends_[0], chunk.data(), chunk.size());
      if (got <= 0) {
        break;
      }
      all.append(chunk.data(), static_cast<std::size_t>(got));
    }
    return all;
  }

 private:
  static void close_end(int& fd) {
    if (fd >= 0) {
      ::close(fd);
      fd = -1;
    }
  }

  std::array<int, 2> ends_{-1, -1};
};

}  // namespace omcp_r::rpc
