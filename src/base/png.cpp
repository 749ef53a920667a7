#include "omcp_r/base/png.hpp"

#include <algorithm>
#include <array>
#include <boost/beast/zlib/inflate_stream.hpp>
#include <boost/crc.hpp>
#include <cstdlib>
#include <string>

#include "omcp_r/base/text.hpp"

namespace omcp_r {
namespace {

namespace zlib = boost::beast::zlib;

constexpr std::string_view kSignature{"\x89PNG\r\n\x1A\n", 8};
constexpr std::size_t kWordBytes = 4;
constexpr unsigned kPaletteColour = 3;

/// The big-endian number in the first four of `bytes`.
std::uint32_t word(std::string_view bytes) {
  return byte_at(bytes, 0) << 24U | byte_at(bytes, 1) << 16U | byte_at(bytes, 2) << 8U |
         byte_at(bytes, 3);
}

struct Chunk {
  std::string_view type;
  std::string_view data;
};

bool is_type(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
}

/// Takes a chunk off `bytes`: nothing if it is not whole, or its checksum is wrong.
std::optional<Chunk> take_chunk(std::string_view& bytes) {
  constexpr std::size_t kFrame = 3 * kWordBytes;  // length, type, checksum
  if (bytes.size() < kFrame) {
    return std::nullopt;
  }
  const std::size_t length = word(bytes);
  if (length > bytes.size() - kFrame) {
    return std::nullopt;
  }
  const std::string_view checked = bytes.substr(kWordBytes, kWordBytes + length);
  boost::crc_32_type crc;
  crc.process_bytes(checked.data(), checked.size());
  const Chunk chunk{checked.substr(0, kWordBytes), checked.substr(kWordBytes)};
  if (!is_type(chunk.type) || crc.checksum() != word(bytes.substr(2 * kWordBytes + length))) {
    return std::nullopt;
  }
  bytes.remove_prefix(kFrame + length);
  return chunk;
}

struct Header {
  PngSize size;
  unsigned depth = 0;
  unsigned colour = 0;
  std::uint64_t row_bytes = 0;  ///< without the filter byte before them
};

/// Samples of a pixel; 0 where the standard has no such pair of colour type and bit depth.
unsigned channels(unsigned colour, unsigned depth) {
  const bool small = depth == 1 || depth == 2 || depth == 4;
  const bool large = depth == 8 || depth == 16;
  switch (colour) {
    case 0:
      return small || large ? 1 : 0;
    case 2:
      return large ? 3 : 0;
    case kPaletteColour:
      return small || depth == 8 ? 1 : 0;
    case 4:
      return large ? 2 : 0;
    case 6:
      return large ? 4 : 0;
    default:
      return 0;
  }
}

std::optional<Header> parse_header(const Chunk& chunk, const PngLimits& limits) {
  const std::string_view data = chunk.data;
  if (chunk.type != "IHDR" || data.size() != 13) {
    return std::nullopt;
  }
  Header header{{word(data), word(data.substr(kWordBytes))}, byte_at(data, 8), byte_at(data, 9)};
  const std::uint64_t width = header.size.width;
  const std::uint64_t height = header.size.height;
  const unsigned samples = channels(header.colour, header.depth);
  header.row_bytes = (width * samples * header.depth + 7) / 8;
  const bool legal_size = width > 0 && height > 0 && width <= limits.width &&
                          height <= limits.height && header.row_bytes <= limits.bytes / height;
  const bool legal_coding = data.substr(10) == std::string_view{"\0\0\0", 3};
  return legal_size && legal_coding && samples > 0 ? std::optional{header} : std::nullopt;
}

class Adler32 {
 public:
  void add(const std::uint8_t* bytes, std::size_t size) {
    constexpr std::size_t kWithoutOverflow = 5552;
    while (size > 0) {
      const std::size_t part = std::min(size, kWithoutOverflow);
      for (std::size_t i = 0; i < part; ++i) {
        low_ += bytes[i];
        high_ += low_;
      }
      low_ %= kPrime;
      high_ %= kPrime;
      bytes += part;
      size -= part;
    }
  }
  [[nodiscard]] std::uint32_t value() const { return high_ << 16U | low_; }

 private:
  static constexpr std::uint32_t kPrime = 65521;
  std::uint32_t low_ = 1;
  std::uint32_t high_ = 0;
};

/// The image data, a zlib stream (RFC 1950) cut into pieces anywhere. What comes out of it is
/// looked at and forgotten, unless somebody wants to `keep` it.
class Pixels {
 public:
  Pixels(const Header& header, std::string* keep)
      : stride_(header.row_bytes + 1), expected_(stride_ * header.size.height), keep_(keep) {}

