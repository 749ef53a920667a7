#include "omcp_r/sandbox/transcript.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "omcp_r/base/text.hpp"

namespace omcp_r::sandbox {
namespace {

constexpr std::size_t kMaxLine = std::size_t{64} << 10;
constexpr std::size_t kMaxProgress = 200;

/// What a sequence that is cut at kMaxLine may have of the line to come.
constexpr std::size_t kMaxEscape = 256;

bool is_control(char c) {
  return c == '\r' || c == '\b' || c == '\033';
}

bool is_between(char c, char first, char last) {
  return c >= first && c <= last;
}

/// Where the code point at `at` ends.
std::size_t end_of_char(std::string_view text, std::size_t at) {
  ++at;
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) {
    ++at;
  }
  return at;
}

/// Where a text for the terminal (a title, a link) ends that begins at `at`; nothing where it does
/// not. Another escape ends the search, so that many beginnings cost no more than one.
std::optional<std::size_t> end_of_string(std::string_view text, std::size_t at) {
  at = text.find_first_of("\a\033\n", at);
  if (at == std::string_view::npos) {
    return std::nullopt;
  }
  if (text[at] == '\a') {
    return at + 1;
  }
  return text.substr(at).starts_with("\033\\") ? std::optional{at + 2} : std::nullopt;
}

/// Where the escape sequence at `at` ends (ECMA-48, and xterm's BEL after a string); nothing where
/// the text ends before, or a string has no end.
std::optional<std::size_t> end_of_escape(std::string_view text, std::size_t at) {
  const auto skip = [&](char first, char last) {
    while (at < text.size() && is_between(text[at], first, last)) {
      ++at;
    }
  };
  const std::size_t start = ++at;
  if (at == text.size()) {
    return std::nullopt;
  }
  if (std::string_view{"]PX^_"}.find(text[at]) != std::string_view::npos) {
    return end_of_string(text, at + 1);
  }
  const bool control = text[at] == '[';
  if (control) {
    ++at;
    skip('0', '?');
  }
  skip(' ', '/');
  if (at == text.size()) {
    return std::nullopt;
  }
  if (is_between(text[at], control ? '@' : '0', '~')) {
    return at + 1;
  }
  // What breaks a sequence off is text. An ESC before what is none stands alone.
  return control ? at : start;
}

/// As end_of_escape(); of a sequence without an end only what began it is taken for one.
std::size_t skip_escape(std::string_view text, std::size_t at) {
  return end_of_escape(text, at).value_or(std::min(at + 2, text.size()));
}

/// A line of a terminal, and where its cursor is.
class Line {
 public:
  void put(std::string_view c) {
    if (column_ > cells_.size()) {
      fill();
    }
    if (column_ < cells_.size()) {
      cells_[column_] = c;
    } else {
      cells_.push_back(c);
    }
    ++column_;
  }
  void to_start() { column_ = 0; }
  void back() { column_ -= column_ > 0 ? 1 : 0; }
  void obey(std::string_view escape) {
    if (escape == "\033[K" || escape == "\033[0K") {
      cells_.resize(std::min(cells_.size(), column_));
    } else if (escape == "\033[2K") {
      cells_.clear();
    }
  }
  [[nodiscard]] std::string text() const {
    std::string out;
    for (const std::string_view c : cells_) {
      out += c;
    }
    return out;
  }

 private:
  /// Blanks up to the cursor: as many in all as a line may have, or clearing a long line again and
  /// again would take a square of its length.
  void fill() {
    const std::size_t blanks = column_ - cells_.size();
    if (filled_ + blanks > kMaxLine) {
      column_ = cells_.size();
    } else {
      filled_ += blanks;
      cells_.resize(column_, " ");
    }
  }

  std::vector<std::string_view> cells_;
  std::size_t column_ = 0;
  std::size_t filled_ = 0;
};

/// `text`, which begins at `start` of the transcript, cut at `places`; valid UTF-8.
std::vector<std::string> cut_at(std::string_view text, std::uint64_t start,
                                const std::vector<std::uint64_t>& places) {
  std::vector<std::string> pieces;
  std::size_t from = 0;
  for (const std::uint64_t place : places) {
    const std::size_t to = std::max(from, static_cast<std::size_t>(std::min<std::uint64_t>(
                                              place > start ? place - start : 0, text.size())));
    pieces.push_back(to_valid_utf8(text.substr(from, to - from)));
    from = to;
  }
  pieces.push_back(to_valid_utf8(text.substr(from)));
  return pieces;
}

}  // namespace

std::string resolve_controls(std::string_view line) {
  if (std::none_of(line.begin(), line.end(), is_control)) {
    return std::string{line};
  }
  Line out;
  for (std::size_t at = 0; at < line.size();) {
    const char c = line[at];
    const std::size_t end = c == '\033' ? skip_escape(line, at) : end_of_char(line, at);
    if (c == '\033') {
      out.obey(line.substr(at, end - at));
    } else if (c == '\r') {
      out.to_start();
    } else if (c == '\b') {
      out.back();
    } else {
      out.put(line.substr(at, end - at));
    }
    at = end;
  }
  return out.text();
}

std::string strip_escapes(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t escape = std::min(text.find('\033', at), text.size());
    out += text.substr(at, escape - at);
    at = escape < text.size() ? skip_escape(text, escape) : escape;
  }
  return out;
}

