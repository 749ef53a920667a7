#include "commands/sixel.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "omcp_r/base/clock.hpp"
#include "omcp_r/base/text.hpp"

namespace omcp_r::commands {
namespace {

constexpr std::size_t kBand = 6;
constexpr std::size_t kMostColours = 256;
constexpr std::size_t kUsualWidth = 1600;  // pixels

/// Makes it smaller: each pixel is the mean of `factor` times `factor`.
Picture shrink(const Picture& from, std::size_t factor) {
  const std::size_t width = std::max<std::size_t>(1, from.size.width / factor);
  const std::size_t height = std::max<std::size_t>(1, from.size.height / factor);
  Picture to{{static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height)}, {}};
  to.rgb.reserve(3 * width * height);
  for (std::size_t at = 0; at < 3 * width * height; ++at) {
    const std::size_t x = at / 3 % width * factor;
    const std::size_t y = at / 3 / width * factor;
    std::size_t sum = 0;
    std::size_t count = 0;
    for (std::size_t j = y; j < std::min<std::size_t>(y + factor, from.size.height); ++j) {
      for (std::size_t i = x; i < std::min<std::size_t>(x + factor, from.size.width); ++i) {
        sum += byte_at(from.rgb, 3 * (j * from.size.width + i) + at % 3);
        ++count;
      }
    }
    to.rgb += static_cast<char>(sum / count);
  }
  return to;
}

using Colour = std::array<unsigned, 3>;

/// Six levels of red and blue and seven of green, to which the eye is the most sensitive.
Colour of_few(const Colour& colour) {
  constexpr std::array<unsigned, 3> kSteps{5, 6, 5};
  Colour few{};
  for (std::size_t i = 0; i < few.size(); ++i) {
    const unsigned level = (colour.at(i) * kSteps.at(i) + 127) / 255;
    few.at(i) = level * 255 / kSteps.at(i);
  }
  return few;
}

struct Palette {
  std::vector<Colour> colours;
  std::vector<std::uint8_t> pixels;  ///< the number of each one's colour
};

/// nullopt where they are more than 256 and `exact` is asked for.
std::optional<Palette> palette_of(const Picture& picture, bool exact) {
  Palette palette;
  std::unordered_map<unsigned, std::size_t> numbers;
  for (std::size_t at = 0; at + 2 < picture.rgb.size(); at += 3) {
    Colour colour{byte_at(picture.rgb, at), byte_at(picture.rgb, at + 1),
                  byte_at(picture.rgb, at + 2)};
    if (!exact) colour = of_few(colour);
    const auto [found, added] =
        numbers.emplace(colour[0] << 16U | colour[1] << 8U | colour[2], palette.colours.size());
    if (added) palette.colours.push_back(colour);
    if (palette.colours.size() > kMostColours) return std::nullopt;
    palette.pixels.push_back(static_cast<std::uint8_t>(found->second));
  }
  return palette;
}

/// `count` times the same six pixels, one above the other, of which `bits` are of the colour.
void put_run(std::string& out, unsigned bits, std::size_t count) {
  constexpr std::size_t kWorthIt = 3;
  const char sixel = static_cast<char>('?' + bits);
  if (count > kWorthIt) {
    out += "!" + std::to_string(count) + sixel;
  } else {
    out.append(count, sixel);
  }
}

/// The pixels of one colour in six rows, the first of which is `top`.
void put_colour(std::string& out, const Palette& palette, const PngSize& size, std::size_t top,
                std::size_t colour) {
  const std::size_t bottom = std::min<std::size_t>(top + kBand, size.height);
  unsigned bits = 0;
  std::size_t count = 0;
  out += "#" + std::to_string(colour);
  for (std::size_t x = 0; x < size.width; ++x) {
    unsigned here = 0;
    for (std::size_t y = top; y < bottom; ++y) {
      if (palette.pixels[y * size.width + x] == colour) here |= 1U << (y - top);
    }
    if (here != bits) {
      put_run(out, bits, count);
      bits = here;
      count = 0;
    }
    ++count;
  }
  if (bits != 0) put_run(out, bits, count);
  out += "$";  // back to where the six rows begin
}

/// Changes the terminal so that its answer is neither shown nor waits for the end of a line.
class Quiet {
 public:
  explicit Quiet(int terminal) : terminal_(terminal) {
    changed_ = ::tcgetattr(terminal, &before_) == 0;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    changed_ = changed_ && ::tcsetattr(terminal, TCSADRAIN, &quiet) == 0;
  }
  ~Quiet() {
    if (changed_) ::tcsetattr(terminal_, TCSADRAIN, &before_);
  }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;
  [[nodiscard]] bool changed() const { return changed_; }

