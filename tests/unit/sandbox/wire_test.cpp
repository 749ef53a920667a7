#include "omcp_r/sandbox/wire.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace omcp_r::sandbox::wire {
namespace {

constexpr const char* kRun = "00112233445566aa";

/// A frame as the worker or the supervisor writes it, with whatever length it claims.
std::string frame(char writer, char type, const std::string& payload, std::uint32_t sequence = 1,
                  std::size_t claimed = std::string::npos) {
  char header[kHeader + 1];
  std::snprintf(header, sizeof header, "\x02OM2%c%c.%08x%s%04x:", writer, type, sequence, kRun,
                static_cast<unsigned>(claimed == std::string::npos ? payload.size() : claimed));
  return std::string{header, kHeader} + payload + "\x03";
}

std::vector<std::string> payloads(FrameReader& reader, std::string_view bytes, std::size_t step) {
  std::vector<std::string> result;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    reader.feed(bytes.substr(at, step));
    while (const auto found = reader.next()) {
      result.emplace_back(found->payload);
    }
  }
  return result;
}

TEST(Wire, ReadsWhatItWrote) {
  std::uint32_t sequence = 7;
  const std::string message(10'000, 'x');
  const std::string bytes = encode('r', kRun, message, sequence);
  EXPECT_EQ(sequence, 10U);
  FrameReader reader;
  reader.feed(bytes);
  std::string read;
  for (std::uint32_t n = 8; n <= 10; ++n) {
    const auto found = reader.next();
    ASSERT_TRUE(found);
    EXPECT_EQ(found->writer, 'C');
    EXPECT_EQ(found->type, 'r');
    EXPECT_EQ(found->id, kRun);
    EXPECT_EQ(found->sequence, n);
    EXPECT_EQ(found->more, n < 10);
    EXPECT_LE(found->payload.size() + kHeader + 1, kFrame);
    read += found->payload;
  }
  EXPECT_EQ(read, message);
  EXPECT_FALSE(reader.next());
}

TEST(Wire, AnEmptyMessageIsOneFrame) {
  std::uint32_t sequence = 0;
  EXPECT_EQ(encode('s', kRun, "", sequence).size(), kHeader + 1);
  EXPECT_EQ(sequence, 1U);
}

TEST(Wire, HoweverTheBytesAreCutTheyMeanTheSame) {
  const std::string bytes = "noise\n" + frame('R', 'D', "one") + "\x02OM\x02" +
                            frame('S', 't', "") + frame('R', 'P', std::string("\0\x02\x03\n", 4)) +
                            "tail";
  const std::vector<std::string> wanted{"one", "", std::string("\0\x02\x03\n", 4)};
  for (const std::size_t step : {1U, 2U, 3U, 36U, 37U, 4096U}) {
    FrameReader reader;
    EXPECT_EQ(payloads(reader, bytes, step), wanted) << step;
  }
}

// A lie about the length costs the liar's frame and what it covers, never what stands behind it.
TEST(Wire, AFrameThatLiesAboutItsLengthHidesNothingBehindIt) {
  const std::string after = frame('R', 'D', "true");
  for (const std::string& lie :
       {frame('R', 'D', "x", 1, 0), frame('R', 'D', "x", 1, 2), frame('R', 'D', "x", 1, 0xffff),
        frame('R', 'D', "", 1, kPayload + 1), std::string("\x02OM2RD.zzzzzzzz"),
        std::string("\x02OM2"), std::string("\x02OM2\x02OM2")}) {
    FrameReader reader;
    const auto read = payloads(reader, lie + padding() + after, 64);
    ASSERT_FALSE(read.empty()) << lie;
    EXPECT_EQ(read.back(), "true") << lie;
  }
}

// The attack that made the first version quadratic: headers that lie, and newlines without end.
TEST(Wire, TheWorkOfReadingGrowsWithTheBytesAndNoFaster) {
  const std::vector<std::pair<const char*, std::string>> floods{
      {"newlines", "\n"},
      {"magic", "\x02OM2"},
      {"half magic", "\x02OM"},
      {"headers of the greatest length", frame('R', 'D', "", 1, kPayload).substr(0, kHeader)},
      {"empty frames", frame('R', 'W', "")},
      {"headers of no length", frame('R', 'D', "", 1, 0).substr(0, kHeader)},
  };
  for (const auto& [name, piece] : floods) {
    SCOPED_TRACE(name);
    std::vector<std::uint64_t> work;
    for (const std::size_t size : {500'000U, 1'000'000U, 2'000'000U}) {
      std::string bytes;
      while (bytes.size() < size) {
        bytes += piece;
      }
      FrameReader reader;
      MarkReader marks;
      for (std::size_t at = 0; at < bytes.size(); at += 65'536) {
        reader.feed(std::string_view{bytes}.substr(at, 65'536));
        while (reader.next()) {
        }
        marks.feed(std::string_view{bytes}.substr(at, 65'536));
        while (marks.next()) {
        }
      }
      work.push_back(reader.work() + marks.work());
      EXPECT_LE(work.back(), 40 * bytes.size());
    }
    EXPECT_LE(work[1], work[0] * 5 / 2);
    EXPECT_LE(work[2], work[1] * 5 / 2);
  }
}

std::string shown(MarkReader& reader, std::string_view bytes, std::size_t step) {
  std::string result;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    reader.feed(bytes.substr(at, step));
    while (const auto piece = reader.next()) {
      result += piece->mark == 0 ? std::string{piece->text}
                                 : '<' + std::string{piece->mark} + std::string{piece->id} + '>';
    }
  }
  return result;
}

TEST(Marks, AreTakenOutOfTheTextHoweverItIsCut) {
  const std::string id = kRun;
  const std::string bytes =
      "a\x02OM2B" + id + "\nb\x02 c\x02OM2E" + id + "\n\x02OM2X0000000000000000\nd\n";
  for (const std::size_t step : {1U, 2U, 5U, 21U, 22U, 100U}) {
    MarkReader reader;
    EXPECT_EQ(shown(reader, bytes, step),
              "a<B" + id + ">b\x02 c<E" + id + "><X0000000000000000>d\n")
        << step;
  }
}

TEST(Marks, WhatOnlyLooksLikeOneIsText) {
  for (const std::string& text :
       {std::string("\x02OM2Q00112233445566aa\n"), std::string("\x02OM2B00112233445566aaX"),
        std::string("\x02OM2Bnot-hexadecimal!\n"), std::string("\x02\x02\x02OM\x02OM1")}) {
    MarkReader reader;
    EXPECT_EQ(shown(reader, text + "|", 3), text + "|");
  }
}

TEST(Marks, HalfOfOneIsHeldBackUntilItIsDecidedOrAskedFor) {
  MarkReader reader;
  EXPECT_EQ(shown(reader, "text\x02OM2B0011", 100), "text");
  EXPECT_EQ(reader.rest(), "\x02OM2B0011");
}

TEST(Wire, IdsAreSixteenDigitsAndNotTheSameTwice) {
  const std::string id = new_id();
  EXPECT_TRUE(is_id(id));
  EXPECT_NE(id, new_id());
  EXPECT_FALSE(is_id("short"));
  EXPECT_FALSE(is_id("00112233445566AA"));
}

}  // namespace
}  // namespace omcp_r::sandbox::wire