Transcript::Transcript(std::size_t max_chars) : max_chars_(max_chars) {}

void Transcript::append(std::string_view bytes) {
  raw_bytes_ += bytes.size();
  while (!bytes.empty()) {
    // Whole lines without a control character need no resolving and go straight through.
    const auto* const control = std::find_if(bytes.begin(), bytes.end(), is_control);
    const auto plain = bytes.substr(0, static_cast<std::size_t>(control - bytes.begin()));
    const auto last_newline = plain.rfind('\n');
    if (line_.empty() && last_newline != std::string_view::npos) {
      commit(bytes.substr(0, last_newline + 1));
      bytes.remove_prefix(last_newline + 1);
      continue;
    }
    const auto newline = bytes.find('\n');
    const bool whole = newline != std::string_view::npos;
    const auto piece = bytes.substr(0, whole ? newline + 1 : bytes.size());
    line_.append(piece);
    returned_ = returned_ || plain.size() < piece.size();
    bytes.remove_prefix(whole ? newline + 1 : bytes.size());
    if (whole || line_.size() > kMaxLine) {
      commit_line();
    }
  }
}

void Transcript::commit_line() {
  // A line that is too long must not be cut within a sequence, the rest of which would be text.
  std::string rest;
  const auto escape = line_.rfind('\033');
  if (!line_.ends_with('\n') && escape != std::string::npos && line_.size() - escape < kMaxEscape &&
      !end_of_escape(line_, escape)) {
    rest = line_.substr(escape);
    line_.resize(escape);
  }
  const std::string resolved = pending();
  line_ = std::move(rest);
  returned_ = !line_.empty();
  commit(resolved);
}

std::string Transcript::pending() const {
  const bool whole = line_.ends_with('\n');
  std::string_view body{line_};
  body.remove_suffix(whole ? 1 : 0);
  if (whole && body.ends_with('\r')) {
    body.remove_suffix(1);
  }
  std::string out = resolve_controls(body);
  return whole ? out + '\n' : out;
}

void Transcript::commit(std::string_view bytes) {
  resolved_bytes_ += bytes.size();
  if (kept_.size() < kKeep) {
    kept_.append(bytes.substr(0, kKeep - kept_.size()));
  }
  // Four bytes a character at most, and the tail shows half of the characters.
  const std::size_t wanted = max_chars_ * 2 + 4;
  tail_.append(bytes.substr(bytes.size() > wanted ? bytes.size() - wanted : 0));
  if (tail_.size() > 2 * wanted) {
    tail_.erase(0, tail_.size() - wanted);
  }
}

bool Transcript::exceeds(std::size_t chars) const {
  return !kept_all() || (kept_.size() + line_.size() > chars &&
                         count_chars(to_valid_utf8(kept_ + pending())) > chars);
}

std::uint64_t Transcript::position() const {
  return resolved_bytes_ + (returned_ ? 0 : line_.size());
}

std::string Transcript::text(std::size_t max_chars) const {
  return pieces(max_chars, {}).front();
}

std::vector<std::string> Transcript::pieces(std::size_t max_chars,
                                            const std::vector<std::uint64_t>& places) const {
  if (!exceeds(max_chars)) {
    return cut_at(kept_ + pending(), 0, places);
  }
  const std::string last = tail_ + pending();
  const std::uint64_t last_start =
      resolved_bytes_ - std::min<std::uint64_t>(resolved_bytes_, tail_.size());
  std::vector<std::string> pieces = cut_at(kept_.substr(0, max_chars * 4), 0, places);
  std::vector<std::string> ends = cut_at(last, last_start, places);
  const std::size_t half = max_chars / 2;
  std::uint64_t shown = 0;
  std::size_t room = half;
  std::size_t at = 0;  // the piece where the beginning ends
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    std::string& piece = pieces[i];
    piece.resize(offset_of_char(piece, room));
    room -= std::min(room, count_chars(piece));
    shown += piece.size();
    at = piece.empty() ? at : i;
  }
  room = half;
  for (auto piece = ends.rbegin(); piece != ends.rend(); ++piece) {
    const std::size_t chars = count_chars(*piece);
    piece->erase(0, offset_of_char(*piece, chars > room ? chars - room : 0));
    room -= std::min(room, chars);
    shown += piece->size();
  }
  pieces[at] += omission(shown);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    pieces[i] += ends[i];
  }
  return pieces;
}

std::string Transcript::omission(std::uint64_t shown) const {
  const std::uint64_t all = resolved_bytes_ + line_.size();
  return "\n[... " + std::to_string(all > shown ? all - shown : 0) + " bytes left out here ...]\n";
}

void Transcript::let_go() {
  // Assigning an empty one would keep the memory.
  std::string{}.swap(kept_);
  std::string{}.swap(tail_);
  std::string{}.swap(line_);
}

std::string Transcript::last_line() const {
  std::string text = pending();
  if (text.empty()) {
    text = tail_;
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) {
    text.pop_back();
  }
  const auto newline = text.rfind('\n');
  const std::string line =
      to_valid_utf8(newline == std::string::npos ? text : text.substr(newline + 1));
  return line.substr(0, offset_of_char(line, kMaxProgress));
}

}  // namespace omcp_r::sandbox
