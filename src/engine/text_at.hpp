#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace omcp_r::engine {

/// The text of a member; "" where it is not there, or no text.
inline std::string text_at(const nlohmann::json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string{};
}

}  // namespace omcp_r::engine
