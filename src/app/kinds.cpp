#include "kinds.hpp"

#include <algorithm>
#include <cstddef>

namespace omcp_r::app {
namespace {

constexpr std::string_view kLettersAndDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

Error must_be(std::string what) {
  return {Errc::kInvalidArgument, std::move(what)};
}

/// Letters, digits and `others`, not beginning with one of these: no value is ever taken for an
/// option of docker's.
bool is_word(std::string_view text, std::string_view others, std::size_t longest) {
  const std::string all = std::string(kLettersAndDigits).append(others);
  return !text.empty() && text.size() <= longest &&
         text.find_first_not_of(all) == std::string_view::npos &&
         kLettersAndDigits.find(text.front()) != std::string_view::npos;
}

Result<std::string> image_name(std::string_view text) {
  constexpr std::size_t kLongest = 512;
  if (is_word(text, "._-/:@", kLongest)) return std::string(text);
  return must_be("the name of an image, such as rocker/r-ver:4.4 or name@sha256:...");
}

/// A part of "uid:gid".
std::optional<std::int64_t> user_number(std::string_view text) {
  constexpr std::int64_t kLargest = 2147483647;  // docker's
  const auto value = parse_integer(text);
  return value && *value >= 1 && *value <= kLargest ? value : std::nullopt;
}

/// Without a group docker would take the image's for that user, and else that of root.
Result<std::string> user_and_group(std::string_view text, const Surroundings&) {
  const std::size_t colon = text.find(':');
  const std::string_view uid = text.substr(0, colon);
  const std::string_view gid = colon == std::string_view::npos ? uid : text.substr(colon + 1);
  if (user_number(uid) && user_number(gid)) return std::string(uid) + ":" + std::string(gid);
  return must_be("a numeric uid or uid:gid, neither of them 0 (root)");
}

Result<std::string> file_path(std::string_view text, const Surroundings& surroundings) {
  auto path = absolute_path(text, surroundings.home);
  if (path) return path;
  return must_be(path.error().message);
}

Result<std::string> program_path(std::string_view text, const Surroundings& surroundings) {
  if (is_word(text, "._-+", 255)) return std::string(text);
  auto path = absolute_path(text, surroundings.home);
  if (path) return path;
  return must_be("a name that is looked for in PATH, or an absolute path");
}

Result<std::string> address(std::string_view text, const Surroundings&) {
  if (text.front() != '-' && text.find(' ') == std::string_view::npos) return std::string(text);
  return must_be("an address such as unix:///var/run/docker.sock or ssh://user@machine");
}

/// Shortest form: 0.5, 1, 256.
std::string decimal_text(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

}  // namespace

Reader<std::int64_t> whole_number(std::int64_t low, std::int64_t high, const std::string& what) {
  return [=](std::string_view text, const Surroundings&) -> Result<std::int64_t> {
    const auto value = parse_integer(text);
    if (value && *value >= low && *value <= high) return *value;
    return must_be(what + " from " + std::to_string(low) + " to " + std::to_string(high));
  };
}

Kind size(Place<std::uint64_t> place, std::string_view low, std::string_view high) {
  const std::uint64_t least = parse_size(low).value_or(0);
  const std::uint64_t most = parse_size(high).value_or(0);
  const std::string range = std::string(low).append(" to ").append(high);
  Reader<std::uint64_t> reader = [=](std::string_view text,
                                     const Surroundings&) -> Result<std::uint64_t> {
    const auto value = parse_size(text);
    if (value && *value >= least && *value <= most) return *value;
    return must_be("a size from " + range + ": a number of bytes, or such as 512m, 1.5g");
  };
  return kind(std::move(place), "SIZE", range, std::move(reader));
}

Kind decimal(Place<double> place, double low, double high) {
  const std::string range = decimal_text(low) + " to " + decimal_text(high);
  Reader<double> reader = [=](std::string_view text, const Surroundings&) -> Result<double> {
    const auto value = parse_decimal(text);
    if (value && *value >= low && *value <= high) return *value;
    return must_be("a number from " + range + ", such as 0.5 or 2");
  };
  return kind(std::move(place), "NUMBER", range, std::move(reader));
}

Kind image(Place<std::string> place) {
  Reader<std::string> reader = [](std::string_view text, const Surroundings&) {
    return image_name(text);
  };
  return kind(std::move(place), "IMAGE", "the name of an image", std::move(reader));
}

Kind images(Place<std::vector<std::string>> place) {
  using Images = std::vector<std::string>;
  Reader<Images> reader = [](std::string_view text, const Surroundings&) -> Result<Images> {
    Images names = parse_list(text);
    for (const std::string& name : names) {
      const auto image = image_name(name);
      if (!image)
        return must_be("image names with commas between them, and " + shown(name) + " is none");
    }
    return names;
  };
  return kind(std::move(place), "IMAGES", "names of images, commas between them",
              std::move(reader));
}

Kind word(Place<std::string> place, const std::string& others) {
  constexpr std::size_t kLongest = 128;
  const std::string allowed = "letters, digits and " + others;
  Reader<std::string> reader = [=](std::string_view text,
                                   const Surroundings&) -> Result<std::string> {
    if (is_word(text, others, kLongest)) return std::string(text);
    return must_be("made of " + allowed +
                   ", beginning with a letter or a digit, and no longer than " +
                   std::to_string(kLongest));
  };
  return kind(std::move(place), "NAME", allowed, std::move(reader));
}

Kind user(Place<std::string> place) {
  return kind(std::move(place), "UID:GID", "numbers, not 0", Reader<std::string>(user_and_group));
}

Kind file(Place<std::string> place) {
  return kind(std::move(place), "PATH", "an absolute path, or one from ~/",
              Reader<std::string>(file_path));
}

Kind folder(Place<std::string> place, Sharing sharing) {
  Reader<std::string> reader = [=](std::string_view text, const Surroundings& surroundings) {
    return shared_folder(text, surroundings.home, sharing);
  };
  return kind(std::move(place), "FOLDER", "a folder that exists, none of the system's or your home",
              std::move(reader));
}

Kind program(Place<std::string> place) {
  return kind(std::move(place), "PROGRAM", "a name or an absolute path",
              Reader<std::string>(program_path));
}

Kind engine_address(Place<std::string> place) {
  return kind(std::move(place), "ADDRESS", "unix://, tcp:// or ssh://",
              Reader<std::string>(address));
}

}  // namespace omcp_r::app
