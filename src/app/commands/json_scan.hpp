#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "omcp_r/base/result.hpp"

namespace omcp_r::commands {

/// Deepest nesting that is read: the scanner calls itself.
inline constexpr int kMaxJsonDepth = 200;

inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// A member of an object, as places in the text.
struct JsonMember {
  std::string key;
  std::size_t begin = 0;  ///< of the key
  bool behind_line_comment = false;
  std::size_t value = 0;
  std::size_t end = 0;       ///< behind the value
  std::size_t comma = 0;     ///< of the comma that follows; 0 is none
  std::size_t tail_end = 0;  ///< behind the comments that follow, before the next member
};

struct JsonObject {
  std::size_t open = 0;   ///< of the brace
  std::size_t close = 0;  ///< of the other one
  /// Behind the comments that follow the brace, before the first member.
  std::size_t tail_end = 0;
  std::vector<JsonMember> members = {};
};

/// The text with blanks in place of comments, of commas before a closing bracket and of the byte
/// order mark: what is left stands where it stood.
Result<std::string> strict_json(std::string_view text);

/// The object whose brace is at `open` of a text that strict_json() accepts.
JsonObject object_at(std::string_view text, std::size_t open);

/// "line 3, column 7" of a byte.
std::string place_in(std::string_view text, std::size_t offset);

}  // namespace omcp_r::commands
