#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "omcp_r/base/result.hpp"

namespace omcp_r::commands {

// Edits of the text of a JSON file as people write them: with comments, commas before a closing
// bracket, a byte order mark. What is not ours keeps every byte. A text that is broken is never
// edited: the error names the line and the column. Linear in the length of the text.

/// Where something stands, such as {"mcpServers", "omcp-r-sandbox"}.
using KeyPath = std::vector<std::string>;

/// What stands there; of equal keys the last, as hosts read them.
Result<std::optional<nlohmann::ordered_json>> find_in_json(std::string_view text,
                                                           const KeyPath& path);

/// The text with `value` there, in the style of what is around it. Objects on the way are made.
Result<std::string> set_in_json(std::string_view text, const KeyPath& path,
                                const nlohmann::ordered_json& value);

/// The text without what stands there: the same text where there is nothing.
Result<std::string> remove_from_json(std::string_view text, const KeyPath& path);

}  // namespace omcp_r::commands
