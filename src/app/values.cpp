#include "omcp_r/app/values.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <system_error>

namespace omcp_r::app {
namespace {

constexpr std::string_view kUnits = "bkmgt";

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// The power of 1024 that a unit such as "m", "MB" or "MiB" stands for.
std::optional<int> unit_power(std::string_view unit) {
  if (unit.empty()) return 0;
  const std::size_t power = kUnits.find(lower(unit.front()));
  if (power == std::string_view::npos) return std::nullopt;
  std::string rest(unit.substr(1));
  std::transform(rest.begin(), rest.end(), rest.begin(), lower);
  const bool known = rest.empty() || (power > 0 && (rest == "b" || rest == "ib"));
  return known ? std::optional(static_cast<int>(power)) : std::nullopt;
}

/// How many characters must be inserted, removed or replaced to make `b` of `a`; case is free.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (lower(a[i]) == lower(b[j]) ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> parse_decimal(std::string_view text) {
  if (text.find_first_not_of("0123456789.-") != std::string_view::npos) return std::nullopt;
  double value = 0;
  const auto [end, failure] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const auto number = parse_decimal(text.substr(0, digits));
  const auto power = unit_power(trim(text.substr(digits)));
  if (!number || !power) return std::nullopt;
  const double bytes = std::ldexp(*number, 10 * *power);
  constexpr double kLargest = 1e18;  // well within 64 bits
  if (bytes > kLargest) return std::nullopt;
  return static_cast<std::uint64_t>(bytes);
}

std::string size_text(std::uint64_t bytes) {
  std::size_t power = 0;
  while (bytes > 0 && bytes % 1024 == 0 && power + 1 < kUnits.size()) {
    bytes /= 1024;
    ++power;
  }
  const std::string number = std::to_string(bytes);
  return power == 0 ? number : number + kUnits[power];
}

std::vector<std::string> parse_list(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view item = trim(text.substr(0, comma));
    if (!item.empty()) items.emplace_back(item);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return items;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string shown(std::string_view text) {
  constexpr std::size_t kLongest = 80;
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string result = "\"";
  for (const char c : text.substr(0, kLongest)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= ' ' && byte < 0x7f) {
      result += c;
    } else {
      result.append("\\x").append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
    }
  }
  return result + (text.size() > kLongest ? "...\"" : "\"");
}

std::optional<std::string> nearest(std::string_view name,
                                   const std::vector<std::string>& candidates) {
  constexpr std::size_t kLongest = 64;  // of what is compared: the work grows with the square
  if (name.size() > kLongest) return std::nullopt;
  std::optional<std::string> best;
  std::size_t best_distance = std::min<std::size_t>(3, name.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(name, candidate);
    if (distance >= best_distance) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

bool is_package_name(std::string_view name) {
  constexpr std::size_t kLongest = 100;
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !name.empty() && name.size() <= kLongest && letter(name.front()) && name.back() != '.' &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '.'; });
}

bool is_word(std::string_view text, std::string_view others, std::size_t longest) {
  constexpr std::string_view kLettersAndDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  const std::string all = std::string(kLettersAndDigits).append(others);
  return !text.empty() && text.size() <= longest &&
         text.find_first_not_of(all) == std::string_view::npos &&
         kLettersAndDigits.find(text.front()) != std::string_view::npos;
}

bool is_image_name(std::string_view text) {
  return is_word(text, "._-/:@", 512);
}

}  // namespace omcp_r::app
