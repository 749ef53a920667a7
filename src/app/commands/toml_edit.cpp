#include "commands/toml_edit.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "commands/json_scan.hpp"
#include "commands/splice.hpp"
#include "commands/toml_scan.hpp"

namespace omcp_r::commands {
namespace {

using nlohmann::ordered_json;
using Statements = std::vector<TomlStatement>;

bool is_below(const KeyPath& keys, const KeyPath& path) {
  return keys.size() >= path.size() && std::equal(path.begin(), path.end(), keys.begin());
}

/// In the table itself or one of its own, and not written into another one.
bool stands_in(const TomlStatement& statement, const KeyPath& path) {
  return is_below(statement.keys, path) && statement.in_table >= path.size();
}

/// The header of an array of tables where the table at `path`, or one around it, should be.
bool is_list(const TomlStatement& statement, const KeyPath& path) {
  return statement.list && is_below(path, statement.keys);
}

std::optional<ordered_json> content_of(const Statements& statements, const KeyPath& path) {
  bool found = false;
  ordered_json content = ordered_json::object();
  for (const TomlStatement& statement : statements) {
    if (!is_below(statement.keys, path)) continue;
    found = true;
    ordered_json* place = &content;
    for (std::size_t i = path.size(); i < statement.keys.size(); ++i) {
      if (place->is_null() || place->is_object()) place = &(*place)[statement.keys[i]];
    }
    if (!statement.header) *place = toml_value(statement.value);
    if (statement.header && place->is_null()) *place = ordered_json::object();
  }
  return found ? std::optional(std::move(content)) : std::nullopt;
}

/// A table that is written as a value cannot be edited line by line.
Status check_form(std::string_view text, const Statements& statements, const KeyPath& path) {
  int headers = 0;
  for (const TomlStatement& statement : statements) {
    const std::string place = place_in(text, statement.begin) + ": ";
    if (is_list(statement, path)) {
      return Error{Errc::kInvalidArgument,
                   place + "this is an array of tables, in double brackets: change it by hand"};
    }
    if (statement.header) {
      headers += statement.keys == path ? 1 : 0;
      if (headers > 1) return Error{Errc::kInvalidArgument, place + "this table is there twice"};
      continue;
    }
    const bool above = is_below(path, statement.keys);
    const bool inside = is_below(statement.keys, path) && statement.in_table < path.size();
    if (above || inside) {
      return Error{Errc::kInvalidArgument,
                   place + "this is written in braces or with dots: change it by hand"};
    }
  }
  return Ok{};
}

/// JSON's escapes of strings are TOML's, too, but for a slash that nobody escapes.
std::string quoted(const std::string& text) {
  std::string result = ordered_json(text).dump();
  for (std::size_t at = 0; (at = result.find('\x7f', at)) != std::string::npos;) {
    result.replace(at, 1, "\\u007f");
  }
  return result;
}

std::string key_text(const std::string& key) {
  const bool bare = !key.empty() && key.find_first_not_of(
                                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                        "0123456789_-") == std::string::npos;
  return bare ? key : quoted(key);
}

std::string header_text(const KeyPath& path) {
  std::string result;
  for (const std::string& key : path) result += (result.empty() ? "[" : ".") + key_text(key);
  return result + "]";
}

bool is_writable(const ordered_json& value) {
  return value.is_string() ||
         (value.is_array() && std::all_of(value.begin(), value.end(), [](const ordered_json& item) {
            return item.is_string();
          }));
}

/// Numbers, dates and tables in tables are the user's: they stay, and are never written.
Status check_writable(const ordered_json& value) {
  for (const auto& [key, item] : value.items()) {
    const bool table =
        item.is_object() && std::all_of(item.begin(), item.end(),
                                        [](const ordered_json& one) { return is_writable(one); });
    if (!table && !is_writable(item)) {
      return Error{Errc::kInvalidArgument, "\"" + key + "\" cannot be written: change it by hand"};
    }
  }
  return Ok{};
}

std::string value_text(const ordered_json& value) {
  if (!value.is_array()) return quoted(value.get<std::string>());
  std::string result;
  for (const ordered_json& item : value) result += (result.empty() ? "" : ", ") + value_text(item);
  return "[" + result + "]";
}

/// The assignments of a table, and its tables below.
std::string table_text(const KeyPath& path, const ordered_json& value, const std::string& end) {
  std::string assignments;
  std::string tables;
  for (const auto& [key, item] : value.items()) {
    if (!item.is_object()) {
      assignments += key_text(key) + " = " + value_text(item) + end;
    } else if (!item.empty()) {
      KeyPath below = path;
      below.push_back(key);
      tables += end + header_text(below) + end;
      for (const auto& [name, text] : item.items()) {
        tables += key_text(name) + " = " + value_text(text) + end;
      }
    }
  }
  return assignments + tables;
}

std::string appended(std::string_view text, const std::string& table, const std::string& end) {
  std::string result(text);
  if (!result.empty() && result.back() != '\n') result += end;
  return result + (result.empty() || result == kByteOrderMark ? "" : end) + table;
}

/// The lines from `begin` on, with the empty line above them.
Splice with_line_above(std::string_view text, std::size_t begin, std::size_t end) {
  const std::string_view above = text.substr(0, begin);
  for (const std::string_view line : {"\r\n", "\n"}) {
    const bool alone = above == line || above.ends_with("\n" + std::string(line));
    if (alone && above.ends_with(line)) return {begin - line.size(), end};
  }
  return {begin, end};
}

/// What of `wanted` is not there yet: the rest keeps its bytes, with the comments beside it.
ordered_json different(const ordered_json& there, const ordered_json& wanted) {
  ordered_json result = ordered_json::object();
  for (const auto& [key, item] : wanted.items()) {
    const auto found = there.find(key);
    if (found == there.end() || *found != item) result[key] = item;
  }
  return result;
}

/// What of the table gives way to the keys of `value`.
std::vector<Splice> outdated(std::string_view text, const Statements& statements,
                             const KeyPath& path, const ordered_json& value) {
  std::vector<Splice> cuts;
  for (const TomlStatement& statement : statements) {
    const bool ours = statement.keys.size() > path.size() && stands_in(statement, path) &&
                      value.contains(statement.keys[path.size()]);
    if (!ours) continue;
    cuts.push_back(statement.header ? with_line_above(text, statement.begin, statement.end)
                                    : Splice{statement.begin, statement.end});
  }
  return cuts;
}

/// Behind the last line of the table itself.
std::size_t end_of_table(const Statements& statements, const KeyPath& path) {
  std::size_t end = 0;
  for (const TomlStatement& statement : statements) {
    const bool own = is_below(statement.keys, path) && statement.in_table == path.size();
    if (own) end = statement.end;
  }
  return end;
}

Result<std::string> confirmed(std::string edited, const KeyPath& path, const ordered_json* value) {
  const auto found = find_in_toml(edited, path);
  bool good = found.ok() && found->has_value() == (value != nullptr);
  if (good && value != nullptr) {
    for (const auto& [key, item] : value->items()) {
      const bool empty = item.is_object() && item.empty() && !(*found)->contains(key);
      good = good && (empty || (*found)->value(key, ordered_json()) == item);
    }
  }
  if (good) return edited;
  return Error{Errc::kInternal, "this file could not be edited safely: edit it by hand"};
}

}  // namespace

Result<std::optional<ordered_json>> find_in_toml(std::string_view text, const KeyPath& path) {
  const auto statements = toml_statements(text);
  if (!statements) return statements.error();
  const auto list = [&path](const TomlStatement& one) {
    return one.keys == path && is_list(one, path);
  };
  // No host reads it as a server, and neither is it edited.
  if (std::any_of(statements->begin(), statements->end(), list)) {
    return std::optional(ordered_json::array());
  }
  return content_of(*statements, path);
}

Result<std::string> set_in_toml(std::string_view text, const KeyPath& path,
                                const ordered_json& value) {
  const auto statements = toml_statements(text);
  if (!statements) return statements.error();
  const Status form = check_form(text, *statements, path);
  if (!form) return form.error();
  const ordered_json there = content_of(*statements, path).value_or(ordered_json::object());
  const ordered_json changes_to = different(there, value);
  const Status writable = check_writable(changes_to);
  if (!writable) return writable.error();
  const std::string end = line_end_of(text);
  const std::vector<Splice> cuts = outdated(text, *statements, path, changes_to);
  const auto header =
      std::find_if(statements->begin(), statements->end(),
                   [&path](const TomlStatement& one) { return one.header && one.keys == path; });
  const std::string table = table_text(path, changes_to, end);
  if (header == statements->end()) {
    const std::string rest = spliced(text, cuts);
    return confirmed(appended(rest, header_text(path) + end + table, end), path, &value);
  }
  const std::size_t assignments_end = std::min(table.find(end + "["), table.size());
  const bool open = header->end == text.size() && !text.ends_with('\n');
  const std::size_t last = std::max(end_of_table(*statements, path), header->end);
  std::vector<Splice> changes{
      {header->end, header->end, (open ? end : "") + table.substr(0, assignments_end)},
      {last, last, table.substr(assignments_end)}};
  changes.insert(changes.end(), cuts.begin(), cuts.end());  // behind what goes in at their place
  return confirmed(spliced(text, changes), path, &value);
}

Result<std::string> remove_from_toml(std::string_view text, const KeyPath& path) {
  const auto statements = toml_statements(text);
  if (!statements) return statements.error();
  const Status form = check_form(text, *statements, path);
  if (!form) return form.error();
  std::vector<Splice> cuts;
  for (const TomlStatement& statement : *statements) {
    if (!stands_in(statement, path)) continue;
    cuts.push_back(statement.header ? with_line_above(text, statement.begin, statement.end)
                                    : Splice{statement.begin, statement.end});
  }
  return confirmed(spliced(text, std::move(cuts)), path, nullptr);
}

}  // namespace omcp_r::commands
