#pragma once

#include <histedit.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "omcp_r/base/result.hpp"
#include "omcp_r/sandbox/report.hpp"

namespace omcp_r::commands {

/// Editing of a line on a terminal, with history, by libedit. It never waits: take() is called when
/// standard input has something to read, so that the loop goes on meanwhile.
class LineEditor {
 public:
  /// What a key has brought about.
  enum class Outcome {
    kGoesOn,
    kLine,       ///< line() is whole
    kCleared,    ///< Ctrl-C
    kSuspended,  ///< Ctrl-Z: suspend() does so
    kEnd,        ///< Ctrl-D on an empty line, or nobody is there any more
    kQuestion,   ///< Tab: before_cursor() asks for what completes it, answer() gives that
  };

  /// `history` is the path of a file, made where it is missing, that this user alone can read.
  explicit LineEditor(const std::string& history);
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;
  ~LineEditor();

  /// Shows the prompt, and has the terminal give each key.
  void begin(std::string prompt);
  Outcome take();
  /// Gives the terminal back. To be called once for each begin().
  void end();
  /// Leaves the terminal to the shell, until that has us go on: with an empty line.
  void suspend();

  /// Without its end, and kept in the history from now on.
  std::string line();
  [[nodiscard]] std::string before_cursor() const;
  void answer(sandbox::Completions completions);

 private:
  static LineEditor& self(EditLine* editor);
  static char* prompt_of(EditLine* editor);
  static unsigned char on_tab(EditLine* editor, int key);
  static unsigned char on_clear(EditLine* editor, int key);
  static unsigned char on_suspend(EditLine* editor, int key);
  void bind_keys();
  void open_history(const std::string& path);
  unsigned char complete();
  void list() const;

  std::unique_ptr<EditLine, decltype(&::el_end)> editor_{nullptr, ::el_end};
  std::unique_ptr<History, decltype(&::history_end)> history_{nullptr, ::history_end};
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_{nullptr, std::fclose};
  std::string prompt_;
  std::string line_;
  Outcome outcome_ = Outcome::kGoesOn;
  std::optional<sandbox::Completions> completions_;
};

/// The longest beginning that all of `words` have, cut between characters.
std::string common_beginning(const std::vector<std::string>& words);

}  // namespace omcp_r::commands
