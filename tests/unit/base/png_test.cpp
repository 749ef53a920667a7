#include "omcp_r/base/png.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <boost/crc.hpp>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace omcp_r {
namespace {

std::string word(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes += static_cast<char>(value >> static_cast<unsigned>(shift) & 0xFFU);
  }
  return bytes;
}

std::string chunk(const std::string& type, const std::string& data) {
  const std::string checked = type + data;
  boost::crc_32_type crc;
  crc.process_bytes(checked.data(), checked.size());
  return word(static_cast<std::uint32_t>(data.size())) + checked + word(crc.checksum());
}

std::uint32_t adler(const std::string& bytes) {
  std::uint32_t low = 1;
  std::uint32_t high = 0;
  for (const char c : bytes) {
    low = (low + static_cast<unsigned char>(c)) % 65521;
    high = (high + low) % 65521;
  }
  return high << 16U | low;
}

/// `bytes` in deflate blocks that are stored as they are.
std::string stored(const std::string& bytes) {
  std::string out;
  for (std::size_t start = 0; start < bytes.size(); start += 65535) {
    const std::string part = bytes.substr(start, 65535);
    const bool last = start + part.size() == bytes.size();
    const auto little = [](std::size_t size) {
      return std::string{static_cast<char>(size & 0xFFU), static_cast<char>(size >> 8U & 0xFFU)};
    };
    out += static_cast<char>(last);
    out += little(part.size()) + little(~part.size()) + part;
  }
  return out;
}

std::string zlib(const std::string& bytes) {
  return "\x78\x01" + stored(bytes) + word(adler(bytes));
}

/// An image, part by part, each to be spoilt.
struct Image {
  std::uint32_t width = 3;
  std::uint32_t height = 2;
  std::string coding{"\x08\x02\0\0\0", 5};  // depth, colour type, compression, filter, interlace
  std::string before;                       // chunks between header and pixels
  std::string rows = std::string(1 + 9, '\1') + std::string(1 + 9, '\4');
  bool has_data = true;
  std::string data{};  // in place of the rows, compressed
  std::size_t piece = 7;
  std::string between{};  // chunks after the first piece of the pixels
  std::string after{};    // chunks after the pixels
  std::string end = chunk("IEND", "");

  [[nodiscard]] std::string header() const {
    return chunk("IHDR", word(width) + word(height) + coding);
  }
  [[nodiscard]] std::string bytes() const {
    std::string out = "\x89PNG\r\n\x1A\n" + header() + before;
    const std::string all = !has_data ? "" : data.empty() ? zlib(rows) : data;
    for (std::size_t start = 0; start < all.size(); start += piece) {
      out += chunk("IDAT", all.substr(start, piece)) + (start == 0 ? between : "");
    }
    return out + after + end;
  }
};

Image with_coding(char depth, char colour, std::size_t row_bytes) {
  Image image;
  image.coding[0] = depth;
  image.coding[1] = colour;
  image.rows = std::string((row_bytes + 1) * image.height, '\0');
  if (colour == 3) image.before = chunk("PLTE", "rgbRGB");
  return image;
}

TEST(Png, TellsTheSizeOfWhatIsValid) {
  for (const std::size_t piece : {1U, 2U, 3U, 5U, 1000U}) {
    Image image;
    image.piece = piece;
    const auto size = check_png(image.bytes());
    ASSERT_TRUE(size) << piece;
    EXPECT_EQ(size->width, 3U);
    EXPECT_EQ(size->height, 2U);
  }
}

TEST(Png, MayHaveOtherChunksAndAPaletteToSuggest) {
  Image image;
  image.before = chunk("pHYs", "123456789") + chunk("PLTE", "rgb");
  image.after = chunk("tEXt", "a") + chunk("iDOT", "");
  image.between = chunk("IDAT", "");
  EXPECT_TRUE(check_png(image.bytes()));
}

TEST(Png, HasEveryPairOfColourTypeAndDepthOfTheStandardAndNoOther) {
  const std::vector<std::vector<char>> legal = {{1, 2, 4, 8, 16}, {}, {8, 16}, {1, 2, 4, 8},
                                                {8, 16},          {}, {8, 16}};
  const std::size_t samples[] = {1, 1, 3, 1, 2, 1, 4, 1};
  for (char colour = 0; colour < 8; ++colour) {
    for (char depth = 0; depth < 33; ++depth) {
      const auto place = static_cast<std::size_t>(colour);
      const std::size_t bits = 3 * samples[place] * static_cast<std::size_t>(depth);
      const Image image = with_coding(depth, colour, (bits + 7) / 8);
      const bool expected =
          place < legal.size() && std::count(legal[place].begin(), legal[place].end(), depth) == 1;
      EXPECT_EQ(check_png(image.bytes()).has_value(), expected) << int{colour} << " " << int{depth};
    }
  }
}

