#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace omcp_r::rpc {

using Json = nlohmann::ordered_json;

/// Bounds on the shape of a JSON text from outside. Without them a line of a few megabytes could
/// cost the stack (depth), a hundred times its size in memory (values), or minutes (members:
/// objects that keep their order are searched linearly).
struct JsonBounds {
  std::size_t depth = 128;
  std::size_t values = 1'000'000;
  std::size_t members = 256;  ///< of one object
};

struct ParsedJson {
  Json value;
  std::string_view problem;  ///< empty: parsed
};

/// Never throws. Invalid UTF-8 is a problem, too.
ParsedJson parse_json(std::string_view text, const JsonBounds& bounds = {});

/// One line of UTF-8 that no line reader tears apart: besides the control characters, U+007F,
/// U+0085, U+2028 and U+2029 are escaped. Invalid UTF-8 in strings becomes U+FFFD.
std::string to_text(const Json& value);

}  // namespace omcp_r::rpc
