#include "omcp_r/base/text.hpp"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <random>
#include <utility>

namespace omcp_r {
namespace {

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

/// Length of the valid sequence at the start of `s`, 0 if there is none (Unicode table 3-7).
std::size_t sequence_length(std::string_view s) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) {
    return first == 0 ? 0 : 1;
  }
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || s.size() < length) {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(s[i])) {
      return 0;
    }
  }
  const unsigned char second = byte(1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool outside = (first == 0xED && second > 0x9F) || (first == 0xF4 && second > 0x8F);
  return overlong || outside ? 0 : length;
}

/// The code point of the valid sequence `s`.
std::uint32_t code_point(std::string_view s) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  std::uint32_t value = s.size() == 1 ? byte(0) : byte(0) & (0x7FU >> s.size());
  for (std::size_t i = 1; i < s.size(); ++i) {
    value = value << 6U | (byte(i) & 0x3FU);
  }
  return value;
}

/// Control characters, and those that make text read in another order than it is stored.
bool is_deceptive(std::uint32_t c) {
  const auto within = [c](std::uint32_t first, std::uint32_t last) {
    return first <= c && c <= last;
  };
  return c < 0x20 || within(0x7F, 0x9F) || c == 0x61C || within(0x200E, 0x200F) ||
         within(0x2028, 0x202E) || within(0x2066, 0x2069);
}

/// Length of the sequence at the start of `s` if people can read it as what it is, else 0.
std::size_t plain_length(std::string_view s) {
  const std::size_t length = sequence_length(s);
  return length == 0 || is_deceptive(code_point(s.substr(0, length))) ? 0 : length;
}

bool is_plain_text(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = plain_length(text);
    if (length == 0) {
      return false;
    }
    text.remove_prefix(length);
  }
  return true;
}

constexpr std::uint32_t kNoDigit = 64;

std::uint32_t base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<std::uint32_t>(c - 'A');
  if (c >= 'a' && c <= 'z') return static_cast<std::uint32_t>(c - 'a') + 26;
  if (c >= '0' && c <= '9') return static_cast<std::uint32_t>(c - '0') + 52;
  return c == '+' ? 62 : c == '/' ? 63 : kNoDigit;
}

void fill_random(unsigned char* bytes, std::size_t size) {
  if (::getrandom(bytes, size, 0) == static_cast<ssize_t>(size)) {
    return;
  }
  std::random_device device;
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<unsigned char>(device());
  }
}

}  // namespace

std::string to_valid_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t length = sequence_length(bytes);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      bytes.remove_prefix(1);
    } else {
      out.append(bytes.substr(0, length));
      bytes.remove_prefix(length);
    }
  }
  return out;
}

std::size_t count_chars(std::string_view text) {
  std::size_t n = 0;
  for (const char c : text) {
    n += is_continuation(c) ? 0 : 1;
  }
  return n;
}

std::size_t offset_of_char(std::string_view text, std::size_t n) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!is_continuation(text[i]) && n-- == 0) {
      return i;
    }
  }
  return text.size();
}

std::string printable(std::string_view text, std::size_t max_bytes) {
  std::string out;
  while (!text.empty()) {
    const std::size_t valid = sequence_length(text);
    const std::size_t plain = plain_length(text);
    const std::string_view shown = plain == 0 ? "?" : text.substr(0, plain);
    if (out.size() + shown.size() > max_bytes) {
      break;
    }
    out += shown;
    text.remove_prefix(std::max<std::size_t>(valid, 1));
  }
  return out;
}

std::string escape_in_json(std::string_view json) {
  std::string out;
  while (!json.empty()) {
    const std::size_t length = std::max<std::size_t>(sequence_length(json), 1);
    const std::uint32_t c = sequence_length(json) > 0 ? code_point(json.substr(0, length)) : 0;
    if (c >= 0x7F && is_deceptive(c)) {  // all of them are below U+10000
      std::array<char, 12> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", c);
      out += escape.data();
    } else {
      out += json.substr(0, length);
    }
    json.remove_prefix(length);
  }
  return out;
}

bool is_plain_path(std::string_view path) {
  constexpr std::size_t kMostBytes = 1024;
  if (path.size() > kMostBytes || !is_plain_text(path)) {
    return false;
  }
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    const std::string_view part = path.substr(start, end - start);
    if (part.empty() || part == "." || part == "..") {
      return false;
    }
    start = end + 1;
  }
  return true;
}

std::string base64_encode(std::string_view bytes) {
  static constexpr char kAlphabet[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t n = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8U | (j < n ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      out += j <= n ? kAlphabet[group >> (18U - 6U * j) & 63U] : '=';
    }
  }
  return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t group = 0;
  std::size_t digits = 0;
  std::size_t padding = 0;
  for (const char c : text) {
    const std::uint32_t digit = base64_digit(c);
    if (c == '=') {
      ++padding;
    } else if (digit != kNoDigit && padding == 0) {
      group = group << 6U | digit;
      if (++digits % 4 != 1) {
        const std::size_t waiting = (4 - digits % 4) % 4 * 2;  // bits, for the next digit
        out += static_cast<char>(group >> waiting & 0xFFU);
      }
    } else if (c != '\n' && c != '\r') {
      return std::nullopt;
    }
  }
  const bool whole = padding == 0 || (padding < 3 && (digits + padding) % 4 == 0);
  return digits % 4 != 1 && whole ? std::optional{std::move(out)} : std::nullopt;
}

std::string random_uuid() {
  std::array<unsigned char, 16> bytes{};
  fill_random(bytes.data(), bytes.size());
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0FU) | 0x40U);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3FU) | 0x80U);
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) {
      out += '-';
    }
    out += kHex[bytes[i] >> 4U];
    out += kHex[bytes[i] & 15U];
  }
  return out;
}

std::string rfc3339(double epoch_seconds) {
  const auto millis = static_cast<std::int64_t>(std::llround(epoch_seconds * 1000));
  const auto seconds = static_cast<std::time_t>(millis / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 40> text{};
  const std::size_t n = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(millis % 1000));
  return std::string{text.data(), n} + fraction.data();
}

}  // namespace omcp_r
