#include "commands/repl.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "commands/floors.hpp"
#include "commands/foreground.hpp"
#include "commands/results_folder.hpp"
#include "commands/say.hpp"
#include "commands/typed_lines.hpp"
#include "commands/which.hpp"
#include "omcp_r/base/background.hpp"
#include "omcp_r/base/event.hpp"
#include "omcp_r/base/text.hpp"
#include "omcp_r/tools/verdict.hpp"

namespace omcp_r::commands {
namespace {

using sandbox::Execution;
using sandbox::Outcome;

struct Wanted {
  std::string sandbox;  ///< its id or how that begins; "" is a new one
  std::string out;      ///< the folder for plots and files; "" is none
  bool keep = false;
};

/// q() as people type it to leave. It does not reach R: others may have variables there.
bool leaves(std::string line) {
  constexpr std::array<std::string_view, 5> kInside{"", "\"no\"", "'no'", "save=\"no\"",
                                                    "save='no'"};
  std::erase_if(line, [](char c) { return c == ' ' || c == '\t' || c == ';'; });
  for (const std::string_view name : {"q(", "quit("}) {
    if (!line.starts_with(name) || !line.ends_with(')')) continue;
    const auto inside = std::string_view(line).substr(name.size());
    return std::find(kInside.begin(), kInside.end(), inside.substr(0, inside.size() - 1)) !=
           kInside.end();
  }
  return false;
}

/// What is to be told beside what R has printed itself: what has happened, and what is left.
std::string why_ended(const Execution& execution) {
  switch (execution.outcome) {
    case Outcome::kOk:
    case Outcome::kError:
    case Outcome::kQuit:
      return "";
    case Outcome::kInterrupted:
      return execution.session_restarted ? tools::verdict_of(execution).message : "";
    case Outcome::kSandboxEnded:
      return "the sandbox has ended: its variables and files are gone";
    case Outcome::kEngineLost:
      return "the container engine does not answer any more; once it does, omcp-r-sandbox list "
             "shows whether the sandbox is still there";
    default:
      return tools::verdict_of(execution).message;
  }
}

class Repl : public std::enable_shared_from_this<Repl> {
 public:
  Repl(Floors& floors, Wanted request)
      : floors_(floors),
        request_(std::move(request)),
        foreground_(std::make_shared<Foreground>(floors)),
        results_(floors.sandboxes(), std::move(request_.out)),
        over_(floors.io().get_executor()) {}

  /// Gives the exit code.
  asio::awaitable<int> work() {
    const std::shared_ptr<Repl> self = shared_from_this();
    foreground_->heed_signals([self](int signal) { self->on_signal(signal); });
    const auto found = co_await find_sandbox();
    if (!found) {
      complain(found.error().message);
      foreground_->ignore_signals();
      co_return 1;
    }
    view_ = *found;
    if (!status_) {
      co_await converse();
    }
    over_.notify_all();
    if (request_.sandbox.empty() && request_.keep) Foreground::tell_kept(view_);
    if (request_.sandbox.empty() && !request_.keep) {
      co_await foreground_->remove();
    }
    foreground_->ignore_signals();
    co_return *status_;
  }

 private:
  asio::awaitable<Result<sandbox::SandboxView>> find_sandbox() {
    if (request_.sandbox.empty()) {
      co_return co_await foreground_->create();
    }
    const auto views = co_await floors_.sandboxes().list(false);
    if (!views) co_return views.error();
    const auto id = sandbox_meant(request_.sandbox, *views);
    if (!id) co_return id.error();
    foreground_->use(*id);
    for (const sandbox::SandboxView& view : *views) {
      if (view.id == *id) co_return view;
    }
    co_return Error{Errc::kEnded, "sandbox " + *id + " has ended"};
  }

