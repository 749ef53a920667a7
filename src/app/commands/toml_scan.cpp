#include "commands/toml_scan.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "commands/json_scan.hpp"
#include "omcp_r/base/text.hpp"

namespace omcp_r::commands {
namespace {

using nlohmann::ordered_json;

constexpr int kMaxDepth = 32;

bool is_bare(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

void append_utf8(std::string& text, unsigned long code) {
  const auto byte = [&text](unsigned long bits) { text += static_cast<char>(bits); };
  if (code < 0x80) return byte(code);
  if (code < 0x800) {
    byte(0xC0 | (code >> 6));
  } else {
    if (code < 0x10000) {
      byte(0xE0 | (code >> 12));
    } else {
      byte(0xF0 | (code >> 18));
      byte(0x80 | ((code >> 12) & 0x3F));
    }
    byte(0x80 | ((code >> 6) & 0x3F));
  }
  byte(0x80 | (code & 0x3F));
}

/// Walks over a text once. After a failure it stands at the end, and failure() says why.
class TomlScanner {
 public:
  explicit TomlScanner(std::string_view text) : text_(text) {
    if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
  }

  std::vector<TomlStatement> statements() {
    std::vector<TomlStatement> result;
    KeyPath table;
    while (!at_end()) {
      const std::size_t begin = at_;
      skip_spaces();
      if (peek() == '#' || peek() == '\n' || peek() == '\r' || at_end()) {
        next_line();
        continue;
      }
      TomlStatement statement = peek() == '[' ? header(table) : assignment(table);
      if (failure_) break;
      end_of_line();
      statement.begin = begin;
      statement.end = at_;
      result.push_back(std::move(statement));
    }
    return result;
  }

  [[nodiscard]] const std::optional<std::string>& failure() const { return failure_; }

  // NOLINTNEXTLINE(misc-no-recursion): kMaxDepth bounds it
  ordered_json value(int depth) {
    if (depth > kMaxDepth) return fail("this is nested too deeply"), nullptr;
    if (peek() == '"' || peek() == '\'') return string();
    if (peek() == '[') return array(depth);
    if (peek() == '{') return table(depth);
    const std::size_t end = std::min(text_.find_first_of(",]}#\r\n", at_), text_.size());
    if (end == at_) return fail("a value is missing"), nullptr;
    at_ = end;
    return nullptr;
  }

 private:
  [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }
  [[nodiscard]] char peek() const { return at_end() ? '\0' : text_[at_]; }

  void fail(const std::string& why) {
    if (!failure_) failure_ = place_in(text_, std::min(at_, text_.size())) + ": " + why;
    at_ = text_.size();
  }
  bool take(char wanted) {
    if (peek() != wanted) return false;
    ++at_;
    return true;
  }
  void skip_spaces() {
    while (peek() == ' ' || peek() == '\t') ++at_;
  }
  void next_line() {
    const std::size_t end = text_.find('\n', at_);
    at_ = end == std::string_view::npos ? text_.size() : end + 1;
  }
  void end_of_line() {
    skip_spaces();
    if (!at_end() && peek() != '#' && peek() != '\n' && peek() != '\r') {
      return fail("something follows the end of the value");
    }
    next_line();
  }
  /// Between the items of an array.
  void skip_blanks() {
    for (skip_spaces(); peek() == '#' || peek() == '\n' || peek() == '\r'; skip_spaces()) {
      next_line();
    }
  }

  TomlStatement header(KeyPath& table) {
    ++at_;
    const bool list = take('[');
    table = keys();
    if (!take(']') || (list && !take(']'))) fail("a ] is missing");
    return {.header = true, .list = list, .keys = table, .in_table = table.size()};
  }

  TomlStatement assignment(const KeyPath& table) {
    TomlStatement result{.keys = table, .in_table = table.size()};
    const KeyPath own = keys();
    result.keys.insert(result.keys.end(), own.begin(), own.end());
    if (!take('=')) fail("an = is missing");
    skip_spaces();
    const std::size_t begin = at_;
    if (!failure_) value(0);
    if (!failure_) result.value = text_.substr(begin, at_ - begin);
    return result;
  }

  /// a."b".c
  KeyPath keys() {
    KeyPath result;
    do {
      skip_spaces();
      if (peek() == '"' || peek() == '\'') {
        result.push_back(string());
      } else {
        const std::size_t begin = at_;
        while (is_bare(peek())) ++at_;
        if (at_ == begin) fail("a key is missing");
        result.emplace_back(text_.substr(begin, at_ - begin));
      }
      skip_spaces();
    } while (!failure_ && take('.'));
    return result;
  }

  std::string string() {
    const std::string quote(1, peek());
    const bool long_one = text_.substr(at_).starts_with(quote + quote + quote);
    const std::string end = long_one ? quote + quote + quote : quote;
    const std::size_t begin = at_;
    at_ += end.size();
    if (long_one && take('\r')) take('\n');
    if (long_one) take('\n');
    std::string result;
    while (!at_end() && !text_.substr(at_).starts_with(end) && (long_one || peek() != '\n')) {
      if (quote == "\"" && peek() == '\\') {
        escape(result);
      } else {
        result += text_[at_++];
      }
    }
    if (!text_.substr(std::min(at_, text_.size())).starts_with(end)) {
      at_ = begin;
      fail("this string has no end");
      return {};
    }
    at_ += end.size();
    while (long_one && peek() == quote.front()) result += text_[at_++];  // up to two more
    return result;
  }

  void escape(std::string& result) {
    constexpr std::string_view kNames = "btnfre\"\\";
    constexpr std::string_view kMeant = "\b\t\n\f\r\x1b\"\\";
    ++at_;
    const char name = peek();
    ++at_;
    if (name == 'u' || name == 'U') {
      const std::size_t digits = name == 'u' ? 4 : 8;
      const std::string number(text_.substr(std::min(at_, text_.size()), digits));
      if (number.size() < digits ||
          number.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) {
        return fail("this escape is none of TOML's");
      }
      const unsigned long code = std::stoul(number, nullptr, 16);
      const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
      if (surrogate || code > 0x10FFFF) return fail("this escape is not a character");
      at_ += digits;
      append_utf8(result, code);
    } else if (const std::size_t known = kNames.find(name); known != std::string_view::npos) {
      result += kMeant[known];
    } else if (name == '\n' || name == '\r' || name == ' ' || name == '\t') {
      while (std::string_view(" \t\r\n").find(peek()) != std::string_view::npos && !at_end()) ++at_;
    } else {
      fail("this escape is none of TOML's");
    }
  }

  // NOLINTNEXTLINE(misc-no-recursion): kMaxDepth bounds it
  ordered_json array(int depth) {
    ordered_json result = ordered_json::array();
    ++at_;
    for (skip_blanks(); !failure_ && peek() != ']'; skip_blanks()) {
      result.push_back(value(depth + 1));
      skip_blanks();
      if (!take(',') && peek() != ']') fail("a comma or ] is missing");
    }
    ++at_;
    return result;
  }

  // NOLINTNEXTLINE(misc-no-recursion): kMaxDepth bounds it
  ordered_json table(int depth) {
    ordered_json result = ordered_json::object();
    ++at_;
    for (skip_blanks(); !failure_ && peek() != '}'; skip_blanks()) {
      ordered_json* place = &result;
      for (const std::string& key : keys()) {
        if (place->is_null() || place->is_object()) place = &(*place)[key];
      }
      if (!take('=')) fail("an = is missing");
      skip_spaces();
      if (!failure_) *place = value(depth + 1);
      skip_blanks();
      if (!take(',') && peek() != '}') fail("a comma or } is missing");
    }
    ++at_;
    return result;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::optional<std::string> failure_;
};

}  // namespace

Result<std::vector<TomlStatement>> toml_statements(std::string_view text) {
  if (to_valid_utf8(text) != text) {
    return Error{Errc::kInvalidArgument, "this file is not UTF-8: save it as UTF-8"};
  }
  TomlScanner scanner{text};
  auto statements = scanner.statements();
  if (scanner.failure()) return Error{Errc::kInvalidArgument, *scanner.failure()};
  return statements;
}

ordered_json toml_value(std::string_view text) {
  return TomlScanner{text}.value(0);
}

}  // namespace omcp_r::commands
