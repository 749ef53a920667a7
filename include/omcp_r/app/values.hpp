#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace omcp_r::app {

/// A whole number, all of `text`.
std::optional<std::int64_t> parse_integer(std::string_view text);

/// A decimal number such as 1, 0.5 or 2.25; never inf or nan.
std::optional<double> parse_decimal(std::string_view text);

/// A number of bytes: 1073741824, 512m, 1g, 1.5GiB. Units are powers of 1024.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// The shortest text that parse_size() reads as `bytes`: 512m rather than 536870912.
std::string size_text(std::uint64_t bytes);

/// The items between commas, trimmed; empty ones are left out.
std::vector<std::string> parse_list(std::string_view text);

/// `text` without blanks at its ends.
std::string_view trim(std::string_view text);

/// Whether two words are the same but for the case of ASCII letters.
bool same_word(std::string_view a, std::string_view b);

/// Letters, digits and `others`, not beginning with one of these: no value is ever taken for an
/// option of docker's.
bool is_word(std::string_view text, std::string_view others, std::size_t longest);

/// Whether an image may have this name, with its tag or digest.
bool is_image_name(std::string_view text);

/// Whether an R package may have this name.
bool is_package_name(std::string_view name);

/// `text` in quotes for a message: control characters escaped, at most 80 bytes of it.
std::string shown(std::string_view text);

/// Of `candidates`, the one that `name` is most likely a slip of; nullopt where none is near.
std::optional<std::string> nearest(std::string_view name,
                                   const std::vector<std::string>& candidates);

}  // namespace omcp_r::app
