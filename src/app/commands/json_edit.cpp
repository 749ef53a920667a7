#include "commands/json_edit.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "commands/json_scan.hpp"
#include "commands/splice.hpp"
#include "omcp_r/base/text.hpp"

namespace omcp_r::commands {
namespace {

using nlohmann::ordered_json;

constexpr auto kNone = std::string_view::npos;

/// A text, what it says, and where that begins: kNone where it says nothing.
struct Document {
  std::string_view text;
  std::size_t root = kNone;
  ordered_json content = {};
};

Result<Document> read(std::string_view text) {
  if (to_valid_utf8(text) != text) {
    return Error{Errc::kInvalidArgument, "this file is not UTF-8: save it as UTF-8"};
  }
  const auto strict = strict_json(text);
  if (!strict) return strict.error();
  Document document{text, strict->find_first_not_of(" \t\r\n")};
  if (document.root == kNone) return document;
  try {
    document.content = ordered_json::parse(*strict);
  } catch (const ordered_json::parse_error& failure) {
    const std::size_t byte = failure.byte > 0 ? failure.byte - 1 : 0;
    return Error{Errc::kInvalidArgument, place_in(text, byte) + ": this is not JSON"};
  } catch (const ordered_json::out_of_range&) {
    return Error{Errc::kInvalidArgument, "a number in it is too large to be read"};
  }
  return document;
}

const JsonMember* last_of(const JsonObject& object, const std::string& key) {
  const auto found = std::find_if(object.members.rbegin(), object.members.rend(),
                                  [&key](const JsonMember& member) { return member.key == key; });
  return found == object.members.rend() ? nullptr : &*found;
}

/// The blanks that the line of `offset` begins with.
std::string indentation(std::string_view text, std::size_t offset) {
  const std::size_t start = text.substr(0, offset).rfind('\n') + 1;  // npos + 1 is 0
  const std::size_t end = std::min(text.find_first_not_of(" \t", start), offset);
  return std::string(text.substr(start, end - start));
}

bool begins_its_line(std::string_view text, std::size_t offset) {
  const std::size_t before = text.substr(0, offset).find_last_not_of(" \t");
  return before != kNone && text[before] == '\n';
}

/// Puts members into one text in its own style.
class Writer {
 public:
  explicit Writer(const Document& document)
      : text_(document.text), line_end_(line_end_of(document.text)) {
    const JsonObject root = object_at(text_, document.root);
    if (root.members.empty() || !begins_its_line(text_, root.members.front().begin)) return;
    const std::string found = indentation(text_, root.members.front().begin);
    if (!found.empty()) unit_ = found;
  }

  [[nodiscard]] std::string replaced(const JsonMember& member, const ordered_json& value) const {
    const bool one_line =
        text_.substr(member.value, member.end - member.value).find('\n') == kNone &&
        !begins_its_line(text_, member.begin);
    const std::string shown =
        one_line ? value.dump() : lines(value, indentation(text_, member.begin));
    return spliced(text_, {{member.value, member.end, shown}});
  }

  [[nodiscard]] std::string inserted(const JsonObject& object, const std::string& key,
                                     const ordered_json& value) const {
    const std::string name = ordered_json(key).dump() + ": ";
    if (object.members.empty()) return into_empty(object, name, value);
    const JsonMember& last = object.members.back();
    const bool one_line = text_.substr(object.open, object.close - object.open).find('\n') == kNone;
    const std::string indent = begins_its_line(text_, last.begin)
                                   ? indentation(text_, last.begin)
                                   : indentation(text_, object.open) + unit_;
    std::string member =
        one_line ? " " + name + value.dump() : line_end_ + indent + name + lines(value, indent);
    if (last.comma == 0) {
      return spliced(text_, {{last.end, last.end, ","}, {last.tail_end, last.tail_end, member}});
    }
    return spliced(text_, {{last.tail_end, last.tail_end, member + ","}});
  }

 private:
  [[nodiscard]] std::string into_empty(const JsonObject& object, const std::string& name,
                                       const ordered_json& value) const {
    const std::string outer = indentation(text_, object.open);
    const std::string member = line_end_ + outer + unit_ + name + lines(value, outer + unit_);
    const std::string_view rest = text_.substr(object.tail_end, object.close - object.tail_end);
    if (rest.find('\n') != kNone) {
      return spliced(text_, {{object.tail_end, object.tail_end, member}});
    }
    return spliced(text_, {{object.tail_end, object.close, member + line_end_ + outer}});
  }

  /// The value over several lines; all but the first are indented.
  [[nodiscard]] std::string lines(const ordered_json& value, const std::string& indent) const {
    const std::string plain = value.dump(static_cast<int>(unit_.size()), unit_.front());
    std::string result;
    for (const char c : plain) {
      if (c == '\n') {
        result += line_end_ + indent;
      } else {
        result += c;
      }
    }
    return result;
  }