  /// False once it is clear that the data is wrong.
  bool take(std::string_view piece) {
    const std::size_t missing = std::min(kPrefix - prefix_.size(), piece.size());
    prefix_ += piece.substr(0, missing);
    piece.remove_prefix(missing);
    if (prefix_.size() == kPrefix && !legal_prefix()) {
      return false;
    }
    const std::string_view last = piece.substr(piece.size() - std::min(piece.size(), kWordBytes));
    suffix_ += last;
    suffix_.erase(0, suffix_.size() - std::min(suffix_.size(), kWordBytes));
    taken_ += piece.size();
    return ended_ || inflate(piece);
  }

  /// Whether the pixels were as many as expected, their checksum right, and nothing came after it.
  [[nodiscard]] bool complete() const {
    return ended_ && produced_ == expected_ && deflated_ + kWordBytes == taken_ &&
           word(suffix_) == adler_.value();
  }

 private:
  static constexpr std::size_t kPrefix = 2;

  [[nodiscard]] bool legal_prefix() const {
    const unsigned method = byte_at(prefix_, 0);
    const unsigned flags = byte_at(prefix_, 1);
    return method % 16 == 8 && method / 16 <= 7 && (method * 256 + flags) % 31 == 0 &&
           (flags & 0x20U) == 0;
  }

  bool inflate(std::string_view piece) {
    zlib::z_params z;
    z.next_in = piece.data();
    z.avail_in = piece.size();
    do {
      z.next_out = window_.data();
      z.avail_out = window_.size();
      boost::system::error_code ec;
      inflater_.write(z, zlib::Flush::none, ec);
      if (!look_at(window_.size() - z.avail_out)) {
        return false;
      }
      ended_ = ec == zlib::error::end_of_stream;
      if (ec && !ended_) {
        return ec == zlib::error::need_buffers && z.avail_in == 0;
      }
    } while (!ended_ && (z.avail_in > 0 || z.avail_out == 0));
    // It may have taken some of the checksum, too: the low bits say how many bits it has left over.
    const unsigned left_over = static_cast<unsigned>(z.data_type) % 64 / 8;
    deflated_ = taken_ - z.avail_in - left_over;
    return true;
  }

  /// Every row begins with the number of its filter.
  bool look_at(std::size_t size) {
    adler_.add(window_.data(), size);
    for (; next_row_ < produced_ + size; next_row_ += stride_) {
      if (window_[next_row_ - produced_] > 4) {
        return false;
      }
    }
    produced_ += size;
    if (produced_ > expected_) {
      return false;
    }
    if (keep_ != nullptr) {
      keep_->append(reinterpret_cast<const char*>(window_.data()), size);
    }
    return true;
  }

  std::uint64_t stride_;
  std::uint64_t expected_;
  std::string* keep_;
  std::uint64_t produced_ = 0;
  std::uint64_t next_row_ = 0;
  std::string prefix_;
  std::string suffix_;          // the last four bytes so far
  std::uint64_t taken_ = 0;     // bytes after the prefix
  std::uint64_t deflated_ = 0;  // those of them that are before the checksum
  bool ended_ = false;
  Adler32 adler_;
  zlib::inflate_stream inflater_;
  std::array<std::uint8_t, std::size_t{32} << 10> window_;  // NOLINT: filled by inflating
};

/// What follows the header, chunk by chunk.
class Body {
 public:
  explicit Body(const Header& header, std::string* keep = nullptr)
      : header_(header), pixels_(header, keep) {}

  /// False once it is clear that the image is wrong.
  bool take(const Chunk& chunk) {
    if (chunk.type == "IDAT") {
      in_pixels_ = true;
      const bool in_place = !after_pixels_ && (has_palette_ || header_.colour != kPaletteColour);
      return in_place && pixels_.take(chunk.data);
    }
    after_pixels_ = in_pixels_;
    if (chunk.type == "IEND") {
      return chunk.data.empty() && pixels_.complete();
    }
    return chunk.type == "PLTE" ? take_palette(chunk.data) : is_ancillary(chunk);
  }

  [[nodiscard]] std::string_view palette() const { return palette_; }

 private:
  static bool is_ancillary(const Chunk& chunk) { return chunk.type[0] >= 'a'; }

  bool take_palette(std::string_view data) {
    const bool in_place = !has_palette_ && !in_pixels_ && header_.colour % 4 != 0;
    const std::size_t most = header_.colour == kPaletteColour ? 1U << header_.depth : 256U;
    has_palette_ = true;
    palette_ = data;
    return in_place && !data.empty() && data.size() % 3 == 0 && data.size() / 3 <= most;
  }

