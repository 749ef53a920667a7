#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "omcp_r/app/folders.hpp"
#include "omcp_r/app/options.hpp"
#include "omcp_r/app/values.hpp"

/// The kinds of options. Each takes the place in Config to write to, made by in().
namespace omcp_r::app {

template <class T>
using Place = std::function<T&(Config&)>;

template <class T>
Place<T> in(T sandbox::Settings::*member) {
  return [member](Config& config) -> T& { return config.sandbox.*member; };
}
template <class T>
Place<T> in(T EngineSettings::*member) {
  return [member](Config& config) -> T& { return config.engine.*member; };
}
template <class T>
Place<T> in(T Config::*member) {
  return [member](Config& config) -> T& { return config.*member; };
}

/// What a reader found: a value, or an Error whose message completes "must be".
template <class T>
using Reader = std::function<Result<T>(std::string_view, const Surroundings&)>;

/// A kind from a reader of its values.
template <class T, class V>
Kind kind(Place<T> place, std::string placeholder, std::string allowed, Reader<V> reader) {
  auto assign = [place = std::move(place), reader = std::move(reader)](
                    std::string_view text, const Surroundings& surroundings,
                    Config& config) -> std::optional<std::string> {
    auto value = reader(text, surroundings);
    if (!value) return value.error().message;
    place(config) = static_cast<T>(std::move(*value));
    return std::nullopt;
  };
  return {std::move(placeholder), std::move(allowed), std::move(assign)};
}

Reader<std::int64_t> whole_number(std::int64_t low, std::int64_t high, const std::string& what);

/// A whole number.
template <class T>
Kind number(Place<T> place, std::int64_t low, std::int64_t high) {
  return kind(std::move(place), "NUMBER", std::to_string(low) + " to " + std::to_string(high),
              whole_number(low, high, "a whole number"));
}

/// A duration.
template <class T>
Kind seconds(Place<T> place, std::int64_t low, std::int64_t high) {
  return kind(std::move(place), "SECONDS", std::to_string(low) + " to " + std::to_string(high),
              whole_number(low, high, "a whole number of seconds"));
}

/// One of several words; case does not matter.
template <class T>
Kind choice(Place<T> place, const std::vector<std::pair<std::string, T>>& choices) {
  std::string allowed;
  for (const auto& [word, value] : choices) allowed += (allowed.empty() ? "" : ", ") + word;
  Reader<T> reader = [=](std::string_view text, const Surroundings&) -> Result<T> {
    for (const auto& [word, value] : choices) {
      if (same_word(text, word)) return value;
    }
    return Error{Errc::kInvalidArgument, (choices.size() == 1 ? "" : "one of ") + allowed};
  };
  return kind(std::move(place), "WORD", allowed, std::move(reader));
}

Kind size(Place<std::uint64_t> place, std::string_view low, std::string_view high);
Kind decimal(Place<double> place, double low, double high);
Kind image(Place<std::string> place);
Kind images(Place<std::vector<std::string>> place);
/// Letters, digits and `others`, beginning with a letter or a digit.
Kind word(Place<std::string> place, const std::string& others);
Kind user(Place<std::string> place);
Kind file(Place<std::string> place);
Kind folder(Place<std::string> place, Sharing sharing);
Kind program(Place<std::string> place);
Kind engine_address(Place<std::string> place);

}  // namespace omcp_r::app
