#include "omcp_r/tools/arguments.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace omcp_r::tools {
namespace {

/// The number that `value` is or spells; nullopt for anything else.
std::optional<double> as_number(const Json& value) {
  if (value.is_number()) {
    return value.get<double>();
  }
  if (!value.is_string()) {
    return std::nullopt;
  }
  const auto& text = value.get_ref<const std::string&>();
  double number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
  return whole && std::isfinite(number) ? std::optional<double>{number} : std::nullopt;
}

std::string written(double number) {
  Json json = number;
  if (number == std::floor(number) && std::abs(number) < 1e15) {
    json = static_cast<std::int64_t>(number);
  }
  return json.dump();
}

}  // namespace

void ArgumentReader::fail(std::string message) {
  if (!error_) {
    error_ = Error{Errc::kInvalidArgument, std::move(message)};
  }
}

const Json* ArgumentReader::raw(const char* name) {
  known_.emplace_back(name);
  const auto it = arguments_.find(name);
  return it == arguments_.end() || it->is_null() ? nullptr : &*it;
}

std::optional<std::string> ArgumentReader::text(const char* name) {
  const Json* value = raw(name);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (!value->is_string()) {
    fail(std::string{name} + " must be a string.");
    return std::nullopt;
  }
  return value->get<std::string>();
}

std::string ArgumentReader::required_text(const char* name) {
  const auto value = text(name);
  if (!value) {
    fail(std::string{name} + " is required and must be a string.");
  }
  return value.value_or("");
}

std::optional<double> ArgumentReader::number(const char* name, double least, double most) {
  const Json* value = raw(name);
  if (value == nullptr) {
    return std::nullopt;
  }
  const auto parsed = as_number(*value);
  if (!parsed || *parsed < least || *parsed > most) {
    fail(std::string{name} + " must be a number from " + written(least) + " to " + written(most) +
         ".");
    return std::nullopt;
  }
  return parsed;
}

std::optional<std::int64_t> ArgumentReader::integer(const char* name, std::int64_t least,
                                                    std::int64_t most) {
  const auto value = number(name, static_cast<double>(least), static_cast<double>(most));
  if (!value) {
    return std::nullopt;
  }
  if (*value != std::floor(*value)) {
    fail(std::string{name} + " must be a whole number.");
    return std::nullopt;
  }
  return static_cast<std::int64_t>(*value);
}

bool ArgumentReader::flag(const char* name, bool otherwise) {
  const Json* value = raw(name);
  if (value == nullptr) {
    return otherwise;
  }
  if (value->is_boolean()) {
    return value->get<bool>();
  }
  if (*value == "true" || *value == "false") {
    return *value == "true";
  }
  fail(std::string{name} + " must be true or false.");
  return otherwise;
}

Status ArgumentReader::finish() {
  for (const auto& [key, value] : arguments_.items()) {
    if (std::find(known_.begin(), known_.end(), key) == known_.end()) {
      std::string names;
      for (const std::string& name : known_) {
        names += (names.empty() ? "" : ", ") + name;
      }
      fail("There is no argument " + key.substr(0, 64) + ". Known are: " + names + ".");
    }
  }
  if (error_) {
    return *error_;
  }
  return Ok{};
}

}  // namespace omcp_r::tools
