#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "commands/json_edit.hpp"
#include "omcp_r/base/result.hpp"

namespace omcp_r::commands {

/// A header or an assignment of a TOML file, as places in the text.
struct TomlStatement {
  bool header = false;
  bool list = false;         ///< a header in double brackets, of an array of tables
  KeyPath keys{};            ///< from the root of the file on
  std::size_t in_table = 0;  ///< how many of the keys are those of the header
  std::size_t begin = 0;     ///< of its line
  std::size_t end = 0;       ///< behind its last line
  std::string_view value{};  ///< of an assignment
};

/// The statements in their order. An error names line and column. Values are only skipped over.
Result<std::vector<TomlStatement>> toml_statements(std::string_view text);

/// A string, an array of values, or a table in braces; null for what is none of these.
nlohmann::ordered_json toml_value(std::string_view text);

}  // namespace omcp_r::commands
