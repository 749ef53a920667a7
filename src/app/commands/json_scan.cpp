#include "commands/json_scan.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace omcp_r::commands {
namespace {

/// Walks over a text once. After a failure it stands still, and failure() says why.
class JsonScanner {
 public:
  JsonScanner(std::string_view text, std::size_t position) : text_(text), at_(position) {}

  /// Everything from the start of the text to its end; a text without a value will do.
  void document() {
    if (text_.starts_with(kByteOrderMark)) blank(0, at_ = kByteOrderMark.size());
    skip_blanks();
    if (at_ == text_.size()) return;
    value(0);
    skip_blanks();
    if (!failed() && at_ < text_.size()) fail("something follows the end of the value");
  }

  JsonObject object(int depth) {
    JsonObject result;
    result.open = at_++;
    result.tail_end = skip_blanks();
    while (!failed() && peek() != '}') {
      if (!result.members.empty() && result.members.back().comma == 0) {
        fail("a comma or } is missing");
      } else {
        result.members.push_back(member(depth));
      }
    }
    if (!result.members.empty()) drop_comma(result.members.back().comma);
    result.close = at_++;
    return result;
  }

  [[nodiscard]] bool failed() const { return failure_.has_value(); }
  [[nodiscard]] const std::string& failure() const { return *failure_; }
  /// What is no part of strict JSON, as pairs of begin and end.
  [[nodiscard]] const std::vector<std::pair<std::size_t, std::size_t>>& blanked() const {
    return blanked_;
  }

 private:
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  void fail(const std::string& why) {
    if (!failed()) failure_ = place_in(text_, std::min(at_, text_.size())) + ": " + why;
    at_ = text_.size();
  }

  void expect(char wanted, const char* otherwise) {
    if (peek() == wanted) {
      ++at_;
    } else {
      fail(otherwise);
    }
  }

  void blank(std::size_t begin, std::size_t end) { blanked_.emplace_back(begin, end); }
  void drop_comma(std::size_t comma) {
    if (comma != 0) blank(comma, comma + 1);
  }

  /// Behind blanks and comments. Gives the end of the last comment, or where it began.
  std::size_t skip_blanks() {
    std::size_t last = at_;
    line_comment_ = false;
    while (at_ < text_.size()) {
      if (std::string_view(" \t\r\n").find(peek()) != std::string_view::npos) {
        ++at_;
      } else if (peek() == '/' && (peek(1) == '/' || peek(1) == '*')) {
        last = comment();
      } else {
        break;
      }
    }
    return last;
  }

  std::size_t comment() {
    const std::size_t begin = at_;
    line_comment_ = peek(1) == '/';
    if (line_comment_) {
      at_ = std::min(text_.find_first_of("\r\n", at_), text_.size());
    } else {
      const std::size_t end = text_.find("*/", at_ + 2);
      if (end == std::string_view::npos) return fail("this comment has no end"), begin;
      at_ = end + 2;
    }
    blank(begin, at_);
    return at_;
  }

  // NOLINTNEXTLINE(misc-no-recursion): kMaxJsonDepth bounds it
  JsonMember member(int depth) {
    JsonMember result;
    result.begin = at_;
    result.behind_line_comment = line_comment_;
    expect('"', "a key in quotes or } is missing");
    if (!failed()) string(result.begin);
    if (!failed()) result.key = key_of(text_.substr(result.begin, at_ - result.begin));
    skip_blanks();
    expect(':', "a colon is missing");
    skip_blanks();
    result.value = at_;
    if (!failed()) value(depth + 1);
    result.end = at_;
    comma_after(result);
    return result;
  }

  void comma_after(JsonMember& member) {
    member.tail_end = skip_blanks();
    if (peek() != ',') return;
    member.comma = at_++;
    member.tail_end = skip_blanks();
  }

  static std::string key_of(std::string_view quoted) {
    if (quoted.size() < 2) return {};
    if (quoted.find('\\') == std::string_view::npos) {
      return std::string(quoted.substr(1, quoted.size() - 2));
    }
    const auto key = nlohmann::json::parse(quoted, nullptr, false);
    return key.is_string() ? key.get<std::string>() : std::string(quoted);
  }

  // NOLINTNEXTLINE(misc-no-recursion): kMaxJsonDepth bounds it
  void value(int depth) {
    if (depth > kMaxJsonDepth) return fail("this is nested too deeply");
    switch (peek()) {
      case '{':
        object(depth);
        break;
      case '[':
        array(depth);
        break;
      case '"':
        string(at_++);
        break;
      default:
        word();
    }
  }

  // NOLINTNEXTLINE(misc-no-recursion): kMaxJsonDepth bounds it
  void array(int depth) {
    ++at_;
    skip_blanks();
    bool more = true;
    while (!failed() && peek() != ']') {
      if (!more) return fail("a comma or ] is missing");
      JsonMember item;
      value(depth + 1);
      comma_after(item);
      more = item.comma != 0;
      if (peek() == ']') drop_comma(item.comma);
    }
    ++at_;
  }

  /// The rest of a string whose opening quote, at `begin`, is behind us.
  void string(std::size_t begin) {
    while (at_ < text_.size() && peek() != '"' && peek() != '\n') at_ += peek() == '\\' ? 2 : 1;
    if (peek() == '"') {
      ++at_;
      return;
    }
    at_ = begin;
    fail("this string has no end on its line");
  }

  /// A number, true, false or null: which of them, the parser of the strict text says.
  void word() {
    const std::size_t begin = at_;
    while (at_ < text_.size() &&
           std::string_view(" \t\r\n,:{}[]\"/").find(peek()) == std::string_view::npos) {
      ++at_;
    }
    if (at_ == begin) fail("a value is missing");
  }

  std::string_view text_;
  std::size_t at_;
  bool line_comment_ = false;  // the last comment was one
  std::optional<std::string> failure_;
  std::vector<std::pair<std::size_t, std::size_t>> blanked_;
};

}  // namespace

std::string place_in(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  return "line " + std::to_string(std::count(before.begin(), before.end(), '\n') + 1) +
         ", column " + std::to_string(offset - line_start + 1);
}

Result<std::string> strict_json(std::string_view text) {
  JsonScanner scanner{text, 0};
  scanner.document();
  if (scanner.failed()) return Error{Errc::kInvalidArgument, scanner.failure()};
  std::string strict(text);
  for (const auto& [begin, end] : scanner.blanked()) {
    std::fill(strict.begin() + static_cast<std::ptrdiff_t>(begin),
              strict.begin() + static_cast<std::ptrdiff_t>(end), ' ');
  }
  return strict;
}

JsonObject object_at(std::string_view text, std::size_t open) {
  return JsonScanner{text, open}.object(0);
}

}  // namespace omcp_r::commands