  std::string_view text_;
  std::string line_end_;
  std::string unit_ = "  ";
};

/// {a: {b: value}} for the keys from `first` on.
ordered_json nested(const KeyPath& path, std::size_t first, const ordered_json& value) {
  ordered_json result = value;
  for (std::size_t i = path.size(); i > first; --i) {
    ordered_json outer = ordered_json::object();
    outer[path[i - 1]] = std::move(result);
    result = std::move(outer);
  }
  return result;
}

/// A document of comments alone may become one of ours.
std::string begun(std::string_view text, const ordered_json& content) {
  std::string result(text);
  const bool blank = text.empty() || text == kByteOrderMark;
  if (!blank && text.back() != '\n') result += line_end_of(text);
  return result + content.dump(2) + "\n";
}

Error not_an_object(const Document& document, std::size_t place, const std::string& what) {
  return {Errc::kInvalidArgument,
          place_in(document.text, place) + ": " + what + " is not an object in braces"};
}

Result<std::string> set_in(const Document& document, const KeyPath& path,
                           const ordered_json& value) {
  if (document.root == kNone) return begun(document.text, nested(path, 0, value));
  std::size_t place = document.root;
  std::string what = "the file's content";
  const Writer writer{document};
  for (std::size_t i = 0;; ++i) {
    if (document.text[place] != '{') return not_an_object(document, place, what);
    const JsonObject object = object_at(document.text, place);
    const JsonMember* const member = last_of(object, path[i]);
    if (member == nullptr) return writer.inserted(object, path[i], nested(path, i + 1, value));
    if (i + 1 == path.size()) return writer.replaced(*member, value);
    place = member->value;
    what = "\"" + path[i] + "\"";
  }
}

/// What goes with a member: the blanks before it, unless what follows would come to stand behind a
/// comment that ends with its line.
Splice cut_of(std::string_view text, const JsonMember& member) {
  const std::size_t after = member.comma == member.end ? member.end + 1 : member.end;
  const std::size_t next = text.find_first_not_of(" \t", after);
  const bool ends_its_line = next != kNone && (text[next] == '\n' || text[next] == '\r');
  if (member.behind_line_comment && !ends_its_line) return {member.begin, member.end};
  return {text.find_last_not_of(" \t\r\n", member.begin - 1) + 1, member.end};
}

/// The last that stays has a comma behind it exactly where the last of all had one.
std::string without(std::string_view text, const JsonObject& object, const std::string& key) {
  std::vector<Splice> cuts;
  const JsonMember* last_kept = nullptr;
  for (const JsonMember& member : object.members) {
    if (member.key != key) {
      last_kept = &member;
      continue;
    }
    cuts.push_back(cut_of(text, member));
    if (member.comma != 0) cuts.push_back({member.comma, member.comma + 1});
  }
  const JsonMember& last = object.members.back();
  if (last_kept != nullptr && last_kept != &last && last.comma == 0) {
    cuts.push_back({last_kept->comma, last_kept->comma + 1});
  }
  std::string result = spliced(text, cuts);
  if (last_kept != nullptr) return result;
  const std::size_t close = result.size() - (text.size() - object.close);
  const std::size_t filled = result.find_first_not_of(" \t\r\n", object.open + 1);
  return filled == close ? spliced(result, {{object.open + 1, close}}) : result;
}

std::string remove_from(const Document& document, const KeyPath& path) {
  std::size_t place = document.root;
  for (std::size_t i = 0; place != kNone && document.text[place] == '{'; ++i) {
    const JsonObject object = object_at(document.text, place);
    const JsonMember* const member = last_of(object, path[i]);
    if (member == nullptr) break;
    if (i + 1 == path.size()) return without(document.text, object, path[i]);
    place = member->value;
  }
  return std::string(document.text);
}

const ordered_json* found_in(const ordered_json& content, const KeyPath& path) {
  const ordered_json* here = &content;
  for (const std::string& key : path) {
    const auto member = here->is_object() ? here->find(key) : here->end();
    if (member == here->end()) return nullptr;
    here = &*member;
  }
  return here;
}

/// An edit is trusted only as far as a parser confirms it: everything else must say what it said.
Result<std::string> confirmed(Result<std::string> edited, const ordered_json& expected) {
  if (!edited) return edited;
  const auto document = read(*edited);
  if (document && nlohmann::json(document->content) == nlohmann::json(expected)) return edited;
  return Error{Errc::kInternal, "this file could not be edited safely: edit it by hand"};
}

}  // namespace

Result<std::optional<ordered_json>> find_in_json(std::string_view text, const KeyPath& path) {
  const auto document = read(text);
  if (!document) return document.error();
  const ordered_json* const found = found_in(document->content, path);
  return found == nullptr ? std::nullopt : std::optional(*found);
}

Result<std::string> set_in_json(std::string_view text, const KeyPath& path,
                                const ordered_json& value) {
  const auto document = read(text);
  if (!document) return document.error();
  auto edited = set_in(*document, path, value);
  if (!edited) return edited;
  ordered_json expected = document->content;
  ordered_json* place = &expected;
  for (const std::string& key : path) place = &(*place)[key];
  *place = value;
  return confirmed(std::move(edited), expected);
}

Result<std::string> remove_from_json(std::string_view text, const KeyPath& path) {
  const auto document = read(text);
  if (!document) return document.error();
  ordered_json expected = document->content;
  if (found_in(expected, path) == nullptr) return std::string(text);
  ordered_json* place = &expected;
  for (std::size_t i = 0; i + 1 < path.size(); ++i) place = &(*place)[path[i]];
  place->erase(path.back());
  return confirmed(remove_from(*document, path), expected);
}

}  // namespace omcp_r::commands
