#include "commands/line_editor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <utility>
#include <vector>

#include "commands/terminal.hpp"
#include "omcp_r/base/text.hpp"

namespace omcp_r::commands {
namespace {

constexpr int kEntries = 1000;
constexpr long kMaxFile = 1L << 20;
constexpr std::size_t kListed = 200;

/// What libedit takes a character for is the locale's.
void use_utf8() {
  std::setlocale(LC_CTYPE, "");
  if (MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
}

}  // namespace

std::string common_beginning(const std::vector<std::string>& words) {
  std::string common = words.empty() ? "" : words.front();
  for (const std::string& word : words) {
    const auto differ = std::mismatch(common.begin(), common.end(), word.begin(), word.end()).first;
    common.erase(differ, common.end());
  }
  while (!common.empty() && to_valid_utf8(common) != common) common.pop_back();
  return common;
}

LineEditor::LineEditor(const std::string& history) {
  use_utf8();
  editor_.reset(::el_init("omcp-r-sandbox", stdin, stdout, stderr));
  history_.reset(::history_init());
  ::el_set(editor_.get(), EL_CLIENTDATA, this);
  ::el_set(editor_.get(), EL_PROMPT, prompt_of);
  ::el_set(editor_.get(), EL_EDITOR, "emacs");
  HistEvent event{};
  ::history(history_.get(), &event, H_SETSIZE, kEntries);
  ::history(history_.get(), &event, H_SETUNIQUE, 1);
  ::el_set(editor_.get(), EL_HIST, ::history, history_.get());
  ::el_source(editor_.get(), nullptr);  // the person's own ~/.editrc
  bind_keys();
  open_history(history);
}

LineEditor::~LineEditor() = default;

void LineEditor::bind_keys() {
  EditLine* const editor = editor_.get();
  ::el_set(editor, EL_ADDFN, "r-complete", "Ask R what completes this", on_tab);
  ::el_set(editor, EL_ADDFN, "r-clear", "Begin anew", on_clear);
  ::el_set(editor, EL_ADDFN, "r-suspend", "Go to the shell", on_suspend);
  ::el_set(editor, EL_BIND, "^I", "r-complete", nullptr);
  ::el_set(editor, EL_BIND, "^C", "r-clear", nullptr);
  ::el_set(editor, EL_BIND, "^Z", "r-suspend", nullptr);
  ::el_set(editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  // Keys, while a line is edited, and no signals.
  ::el_set(editor, EL_SETTY, "-d", "-isig", nullptr);
}

/// Without it, what was typed is there for this time only.
void LineEditor::open_history(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return;
  if (::fchmod(fd, 0600) != 0) {
    ::close(fd);
    return;
  }
  HistEvent event{};
  ::history(history_.get(), &event, H_LOAD, path.c_str());
  file_.reset(::fdopen(fd, "a"));
  if (file_ && std::fseek(file_.get(), 0, SEEK_END) == 0 && std::ftell(file_.get()) > kMaxFile &&
      ::ftruncate(fd, 0) == 0) {
    std::rewind(file_.get());
    ::history(history_.get(), &event, H_SAVE_FP, file_.get());
  }
}

void LineEditor::begin(std::string prompt) {
  prompt_ = std::move(prompt);
  ::el_set(editor_.get(), EL_UNBUFFERED, 1);
}

void LineEditor::end() {
  ::el_set(editor_.get(), EL_UNBUFFERED, 0);
}

void LineEditor::suspend() {
  end();
  ::kill(0, SIGTSTP);
  begin(prompt_);
}

LineEditor::Outcome LineEditor::take() {
  pollfd in{STDIN_FILENO, POLLIN, 0};
  if (::poll(&in, 1, 0) <= 0) return Outcome::kGoesOn;  // somebody else was faster
  int waiting = 0;
  if (::ioctl(STDIN_FILENO, FIONREAD, &waiting) != 0 || waiting == 0) return Outcome::kEnd;
  outcome_ = Outcome::kGoesOn;
  int size = 0;
  const char* const text = ::el_gets(editor_.get(), &size);
  if (outcome_ != Outcome::kGoesOn || text == nullptr || size <= 0) return outcome_;
  line_.assign(text, static_cast<std::size_t>(size));
  constexpr char kEndOfFile = '\x04';
  if (line_.front() == kEndOfFile) return Outcome::kEnd;
  return line_.back() == '\n' || line_.back() == '\r' ? Outcome::kLine : Outcome::kGoesOn;
}

std::string LineEditor::line() {
  while (!line_.empty() && (line_.back() == '\n' || line_.back() == '\r')) line_.pop_back();
  if (line_.find_first_not_of(" \t") == std::string::npos) return line_;
  HistEvent event{};
  ::history(history_.get(), &event, H_ENTER, line_.c_str());
  if (file_) {
    ::history(history_.get(), &event, H_NSAVE_FP, std::size_t{1}, file_.get());
    std::fflush(file_.get());
  }
  return line_;
}

std::string LineEditor::before_cursor() const {
  const LineInfo* const info = ::el_line(editor_.get());
  return {info->buffer, info->cursor};
}

// As the same key once more, so that libedit itself draws what it changes.
void LineEditor::answer(sandbox::Completions completions) {
  completions_ = std::move(completions);
  ::el_push(editor_.get(), "\t");
  int size = 0;
  ::el_gets(editor_.get(), &size);
  completions_.reset();
}

LineEditor& LineEditor::self(EditLine* editor) {
  void* data = nullptr;
  ::el_get(editor, EL_CLIENTDATA, &data);
  return *static_cast<LineEditor*>(data);
}

char* LineEditor::prompt_of(EditLine* editor) {
  return self(editor).prompt_.data();
}

unsigned char LineEditor::on_tab(EditLine* editor, int /*key*/) {
  LineEditor& here = self(editor);
  if (here.completions_) return here.complete();
  if (here.before_cursor().find_first_not_of(" \t") == std::string::npos) {
    ::el_insertstr(editor, "\t");  // code that is pasted may be indented so
    return CC_REFRESH;
  }
  here.outcome_ = Outcome::kQuestion;
  return CC_NORM;
}

unsigned char LineEditor::on_clear(EditLine* editor, int /*key*/) {
  self(editor).outcome_ = Outcome::kCleared;
  return CC_NORM;
}

unsigned char LineEditor::on_suspend(EditLine* editor, int /*key*/) {
  self(editor).outcome_ = Outcome::kSuspended;
  return CC_NORM;
}

unsigned char LineEditor::complete() {
  const std::string& token = completions_->token;
  const std::vector<std::string>& words = completions_->words;
  if (words.empty() || !before_cursor().ends_with(token)) return CC_REFRESH_BEEP;
  const std::string common = common_beginning(words);
  const bool longer = common.size() > token.size() && common.starts_with(token);
  if (longer || (words.size() == 1 && common != token)) {
    ::el_deletestr(editor_.get(), static_cast<int>(count_chars(token)));
    ::el_insertstr(editor_.get(), common.c_str());
    return CC_REFRESH;
  }
  if (words.size() == 1) return CC_REFRESH;
  list();
  return CC_REDISPLAY;
}

/// In columns below the line.
void LineEditor::list() const {
  const std::vector<std::string>& words = completions_->words;
  const std::size_t shown = std::min(words.size(), kListed);
  std::size_t width = 0;
  for (std::size_t i = 0; i < shown; ++i) width = std::max(width, count_chars(words[i]) + 2);
  const std::size_t per_line = std::max<std::size_t>(columns_of(STDOUT_FILENO) / width, 1);
  std::string text = "\n";
  for (std::size_t i = 0; i < shown; ++i) {
    const bool last = (i + 1) % per_line == 0 || i + 1 == shown;
    text += words[i] + (last ? "\n" : std::string(width - count_chars(words[i]), ' '));
  }
  if (completions_->count > shown) {
    text += "... and " + std::to_string(completions_->count - shown) + " more\n";
  }
  std::fputs(text.c_str(), stdout);
}

}  // namespace omcp_r::commands
