#include "omcp_r/base/jpeg.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace omcp_r {
namespace {

std::string bytes(std::initializer_list<int> values) {
  std::string made;
  for (const int value : values) {
    made += static_cast<char>(value);
  }
  return made;
}

std::string segment(int marker, const std::string& content) {
  const auto size = static_cast<int>(content.size()) + 2;
  return bytes({0xFF, marker, size >> 8, size & 0xFF}) + content;
}

/// A table of one code of one bit.
std::string huffman(int kind) {
  return segment(0xC4, bytes({kind << 4, 1}) + std::string(15, '\0') + std::string(1, '\0'));
}

const std::string kStart = bytes({0xFF, 0xD8});
const std::string kEnd = bytes({0xFF, 0xD9});
const std::string kQuantization = segment(0xDB, std::string(1, '\0') + std::string(64, '\1'));
const std::string kTables = huffman(0) + huffman(1);
const std::string kCoded = bytes({0x3F, 0xFF, 0x00, 0x7F});
const std::string kScan = segment(0xDA, bytes({1, 1, 0, 0, 63, 0})) + kCoded;

/// Of one grey component.
std::string frame(int width, int height, int marker = 0xC0) {
  return segment(marker,
                 bytes({8, height >> 8, height & 0xFF, width >> 8, width & 0xFF, 1, 1, 0x11, 0}));
}

std::string image(const std::string& middle) {
  return kStart + kQuantization + middle + kEnd;
}

bool accepted(const std::string& text) {
  return is_jpeg(text, 2000);
}

TEST(Jpeg, OfAnOrdinaryKindIsAccepted) {
  const std::string plain = frame(8, 8) + kTables + kScan;
  EXPECT_TRUE(accepted(image(plain)));
  EXPECT_TRUE(accepted(image(segment(0xE1, "Exif") + segment(0xFE, "a comment") + plain)));
  EXPECT_TRUE(accepted(image(frame(2000, 2000) + kTables + kScan)));
  EXPECT_TRUE(accepted(image(segment(0xDD, bytes({0, 1})) + plain + bytes({0xFF, 0xD0, 0x3F}))))
      << "restarts";
  const std::string colours =
      segment(0xC0, bytes({8, 0, 8, 0, 8, 3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0}));
  EXPECT_TRUE(accepted(
      image(colours + kTables + segment(0xDA, bytes({3, 1, 0, 2, 0, 3, 0, 0, 63, 0})) + kCoded)));
  const std::string progressive = frame(8, 8, 0xC2) + kTables +
                                  segment(0xDA, bytes({1, 1, 0, 0, 0, 1})) + kCoded +
                                  segment(0xDA, bytes({1, 1, 0, 1, 63, 0})) + kCoded;
  EXPECT_TRUE(accepted(image(progressive)));
}

TEST(Jpeg, ThatIsNotWholeIsRefused) {
  const std::string whole = image(frame(8, 8) + kTables + kScan);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(accepted(whole.substr(0, size))) << size;
  }
  EXPECT_FALSE(accepted(whole + "x")) << "something stands behind it";
  EXPECT_FALSE(accepted(" " + whole));
}

TEST(Jpeg, OfWhichADecoderWouldMakeNothingIsRefused) {
  const std::string plain = frame(8, 8);
  const std::vector<std::string> broken{
      plain + kTables,                   // no scan
      kTables + kScan,                   // no frame
      plain + plain + kTables + kScan,   // two
      plain + kScan,                     // no tables
      plain + huffman(0) + kScan,        // not all
      frame(0, 8) + kTables + kScan,     // of no width
      frame(2001, 8) + kTables + kScan,  // larger than it may be
      frame(8, 2001) + kTables + kScan,
      frame(8, 8, 0xC3) + kTables + kScan,  // lossless
      frame(8, 8, 0xC9) + kTables + kScan,  // arithmetic
      segment(0xC0, bytes({12, 0, 8, 0, 8, 1, 1, 0x11, 0})) + kTables + kScan,
      segment(0xC0, bytes({8, 0, 8, 0, 8, 1, 1, 0x51, 0})) + kTables + kScan,
      segment(0xC0, bytes({8, 0, 8, 0, 8, 1, 1, 0x11, 3})) + kTables + kScan,
      segment(0xC0, bytes({8, 0, 8, 0, 8, 4, 1, 17, 0, 2, 17, 0, 3, 17, 0, 4, 17, 0})) + kTables +
          kScan,
      plain + kTables + segment(0xDA, bytes({1, 2, 0, 0, 63, 0})) + kCoded,  // unknown component
      plain + kTables + segment(0xDA, bytes({1, 1, 0, 1, 63, 0})) + kCoded,  // a part of baseline
      plain + kTables + segment(0xDA, bytes({1, 1, 0, 0, 63, 0})),           // empty
      plain + kTables + kScan + bytes({0xFF, 0xD0, 0x3F}),  // restarts, unannounced
      plain + segment(0xC4, bytes({0, 3}) + std::string(15, '\0') + "abc") + huffman(1) + kScan,
      plain + kTables + segment(0x01, "") + kScan,
  };
  for (std::size_t i = 0; i < broken.size(); ++i) {
    EXPECT_FALSE(accepted(image(broken[i]))) << i;
  }
  EXPECT_FALSE(accepted(kStart + plain + kTables + kScan + kEnd)) << "no quantization";
}

TEST(Jpeg, OfTooManyScansIsRefused) {
  std::string progressive = frame(8, 8, 0xC2) + kTables;
  for (int i = 0; i < 32; ++i) {
    progressive += segment(0xDA, bytes({1, 1, 0, 0, 0, 0})) + kCoded;
  }
  EXPECT_TRUE(accepted(image(progressive)));
  EXPECT_FALSE(accepted(image(progressive + segment(0xDA, bytes({1, 1, 0, 0, 0, 0})) + kCoded)));
}

TEST(Jpeg, SpoiltAnywhereIsReadToNoBadEnd) {
  const std::string whole = image(frame(8, 8) + kTables + kScan);
  std::mt19937 random{7};
  for (int i = 0; i < 20000; ++i) {
    std::string spoilt = whole;
    for (unsigned n = 1 + random() % 4; n > 0; --n) {
      spoilt[random() % spoilt.size()] = static_cast<char>(random());
    }
    spoilt.resize(spoilt.size() - random() % 3);
    (void)accepted(spoilt);
  }
}

}  // namespace
}  // namespace omcp_r
