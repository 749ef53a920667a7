#include "commands/standard_output.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "commands/signals.hpp"
#include "commands/sixel.hpp"
#include "omcp_r/app/config.hpp"

namespace omcp_r::commands {

StandardOutput::StandardOutput() : on_terminal_(::isatty(STDOUT_FILENO) != 0) {}

namespace {

/// Whether the next that is written begins a line, behind `text`: colours do not move the cursor.
bool ends_line(std::string_view text, bool before) {
  while (text.ends_with('m')) {
    const auto escape = text.rfind('\x1B');
    const bool colour = escape != std::string_view::npos &&
                        text.find_first_not_of("[0123456789;", escape + 1) == text.size() - 1;
    if (!colour) break;
    text = text.substr(0, escape);
  }
  return text.empty() ? before : text.back() == '\n';
}

}  // namespace

bool StandardOutput::write(std::string_view bytes) {
  if (!on_terminal_) return put(bytes);
  const std::string text = filter_.pass(bytes);
  at_line_start_ = ends_line(text, at_line_start_);
  return put(text);
}

void StandardOutput::begin_line() {
  if (on_terminal_ && !at_line_start_) write("\n");
}

void StandardOutput::show(std::string_view image) {
  if (!on_terminal_ || signalled()) return;
  static auto protocol = image_protocol(app::process_surroundings().variable);
  static std::optional<bool> sixel;
  if (protocol == ImageProtocol::kNone && !sixel) sixel = terminal_shows_sixel();
  if (protocol == ImageProtocol::kNone && sixel.value_or(false)) protocol = ImageProtocol::kSixel;
  put(image_text(protocol, image, pixels_of(STDOUT_FILENO)));
}

bool StandardOutput::wanted() {
  pollfd out{STDOUT_FILENO, 0, 0};
  open_ = open_ && (::poll(&out, 1, 0) <= 0 || out.revents == 0);
  return open_;
}

void StandardOutput::end() {
  if (on_terminal_) put(filter_.end());
}

bool StandardOutput::put(std::string_view rest) {
  while (open_ && !rest.empty()) {
    pollfd out{STDOUT_FILENO, POLLOUT, 0};
    constexpr int kGlance = 200;  // milliseconds
    if (::poll(&out, 1, kGlance) <= 0) {
      if (signalled()) return true;  // what nobody reads is not waited for any longer
      continue;
    }
    // No more than a pipe takes at once, so that it does not block.
    const ssize_t n =
        ::write(STDOUT_FILENO, rest.data(), std::min<std::size_t>(rest.size(), PIPE_BUF));
    if (n < 0 && errno != EINTR && errno != EAGAIN) {
      open_ = false;
      why_ = errno == EPIPE ? "" : std::string("cannot write the output: ") + std::strerror(errno);
    }
    rest.remove_prefix(n > 0 ? static_cast<std::size_t>(n) : 0);
  }
  return open_;
}

}  // namespace omcp_r::commands