TEST(Png, IsBoundedInSize) {
  Image image;
  EXPECT_TRUE(check_png(image.bytes(), {3, 2, 18}));
  EXPECT_FALSE(check_png(image.bytes(), {2, 2, 18}));
  EXPECT_FALSE(check_png(image.bytes(), {3, 1, 18}));
  EXPECT_FALSE(check_png(image.bytes(), {3, 2, 17}));
  image.width = 0xFFFFFFFF;
  image.height = 0xFFFFFFFF;
  EXPECT_FALSE(check_png(image.bytes(), {0xFFFFFFFF, 0xFFFFFFFF, ~std::uint64_t{0}}));
}

/// 258 zeros and `more` times as many, in a deflate stream that is 160 times smaller: zeros, then
/// matches of 258 with the shortest codes of the fixed table, 8 and 5 bits long.
std::string deflated_zeros(int more) {
  std::vector<bool> bits = {true, true, false};  // the last block, fixed codes
  const auto put = [&bits](unsigned code, unsigned length) {
    while (length-- > 0) bits.push_back((code >> length & 1U) != 0);
  };
  for (int i = 0; i < 258; ++i) put(0x30, 8);
  for (int i = 0; i < more; ++i) {
    put(0xC5, 8);
    put(0, 5);
  }
  put(0, 7);
  std::string bytes((bits.size() + 7) / 8, '\0');
  for (std::size_t i = 0; i < bits.size(); ++i) {
    bytes[i / 8] = static_cast<char>(bytes[i / 8] | bits[i] << i % 8);
  }
  return bytes;
}

TEST(Png, MayBeCompressed) {
  Image image;
  image.width = 257;
  image.height = 4000;
  image.coding[1] = 0;
  const std::uint32_t checksum = adler(std::string(std::size_t{258} * 4000, '\0'));
  for (const std::size_t piece : {1U, 100U, 100000U}) {
    image.piece = piece;
    image.data = "\x78\x01" + deflated_zeros(3999) + word(checksum);
    EXPECT_TRUE(check_png(image.bytes())) << piece;
    image.data = "\x78\x01" + deflated_zeros(3998) + word(checksum);
    EXPECT_FALSE(check_png(image.bytes())) << piece;
    image.data = "\x78\x01" + deflated_zeros(30000) + word(checksum);
    EXPECT_FALSE(check_png(image.bytes())) << piece;
  }
}

struct Fault {
  const char* name;
  std::function<void(Image&)> spoil;
};

void PrintTo(const Fault& fault, std::ostream* out) {
  *out << fault.name;
}

class BadPng : public testing::TestWithParam<Fault> {};

TEST_P(BadPng, IsRefused) {
  Image image;
  GetParam().spoil(image);
  EXPECT_FALSE(check_png(image.bytes()));
}

void keep_palette(Image& image, const std::string& before) {
  image = with_coding(1, 3, 1);
  image.before = before;
}

INSTANTIATE_TEST_SUITE_P(Header, BadPng,
                         testing::Values(Fault{"NoWidth", [](Image& i) { i.width = 0; }},
                                         Fault{"NoHeight", [](Image& i) { i.height = 0; }},
                                         Fault{"TooWide", [](Image& i) { i.width = 4001; }},
                                         Fault{"TooHigh", [](Image& i) { i.height = 4001; }},
                                         Fault{"Compression", [](Image& i) { i.coding[2] = 1; }},
                                         Fault{"FilterMethod", [](Image& i) { i.coding[3] = 1; }},
                                         Fault{"Interlaced", [](Image& i) { i.coding[4] = 1; }},
                                         Fault{"LongHeader", [](Image& i) { i.coding += '\0'; }},
                                         Fault{"TwoHeaders",
                                               [](Image& i) { i.before = i.header(); }}),
                         [](const auto& test) { return std::string{test.param.name}; });

