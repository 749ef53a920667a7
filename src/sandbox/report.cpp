#include "omcp_r/sandbox/report.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "omcp_r/base/text.hpp"
#include "omcp_r/sandbox/transcript.hpp"

// What the worker says, as JSON; all of it but "status" may be missing or null:
//
//   report     {"status": "ok" | "error" | "interrupted" | "quit" | "crashed", "seconds", "error":
//              condition, "warnings": [condition], "value", "files": [file], "files_left_out",
//              "pages", "plots_as_files", "left_running": [{"pid", "command"}],
//              "left_running_count", "notes": [text]}
//   condition  {"message", "call", "class": [text], "traceback": [text], "line", "column"}
//   value      {"class": [text], "dim": [number], "length", "summary", "table": {"columns":
//              [{"name", "class"}], "nrow", "ncol", "rows": [[cell]], "truncated"}}
//   files      [{"path", "size"}]
//   greeting   {"r_version", "platform", "executions", "given", "idle"}
//   session    {"r_version", "platform", "locale", "timezone", "rng", "seed", "code": [text],
//              "code_dropped"}
//   objects    {"objects": [{"name", "class", "bytes", "dim", "line"}], "left_out"}
namespace omcp_r::sandbox {
namespace {

// Not ordered_json, which looks for a key along all the others.
using Json = nlohmann::json;

/// The whole numbers that a double holds exactly.
constexpr std::uint64_t kMostCount = std::uint64_t{1} << 53U;
constexpr std::uint64_t kMostInt = 0x7FFFFFFF;
constexpr std::size_t kLine = 1'000;
constexpr ReportLimits kGreetingLimits{.bytes = 4'096, .values = 100};
constexpr ReportLimits kSessionLimits{.bytes = std::size_t{4} << 20, .values = 100'000};

/// Counts what a text holds, and ends the parsing where it is too much.
class Gauge {
 public:
  Gauge(std::size_t max_values, int max_depth) : max_values_(max_values), max_depth_(max_depth) {}
  [[nodiscard]] const JsonExtent& extent() const { return extent_; }

  bool null() { return count(); }
  bool boolean(bool /*value*/) { return count(); }
  bool number_integer(std::int64_t /*value*/) { return count(); }
  bool number_unsigned(std::uint64_t /*value*/) { return count(); }
  bool number_float(double /*value*/, const std::string& /*text*/) { return count(); }
  bool string(const std::string& /*value*/) { return count(); }
  bool binary(const Json::binary_t& /*value*/) { return count(); }
  bool key(const std::string& /*value*/) { return true; }
  bool start_object(std::size_t /*size*/) { return enter(); }
  bool start_array(std::size_t /*size*/) { return enter(); }
  bool end_object() { return leave(); }
  bool end_array() { return leave(); }
  template <class... Details>
  bool parse_error(const Details&... /*details*/) {
    return false;
  }

 private:
  bool count() { return ++extent_.values <= max_values_; }
  bool enter() {
    extent_.depth = std::max(extent_.depth, ++depth_);
    return count() && depth_ <= max_depth_;
  }
  bool leave() {
    --depth_;
    return true;
  }

  std::size_t max_values_;
  int max_depth_;
  int depth_ = 0;
  JsonExtent extent_;
};

/// The parsed text, discarded where it is not JSON or over a limit. Without a callback: with one
/// the parser looks through each whole array again at every object that ends in it.
Json parse_bounded(std::string_view bytes, const ReportLimits& limits) {
  if (bytes.size() > limits.bytes) {
    return Json(Json::value_t::discarded);
  }
  const std::string text = to_valid_utf8(bytes);
  const bool sound = measure_json(text, limits.values, limits.depth).has_value();
  return sound ? Json::parse(text, nullptr, false) : Json(Json::value_t::discarded);
}

/// Where `text` may be cut so that at most `max_bytes` are left and no character is torn.
std::size_t cut_at(std::string_view text, std::size_t max_bytes) {
  std::size_t end = std::min(max_bytes, text.size());
  while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
    --end;
  }
  return end;
}

/// `raw`, which is valid UTF-8, without escape sequences, and without control characters but for
/// newlines and tabs.
std::string without_controls(std::string_view raw) {
  const std::string text = strip_escapes(raw);
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) {
      ++i;  // U+0080 to U+009F
    } else if ((byte >= 0x20 && byte != 0x7F) || byte == '\n' || byte == '\t') {
      out += text[i];
    }
  }
  return out;
}

/// The member that says something; nullptr where `object` has none, or is no object.
const Json* member(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

/// Takes what has the right type and is within its bounds, and remembers whether anything was not.
class Reader {
 public:
  explicit Reader(const ReportLimits& limits) : limits_(limits) {}
  [[nodiscard]] bool incomplete() const { return incomplete_; }

  Report report(const Json& json, RunStatus status);
  std::optional<Condition> condition(const Json& json);
  std::vector<FileEntry> files(const Json& json);
  std::optional<std::uint64_t> number(const Json& object, const char* key,
                                      std::uint64_t most = kMostCount);
  bool flag(const Json& object, const char* key);

 private:
  std::optional<std::uint64_t> number(const Json& value, std::uint64_t most);
  std::string text(const Json& value);
  std::string text(const Json& object, const char* key);
  std::vector<std::string> texts(const Json& object, const char* key);
  Cell cell(const Json& json);
  std::vector<Cell> row(const Json& json);
  std::optional<Table> table(const Json& json);
  std::optional<Value> value(const Json& json);
  std::optional<LeftProcess> left_process(const Json& json);
  double seconds(const Json& object);

  /// The member as an array; each of its first `most` elements is given to `take`.
  template <class Take>
  void each(const Json& object, const char* key, std::size_t most, Take take) {
    const Json* array = member(object, key);
    if (array != nullptr) {
      each_of(*array, most, take);
    }
  }
  template <class Take>
  void each_of(const Json& array, std::size_t most, Take take) {
    incomplete_ = incomplete_ || !array.is_array() || array.size() > most;
    for (std::size_t i = 0; array.is_array() && i < std::min(array.size(), most); ++i) {
      take(array[i]);
    }
  }
  template <class T>
  void keep(std::vector<T>& list, std::optional<T> item) {
    if (item) {
      list.push_back(std::move(*item));
    }
  }
  std::nullopt_t drop() {
    incomplete_ = true;
    return std::nullopt;
  }

  const ReportLimits& limits_;
  bool incomplete_ = false;
};

std::optional<std::uint64_t> Reader::number(const Json& value, std::uint64_t most) {
  std::optional<std::uint64_t> number;
  if (value.is_number_unsigned()) {
    number = value.get<std::uint64_t>();
  } else if (value.is_number_float()) {
    // R writes large whole numbers so, too: 1e+05.
    const auto real = value.get<double>();
    if (real >= 0 && real <= static_cast<double>(kMostCount) && real == std::floor(real)) {
      number = static_cast<std::uint64_t>(real);
    }
  }
  return number && *number <= most ? number : drop();
}

std::optional<std::uint64_t> Reader::number(const Json& object, const char* key,
                                            std::uint64_t most) {
  const Json* value = member(object, key);
  return value == nullptr ? std::nullopt : number(*value, most);
}

bool Reader::flag(const Json& object, const char* key) {
  const Json* value = member(object, key);
  incomplete_ = incomplete_ || (value != nullptr && !value->is_boolean());
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

double Reader::seconds(const Json& object) {
  const Json* value = member(object, "seconds");
  if (value == nullptr) {
    return 0;
  }
  const double time = value->is_number() ? value->get<double>() : -1;
  const bool sound = time >= 0 && time <= static_cast<double>(kMostCount);
  incomplete_ = incomplete_ || !sound;
  return sound ? time : 0;
}

std::string Reader::text(const Json& value) {
  if (!value.is_string()) {
    drop();
    return "";
  }
  // What JSON escapes may be no text: a NUL.
  const std::string valid = to_valid_utf8(value.get_ref<const std::string&>());
  const std::size_t end = cut_at(valid, limits_.text);
  incomplete_ = incomplete_ || end < valid.size();
  return without_controls(std::string_view{valid}.substr(0, end));
}

std::string Reader::text(const Json& object, const char* key) {
  const Json* value = member(object, key);
  return value == nullptr ? "" : text(*value);
}

std::vector<std::string> Reader::texts(const Json& object, const char* key) {
  std::vector<std::string> list;
  each(object, key, limits_.list, [&](const Json& item) {
    if (item.is_string()) {
      list.push_back(text(item));
    } else {
      drop();
    }
  });
  return list;
}

std::optional<Condition> Reader::condition(const Json& json) {
  if (!json.is_object()) {
    return drop();
  }
  Condition condition;
  condition.message = text(json, "message");
  condition.call = text(json, "call");
  condition.classes = texts(json, "class");
  condition.traceback = texts(json, "traceback");
  const auto place = [&](const char* key) {
    const auto at = number(json, key, kMostInt);
    return at && *at > 0 ? std::optional<int>{static_cast<int>(*at)} : std::nullopt;
  };
  condition.line = place("line");
  condition.column = place("column");
  return condition;
}

Cell Reader::cell(const Json& json) {
  if (json.is_string()) {
    return text(json);
  }
  if (json.is_boolean()) {
    return json.get<bool>();
  }
  const bool fits = !json.is_number_unsigned() || json.get<std::uint64_t>() <= INT64_MAX;
  if (json.is_number_integer() && fits) {
    return json.get<std::int64_t>();
  }
  if (json.is_number()) {
    return json.get<double>();
  }
  incomplete_ = incomplete_ || !json.is_null();
  return std::monostate{};
}

std::vector<Cell> Reader::row(const Json& json) {
  std::vector<Cell> row;
  each_of(json, limits_.list, [&](const Json& item) { row.push_back(cell(item)); });
  return row;
}

std::optional<Table> Reader::table(const Json& json) {
  if (!json.is_object()) {
    return drop();
  }
  Table table;
  each(json, "columns", limits_.list, [&](const Json& column) {
    incomplete_ = incomplete_ || !column.is_object();
    table.columns.push_back({text(column, "name"), text(column, "class")});
  });
  each(json, "rows", limits_.list, [&](const Json& item) {
    std::vector<Cell> cells = row(item);
    if (item.is_array() && cells.size() == table.columns.size()) {
      table.rows.push_back(std::move(cells));
    } else {
      drop();
    }
  });
  table.nrow = number(json, "nrow").value_or(0);
  table.ncol = number(json, "ncol").value_or(0);
  table.truncated = flag(json, "truncated");
  return table;
}

std::optional<Value> Reader::value(const Json& json) {
  if (!json.is_object()) {
    return drop();
  }
  Value value;
  value.classes = texts(json, "class");
  each(json, "dim", limits_.list,
       [&](const Json& extent) { keep(value.dim, number(extent, kMostCount)); });
  value.length = number(json, "length");
  value.summary = text(json, "summary");
  const Json* rows = member(json, "table");
  value.table = rows == nullptr ? std::nullopt : table(*rows);
  return value;
}

std::vector<FileEntry> Reader::files(const Json& json) {
  std::vector<FileEntry> files;
  each_of(json, limits_.files, [&](const Json& item) {
    const Json* path = member(item, "path");
    if (path != nullptr && path->is_string() &&
        is_plain_path(path->get_ref<const std::string&>())) {
      files.push_back({path->get<std::string>(), number(item, "size").value_or(0)});
    } else {
      drop();
    }
  });
  return files;
}

std::optional<LeftProcess> Reader::left_process(const Json& json) {
  const auto pid = number(json, "pid", kMostInt);
  if (!pid || *pid == 0) {
    return drop();
  }
  return LeftProcess{static_cast<int>(*pid), printable(text(json, "command"), kLine)};
}

Report Reader::report(const Json& json, RunStatus status) {
  Report report;
  report.status = status;
  report.seconds = seconds(json);
  const Json* error = member(json, "error");
  report.error = error == nullptr ? std::nullopt : condition(*error);
  each(json, "warnings", limits_.warnings,
       [&](const Json& item) { keep(report.warnings, condition(item)); });
  const Json* shown = member(json, "value");
  report.value = shown == nullptr ? std::nullopt : value(*shown);
  report.files_left_out = number(json, "files_left_out").value_or(0);
  if (const Json* listed = member(json, "files")) {
    report.files = files(*listed);
    report.files_left_out += listed->is_array() ? listed->size() - report.files.size() : 0;
  }
  report.pages = number(json, "pages").value_or(0);
  report.plots_as_files = number(json, "plots_as_files").value_or(0);
  each(json, "left_running", limits_.list,
       [&](const Json& item) { keep(report.left_running, left_process(item)); });
  report.left_running_count = std::max<std::uint64_t>(
      number(json, "left_running_count").value_or(0), report.left_running.size());
  report.notes = texts(json, "notes");
  report.incomplete = incomplete_;
  return report;
}

std::optional<RunStatus> status_of(const Json& report) {
  static constexpr std::pair<std::string_view, RunStatus> kStatuses[] = {
      {"ok", RunStatus::kOk},
      {"error", RunStatus::kError},
      {"interrupted", RunStatus::kInterrupted},
      {"quit", RunStatus::kQuit},
      {"crashed", RunStatus::kCrashed}};
  const Json* status = member(report, "status");
  for (const auto& [name, meaning] : kStatuses) {
    if (status != nullptr && status->is_string() && status->get_ref<const std::string&>() == name) {
      return meaning;
    }
  }
  return std::nullopt;
}

/// A fact as one line, for where no more is expected.
std::string line_of(const Json& object, const char* key) {
  const Json* value = member(object, key);
  return value != nullptr && value->is_string()
             ? printable(value->get_ref<const std::string&>(), kLine)
             : "";
}

std::vector<std::string> texts_of(const Json& object, const char* key) {
  std::vector<std::string> texts;
  const Json* list = member(object, key);
  for (std::size_t i = 0; list != nullptr && list->is_array() && i < list->size(); ++i) {
    if ((*list)[i].is_string()) {
      texts.push_back((*list)[i].get<std::string>());
    }
  }
  return texts;
}

std::vector<std::string> lines(std::vector<std::string> texts) {
  for (std::string& text : texts) {
    text = printable(text, kLine);
  }
  return texts;
}

bool is_whole_number(const std::string& text) {
  const std::size_t sign = text.starts_with('-') ? 1 : 0;
  return text.size() > sign && text.find_first_not_of("0123456789", sign) == std::string::npos;
}

}  // namespace

std::optional<JsonExtent> measure_json(std::string_view text, std::size_t max_values,
                                       int max_depth) {
  Gauge gauge{max_values, max_depth};
  const bool sound = Json::sax_parse(text.begin(), text.end(), &gauge);
  return sound ? std::optional<JsonExtent>{gauge.extent()} : std::nullopt;
}

std::optional<Report> parse_report(std::string_view bytes, const ReportLimits& limits) {
  const Json json = parse_bounded(bytes, limits);
  const auto status = status_of(json);
  return status ? std::optional<Report>{Reader{limits}.report(json, *status)} : std::nullopt;
}

std::optional<Condition> parse_condition(std::string_view bytes, const ReportLimits& limits) {
  return Reader{limits}.condition(parse_bounded(bytes, limits));
}

std::vector<FileEntry> parse_files(std::string_view bytes, const ReportLimits& limits) {
  return Reader{limits}.files(parse_bounded(bytes, limits));
}

std::optional<Greeting> parse_greeting(std::string_view bytes) {
  const Json json = parse_bounded(bytes, kGreetingLimits);
  if (!json.is_object()) {
    return std::nullopt;
  }
  Reader reader{kGreetingLimits};
  Greeting greeting;
  greeting.r_version = line_of(json, "r_version");
  greeting.platform = line_of(json, "platform");
  greeting.executions = reader.number(json, "executions").value_or(0);
  greeting.given = reader.flag(json, "given");
  greeting.session = reader.number(json, "session").value_or(0);
  const auto idle = reader.number(json, "idle");
  greeting.idle =
      idle ? std::optional<std::int64_t>{static_cast<std::int64_t>(*idle)} : std::nullopt;
  return greeting;
}

std::optional<SessionFacts> parse_session(std::string_view bytes) {
  const Json json = parse_bounded(bytes, kSessionLimits);
  if (!json.is_object()) {
    return std::nullopt;
  }
  SessionFacts facts;
  facts.r_version = line_of(json, "r_version");
  facts.platform = line_of(json, "platform");
  facts.locale = line_of(json, "locale");
  facts.timezone = line_of(json, "timezone");
  facts.rng = line_of(json, "rng");
  const std::string seed = line_of(json, "seed");
  facts.seed = is_whole_number(seed) ? seed : "";
  facts.code_dropped = Reader{kSessionLimits}.number(json, "code_dropped").value_or(0);
  const Json* code = member(json, "code");
  const Json* failed = member(json, "failed");
  for (std::size_t i = 0; code != nullptr && code->is_array() && i < code->size(); ++i) {
    if ((*code)[i].is_string()) {
      facts.code.push_back(to_valid_utf8((*code)[i].get_ref<const std::string&>()));
      const bool told = failed != nullptr && failed->is_array() && i < failed->size();
      facts.failed.push_back(told && (*failed)[i] == true);
    }
  }
  return facts;
}

std::optional<Objects> parse_objects(std::string_view bytes) {
  const Json json = parse_bounded(bytes, kSessionLimits);
  const Json* list = json.is_object() ? member(json, "objects") : nullptr;
  if (list == nullptr || !list->is_array()) {
    return std::nullopt;
  }
  Reader reader{kSessionLimits};
  Objects found;
  for (const Json& one : *list) {
    if (!one.is_object()) continue;
    Objects::Object object;
    object.name = line_of(one, "name");
    object.classes = line_of(one, "class");
    object.dim = line_of(one, "dim");
    object.line = line_of(one, "line");
    object.bytes = reader.number(one, "bytes").value_or(0);
    found.objects.push_back(std::move(object));
  }
  found.left_out = reader.number(json, "left_out").value_or(0);
  return found;
}

std::optional<Surroundings> parse_surroundings(std::string_view bytes) {
  const Json json = parse_bounded(bytes, kSessionLimits);
  if (!json.is_object()) {
    return std::nullopt;
  }
  Surroundings found;
  found.packages = lines(texts_of(json, "packages"));
  found.data = lines(texts_of(json, "data"));
  found.data_count = Reader{kSessionLimits}.number(json, "data_count").value_or(0);
  return found;
}

std::optional<Completions> parse_completions(std::string_view bytes) {
  const Json json = parse_bounded(bytes, kSessionLimits);
  if (!json.is_object()) {
    return std::nullopt;
  }
  Completions found;
  found.token = line_of(json, "token");
  found.count = Reader{kSessionLimits}.number(json, "count").value_or(0);
  // What would not be shown as it is must not be typed as it is.
  for (std::string& word : texts_of(json, "words")) {
    if (!word.empty() && printable(word, kLine) == word) {
      found.words.push_back(std::move(word));
    }
  }
  return found;
}

}  // namespace omcp_r::sandbox
