#include "commands/typed_lines.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <utility>

#include "commands/foreground.hpp"
#include "commands/say.hpp"

namespace omcp_r::commands {

using Kind = TypedLines::Line::Kind;

TypedLines::TypedLines(const asio::any_io_executor& executor, const std::string& history,
                       Complete complete)
    : input_(executor), complete_(std::move(complete)) {
  boost::system::error_code file;  // of which no loop can wait; nor need anybody
  const int own = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (own >= 0) input_.assign(own, file);
  if (file) ::close(own);
  if (::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0) {
    editor_ = std::make_unique<LineEditor>(history);
  }
}

void TypedLines::wake() {
  woken_ = true;
  boost::system::error_code ignored;
  input_.cancel(ignored);
}

/// False when it was woken.
asio::awaitable<bool> TypedLines::readable() {
  boost::system::error_code error;
  if (input_.is_open() && !woken_) {
    co_await input_.async_wait(asio::posix::descriptor_base::wait_read,
                               asio::redirect_error(asio::use_awaitable, error));
  }
  co_return !woken_;
}

asio::awaitable<TypedLines::Line> TypedLines::next(std::string prompt) {
  woken_ = false;
  if (editor_) {
    co_return co_await next_edited(std::move(prompt));
  }
  co_return co_await next_plain();
}

asio::awaitable<TypedLines::Line> TypedLines::next_edited(std::string prompt) {
  using Outcome = LineEditor::Outcome;
  editor_->begin(std::move(prompt));
  Outcome outcome = Outcome::kGoesOn;
  while (outcome == Outcome::kGoesOn || outcome == Outcome::kQuestion ||
         outcome == Outcome::kSuspended) {
    if (outcome == Outcome::kSuspended) editor_->suspend();
    if (outcome == Outcome::kQuestion) {
      auto found = co_await complete_(editor_->before_cursor());
      editor_->answer(found ? std::move(*found) : sandbox::Completions{});
    }
    const bool typed = co_await readable();
    outcome = typed ? editor_->take() : Outcome::kCleared;
  }
  editor_->end();
  if (outcome == Outcome::kLine) co_return Line{Kind::kLine, editor_->line()};
  say(outcome == Outcome::kCleared ? "^C" : "");
  co_return Line{outcome == Outcome::kCleared ? Kind::kCleared : Kind::kEnd};
}

std::optional<std::string> TypedLines::at_once() {
  const std::size_t end = buffer_.find('\n', scanned_);
  const bool whole = end != std::string::npos;
  if (!whole && !(at_end_ && start_ < buffer_.size())) return std::nullopt;
  std::string line = buffer_.substr(start_, (whole ? end : buffer_.size()) - start_);
  start_ = scanned_ = whole ? end + 1 : buffer_.size();
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

asio::awaitable<TypedLines::Line> TypedLines::next_plain() {
  for (;;) {
    if (auto line = at_once()) co_return Line{Kind::kLine, std::move(*line)};
    if (at_end_) co_return Line{Kind::kEnd};
    buffer_.erase(0, start_);
    start_ = 0;
    scanned_ = buffer_.size();
    if (buffer_.size() > kMaxCode) {
      complain("a line is longer than 10 MiB");
      co_return Line{Kind::kEnd};
    }
    const bool come = co_await readable();
    if (!come) co_return Line{Kind::kCleared};
    std::array<char, 65536> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    const ssize_t n = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (n > 0) buffer_.append(bytes.data(), static_cast<std::size_t>(n));
    at_end_ = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
  }
}

}  // namespace omcp_r::commands
