#include "omcp_r/sandbox/transcript.hpp"

#include <gtest/gtest.h>

#include "omcp_r/base/text.hpp"

namespace omcp_r::sandbox {
namespace {

struct ControlCase {
  const char* name;
  const char* printed;
  const char* shown;
};
void PrintTo(const ControlCase& c, std::ostream* out) {
  *out << c.name;
}

class Control : public testing::TestWithParam<ControlCase> {};

TEST_P(Control, LooksAsOnATerminalHoweverItIsCut) {
  const std::string printed = GetParam().printed;
  for (std::size_t cut = 0; cut <= printed.size(); ++cut) {
    Transcript transcript{1000};
    transcript.append(std::string_view{printed}.substr(0, cut));
    transcript.append(std::string_view{printed}.substr(cut));
    EXPECT_EQ(transcript.text(), GetParam().shown) << "cut at " << cut;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Transcript, Control,
    testing::Values(
        ControlCase{"none", "a\nb\n", "a\nb\n"}, ControlCase{"bar", "10%\r20%\rdone\n", "done\n"},
        ControlCase{"shorter leaves the rest", "abcdef\rXY\n", "XYcdef\n"},
        ControlCase{"Windows line ends", "a\r\nb\r\n", "a\nb\n"},
        ControlCase{"unfinished line", "one\n1\r2", "one\n2"},
        ControlCase{"more than a byte", "\xC3\xA9\xC3\xA9\rx\n", "x\xC3\xA9\n"},
        ControlCase{"underlined", "_\bH_\be_\by\n\b\bstart\n", "Hey\nstart\n"},
        ControlCase{"colours", "\033[31mred\033[39m \033[1;38;5;4mblue\033[0m\n", "red blue\n"},
        ControlCase{"colours in the last line", "a\033[31m", "a"},
        ControlCase{"erased", "abcdef\rXY\033[K\n12\033[2K\r3\n", "XY\n3\n"},
        ControlCase{"erased, and written on", "12\033[2K3\n", "  3\n"},
        ControlCase{"link", "\033]8;;http://a.b/\033\\here\033]8;;\033\\!\n", "here!\n"},
        ControlCase{"title", "\033]0;title\atext\n", "text\n"},
        ControlCase{"string without an end", "\033]0;kept\nnext\n", "0;kept\nnext\n"},
        ControlCase{"string that is broken off", "\033]kept\033[1m!\n", "kept!\n"},
        ControlCase{"sequence that is broken off", "\033[31\xC3\xA9\n", "\xC3\xA9\n"},
        ControlCase{"two bytes, three bytes", "\0337a\033(Bb\0338\n", "ab\n"},
        ControlCase{"ESC alone", "a\033\nb\033\xC3\xA9\033\033\n\033", "a\nb\xC3\xA9\n"}));

TEST(Transcript, ALineThatIsTooLongIsNotCutWithinASequence) {
  std::string printed;
  for (int i = 0; i < 100'000; ++i) {
    printed += "\033[38;5;4mx\033[39m";
  }
  Transcript transcript{1'000'000};
  for (std::size_t at = 0; at < printed.size(); at += 1000) {
    transcript.append(std::string_view{printed}.substr(at, 1000));
  }
  EXPECT_EQ(transcript.text(), std::string(100'000, 'x'));
}

TEST(Transcript, SequencesThatNeverEndCostNoMoreThanOthers) {
  std::string printed;
  for (int i = 0; i < 1'000'000; ++i) {
    printed += "\033]";
  }
  Transcript transcript{100};
  transcript.append(printed);
  EXPECT_EQ(transcript.text(), "");
  EXPECT_EQ(strip_escapes(printed), "");
}

TEST(Transcript, OfATextOnlySequencesAreTaken) {
  EXPECT_EQ(strip_escapes("a\r\n\033[1mb\033[22m\n\033]8;;u\ac"), "a\r\nb\nc");
}

TEST(Transcript, LongOutputIsHeadAndTailWithACount) {
  Transcript transcript{100};
  for (int i = 0; i < 1000; ++i) {
    transcript.append("line " + std::to_string(i) + "\n");
  }
  const std::string text = transcript.text();
  EXPECT_TRUE(transcript.truncated());
  EXPECT_TRUE(text.starts_with("line 0\n"));
  EXPECT_TRUE(text.ends_with("line 999\n"));
  EXPECT_NE(text.find("bytes left out here"), std::string::npos);
  EXPECT_LT(count_chars(text), 200U);
  EXPECT_EQ(transcript.bytes(), 8890U);
  EXPECT_TRUE(transcript.kept_all());
}

// Seen before: each clearing of the line filled it anew, a square of its length in all.
TEST(Transcript, ClearingALineAgainAndAgainTakesNoSquareOfTime) {
  std::string cleared;
  for (int i = 0; i < 12'000; ++i) cleared += "a\033[2K";
  EXPECT_LT(resolve_controls(cleared + "b").size(), 70'000U);
  EXPECT_EQ(resolve_controls("abc\033[2Kd"), "   d");
}

TEST(Transcript, IsCutWhereThingsHappened) {
  Transcript transcript{1000};
  std::vector<std::uint64_t> places{transcript.position()};
  transcript.append("one\ntw");
  places.push_back(transcript.position());
  transcript.append("o\nbar\r");
  places.push_back(transcript.position());
  transcript.append("done\n");
  places.push_back(transcript.position());
  places.push_back(~std::uint64_t{0});
  EXPECT_EQ(transcript.pieces(1000, places),
            (std::vector<std::string>{"", "one\ntw", "o\n", "done\n", "", ""}));
}

TEST(Transcript, CutAndShortenedItIsTheSameText) {
  Transcript transcript{100};
  std::vector<std::uint64_t> places;
  for (int i = 0; i < 1000; ++i) {
    transcript.append("line " + std::to_string(i) + "\n");
    if (i % 100 == 1 || i == 998) places.push_back(transcript.position());
  }
  const std::vector<std::string> pieces = transcript.pieces(100, places);
  ASSERT_EQ(pieces.size(), places.size() + 1);
  EXPECT_EQ(pieces.front(), "line 0\nline 1\n");
  EXPECT_NE(pieces[1].find("bytes left out here"), std::string::npos)
      << "before what was drawn there";
  EXPECT_EQ(pieces.back(), "line 999\n");
  std::string text;
  for (const std::string& piece : pieces) text += piece;
  EXPECT_EQ(text, transcript.text());
}

TEST(Transcript, MemoryStaysBoundedForOutputWithoutEnd) {
  Transcript transcript{100};
  const std::string chunk(1 << 20, 'x');
  for (int i = 0; i < 64; ++i) {
    transcript.append(chunk);
  }
  EXPECT_EQ(transcript.bytes(), 64ULL << 20);
  EXPECT_LE(transcript.kept().size(), Transcript::kKeep);
  EXPECT_FALSE(transcript.kept_all());
}

TEST(Transcript, CutsBetweenCharactersOnly) {
  Transcript transcript{10};
  std::string text;
  for (int i = 0; i < 50; ++i) {
    text += "\xF0\x9F\x98\x80";
  }
  transcript.append(text);
  EXPECT_EQ(transcript.text().find("\xEF\xBF\xBD"), std::string::npos);
}

TEST(Transcript, TheLastLineIsWhatProgressShows) {
  Transcript transcript{100};
  transcript.append("first\n  |==   | 40%\r  |===  | 60%");
  EXPECT_EQ(transcript.last_line(), "  |===  | 60%");
}

}  // namespace
}  // namespace omcp_r::sandbox
