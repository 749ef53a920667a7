#include "omcp_r/sandbox/frames.hpp"

#include <gtest/gtest.h>

namespace omcp_r::sandbox {
namespace {

std::string frame(const std::string& type, const std::string& id, const std::string& payload) {
  return "OMCP1 " + type + " " + id + " " + std::to_string(payload.size()) + "\n" + payload + "\n";
}

TEST(Request, IsOneLineWhateverTheCodeHolds) {
  const std::string line = encode_request({{"do", "run"}, {"code", "a\nb\r\x01\x02\xFF~+~-"}});
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_EQ(line.find('\r'), std::string::npos);
  EXPECT_EQ(line,
            "OMCP1\x02"
            "do\x02run\x02"
            "code\x02"
            "a\x01"
            "Bb\x01"
            "C\x01"
            "A\x01"
            "D\xFF~+~-\x02.\n");
}

TEST(FrameParser, FindsFramesHoweverTheBytesAreCut) {
  const std::string bytes =
      frame("done", "x", "{}") + frame("plot", "x", std::string("\0\n\xFF", 3));
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    FrameParser parser;
    auto frames = parser.feed(bytes.substr(0, cut));
    for (Frame& f : parser.feed(bytes.substr(cut))) {
      frames.push_back(f);
    }
    ASSERT_EQ(frames.size(), 2U) << "cut at " << cut;
    EXPECT_EQ(frames[0].payload, "{}");
    EXPECT_EQ(frames[1].payload, std::string("\0\n\xFF", 3));
  }
}

struct GarbageCase {
  const char* name;
  std::string bytes;
};
void PrintTo(const GarbageCase& c, std::ostream* out) {
  *out << c.name;
}

class Garbage : public testing::TestWithParam<GarbageCase> {};

TEST_P(Garbage, IsDroppedAndTheNextFrameFound) {
  FrameParser parser;
  parser.feed(GetParam().bytes);
  parser.feed("\n");
  const auto frames = parser.feed(frame("done", "x", "{}"));
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].id, "x");
}

INSTANTIATE_TEST_SUITE_P(
    FrameParser, Garbage,
    testing::Values(GarbageCase{"text", "hello"},
                    GarbageCase{"header without numbers", "OMCP1 a b c\n"},
                    GarbageCase{"negative length", "OMCP1 a b -1\n"},
                    GarbageCase{"length beyond the bound", "OMCP1 a b 99999999999\n"},
                    GarbageCase{"length that overflows", "OMCP1 a b 99999999999999999999999\n"},
                    GarbageCase{"lying length", "OMCP1 a b 2\nlonger\n"},
                    GarbageCase{"endless line", std::string(100000, 'x')},
                    GarbageCase{"empty lines", "\n\n\n"}));

class Recorded {
 public:
  void feed(TranscriptFilter& filter, std::string_view bytes) {
    filter.feed(bytes, [this](std::string_view part) { text_ += part; });
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

TEST(TranscriptFilter, KeepsWhatStandsBetweenTheMarksOfTheExecution) {
  const std::string bytes =
      "stale\x02OMCP1 end old\n\x02OMCP1 begin e1\nout\x02 put\n\x02OMCP1 end e1\nlater";
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    TranscriptFilter filter;
    Recorded seen;
    filter.expect("e1", false);
    seen.feed(filter, bytes.substr(0, cut));
    seen.feed(filter, bytes.substr(cut));
    EXPECT_EQ(seen.text(), "out\x02 put\n") << "cut at " << cut;
    EXPECT_TRUE(filter.ended());
  }
}

TEST(TranscriptFilter, ForgedMarksOfOtherExecutionsAreText) {
  TranscriptFilter filter;
  Recorded seen;
  filter.expect("e1", false);
  seen.feed(filter, "\x02OMCP1 begin e1\n\x02OMCP1 end e2\n\x02OMCP1 end e1\n");
  EXPECT_EQ(seen.text(), "\x02OMCP1 end e2\n");
}

TEST(TranscriptFilter, WhoJoinsLateMissesTheFirstMark) {
  TranscriptFilter filter;
  Recorded seen;
  filter.expect("e1", true);
  seen.feed(filter, "half\n\x02OMCP1 end e1\n");
  EXPECT_EQ(seen.text(), "half\n");
  EXPECT_TRUE(filter.ended());
}

}  // namespace
}  // namespace omcp_r::sandbox
