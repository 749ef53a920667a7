#include "omcp_r/sandbox/wire.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "omcp_r/base/text.hpp"

namespace omcp_r::sandbox::wire {
namespace {

constexpr std::string_view kMagic = "\x02OM2";
constexpr char kEnd = '\x03';

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::optional<std::uint32_t> hex(std::string_view text) {
  std::uint32_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (!is_hex(text) || parsed.ec != std::errc{}) {
    return std::nullopt;
  }
  return value;
}

/// The frame whose header these bytes are, with a payload of the right length and no bytes yet.
std::optional<Frame> parse_header(std::string_view bytes, std::size_t& length) {
  const auto sequence = hex(bytes.substr(7, 8));
  const auto payload = hex(bytes.substr(31, 4));
  const bool more = bytes[6] == '+';
  if (!sequence || !payload || *payload > kPayload || !is_hex(bytes.substr(15, kId)) ||
      (!more && bytes[6] != '.') || bytes[35] != ':') {
    return std::nullopt;
  }
  length = *payload;
  return Frame{bytes[4], bytes[5], more, *sequence, bytes.substr(15, kId), {}};
}

/// Where in `bytes` the magic begins, or could begin with the bytes to come.
std::size_t find_magic(std::string_view bytes) {
  const auto found = bytes.find(kMagic);
  if (found != std::string_view::npos) {
    return found;
  }
  for (std::size_t n = std::min(bytes.size(), kMagic.size() - 1); n > 0; --n) {
    if (bytes.substr(bytes.size() - n) == kMagic.substr(0, n)) {
      return bytes.size() - n;
    }
  }
  return bytes.size();
}

/// Whether bytes that begin like the magic are a mark, as far as they go.
bool could_be_mark(std::string_view bytes) {
  const bool known =
      bytes.size() <= 4 || std::string_view{"BEPX"}.find(bytes[4]) != std::string_view::npos;
  return known && (bytes.size() <= 5 || is_hex(bytes.substr(5, kId))) &&
         (bytes.size() < kMark || bytes[kMark - 1] == '\n');
}

/// Makes room by dropping what has been read; each byte is moved once at most per feed.
void compact(std::string& buffer, std::size_t& at) {
  buffer.erase(0, at);
  at = 0;
}

}  // namespace

std::string new_id() {
  std::string id = random_uuid();
  id.erase(std::remove(id.begin(), id.end(), '-'), id.end());
  // The digits of a UUID that are always the same stand in its second half's first place.
  return id.substr(0, 12) + id.substr(20, 4);
}

std::optional<unsigned> number_of(std::string_view digits) {
  return hex(digits);
}

bool is_id(std::string_view text) {
  return text.size() == kId && is_hex(text);
}

std::string encode(char type, std::string_view id, std::string_view message,
                   std::uint32_t& sequence) {
  std::string frames;
  frames.reserve(message.size() + (message.size() / kPayload + 1) * (kHeader + 1));
  do {
    const std::string_view payload = message.substr(0, kPayload);
    message.remove_prefix(payload.size());
    std::array<char, kHeader + 1> header{};
    std::snprintf(header.data(), header.size(), "\x02OM2C%c%c%08x%.16s%04x:", type,
                  message.empty() ? '.' : '+', ++sequence, std::string{id}.c_str(),
                  static_cast<unsigned>(payload.size()));
    frames.append(header.data(), kHeader).append(payload).push_back(kEnd);
  } while (!message.empty());
  return frames;
}

std::string padding() {
  return std::string(kFrame, '\n');
}

void FrameReader::feed(std::string_view bytes) {
  compact(buffer_, at_);
  buffer_.append(bytes);
}

std::optional<Frame> FrameReader::next() {
  for (;;) {
    const std::string_view bytes = std::string_view{buffer_}.substr(at_);
    const std::size_t start = find_magic(bytes);
    at_ += start;
    work_ += start + kHeader;
    const std::string_view rest = bytes.substr(start);
    if (rest.size() < kHeader) {
      return std::nullopt;
    }
    std::size_t length = 0;
    std::optional<Frame> frame = parse_header(rest, length);
    if (frame && rest.size() < kHeader + length + 1) {
      return std::nullopt;
    }
    if (frame && rest[kHeader + length] == kEnd) {
      frame->payload = rest.substr(kHeader, length);
      at_ += kHeader + length + 1;
      return frame;
    }
    at_ += kMagic.size();
  }
}

void MarkReader::feed(std::string_view bytes) {
  compact(buffer_, at_);
  buffer_.append(bytes);
}

std::optional<MarkReader::Piece> MarkReader::next() {
  const std::string_view bytes = std::string_view{buffer_}.substr(at_);
  if (bytes.empty()) {
    return std::nullopt;
  }
  std::size_t start = find_magic(bytes);
  work_ += start + kMark;
  if (start == 0) {
    const bool could_be = could_be_mark(bytes);
    if (could_be && bytes.size() < kMark) {
      return std::nullopt;
    }
    if (could_be) {
      at_ += kMark;
      return Piece{bytes[4], bytes.substr(5, kId), {}};
    }
    start = 1 + find_magic(bytes.substr(1));  // no mark: its first byte is text like any other
  }
  at_ += start;
  return Piece{0, {}, bytes.substr(0, start)};
}

std::string MarkReader::rest() {
  std::string text = buffer_.substr(at_);
  buffer_.clear();
  at_ = 0;
  return text;
}

}  // namespace omcp_r::sandbox::wire
