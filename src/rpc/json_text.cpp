#include "omcp_r/rpc/json_text.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "json_scan.hpp"

namespace omcp_r::rpc {
namespace {

/// Looks at brackets, commas and quotes only: cheap, and right for every text that is JSON.
class ShapeCheck {
 public:
  explicit ShapeCheck(const JsonBounds& bounds) : bounds_(bounds) {}

  std::string_view problem_of(std::string_view text) {
    for (std::size_t i = 0; i < text.size() && problem_.empty(); ++i) {
      if (text[i] == '"') {
        i = end_of_string(text, i);
      } else {
        structural(text[i]);
      }
    }
    return problem_;
  }

 private:
  struct Level {
    bool object = false;
    std::size_t commas = 0;
  };

  void structural(char c) {
    switch (c) {
      case '{':
      case '[':
        open(c == '{');
        break;
      case '}':
      case ']':
        if (!levels_.empty()) {
          levels_.pop_back();
        }
        break;
      case ',':
        comma();
        break;
      default:
        break;
    }
  }

  void open(bool object) {
    levels_.push_back({object, 0});
    if (levels_.size() > bounds_.depth) {
      problem_ = "nested too deeply";
    }
    count_value();
  }

  void comma() {
    if (!levels_.empty() && ++levels_.back().commas >= bounds_.members && levels_.back().object) {
      problem_ = "an object has too many members";
    }
    count_value();
  }

  void count_value() {
    if (++values_ > bounds_.values) {
      problem_ = "too many values";
    }
  }

  const JsonBounds& bounds_;
  std::vector<Level> levels_;
  std::size_t values_ = 0;
  std::string_view problem_;
};

struct Escape {
  std::string_view bytes;
  std::string_view text;
};

constexpr std::array<Escape, 4> kLineBreakers{{
    {"\x7F", "\\u007f"},
    {"\xC2\x85", "\\u0085"},
    {"\xE2\x80\xA8", "\\u2028"},
    {"\xE2\x80\xA9", "\\u2029"},
}};

const Escape* line_breaker_at(std::string_view rest) {
  const char first = rest.front();
  if (first != '\x7F' && first != '\xC2' && first != '\xE2') {
    return nullptr;
  }
  const auto* found = std::find_if(kLineBreakers.begin(), kLineBreakers.end(),
                                   [&](const Escape& e) { return rest.starts_with(e.bytes); });
  return found == kLineBreakers.end() ? nullptr : found;
}

/// In JSON text such characters stand in strings only, so that they can be replaced anywhere.
std::string escape_line_breakers(std::string text) {
  std::string escaped;
  std::size_t copied = 0;
  const std::string_view view{text};
  for (std::size_t i = 0; i < view.size(); ++i) {
    if (const Escape* escape = line_breaker_at(view.substr(i))) {
      escaped.append(view, copied, i - copied).append(escape->text);
      i += escape->bytes.size() - 1;
      copied = i + 1;
    }
  }
  if (copied == 0) {
    return text;
  }
  return escaped.append(view, copied);
}

}  // namespace

ParsedJson parse_json(std::string_view text, const JsonBounds& bounds) {
  if (const auto problem = ShapeCheck{bounds}.problem_of(text); !problem.empty()) {
    return {Json{}, problem};
  }
  // To nlohmann's lexer that is the end of the text, whatever follows.
  if (text.find('\0') != std::string_view::npos) {
    return {Json{}, "not JSON"};
  }
  Json value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) {
    return {Json{}, "not JSON"};
  }
  return {std::move(value), {}};
}

std::string to_text(const Json& value) {
  return escape_line_breakers(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace omcp_r::rpc
