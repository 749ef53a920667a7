#include "omcp_r/tools/execute_arguments.hpp"

#include <algorithm>
#include <utility>

#include "omcp_r/base/text.hpp"
#include "omcp_r/tools/arguments.hpp"

namespace omcp_r::tools {
namespace {

using mcp::Json;

constexpr std::size_t kMaxCode = std::size_t{12} << 20;
constexpr std::int64_t kMaxWait = 3600;
constexpr std::size_t kShown = 200;
constexpr std::string_view kSpace = " \t\r\n";

/// Whether `file` is {path, text} or {path, base64}, all strings, and nothing else.
bool is_input_file(const Json& file) {
  if (!file.is_object() || file.size() != 2 || !file.contains("path") ||
      file.contains("text") == file.contains("base64")) {
    return false;
  }
  return std::all_of(file.begin(), file.end(), [](const Json& part) { return part.is_string(); });
}

InputFile read_file(const Json& json, ArgumentReader& reader) {
  const auto& given = json["path"].get_ref<const std::string&>();
  InputFile file{std::string{below_sandbox(given)}, ""};
  const std::string shown = printable(given, kShown);
  if (!is_plain_path(file.path)) {
    reader.fail("'" + shown +
                "' is not a path of a file below /sandbox: give one such as data/input.csv.");
  } else if (json.contains("text")) {
    file.bytes = json["text"].get<std::string>();
  } else if (auto bytes = base64_decode(json["base64"].get_ref<const std::string&>())) {
    file.bytes = std::move(*bytes);
  } else {
    reader.fail("The base64 of file " + shown + " is not valid: send it again, or send text.");
  }
  return file;
}

std::vector<InputFile> read_files(ArgumentReader& reader) {
  std::vector<InputFile> files;
  const Json* value = reader.raw("files");
  if (value == nullptr) {
    return files;
  }
  if (!value->is_array()) {
    reader.fail("files must be an array of {path, text or base64}.");
    return files;
  }
  for (const Json& file : *value) {
    if (!is_input_file(file)) {
      reader.fail("Each of files needs path and either text or base64, all strings, no more.");
      return files;
    }
    files.push_back(read_file(file, reader));
  }
  return files;
}

/// The text where there is some: models send "" for what they leave out.
std::optional<std::string> id_of(ArgumentReader& reader, const char* name) {
  auto text = reader.text(name);
  return text && !text->empty() ? std::move(text) : std::nullopt;
}

std::optional<int> plot_size(ArgumentReader& reader, const char* name, int least, int most) {
  const auto value = reader.integer(name, least, most);
  return value ? std::optional<int>{static_cast<int>(*value)} : std::nullopt;
}

void check(const ExecuteArguments& parsed, ArgumentReader& reader) {
  if (parsed.has_code && parsed.execution_id) {
    reader.fail("Give either code or execution_id, not both.");
  }
  if (!parsed.has_code && !parsed.execution_id && !parsed.interrupt) {
    reader.fail(
        "code is required (or execution_id to collect an earlier run, or interrupt: true).");
  }
  if (parsed.request.code.size() > kMaxCode) {
    reader.fail("code is larger than 12 MiB. Put data into files instead.");
  }
  if (parsed.request.code.find('\0') != std::string::npos) {
    reader.fail("code must not contain NUL characters; R cannot hold them.");
  }
}

/// Whether what stands behind an opening fence says that the block is R, or says nothing.
bool names_r(std::string_view info) {
  info = info.substr(std::min(info.find_first_not_of(" \t{"), info.size()));
  const std::string_view word = info.substr(0, info.find_first_of(" \t\r,}"));
  return word.empty() || word == "r" || word == "R" || word == "rscript" || word == "Rscript";
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kSpace);
  return first == std::string_view::npos
             ? std::string_view{}
             : text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

}  // namespace

Result<ExecuteArguments> parse_execute(const Json& arguments, const sandbox::Settings& settings) {
  ArgumentReader reader{arguments};
  ExecuteArguments parsed;
  parsed.sandbox_id = id_of(reader, "sandbox_id");
  auto code = reader.text("code");
  parsed.has_code = code.has_value();
  parsed.request.code = unfenced(std::move(code).value_or(""));
  parsed.execution_id = id_of(reader, "execution_id");
  parsed.interrupt = reader.flag("interrupt", false);
  const auto timeout = reader.integer("timeout", 1, settings.max_execution_timeout.count());
  parsed.request.timeout = timeout ? std::chrono::seconds{*timeout} : settings.execution_timeout;
  const auto wait = reader.number("wait", 0, static_cast<double>(kMaxWait));
  parsed.wait = wait ? std::chrono::milliseconds{static_cast<std::int64_t>(*wait * 1000)}
                     : std::chrono::milliseconds{settings.execution_wait};
  parsed.files = read_files(reader);
  parsed.request.plot_width = plot_size(reader, "width", 64, 2000);
  parsed.request.plot_height = plot_size(reader, "height", 64, 2000);
  parsed.request.plot_resolution = plot_size(reader, "resolution", 36, 400);
  check(parsed, reader);
  const Status valid = reader.finish();
  if (!valid) {
    return valid.error();
  }
  return parsed;
}

std::string unfenced(std::string code) {
  const std::string_view block = trimmed(code);
  const std::size_t ticks = std::min(block.find_first_not_of('`'), block.size());
  const std::string_view fence = block.substr(0, ticks);
  const std::size_t line_end = block.find('\n');
  if (ticks < 3 || line_end == std::string_view::npos ||
      !names_r(block.substr(ticks, line_end - ticks))) {
    return code;
  }
  // The fence that closes is the first line of it; more behind it would be a second block, or
  // prose.
  const std::string closing = "\n" + std::string{fence};
  const std::size_t close = block.find(closing, line_end);
  if (close == std::string_view::npos || close + closing.size() != block.size()) {
    return code;
  }
  return std::string{block.substr(line_end + 1, close > line_end ? close - line_end : 0)};
}

std::string_view below_sandbox(std::string_view path) {
  constexpr std::string_view kFolder = "/sandbox/";
  return path.starts_with(kFolder) ? path.substr(kFolder.size()) : path;
}

}  // namespace omcp_r::tools
