#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace omcp_r::sandbox {

/// What an execution printed, in bounded memory: its beginning and its end, however long it was.
/// Carriage returns, backspaces and escape sequences are resolved as a terminal would, so that a
/// progress bar is one line, and colours are no text.
class Transcript {
 public:
  /// A transcript that shows at most `max_chars` characters.
  explicit Transcript(std::size_t max_chars);

  void append(std::string_view bytes);

  /// The text: valid UTF-8, whole if it has at most `max_chars` characters, else its head, a note
  /// of what was left out, its tail. No more than the maximum of the transcript can be asked for.
  [[nodiscard]] std::string text(std::size_t max_chars) const;
  [[nodiscard]] std::string text() const { return text(max_chars_); }
  /// The same text, cut at places that position() told, in ascending order: one piece more than
  /// places. What stood where the text is left out stands behind the note of that.
  [[nodiscard]] std::vector<std::string> pieces(std::size_t max_chars,
                                                const std::vector<std::uint64_t>& places) const;
  /// Where the next output will stand; before a line under way that control characters may change.
  [[nodiscard]] std::uint64_t position() const;
  [[nodiscard]] bool truncated() const { return exceeds(max_chars_); }
  [[nodiscard]] std::size_t max_chars() const { return max_chars_; }
  /// All that was printed, resolved, as far as it is kept (kKeep bytes from the start).
  [[nodiscard]] const std::string& kept() const { return kept_; }
  [[nodiscard]] bool kept_all() const { return kept_.size() == resolved_bytes_; }
  /// Bytes as R printed them.
  [[nodiscard]] std::uint64_t bytes() const { return raw_bytes_; }
  /// The last line that is not empty, at most 200 characters, for progress.
  [[nodiscard]] std::string last_line() const;

  /// Bytes of memory that it holds.
  [[nodiscard]] std::size_t held() const { return kept_.size() + tail_.size() + line_.size(); }
  /// Forgets the text, not what was counted.
  void let_go();

  static constexpr std::size_t kKeep = std::size_t{1} << 20;

 private:
  void commit(std::string_view bytes);
  void commit_line();
  [[nodiscard]] std::string pending() const;
  [[nodiscard]] std::string omission(std::uint64_t shown) const;
  [[nodiscard]] bool exceeds(std::size_t chars) const;

  std::size_t max_chars_;
  std::string kept_;       ///< resolved, from the start
  std::string tail_;       ///< resolved, the last bytes
  std::string line_;       ///< the line under way, not yet resolved
  bool returned_ = false;  ///< that line has a character that may change it
  std::uint64_t raw_bytes_ = 0;
  std::uint64_t resolved_bytes_ = 0;
};

/// `line` as it looks once its carriage returns and backspaces have moved the cursor back. Of
/// escape sequences those are obeyed that erase in a line; all others, and terminal links, leave no
/// trace.
std::string resolve_controls(std::string_view line);

/// `text` without its escape sequences.
std::string strip_escapes(std::string_view text);

}  // namespace omcp_r::sandbox