INSTANTIATE_TEST_SUITE_P(
    Chunks, BadPng,
    testing::Values(
        Fault{"NoPalette", [](Image& i) { keep_palette(i, ""); }},
        Fault{"LatePalette",
              [](Image& i) {
                keep_palette(i, "");
                i.after = chunk("PLTE", "rgb");
              }},
        Fault{"LateSuggestedPalette", [](Image& i) { i.after = chunk("PLTE", "rgb"); }},
        Fault{"TwoPalettes",
              [](Image& i) { keep_palette(i, chunk("PLTE", "rgb") + chunk("PLTE", "rgb")); }},
        Fault{"EmptyPalette", [](Image& i) { keep_palette(i, chunk("PLTE", "")); }},
        Fault{"UnevenPalette", [](Image& i) { keep_palette(i, chunk("PLTE", "rgbr")); }},
        Fault{"LargePalette", [](Image& i) { keep_palette(i, chunk("PLTE", "rgbrgbrgb")); }},
        Fault{"HugePalette", [](Image& i) { i.before = chunk("PLTE", std::string(771, 'x')); }},
        Fault{"PaletteOfGrey",
              [](Image& i) {
                i = with_coding(8, 0, 3);
                i.before = chunk("PLTE", "rgb");
              }},
        Fault{"UnknownCritical", [](Image& i) { i.before = chunk("ABCD", ""); }},
        Fault{"TypeOfNoLetters", [](Image& i) { i.before = chunk("a1Cd", ""); }},
        Fault{"PixelsInTwoParts", [](Image& i) { i.between = chunk("tEXt", ""); }},
        Fault{"NoEnd", [](Image& i) { i.end = ""; }},
        Fault{"EndWithData", [](Image& i) { i.end = chunk("IEND", "x"); }},
        Fault{"BytesAfterTheEnd", [](Image& i) { i.end += "x"; }},
        Fault{"LengthBeyondTheEnd",
              [](Image& i) { i.after = "\x7F\xFF\xFF\xFF" + std::string("tEXt") + "1234"; }},
        Fault{"Checksum",
              [](Image& i) {
                i.after = chunk("tEXt", "a");
                ++i.after.back();
              }}),
    [](const auto& test) { return std::string{test.param.name}; });

INSTANTIATE_TEST_SUITE_P(
    Pixels, BadPng,
    testing::Values(
        Fault{"None", [](Image& i) { i.has_data = false; }},
        Fault{"TooFew", [](Image& i) { i.rows.pop_back(); }},
        Fault{"TooMany", [](Image& i) { i.rows += '\0'; }},
        Fault{"FilterOfTheFirstRow", [](Image& i) { i.rows[0] = 5; }},
        Fault{"FilterOfTheSecondRow", [](Image& i) { i.rows[10] = '\xFF'; }},
        Fault{"Adler",
              [](Image& i) {
                i.data = zlib(i.rows);
                ++i.data.back();
              }},
        Fault{"NoAdler", [](Image& i) { i.data = "\x78\x01" + stored(i.rows); }},
        Fault{"BytesBeforeTheAdler",
              [](Image& i) { i.data = "\x78\x01" + stored(i.rows) + "x" + word(adler(i.rows)); }},
        Fault{"BytesAfterTheAdler", [](Image& i) { i.data = zlib(i.rows) + "x"; }},
        Fault{"Method", [](Image& i) { i.data = "\x77\x05" + zlib(i.rows).substr(2); }},
        Fault{"Window", [](Image& i) { i.data = "\x88\x1C" + zlib(i.rows).substr(2); }},
        Fault{"CheckBits", [](Image& i) { i.data = "\x78\x02" + zlib(i.rows).substr(2); }},
        Fault{"Dictionary", [](Image& i) { i.data = "\x78\x20" + zlib(i.rows).substr(2); }},
        Fault{"StoredLength",
              [](Image& i) {
                i.data = zlib(i.rows);
                ++i.data[5];
              }},
        Fault{"BlockType",
              [](Image& i) {
                i.data = zlib(i.rows);
                i.data[2] = 7;
              }},
        Fault{"DistanceBeforeTheStart",  // a match of three, one byte back
              [](Image& i) { i.data = "\x78\x01\x03\x02" + std::string(8, '\0'); }}),
    [](const auto& test) { return std::string{test.param.name}; });

TEST(Png, IsRefusedWhenCutAnywhere) {
  const std::string whole = Image{}.bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(check_png(whole.substr(0, size))) << size;
  }
}

