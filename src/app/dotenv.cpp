#include "omcp_r/app/dotenv.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "omcp_r/app/values.hpp"

namespace omcp_r::app {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr auto kNone = std::string_view::npos;

bool is_name(std::string_view text) {
  const auto letter = [](char c) {
    return c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return !text.empty() && text.size() <= 256 && letter(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return letter(c) || digit(c); });
}

/// A value without quotes ends at a '#' that begins it or follows a blank.
std::string_view without_comment(std::string_view value) {
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '#' && (i == 0 || value[i - 1] == ' ' || value[i - 1] == '\t')) {
      return value.substr(0, i);
    }
  }
  return value;
}

/// What a backslash and `c` stand for in double quotes.
std::string unescaped(char c) {
  switch (c) {
    case 'n':
      return "\n";
    case 'r':
      return "\r";
    case 't':
      return "\t";
    case '"':
    case '\\':
    case '$':
      return std::string(1, c);
    default:
      return std::string("\\") + c;
  }
}

/// The text of a quoted value, and the offset behind its closing quote.
struct Quoted {
  std::string value;
  std::size_t end = 0;
};

/// Reads a quoted value at the start of `text`; nullopt when the quote is not closed soon enough.
std::optional<Quoted> read_quoted(std::string_view text) {
  const char quote = text.front();
  const std::size_t limit = std::min(text.size(), kDotenvLineBytes);
  Quoted result;
  for (std::size_t i = 1; i < limit; ++i) {
    if (text[i] == quote) {
      result.end = i + 1;
      return result;
    }
    if (text[i] == '\\' && quote == '"' && i + 1 < limit) {
      result.value += unescaped(text[++i]);
    } else {
      result.value += text[i];
    }
  }
  return std::nullopt;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Dotenv run() {
    while (at_ < text_.size()) {
      read_line();
      ++line_;
    }
    return std::move(result_);
  }

 private:
  /// Reads the line that begins at at_, or the several lines of a quoted value.
  void read_line() {
    const std::string_view whole = take_line();
    if (whole.size() > kDotenvLineBytes) {
      const std::string_view name = name_before(whole.substr(0, kDotenvLineBytes)).first;
      return problem(name,
                     "the line is longer than " + std::to_string(kDotenvLineBytes) + " bytes");
    }
    const std::string_view content = trim(whole);
    if (content.empty() || content.front() == '#') return;
    const auto [name, value] = name_before(whole);
    if (name.empty()) return problem("", "this is not NAME=value");
    if (value.empty() || (value.front() != '"' && value.front() != '\'')) {
      return add(name, std::string(trim(without_comment(value))), line_);
    }
    read_quoted_value(name, value);
  }

  /// Splits "export NAME = value"; the name is "" where there is none.
  static std::pair<std::string_view, std::string_view> name_before(std::string_view line) {
    const std::size_t equals = line.find('=');
    std::string_view name = trim(line.substr(0, equals));
    constexpr std::string_view kExport = "export";
    if (name.starts_with(kExport) && name.find_first_of(" \t") == kExport.size()) {
      name = trim(name.substr(kExport.size()));
    }
    if (equals == kNone || !is_name(name)) return {};
    std::string_view value = line.substr(equals + 1);
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    return {name, value};
  }

  void read_quoted_value(std::string_view name, std::string_view value) {
    const auto begin = static_cast<std::size_t>(value.data() - text_.data());
    const auto quoted = read_quoted(text_.substr(begin));
    if (!quoted) return problem(name, "the quote is not closed");
    const int first_line = line_;
    const std::size_t end = begin + quoted->end;
    if (end > at_) skip_to(end);
    const std::size_t line_end = std::min(text_.find('\n', end), text_.size());
    const std::string_view rest = trim(text_.substr(end, line_end - end));
    if (!rest.empty() && rest.front() != '#') {
      return problem(name, "only a comment may follow the closing quote");
    }
    add(name, quoted->value, first_line);
  }

  /// Goes on behind the line that holds the offset `end`, counting the lines on the way.
  void skip_to(std::size_t end) {
    while (at_ < end && at_ < text_.size()) {
      take_line();
      ++line_;
    }
  }

  std::string_view take_line() {
    const std::size_t end = std::min(text_.find('\n', at_), text_.size());
    const std::string_view line = text_.substr(at_, end - at_);
    at_ = std::min(end + 1, text_.size());
    return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
  }

  void add(std::string_view name, std::string value, int line) {
    result_.entries.push_back({std::string(name), std::move(value), line});
  }

  void problem(std::string_view name, std::string text) {
    result_.problems.push_back({std::string(name), std::move(text), line_});
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
  Dotenv result_;
};

}  // namespace

Dotenv parse_dotenv(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return Parser{text}.run();
}

}  // namespace omcp_r::app
