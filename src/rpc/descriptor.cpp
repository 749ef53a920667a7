#include "descriptor.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace omcp_r::rpc {
namespace {

bool can_block(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) {
    return false;  // the first read or write will say what is wrong
  }
  return S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode) ||
         (S_ISCHR(info.st_mode) && ::isatty(fd) == 1);
}

}  // namespace

Descriptor::Descriptor(asio::any_io_executor executor, int fd)
    : executor_(std::move(executor)), fd_(fd) {
  if (can_block(fd)) {
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    reactor_.emplace(executor_, fd);
  }
}

Descriptor::~Descriptor() {
  if (reactor_) {
    reactor_->release();
  }
}

asio::awaitable<void> Descriptor::wait(Wait what) {
  if (reactor_) {
    boost::system::error_code cancelled;
    co_await reactor_->async_wait(what, asio::redirect_error(asio::use_awaitable, cancelled));
  } else {
    co_await asio::post(executor_, asio::use_awaitable);
  }
}

void Descriptor::cancel() {
  if (reactor_) {
    boost::system::error_code ignored;
    reactor_->cancel(ignored);
  }
}

}  // namespace omcp_r::rpc