TEST(Png, NeedsItsSignatureAndItsHeaderFirst) {
  std::string bytes = Image{}.bytes();
  bytes[1] = 'p';
  EXPECT_FALSE(check_png(bytes));
  EXPECT_FALSE(check_png("\x89PNG\r\n\x1A\n" + chunk("tEXt", "") + Image{}.bytes().substr(8)));
}

TEST(Png, SurvivesRandomBytesInItsChunks) {
  std::mt19937 random{20240917};  // NOLINT: the same in each run
  const auto any = [&random](std::size_t below) { return random() % below; };
  for (int round = 0; round < 20'000; ++round) {
    Image image;
    image.piece = 1 + any(40);
    image.data = zlib(image.rows);
    if (round % 2 == 0)
      image.data.replace(2, 5 + any(20), std::string(1, static_cast<char>(1 + any(7))));
    for (std::size_t i = any(8); i > 0; --i)
      image.data[any(image.data.size())] = static_cast<char>(random());
    for (std::size_t i = any(40); i > 0; --i) image.data += static_cast<char>(random());
    std::string bytes = image.bytes();
    if (round % 5 == 0) bytes[any(bytes.size())] = static_cast<char>(random());
    const auto size = check_png(bytes);
    EXPECT_TRUE(!size || size->width == 3);
  }
}

/// `pixels`, a row after the other, as a PNG has them behind filter `filter`.
std::string filtered(const std::string& pixels, std::size_t row_bytes, std::size_t step,
                     unsigned filter) {
  std::string rows;
  const auto at = [&](std::size_t row, std::size_t i) {
    return static_cast<int>(static_cast<unsigned char>(pixels[row * row_bytes + i]));
  };
  for (std::size_t row = 0; row < pixels.size() / row_bytes; ++row) {
    rows += static_cast<char>(filter);
    for (std::size_t i = 0; i < row_bytes; ++i) {
      const int left = i >= step ? at(row, i - step) : 0;
      const int up = row > 0 ? at(row - 1, i) : 0;
      const int corner = row > 0 && i >= step ? at(row - 1, i - step) : 0;
      const int p = left + up - corner;
      const int paeth = std::abs(p - left) <= std::min(std::abs(p - up), std::abs(p - corner))
                            ? left
                        : std::abs(p - up) <= std::abs(p - corner) ? up
                                                                   : corner;
      const std::array<int, 5> guess{0, left, up, (left + up) / 2, paeth};
      rows += static_cast<char>(at(row, i) - guess.at(filter));
    }
  }
  return rows;
}

TEST(Png, IsDecodedBehindEachFilter) {
  std::mt19937 random{3};
  for (unsigned filter = 0; filter < 5; ++filter) {
    std::string rgb(45, '\0');
    for (char& c : rgb) c = static_cast<char>(random() % 256);
    Image image;
    image.width = 5;
    image.height = 3;
    image.rows = filtered(rgb, 15, 3, filter);
    const auto picture = decode_png(image.bytes());
    ASSERT_TRUE(picture) << filter;
    EXPECT_EQ(picture->size.width, 5U);
    EXPECT_EQ(picture->rgb, rgb) << filter;
  }
}

std::string decoded(char depth, char colour, const std::string& samples) {
  Image image = with_coding(depth, colour, 0);
  image.width = 1;
  image.height = 1;
  image.rows = '\0' + samples;
  const auto picture = decode_png(image.bytes());
  return picture ? picture->rgb : "none";
}

TEST(Png, IsDecodedInEachColourTypeAndOnWhite) {
  EXPECT_EQ(decoded(8, 0, "g"), "ggg");
  EXPECT_EQ(decoded(8, 2, "rgb"), "rgb");
  EXPECT_EQ(decoded(8, 3, "\x01"), "RGB");
  EXPECT_EQ(decoded(8, 3, "\x02"), std::string(3, '\0'));  // beyond the palette
  EXPECT_EQ(decoded(8, 4, std::string("g\0", 2)), "\xFF\xFF\xFF");
  EXPECT_EQ(decoded(8, 6, "rgb\xFF"), "rgb");
  EXPECT_EQ(decoded(8, 6, std::string("\0\0\0\x80", 4)), "\x7F\x7F\x7F");
  EXPECT_EQ(decoded(1, 0, "x"), "none");
  EXPECT_FALSE(decode_png("no image"));
}

}  // namespace
}  // namespace omcp_r
