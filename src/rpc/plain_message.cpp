#include <algorithm>
#include <utility>

#include "json_scan.hpp"
#include "omcp_r/rpc/message.hpp"

// Most messages are an object of a few members in the form that every client writes. Of those only
// the params become a document: to build one of the whole costs more than all else that a ping
// does.

namespace omcp_r::rpc {
namespace {

constexpr std::size_t kMaxDigits = 15;

class PlainReader {
 public:
  explicit PlainReader(std::string_view text) : rest_(text) {}

  std::optional<Message> read() {
    if (!take('{')) {
      return std::nullopt;
    }
    do {
      const auto name = string();
      if (!name || !take(':') || !member(*name)) {
        return std::nullopt;
      }
      ++members_;
    } while (take(','));
    if (!take('}') || !at_end() || version_ != "2.0" || !method_) {
      return std::nullopt;
    }
    return message();
  }

 private:
  void skip_blanks() {
    const auto end = rest_.find_first_not_of(" \t\r\n");
    rest_.remove_prefix(std::min(end, rest_.size()));
  }

  bool take(char wanted) {
    skip_blanks();
    if (rest_.empty() || rest_.front() != wanted) {
      return false;
    }
    rest_.remove_prefix(1);
    return true;
  }

  bool at_end() {
    skip_blanks();
    return rest_.empty();
  }

  /// What stands between quotes, where it means itself.
  std::optional<std::string_view> string() {
    if (!take('"')) {
      return std::nullopt;
    }
    const auto* const end = std::find_if(rest_.begin(), rest_.end(), [](char c) {
      return c < ' ' || c > '~' || c == '"' || c == '\\';
    });
    if (end == rest_.end() || *end != '"') {
      return std::nullopt;
    }
    const auto found = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(found.size() + 1);
    return found;
  }

  /// Each at most once, and no other.
  bool member(std::string_view name) {
    if (name == "jsonrpc") {
      return take_into(version_);
    }
    if (name == "method") {
      return take_into(method_);
    }
    return (name == "id" && id()) || (name == "params" && params());
  }

  bool take_into(std::optional<std::string_view>& place) {
    const auto found = place ? std::nullopt : string();
    place = found ? found : place;
    return found.has_value();
  }

  bool id() {
    skip_blanks();
    const bool quoted = !rest_.empty() && rest_.front() == '"';
    if (id_ || (quoted && !string_id()) || (!quoted && !number_id())) {
      return false;
    }
    return true;
  }

  bool string_id() {
    const std::string_view before = rest_;
    const auto inner = string();
    id_ = inner ? std::optional{before.substr(0, inner->size() + 2)} : std::nullopt;
    return inner.has_value();
  }

  bool number_id() {
    const auto digits = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    const bool plain = digits > 0 && digits <= kMaxDigits && (digits == 1 || rest_.front() != '0');
    id_ = plain ? std::optional{rest_.substr(0, digits)} : std::nullopt;
    rest_.remove_prefix(digits);
    return plain;  // what makes it another number is no comma or bracket
  }

  /// To the bracket that closes it, if it is JSON at all; of what is none, it is found out later.
  bool params() {
    skip_blanks();
    if (params_ || rest_.empty() || rest_.front() != '{') {
      return false;
    }
    std::size_t depth = 0;
    for (std::size_t i = 0; i < rest_.size(); ++i) {
      const char c = rest_[i];
      if (c == '"') {
        i = end_of_string(rest_, i);
      } else if (c == '{' || c == '[') {
        ++depth;
      } else if ((c == '}' || c == ']') && --depth == 0) {
        params_ = rest_.substr(0, i + 1);
        rest_.remove_prefix(i + 1);
        return true;
      }
    }
    return false;
  }

  std::optional<Message> message() {
    Json params = Json::object();
    if (params_ && *params_ != "{}") {
      // As much of the bounds as the object around it leaves.
      JsonBounds bounds;
      bounds.depth -= 1;
      bounds.values -= members_;
      ParsedJson parsed = parse_json(*params_, bounds);
      if (!parsed.problem.empty() || !parsed.value.is_object()) {
        return std::nullopt;
      }
      params = std::move(parsed.value);
    }
    std::string method{*method_};
    if (!id_) {
      return Notification{std::move(method), std::move(params)};
    }
    return Request{Id::from_text(std::string{*id_}), std::move(method), std::move(params)};
  }

  std::string_view rest_;
  std::size_t members_ = 0;
  std::optional<std::string_view> version_;
  std::optional<std::string_view> method_;
  std::optional<std::string_view> id_;      ///< as JSON text
  std::optional<std::string_view> params_;  ///< as JSON text, of an object if it is any
};

}  // namespace

std::optional<Message> read_plain(std::string_view text) {
  return PlainReader{text}.read();
}

}  // namespace omcp_r::rpc