  asio::awaitable<void> converse() {
    const std::shared_ptr<Repl> self = shared_from_this();
    const std::string history = floors_.config().sandbox.state_dir + "/console_history";
    lines_ =
        std::make_unique<TypedLines>(floors_.io().get_executor(), history,
                                     [this](const std::string& line) { return complete(line); });
    if (lines_->edited()) {
      say((view_.r_version.empty() ? "R" : "R " + printable(view_.r_version, 20)) + " in sandbox " +
          view_.id +
          (request_.sandbox.empty() && !request_.keep ? ", which ends with this console" : "") +
          ". Ctrl-D or q() leaves.");
    }
    spawn(floors_.io().get_executor(), "use of " + view_.id, stay_in_use(self));
    while (!status_) {
      co_await take_line();
    }
    lines_.reset();
  }

  asio::awaitable<void> take_line() {
    foreground_->begin_anew();
    foreground_->output().begin_line();
    const TypedLines::Line line = co_await next_line();
    if (status_) co_return;
    if (line.kind == TypedLines::Line::Kind::kCleared) {
      typed_.clear();
    } else if (line.kind == TypedLines::Line::Kind::kEnd) {
      // Of what a pipe leaves unfinished R says so itself.
      if (!typed_.empty() && !lines_->edited()) {
        co_await run_typed(typed_.size());
      }
      leave();
    } else if (typed_.empty() && leaves(line.text)) {
      leave();
    } else {
      typed_.push_back(line.text);
      co_await take_typed();
    }
  }

  asio::awaitable<TypedLines::Line> next_line() {
    if (ahead_.empty()) {
      at_prompt_ = true;
      TypedLines::Line line = co_await lines_->next(typed_.empty() ? "> " : "+ ");
      at_prompt_ = false;
      co_return line;
    }
    TypedLines::Line line{TypedLines::Line::Kind::kLine, std::move(ahead_.front())};
    ahead_.pop_front();
    co_return line;
  }

  /// Of an expression that a pipe has begun, as many lines again are looked at as it has so far: so
  /// what is looked at is no more than twice what there is.
  void look_ahead() {
    for (std::size_t more = typed_.size() - 1; more > 1 && !lines_->edited(); --more) {
      if (ahead_.empty()) {
        auto line = lines_->at_once();
        if (!line) return;
        ahead_.push_back(std::move(*line));
      }
      typed_.push_back(std::move(ahead_.front()));
      ahead_.pop_front();
    }
  }

  asio::awaitable<void> take_typed() {
    look_ahead();
    const std::string code = text_of_typed(typed_.size());
    if (code.size() > kMaxCode) {
      complain("an expression is longer than 10 MiB");
      typed_.clear();
      failed_ = true;
      co_return;
    }
    const auto read = co_await floors_.sandboxes().reading(view_.id, code);
    if (!read) {
      fail(read.error());
    } else if (read->nothing) {
      typed_.clear();
    } else if (read->lines > 0) {
      co_await run_typed(std::min(read->lines, typed_.size()));
    }
  }

  /// The first `count` lines of what was typed.
  [[nodiscard]] std::string text_of_typed(std::size_t count) const {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += typed_[i] + "\n";
    return text;
  }

  asio::awaitable<void> run_typed(std::size_t count) {
    std::string code = text_of_typed(count);
    ahead_.insert(ahead_.begin(), typed_.begin() + static_cast<std::ptrdiff_t>(count),
                  typed_.end());
    typed_.clear();
    co_await run_code(std::move(code));
  }

  asio::awaitable<void> run_code(std::string code) {
    const auto ended = co_await foreground_->run(std::move(code));
    if (!ended) {
      fail(ended.error());
      co_return;
    }
    foreground_->output().begin_line();
    const std::string why = why_ended(**ended);
    if (!why.empty()) complain(why);
    Foreground::tell(**ended);
    const bool stopped = foreground_->stopped();
    foreground_->begin_anew();  // what was made before that is kept
    const bool kept = co_await results_.keep(view_.id, *ended, foreground_->output());
    const tools::Verdict verdict = tools::verdict_of(**ended);
    failed_ = failed_ || !kept || verdict.exit_code != 0;
    if (!foreground_->output().wanted()) {
      const std::string& unread = foreground_->output().why();
      if (!unread.empty()) complain(unread);
      end(unread.empty() && !failed_ ? 0 : 1);
    }
    if ((*ended)->outcome == Outcome::kQuit) end(verdict.exit_code);
    if ((*ended)->outcome == Outcome::kSandboxEnded) end(stopped ? kStopped : 1);
    if ((*ended)->outcome == Outcome::kEngineLost) end(1);
  }