 private:
  int terminal_;
  bool changed_ = false;
  termios before_{};
};

/// Whether what a terminal says of itself, as in ESC [ ? 62 ; 4 ; 22 c, names sixel graphics.
bool says_sixel(std::string_view answer) {
  const auto start = answer.rfind("\x1B[?");
  if (start == std::string_view::npos || answer.back() != 'c') return false;
  const std::string list = ";" + std::string{answer.substr(start + 3)};
  return list.find(";4;") != std::string::npos || list.find(";4c") != std::string::npos;
}

/// Asks for the primary device attributes.
std::optional<bool> ask(int terminal) {
  constexpr std::string_view kQuestion = "\x1B[c";
  constexpr std::chrono::milliseconds kWait{500};
  constexpr std::size_t kLongest = 200;
  int typed = 0;
  // What a person has typed ahead would be lost, and a terminal of another job must not be touched.
  if (::ioctl(terminal, FIONREAD, &typed) != 0 || typed > 0) return std::nullopt;
  if (::tcgetpgrp(terminal) != ::getpgrp()) return std::nullopt;
  const Quiet quiet{terminal};
  if (!quiet.changed()) return std::nullopt;
  if (::write(terminal, kQuestion.data(), kQuestion.size()) < 0) return std::nullopt;
  std::string answer;
  pollfd in{terminal, POLLIN, 0};
  const auto deadline = Clock::now() + kWait;
  const auto left = [deadline] {
    const auto time =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    return static_cast<int>(std::max<std::int64_t>(time.count(), 0));
  };
  while (answer.size() < kLongest && ::poll(&in, 1, left()) > 0) {
    char c = 0;
    if (::read(terminal, &c, 1) != 1) break;
    answer += c;
    if (c == 'c') break;
  }
  return says_sixel(answer);
}

}  // namespace

// DEC STD 070, chapter 9. Colours are in percent.
std::string sixel_text(const Picture& picture, std::size_t width) {
  if (width == 0) width = kUsualWidth;
  if (picture.size.width > width) {
    return sixel_text(shrink(picture, (picture.size.width + width - 1) / width));
  }
  auto palette = palette_of(picture, true);
  if (!palette) palette = palette_of(picture, false);
  const PngSize& size = picture.size;
  std::string out =
      "\x1BP0;1;0q\"1;1;" + std::to_string(size.width) + ";" + std::to_string(size.height);
  for (std::size_t i = 0; i < palette->colours.size(); ++i) {
    out += "#" + std::to_string(i) + ";2";
    for (const unsigned value : palette->colours[i]) {
      out += ";" + std::to_string((value * 100 + 127) / 255);
    }
  }
  for (std::size_t top = 0; top < size.height; top += kBand) {
    std::vector<bool> there(palette->colours.size());
    const std::size_t end = std::min<std::size_t>(top + kBand, size.height) * size.width;
    for (std::size_t at = top * size.width; at < end; ++at) there[palette->pixels[at]] = true;
    for (std::size_t colour = 0; colour < there.size(); ++colour) {
      if (there[colour]) put_colour(out, *palette, size, top, colour);
    }
    out += "-";
  }
  return out + "\x1B\\\n";
}

std::optional<bool> terminal_shows_sixel() {
  const int terminal = ::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0) return std::nullopt;
  const auto shows = ask(terminal);
  ::close(terminal);
  return shows;
}

}  // namespace omcp_r::commands
