#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace omcp_r {

/// `bytes` as valid UTF-8 without NUL: what is not valid becomes U+FFFD.
std::string to_valid_utf8(std::string_view bytes);

/// Number of code points of valid UTF-8.
std::size_t count_chars(std::string_view text);

/// The byte offset of the `n`th code point, or the size where there are fewer.
std::size_t offset_of_char(std::string_view text, std::size_t n);

std::string base64_encode(std::string_view bytes);

/// A random UUID, version 4, in lower case.
std::string random_uuid();

/// Seconds since the epoch as RFC 3339 in UTC.
std::string rfc3339(double epoch_seconds);

}  // namespace omcp_r
