#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace omcp_r::commands {

/// What R prints, for a terminal that is a person's: code that is not trusted must not give it
/// orders. Text, line ends, tabs, backspaces, carriage returns, colours and the erasing of a line
/// pass; titles, clipboards, moves of the cursor, queries and whatever else have no effect.
class TerminalFilter {
 public:
  /// The part of `bytes`, and of what was held back, that may be shown.
  std::string pass(std::string_view bytes);
  /// What takes back colours that were not, at the end.
  [[nodiscard]] std::string end() const;

 private:
  enum class State { kText, kEscape, kSequence, kString, kStringEscape, kC1, kCharacter };
  void take(char c, std::string& out);
  void take_text(char c, std::string& out);
  void take_sequence(char c, std::string& out);

  State state_ = State::kText;
  std::string held_;      ///< of a sequence or character under way
  std::size_t more_ = 0;  ///< bytes to come of that character
  bool coloured_ = false;
};

/// How a terminal shows images.
enum class ImageProtocol { kNone, kKitty, kIterm, kSixel };

/// By what terminals say of themselves in the environment.
ImageProtocol image_protocol(
    const std::function<std::optional<std::string>(const std::string&)>& variable);

/// A PNG file as a terminal of `width` pixels (0: not known) wants it, with a line end; "" where it
/// cannot show it.
std::string image_text(ImageProtocol protocol, std::string_view png, std::size_t width = 0);

/// The width in pixels of the terminal that `descriptor` is; 0 where that is not told.
std::size_t pixels_of(int descriptor);

/// The columns of the terminal that `descriptor` is; 80 where that is not told.
std::size_t columns_of(int descriptor);

}  // namespace omcp_r::commands
