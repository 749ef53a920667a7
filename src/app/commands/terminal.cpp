#include "commands/terminal.hpp"

#include <sys/ioctl.h>

#include "commands/sixel.hpp"
#include "omcp_r/base/png.hpp"
#include "omcp_r/base/text.hpp"

namespace omcp_r::commands {
namespace {

constexpr char kEsc = '\x1B';
constexpr char kBell = '\x07';
constexpr char kC1Lead = '\xC2';  ///< of a two-byte character, of which 80 to 9F are controls
constexpr std::size_t kMaxSequence = 40;

/// ESC [ 1;31 m and ESC [ K.
bool is_harmless(std::string_view sequence) {
  const char last = sequence.back();
  return (last == 'm' || last == 'K') &&
         sequence.find_first_not_of("0123456789;", 2) == sequence.size() - 1;
}

}  // namespace

std::string TerminalFilter::pass(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) take(c, out);
  return out;
}

std::string TerminalFilter::end() const {
  return coloured_ ? "\x1B[0m" : "";
}

void TerminalFilter::take_text(char c, std::string& out) {
  const auto code = static_cast<unsigned char>(c);
  state_ = State::kText;
  if (c == kEsc) {
    held_ = c;
    state_ = State::kEscape;
  } else if (c == kC1Lead) {
    state_ = State::kC1;
  } else if (code > 0xC2 && code < 0xF5) {
    held_ = c;
    more_ = code < 0xE0 ? 1 : code < 0xF0 ? 2 : 3;
    state_ = State::kCharacter;
  } else if (code >= 0x80) {
    out += '?';  // alone it is no character, and to some terminals an order
  } else if ((code >= 0x20 && code != 0x7F) || c == '\n' || c == '\r' || c == '\t' || c == '\b') {
    out += c;
  }
}

void TerminalFilter::take_sequence(char c, std::string& out) {
  const auto code = static_cast<unsigned char>(c);
  if (code < 0x20 || code > 0x7E) {
    take_text(c, out);
    return;
  }
  held_ += c;
  if (code >= 0x40) {
    const bool harmless = held_.size() <= kMaxSequence && is_harmless(held_);
    coloured_ = coloured_ || harmless;
    out += harmless ? held_ : "";
    state_ = State::kText;
  } else if (held_.size() > kMaxSequence) {
    held_.resize(kMaxSequence + 1);  // too long for anything: only its end is looked for
  }
}

void TerminalFilter::take(char c, std::string& out) {
  const auto code = static_cast<unsigned char>(c);
  switch (state_) {
    case State::kText:
      take_text(c, out);
      return;
    case State::kC1:
      if (code >= 0xA0 && code <= 0xBF) {
        out += kC1Lead;
        out += c;
      }
      state_ = State::kText;
      if (code < 0x80 || code > 0xBF) take_text(c, out);  // that was no character: this counts
      return;
    case State::kCharacter:
      if (code < 0x80 || code > 0xBF) {
        out += '?';
        take_text(c, out);
        return;
      }
      held_ += c;
      if (--more_ == 0) {
        out += held_;
        state_ = State::kText;
      }
      return;
    case State::kEscape:
      if (c == '[') {
        held_ += c;
        state_ = State::kSequence;
      } else if (c == ']' || c == 'P' || c == '^' || c == '_' || c == 'X') {
        state_ = State::kString;
      } else if (code < 0x20 || code > 0x7E) {
        take_text(c, out);
      } else if (code >= 0x30) {
        state_ = State::kText;
      }
      return;
    case State::kSequence:
      take_sequence(c, out);
      return;
    // One that does not end ends with its line: what comes then is to be seen.
    case State::kString:
    case State::kStringEscape:
      if (c == '\n') {
        take_text(c, out);
      } else if (c == kBell || (state_ == State::kStringEscape && c == '\\')) {
        state_ = State::kText;
      } else {
        state_ = c == kEsc ? State::kStringEscape : State::kString;
      }
      return;
  }
}

ImageProtocol image_protocol(
    const std::function<std::optional<std::string>(const std::string&)>& variable) {
  const auto says = [&variable](const char* name, std::string_view part) {
    return variable(name).value_or("").find(part) != std::string::npos;
  };
  // These show what is in them to the terminal around them, and know no images themselves.
  if (variable("TMUX") || variable("STY")) return ImageProtocol::kNone;
  if (variable("KITTY_WINDOW_ID") || says("TERM", "kitty") || says("TERM", "ghostty")) {
    return ImageProtocol::kKitty;
  }
  if (says("TERM_PROGRAM", "iTerm") || says("TERM_PROGRAM", "WezTerm") ||
      says("LC_TERMINAL", "iTerm2")) {
    return ImageProtocol::kIterm;
  }
  return ImageProtocol::kNone;
}

// https://sw.kovidgoyal.net/kitty/graphics-protocol and
// https://iterm2.com/documentation-images.html
std::string image_text(ImageProtocol protocol, std::string_view png, std::size_t width) {
  constexpr std::size_t kChunk = 4096;
  constexpr std::string_view kPng = "\x89PNG";
  if (protocol == ImageProtocol::kNone || !png.starts_with(kPng)) return "";
  if (protocol == ImageProtocol::kSixel) {
    const auto picture = decode_png(png);
    return picture ? sixel_text(*picture, width) : "";
  }
  const std::string text = base64_encode(png);
  if (protocol == ImageProtocol::kIterm) {
    return "\x1B]1337;File=inline=1;size=" + std::to_string(png.size()) + ":" + text + "\x07\n";
  }
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += kChunk) {
    const bool more = at + kChunk < text.size();
    out += std::string("\x1B_G") + (at == 0 ? "a=T,f=100," : "") + (more ? "m=1;" : "m=0;") +
           text.substr(at, kChunk) + "\x1B\\";
  }
  return out + "\n";
}

std::size_t pixels_of(int descriptor) {
  winsize size{};
  return ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 ? size.ws_xpixel : 0;
}

std::size_t columns_of(int descriptor) {
  constexpr std::size_t kUsual = 80;
  winsize size{};
  return ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : kUsual;
}

}  // namespace omcp_r::commands
