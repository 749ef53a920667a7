#include "report_json.hpp"

#include <type_traits>
#include <utility>
#include <variant>

#include "line_budget.hpp"

namespace omcp_r::tools {
namespace {

using mcp::Json;

// In bytes on the wire.
constexpr std::size_t kClasses = 10'000;
constexpr std::size_t kTraceback = 30'000;
constexpr std::size_t kWarnings = 40'000;
constexpr std::size_t kTable = 120'000;
constexpr std::size_t kDims = 3'000;
constexpr std::size_t kProcesses = 10'000;

/// The elements that `make` gives of the list's items, as long as they fit in `room` together.
template <class List, class Make>
Json fitting(const List& list, std::size_t room, Make make) {
  Json array = Json::array();
  for (const auto& item : list) {
    Json element = make(item);
    const std::size_t bytes = json_bytes(element) + 1;
    if (bytes > room) {
      break;
    }
    room -= bytes;
    array.push_back(std::move(element));
  }
  return array;
}

Json texts_json(const std::vector<std::string>& texts, std::size_t room) {
  return fitting(texts, room, [](const std::string& text) { return Json(text); });
}

Json call_json(const sandbox::Condition& condition) {
  return condition.call.empty() ? Json() : Json(cut_text(condition.call));
}

Json cell_json(const sandbox::Cell& cell) {
  return std::visit(
      [](const auto& value) {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::monostate>) {
          return Json();
        } else {
          return Json(value);
        }
      },
      cell);
}

Json row_json(const std::vector<sandbox::Cell>& row) {
  Json json = Json::array();
  for (const sandbox::Cell& cell : row) {
    json.push_back(cell_json(cell));
  }
  return json;
}

Json column_json(const sandbox::Table::Column& column) {
  Json json = Json::object();
  json["name"] = column.name;
  json["class"] = column.type;
  return json;
}

/// All columns, and the rows that fit; null where the columns do not.
Json table_json(const sandbox::Table& table) {
  Json columns = fitting(table.columns, kTable, column_json);
  if (columns.size() < table.columns.size()) {
    return Json();
  }
  Json rows = fitting(table.rows, kTable - json_bytes(columns), row_json);
  Json json = Json::object();
  json["columns"] = std::move(columns);
  json["nrow"] = table.nrow;
  json["ncol"] = table.ncol;
  const bool all = rows.size() == table.rows.size();
  json["rows"] = std::move(rows);
  json["truncated"] = table.truncated || !all;
  return json;
}

}  // namespace

void add_condition(Json& error, const sandbox::Condition& condition) {
  error["message"] = cut_text(condition.message);
  error["call"] = call_json(condition);
  error["class"] = texts_json(condition.classes, kClasses);
  error["traceback"] = texts_json(condition.traceback, kTraceback);
  if (condition.line) {
    error["line"] = *condition.line;
  }
  if (condition.column) {
    error["column"] = *condition.column;
  }
}

Json warnings_json(const std::vector<sandbox::Condition>& warnings) {
  return fitting(warnings, kWarnings, [](const sandbox::Condition& warning) {
    Json json = Json::object();
    json["message"] = cut_text(warning.message);
    json["call"] = call_json(warning);
    return json;
  });
}

Json value_json(const sandbox::Value& value) {
  Json json = Json::object();
  json["class"] = texts_json(value.classes, kClasses);
  if (!value.dim.empty()) {
    json["dim"] = fitting(value.dim, kDims, [](std::uint64_t extent) { return Json(extent); });
  }
  if (value.length) {
    json["length"] = *value.length;
  }
  json["summary"] = cut_text(value.summary);
  if (value.table) {
    Json table = table_json(*value.table);
    if (!table.is_null()) {
      json["table"] = std::move(table);
    }
  }
  return json;
}

Json left_running_json(const std::vector<sandbox::LeftProcess>& processes) {
  return fitting(processes, kProcesses, [](const sandbox::LeftProcess& process) {
    Json json = Json::object();
    json["pid"] = process.pid;
    json["command"] = process.command;
    return json;
  });
}

}  // namespace omcp_r::tools
