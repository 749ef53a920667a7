#include "commands/terminal.hpp"

#include <gtest/gtest.h>

#include <map>

#include "commands/sixel.hpp"
#include "omcp_r/base/text.hpp"

namespace omcp_r::commands {
namespace {

/// Whole, and byte by byte.
void expect_shown(const std::string& printed, const std::string& shown) {
  TerminalFilter whole;
  EXPECT_EQ(whole.pass(printed), shown) << printed;
  TerminalFilter piecewise;
  std::string out;
  for (const char c : printed) out += piecewise.pass(std::string(1, c));
  EXPECT_EQ(out, shown) << printed;
}

TEST(TerminalFilter, PassesTextAndColours) {
  for (const char* text : {"plain\n", "50%\r60%\b\t\n", "\x1B[1;31mred\x1B[0m \x1B[K",
                           "\xC3\xA9 \xC2\xA0 \xE2\x82\xAC \xF0\x9F\x98\x80", "\xC2\xBF"}) {
    expect_shown(text, text);
  }
}

TEST(TerminalFilter, PassesNoOrders) {
  expect_shown("a\x1B]0;title\x07z", "az");
  expect_shown("a\x1B]52;c;aGk=\x1B\\z", "az");
  expect_shown("a\x1BP$qm\x1B\x1B\\z", "az");
  expect_shown("a\x1B_Ga=T;x\x1B\\z", "az");
  expect_shown("a\x1B[2J\x1B[5A\x1B[6n\x1B[?1049h\x1B[>4;1m\x1B[31;\x1B[1mz", "a\x1B[1mz");
  expect_shown(
      "a\x1B(0b\x1B"
      "cz\x1B",
      "abz");
  expect_shown("a\x07\x0E\x7F\x01z", "az");
  expect_shown(
      "a\xC2\x9B"
      "2Jz\xC2\x9D"
      "0;t\x07",
      "a2Jz0;t");
  expect_shown("a\xC2\x1B]0;t\x07z\xC2", "az");
  expect_shown(
      "a\x9B"
      "2J\x1B\xC2\x9B"
      "2Jz\xE9t\xE9\n",
      "a?2J2Jz?t?\n");
  expect_shown("a\x1BPnever\nError\n", "a\nError\n");
  expect_shown("a\x1B[" + std::string(10'000, '1') + "mz", "az");
  expect_shown("a\x1B[3\n1mz", "a\n1mz");
}

TEST(TerminalFilter, LeavesNoColourBehind) {
  TerminalFilter plain;
  EXPECT_EQ(plain.pass("a\x1B[2J"), "a");
  EXPECT_EQ(plain.end(), "");
  TerminalFilter hidden;
  EXPECT_EQ(hidden.pass("\x1B[8m"), "\x1B[8m");
  EXPECT_EQ(hidden.end(), "\x1B[0m");
}

TEST(Terminal, ShowsImagesAsItSaysThatItCan) {
  const auto of = [](const std::map<std::string, std::string>& all) {
    return image_protocol([&all](const std::string& name) {
      const auto found = all.find(name);
      return found == all.end() ? std::nullopt : std::optional{found->second};
    });
  };
  EXPECT_EQ(of({{"TERM", "xterm-256color"}}), ImageProtocol::kNone);
  EXPECT_EQ(of({{"TERM", "xterm-kitty"}}), ImageProtocol::kKitty);
  EXPECT_EQ(of({{"KITTY_WINDOW_ID", "1"}}), ImageProtocol::kKitty);
  EXPECT_EQ(of({{"TERM_PROGRAM", "iTerm.app"}}), ImageProtocol::kIterm);
  EXPECT_EQ(of({{"TERM_PROGRAM", "WezTerm"}}), ImageProtocol::kIterm);
  EXPECT_EQ(of({{"TERM", "xterm-kitty"}, {"TMUX", "/tmp/x"}}), ImageProtocol::kNone);
}

TEST(Terminal, GetsImagesInItsOwnForm) {
  const std::string png = "\x89PNG" + std::string(5000, 'x');
  EXPECT_EQ(image_text(ImageProtocol::kNone, png), "");
  EXPECT_EQ(image_text(ImageProtocol::kKitty, "no image"), "");
  EXPECT_EQ(image_text(ImageProtocol::kIterm, png),
            "\x1B]1337;File=inline=1;size=5004:" + base64_encode(png) + "\x07\n");
  const std::string kitty = image_text(ImageProtocol::kKitty, png);
  EXPECT_TRUE(kitty.starts_with("\x1B_Ga=T,f=100,m=1;" + base64_encode(png).substr(0, 4096) +
                                "\x1B\\\x1B_Gm=0;"));
  EXPECT_TRUE(kitty.ends_with("\x1B\\\n"));
}

TEST(Terminal, GetsSixRowsAtATimeWhereItKnowsOfSixels) {
  const std::string red("\xFF\0\0", 3);
  const std::string white = "\xFF\xFF\xFF";
  Picture picture{{5, 7}, {}};
  for (int i = 0; i < 35; ++i) picture.rgb += i < 5 ? red : white;
  EXPECT_EQ(sixel_text(picture),
            "\x1BP0;1;0q\"1;1;5;7#0;2;100;0;0#1;2;100;100;100#0!5@$#1!5}$-#1!5@$-\x1B\\\n");
  // Half as wide and high: the red row is one half of the first.
  EXPECT_EQ(sixel_text(picture, 3),
            "\x1BP0;1;0q\"1;1;2;3#0;2;100;50;50#1;2;100;100;100#0@@$#1EE$-\x1B\\\n");
}

TEST(Terminal, GetsNearColoursWhereTheyAreMoreThanItKnows) {
  Picture picture{{1000, 1}, {}};
  for (unsigned i = 0; i < 1000; ++i) {
    picture.rgb += static_cast<char>(i / 4);
    picture.rgb += static_cast<char>(i * 61 % 256);
    picture.rgb += '\0';
  }
  const std::string text = sixel_text(picture);
  EXPECT_NE(text.find("#41;2;"), std::string::npos);  // six by seven
  EXPECT_EQ(text.find("#42;2;"), std::string::npos);
}

}  // namespace
}  // namespace omcp_r::commands
