#include "commands/progress.hpp"

#include <unistd.h>

#include <cstdio>

#include "commands/lines.hpp"
#include "commands/terminal.hpp"
#include "omcp_r/base/text.hpp"
#include "omcp_r/sandbox/transcript.hpp"

namespace omcp_r::commands {
namespace {

constexpr std::size_t kMostOfLine = 4096;
constexpr std::size_t kMostKept = 8192;

}  // namespace

// "Step 3/9 : RUN ..." of the classic builder, "#7 [r 3/5] RUN ..." of BuildKit.
bool is_step(std::string_view line) {
  if (line.starts_with("Step ")) return true;
  const std::size_t blank = line.find(' ');
  return line.starts_with('#') && blank != std::string_view::npos &&
         line.substr(blank).starts_with(" [");
}

Progress::Progress(const std::filesystem::path& log) : on_terminal_(::isatty(STDERR_FILENO) != 0) {
  if (!log.empty()) log_.open(log, std::ios::binary | std::ios::trunc);
}

Progress::~Progress() {
  end();
}

void Progress::take(std::string_view bytes) {
  if (log_.is_open()) log_ << bytes << std::flush;
  for (const char c : bytes) {
    if (c != '\n' && c != '\r') {
      if (line_.size() < kMostOfLine) line_ += c;
      continue;
    }
    if (line_.empty()) continue;
    line_ = sandbox::strip_escapes(line_);
    show(line_);
    last_ += line_ + "\n";
    if (last_.size() > 2 * kMostKept) last_.erase(0, last_.size() - kMostKept);
    line_.clear();
  }
}

void Progress::show(std::string_view line) {
  if (!on_terminal_) {
    if (is_step(line)) std::fprintf(stderr, "%s\n", printable(line, kMostOfLine).c_str());
    return;
  }
  std::fprintf(stderr, "\r\x1b[K%s", printable(line, columns_of(STDERR_FILENO) - 1).c_str());
  std::fflush(stderr);
  shown_ = true;
}

void Progress::end() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
  shown_ = false;
}

std::string Progress::last_lines() const {
  constexpr int kLines = 20;
  std::size_t from = last_.size();
  for (int i = 0; i <= kLines && from != std::string::npos && from > 0; ++i) {
    from = last_.rfind('\n', from - 1);
  }
  std::string lines;
  std::string_view rest = std::string_view(last_).substr(from == std::string::npos ? 0 : from);
  while (!rest.empty()) {
    const std::string_view line = take_line(rest);
    if (!line.empty()) lines += "    " + printable(line, kMostOfLine) + "\n";
  }
  return lines;
}

}  // namespace omcp_r::commands