  Header header_;
  bool has_palette_ = false;
  std::string_view palette_;
  bool in_pixels_ = false;
  bool after_pixels_ = false;
  Pixels pixels_;
};

/// A whole image as check_png() wants it.
struct Whole {
  Header header;
  std::string_view palette;
};

std::optional<Whole> read_whole(std::string_view bytes, const PngLimits& limits,
                                std::string* keep = nullptr) {
  if (!bytes.starts_with(kSignature)) {
    return std::nullopt;
  }
  bytes.remove_prefix(kSignature.size());
  auto chunk = take_chunk(bytes);
  const auto header = chunk ? parse_header(*chunk, limits) : std::nullopt;
  if (!header) {
    return std::nullopt;
  }
  Body body{*header, keep};
  do {
    chunk = take_chunk(bytes);
    if (!chunk || !body.take(*chunk)) {
      return std::nullopt;
    }
  } while (chunk->type != "IEND");
  return bytes.empty() ? std::optional{Whole{*header, body.palette()}} : std::nullopt;
}

/// PNG specification, 9.4: of what is to the left, above, and above to the left, the one that is
/// nearest to a + b - c.
unsigned paeth(unsigned left, unsigned above, unsigned corner) {
  const int a = static_cast<int>(above) - static_cast<int>(corner);
  const int b = static_cast<int>(left) - static_cast<int>(corner);
  const int to_left = std::abs(a);
  const int to_above = std::abs(b);
  const int to_corner = std::abs(a + b);
  if (to_left <= to_above && to_left <= to_corner) return left;
  return to_above <= to_corner ? above : corner;
}

/// Takes the filters of the rows back, in place; a pixel has `step` bytes.
void unfilter(std::string& rows, std::size_t stride, std::size_t step) {
  const std::string nothing(stride, '\0');
  std::string_view above = nothing;
  for (std::size_t at = 0; at < rows.size(); at += stride) {
    const unsigned filter = byte_at(rows, at);
    for (std::size_t i = 1; i < stride; ++i) {
      const unsigned left = i > step ? byte_at(rows, at + i - step) : 0;
      const unsigned up = byte_at(above, i);
      const unsigned corner = i > step ? byte_at(above, i - step) : 0;
      const std::array<unsigned, 5> guesses{0, left, up, (left + up) / 2,
                                            filter == 4 ? paeth(left, up, corner) : 0};
      rows[at + i] = static_cast<char>(byte_at(rows, at + i) + guesses.at(filter));
    }
    above = std::string_view{rows}.substr(at, stride);
  }
}

/// The colour of a pixel; `samples` are its bytes.
std::array<unsigned, 3> colour_of(const Whole& whole, std::string_view samples) {
  constexpr unsigned kMost = 255;
  const bool grey = samples.size() < 3;
  std::array<unsigned, 3> rgb{};
  if (whole.header.colour == kPaletteColour) {
    const std::size_t at = std::size_t{3} * byte_at(samples, 0);
    if (at + 3 > whole.palette.size()) return rgb;
    samples = whole.palette.substr(at, 3);
    return {byte_at(samples, 0), byte_at(samples, 1), byte_at(samples, 2)};
  }
  const unsigned alpha = samples.size() % 2 == 0 ? byte_at(samples, samples.size() - 1) : kMost;
  for (std::size_t i = 0; i < rgb.size(); ++i) {
    rgb.at(i) = (byte_at(samples, grey ? 0 : i) * alpha + kMost * (kMost - alpha)) / kMost;
  }
  return rgb;
}

}  // namespace

std::optional<PngSize> check_png(std::string_view bytes, const PngLimits& limits) {
  const auto whole = read_whole(bytes, limits);
  return whole ? std::optional{whole->header.size} : std::nullopt;
}

std::optional<Picture> decode_png(std::string_view bytes, const PngLimits& limits) {
  std::string rows;
  const auto whole = read_whole(bytes, limits, &rows);
  if (!whole || whole->header.depth != 8) {
    return std::nullopt;
  }
  const std::size_t step = channels(whole->header.colour, whole->header.depth);
  const std::size_t stride = whole->header.row_bytes + 1;
  unfilter(rows, stride, step);
  Picture picture{whole->header.size, {}};
  picture.rgb.reserve(std::size_t{3} * picture.size.width * picture.size.height);
  for (std::size_t row = 0; row < rows.size(); row += stride) {
    for (std::size_t at = row + 1; at < row + stride; at += step) {
      for (const unsigned value : colour_of(*whole, std::string_view{rows}.substr(at, step))) {
        picture.rgb += static_cast<char>(value);
      }
    }
  }
  return picture;
}

}  // namespace omcp_r
