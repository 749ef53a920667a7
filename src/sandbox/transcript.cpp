#include "omcp_r/sandbox/transcript.hpp"

#include <algorithm>
#include <vector>

#include "omcp_r/base/text.hpp"

namespace omcp_r::sandbox {
namespace {

constexpr std::size_t kMaxLine = std::size_t{64} << 10;
constexpr std::size_t kMaxProgress = 200;

/// The code points of `text`, each as its bytes.
std::vector<std::string_view> split_chars(std::string_view text) {
  std::vector<std::string_view> chars;
  std::size_t start = 0;
  for (std::size_t i = 1; i <= text.size(); ++i) {
    if (i == text.size() || (static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U) {
      chars.push_back(text.substr(start, i - start));
      start = i;
    }
  }
  return chars;
}

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

std::string resolve_carriage_returns(std::string_view line) {
  if (line.find('\r') == std::string_view::npos) {
    return std::string{line};
  }
  std::vector<std::string_view> cells;
  std::size_t column = 0;
  for (const std::string_view c : split_chars(line)) {
    if (c == "\r") {
      column = 0;
    } else if (column < cells.size()) {
      cells[column++] = c;
    } else {
      cells.push_back(c);
      ++column;
    }
  }
  std::string out;
  for (const std::string_view c : cells) {
    out += c;
  }
  return out;
}

Transcript::Transcript(std::size_t max_chars) : max_chars_(max_chars) {}

void Transcript::append(std::string_view bytes) {
  raw_bytes_ += bytes.size();
  while (!bytes.empty()) {
    // Whole lines without a carriage return need no resolving and go straight through.
    const auto returned = bytes.find('\r');
    const auto plain = bytes.substr(0, std::min(returned, bytes.size()));
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
    returned_ = returned_ || returned < piece.size();
    bytes.remove_prefix(whole ? newline + 1 : bytes.size());
    if (whole || line_.size() > kMaxLine) {
      commit_line();
    }
  }
}

void Transcript::commit_line() {
  const std::string resolved = pending();
  line_.clear();
  returned_ = false;
  commit(resolved);
}

std::string Transcript::pending() const {
  const bool whole = line_.ends_with('\n');
  std::string_view body{line_};
  body.remove_suffix(whole ? 1 : 0);
  if (whole && body.ends_with('\r')) {
    body.remove_suffix(1);
  }
  std::string out = resolve_carriage_returns(body);
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
