#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace omcp_r {

/// `bytes` as valid UTF-8 without NUL: what is not valid becomes U+FFFD.
std::string to_valid_utf8(std::string_view bytes);

/// Number of code points of valid UTF-8.
std::size_t count_chars(std::string_view text);

/// The byte offset of the `n`th code point, or the size where there are fewer.
std::size_t offset_of_char(std::string_view text, std::size_t n);

/// `text` for a line that people read: valid UTF-8 of at most `max_bytes`, cut between characters;
/// what is not valid, control characters (line ends, too) and those that turn the direction of
/// writing are '?'.
std::string printable(std::string_view text, std::size_t max_bytes);

/// `json`, valid JSON in UTF-8, with the same characters written as JSON escapes.
std::string escape_in_json(std::string_view json);

/// Whether `path` is a relative one that stays below where it starts and looks like what it is:
/// parts joined by '/', none of them empty, "." or "..", in at most 1,024 bytes of valid UTF-8
/// without characters that printable() would replace.
bool is_plain_path(std::string_view path);

std::string base64_encode(std::string_view bytes);

/// Nothing if `text` is no base64. Padding may be missing, and line ends may stand anywhere.
std::optional<std::string> base64_decode(std::string_view text);

/// A random UUID, version 4, in lower case.
std::string random_uuid();

/// Seconds since the epoch as RFC 3339 in UTC.
std::string rfc3339(double epoch_seconds);

/// The byte at `place`, which must be there, as a number.
inline unsigned byte_at(std::string_view bytes, std::size_t place) {
  return static_cast<unsigned char>(bytes[place]);
}

}  // namespace omcp_r