  asio::awaitable<Result<sandbox::Completions>> complete(const std::string& line) {
    return floors_.sandboxes().completions(view_.id, text_of_typed(typed_.size()) + line);
  }

  /// While a person thinks the sandbox is not idle.
  static asio::awaitable<void> stay_in_use(std::shared_ptr<Repl> self) {
    const std::chrono::seconds rest{std::clamp<std::int64_t>(self->view_.idle / 3, 1, 60)};
    while (!self->status_) {
      co_await self->over_.wait_until(Clock::now() + rest);
      if (self->status_ || !self->at_prompt_) continue;
      const auto there = co_await self->floors_.sandboxes().reading(self->view_.id, "");
      const bool gone =
          !there && (there.error().code == Errc::kEnded || there.error().code == Errc::kNotFound);
      if (gone && self->at_prompt_ && !self->status_) {
        self->lines_->wake();
        self->fail(there.error());
      }
    }
  }

  void on_signal(int signal) {
    const bool only_this = signal == SIGINT && lines_ && lines_->edited();
    if (!only_this) end(kStopped);
    if (lines_ && at_prompt_) lines_->wake();
  }

  /// Something else than R has failed. A pipe's next line would most likely fail as well.
  void fail(const Error& error) {
    complain(error.message);
    typed_.clear();
    failed_ = true;
    const bool gone = error.code == Errc::kEnded || error.code == Errc::kNotFound;
    if (gone || !lines_->edited()) end(1);
  }
  void leave() { end(failed_ && !lines_->edited() ? 1 : 0); }
  void end(int status) {
    if (!status_) status_ = status;
  }

  Floors& floors_;
  Wanted request_;
  std::shared_ptr<Foreground> foreground_;
  ResultsFolder results_;
  sandbox::SandboxView view_;
  std::unique_ptr<TypedLines> lines_;
  std::vector<std::string> typed_;  ///< lines that are not whole yet
  std::deque<std::string> ahead_;   ///< read from a pipe, and behind these
  std::optional<int> status_;       ///< the exit code, once it is over
  Event over_;
  bool at_prompt_ = false;
  bool failed_ = false;
};

asio::awaitable<int> start(std::shared_ptr<Repl> repl) {
  const int status = co_await repl->work();
  co_return status;
}

}  // namespace

const Usage& repl_usage() {
  static const Usage kUsageOfRepl{
      "repl", "[SANDBOX]",
      "An R console in a new sandbox, which ends with it; or in one that is there, by its id or by "
      "how that begins. Tab completes, Ctrl-C stops the code that runs, Ctrl-D or q() leaves. From "
      "a pipe it reads lines, and its exit code is 1 where one of them has failed.",
      with_sandbox_flags({})};
  return kUsageOfRepl;
}

int repl(const std::vector<std::string>& arguments) {
  return with_sandboxes(repl_usage(), arguments, [](Floors& floors, const Words& words) {
    if (words.rest.size() > 1) return refuse("repl takes one sandbox");
    for (const char* flag : {"--data", "--image", "--keep"}) {
      if (!words.rest.empty() && words.has(flag)) {
        return refuse(std::string(flag) + " is for a new sandbox, and this one is there already");
      }
    }
    auto out = folder_of_out(words);
    if (!out) return refuse(out.error().message);
    Wanted request;
    request.sandbox = words.rest.empty() ? "" : words.rest.front();
    request.out = std::move(*out);
    request.keep = words.has("--keep");
    return start(std::make_shared<Repl>(floors, std::move(request)));
  });
}

}  // namespace omcp_r::commands
