#include "commands/run.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

#include "commands/commands.hpp"
#include "commands/floors.hpp"
#include "commands/progress.hpp"
#include "commands/say.hpp"
#include "commands/terminal.hpp"
#include "omcp_r/app/values.hpp"
#include "omcp_r/base/background.hpp"
#include "omcp_r/base/text.hpp"
#include "omcp_r/tools/output_folder.hpp"
#include "omcp_r/tools/results.hpp"
#include "omcp_r/tools/verdict.hpp"

namespace omcp_r::commands {
namespace {

namespace fs = std::filesystem;
using sandbox::Execution;
using sandbox::ExecutionPtr;

constexpr std::size_t kMaxCode = std::size_t{10} << 20;
constexpr std::size_t kMaxReason = 300;

struct Request {
  std::string code;
  std::string out;  ///< the folder for plots and files; "" is none
  bool keep = false;
};

/// Whether a signal has come that is to end the run. What waits for who reads our output sees it.
volatile std::sig_atomic_t g_signalled = 0;
void (*g_theirs)(int) = nullptr;  ///< the handler of those signals that Asio has set

/// R's output as it comes, on standard output: as it is into a pipe, harmless on a terminal.
class Output {
 public:
  Output() : on_terminal_(::isatty(STDOUT_FILENO) != 0) {}

  /// False once nobody takes any more of it: for what reason, why() says.
  bool write(std::string_view bytes) {
    return put(on_terminal_ ? filter_.pass(bytes) : std::string{bytes});
  }
  void show(std::string_view image) {
    static const auto kProtocol = image_protocol(app::process_surroundings().variable);
    if (on_terminal_) put(image_text(kProtocol, image));
  }
  /// Leaves a terminal as it was.
  void end() {
    if (on_terminal_) put(filter_.end());
  }
  /// "" where it is only that the reader has gone.
  [[nodiscard]] const std::string& why() const { return why_; }

 private:
  bool put(std::string_view rest) {
    while (open_ && !rest.empty()) {
      pollfd out{STDOUT_FILENO, POLLOUT, 0};
      constexpr int kGlance = 200;  // milliseconds
      if (::poll(&out, 1, kGlance) <= 0) {
        if (g_signalled != 0) return true;  // what nobody reads is not waited for any longer
        continue;
      }
      // No more than a pipe takes at once, so that it does not block.
      const ssize_t n =
          ::write(STDOUT_FILENO, rest.data(), std::min<std::size_t>(rest.size(), PIPE_BUF));
      if (n < 0 && errno != EINTR && errno != EAGAIN) {
        open_ = false;
        why_ =
            errno == EPIPE ? "" : std::string("cannot write the output: ") + std::strerror(errno);
      }
      rest.remove_prefix(n > 0 ? static_cast<std::size_t>(n) : 0);
    }
    return open_;
  }

  bool on_terminal_;
  bool open_ = true;
  std::string why_;
  TerminalFilter filter_;
};

/// Of a run, while it goes on: what a signal stops, or a reader who has gone.
class Run : public std::enable_shared_from_this<Run> {
 public:
  Run(Floors& floors, Request request)
      : floors_(floors),
        request_(std::move(request)),
        signals_(floors.io(), SIGINT, SIGTERM, SIGHUP) {}

  /// Gives the exit code.
  asio::awaitable<int> work() {
    const std::shared_ptr<Run> self = shared_from_this();
    await_signal();
    watch_signals();
    sandbox::CreateRequest wanted;
    Progress pulling;
    wanted.pull = ::isatty(STDERR_FILENO) != 0;  // who sees it can stop it
    wanted.on_pull = [&pulling](std::string_view bytes) { pulling.take(bytes); };
    const auto made = co_await floors_.sandboxes().create(std::move(wanted));
    pulling.end();
    if (!made) {
      signals_.cancel();
      complain(made.error().message);
      co_return 1;
    }
    id_ = made->id;
    int status = kStopped;
    if (!stopped_) {
      status = co_await run();
    }
    if (request_.keep && g_signalled == 0) {
      complain("the sandbox is " + id_ + ", and ends when it is not used for " +
               std::to_string(made->idle) + " s");
    } else {
      (void)co_await floors_.sandboxes().remove(id_, true);
    }
    signals_.cancel();
    co_return g_signalled != 0 ? kStopped : status;
  }

 private:
  static constexpr int kStopped = 130;

  asio::awaitable<int> run() {
    sandbox::ExecutionRequest wanted;
    wanted.code = request_.code;
    wanted.timeout = floors_.sandboxes().settings().execution_timeout;
    wanted.on_output = [this](std::string_view bytes) {
      if (!output_.write(bytes)) stop_soon();
    };
    const auto begun = co_await floors_.sandboxes().execute(id_, std::move(wanted));
    if (!begun) {
      complain(begun.error().message);
      co_return 1;
    }
    execution_ = *begun;
    if (stopped_) {
      floors_.sandboxes().stop(id_, execution_);
    }
    while (!execution_->done) {
      co_await execution_->changed.wait();
    }
    output_.end();
    const tools::Verdict verdict = tools::verdict_of(*execution_);
    const std::string why = output_.why().empty() ? why_ended(verdict) : output_.why();
    if (!why.empty()) complain(why);
    for (const std::string& dropped : execution_->dropped) complain(printable(dropped, kMaxReason));
    if (execution_->report) {
      for (const std::string& note : execution_->report->notes)
        complain(printable(note, kMaxReason));
    }
    const bool kept = co_await keep_results();
    if (!output_.why().empty()) co_return 1;
    co_return verdict.exit_code == 0 && !kept ? 1 : verdict.exit_code;
  }

  /// What is to be told beside what R has printed itself; nobody has a session here to go on with.
  [[nodiscard]] std::string why_ended(const tools::Verdict& verdict) const {
    if (g_signalled != 0) return "stopped";
    switch (execution_->outcome) {
      case sandbox::Outcome::kOk:
      case sandbox::Outcome::kError:
      case sandbox::Outcome::kQuit:
        return "";
      case sandbox::Outcome::kInterrupted:
        return "stopped";
      case sandbox::Outcome::kTimedOut:
        return "stopped at the time limit of " + std::to_string(execution_->timeout.count()) +
               " s; --timeout SECONDS gives it longer";
      case sandbox::Outcome::kOutputLimit:
        return "stopped, since it printed more than MAX_OUTPUT_BYTES";
      default:
        return verdict.message;
    }
  }

  // The first stops the code, a second one ends the sandbox.
  void await_signal() {
    signals_.async_wait([self = shared_from_this()](const auto& error, int /*signal*/) {
      if (error) return;
      if (self->asked_ && !self->id_.empty()) {
        spawn(self->floors_.io().get_executor(), "removal", end_now(self));
      }
      self->asked_ = true;
      self->stop();
      self->await_signal();
    });
  }
  /// Asio's own handlers only write into a pipe, which is read once the loop runs again.
  static void watch_signals() {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
      struct sigaction theirs {};
      if (::sigaction(signal, nullptr, &theirs) != 0 || theirs.sa_handler == note_signal) continue;
      g_theirs = theirs.sa_handler;
      theirs.sa_handler = note_signal;
      ::sigaction(signal, &theirs, nullptr);
    }
  }
  static void note_signal(int signal) {
    g_signalled = 1;
    if (g_theirs != nullptr) g_theirs(signal);
  }
  static asio::awaitable<void> end_now(std::shared_ptr<Run> self) {
    (void)co_await self->floors_.sandboxes().remove(self->id_, true);
  }
  void stop() {
    stopped_ = true;
    if (execution_ && !execution_->done) floors_.sandboxes().stop(id_, execution_);
  }
  /// Not in the midst of what has told us of the output.
  void stop_soon() {
    if (stopped_) return;
    stopped_ = true;
    asio::post(floors_.io(), [self = shared_from_this()] { self->stop(); });
  }

  /// Whether all was kept that was to be.
  asio::awaitable<bool> keep_results() {
    const std::vector<const sandbox::Plot*> plots = tools::pages_in_order(*execution_);
    for (const sandbox::Plot* plot : plots) output_.show(plot->bytes);
    const std::vector<tools::ResultFile> files = tools::result_files(*execution_);
    const auto unlisted = execution_->report ? execution_->report->files_left_out : 0;
    if (request_.out.empty()) {
      const std::string made = counted(plots.size(), "plot");
      const std::string also = counted(files.size() + unlisted, "file");
      if (!(made + also).empty()) {
        complain("R made " + made + (made.empty() || also.empty() ? "" : " and ") + also +
                 ": --out FOLDER keeps such");
      }
      co_return true;
    }
    tools::OutputUsage usage;
    tools::OutputFolder folder{
        request_.out, "", usage,
        tools::output_limits(floors_.sandboxes().settings().output_max_bytes)};
    bool good = true;
    for (std::size_t i = 0; i < plots.size(); ++i) {
      const bool png = plots[i]->bytes.starts_with("\x89PNG");
      const std::string name = "plot-" + std::to_string(i + 1) + (png ? ".png" : ".jpg");
      good = tell(folder.save(name, plots[i]->bytes), "a plot") && good;
    }
    for (const tools::ResultFile& one : files) {
      if (g_signalled != 0) break;
      const auto kept = co_await keep_file(folder, one.entry.path);
      good = tell(kept, one.entry.path) && good;
    }
    if (unlisted > 0) {
      complain(counted(unlisted, "further file") +
               " of R's was not saved: there are too many, or their names cannot be told. Put them "
               "into an archive, or save fewer");
    }
    co_return good&& unlisted == 0;
  }

  /// In parts, each of which has its own time to come.
  asio::awaitable<Result<std::string>> keep_file(tools::OutputFolder& folder, std::string path) {
    constexpr std::uint64_t kPart = std::uint64_t{4} << 20;
    auto file = folder.create(path);
    if (!file) co_return file.error();
    std::uint64_t size = 1;
    for (std::uint64_t at = 0; at < size && g_signalled == 0;) {
      const auto part = co_await floors_.sandboxes().get_part(id_, path, at, kPart);
      if (!part) co_return part.error();
      const Status written = file->write(part->bytes);
      if (!written) co_return written.error();
      size = part->size;
      at += part->bytes.size();
      if (part->bytes.empty()) break;
    }
    if (g_signalled != 0) co_return Error{Errc::kInvalidArgument, "stopped"};
    co_return file->keep();
  }

  static std::string counted(std::size_t n, const char* what) {
    return n == 0 ? "" : std::to_string(n) + " " + what + (n == 1 ? "" : "s");
  }
  static bool tell(const Result<std::string>& kept, const std::string& name) {
    constexpr std::size_t kMaxPath = 4096;
    if (kept) {
      const std::string path = fs::path(*kept).lexically_normal().string();
      std::fprintf(stderr, "%s\n", printable(path, kMaxPath).c_str());
    } else {
      complain(printable(name, kMaxReason) +
               " was not saved: " + printable(kept.error().message, kMaxReason));
    }
    return static_cast<bool>(kept);
  }

  Floors& floors_;
  Request request_;
  asio::signal_set signals_;
  Output output_;
  std::string id_;
  ExecutionPtr execution_;
  bool stopped_ = false;  ///< the code is to be, or was
  bool asked_ = false;    ///< by a signal
};

Result<std::string> code_of(std::istream& in, const std::string& name) {
  std::string code(kMaxCode + 1, '\0');
  in.read(code.data(), static_cast<std::streamsize>(code.size()));
  if (in.bad() || (in.fail() && !in.eof())) {
    return Error{Errc::kInvalidArgument, "cannot read " + name};
  }
  code.resize(static_cast<std::size_t>(in.gcount()));
  if (code.size() > kMaxCode) {
    return Error{Errc::kInvalidArgument, name + " is longer than 10 MiB"};
  }
  return code;
}

/// The code that the words mean: that of -e, or of one file.
Result<std::string> code_of(const Words& words) {
  const auto lines = words.flags.find("-e");
  const bool has_lines = lines != words.flags.end();
  if (words.rest.size() + (has_lines ? 1 : 0) != 1) {
    return Error{Errc::kInvalidArgument,
                 "what is to be run is one FILE.R, or - for standard "
                 "input, or the CODE behind -e"};
  }
  std::string code;
  if (has_lines) {
    for (const std::string& line : lines->second) code += line + "\n";
    return code;
  }
  const std::string& name = words.rest.front();
  if (name == "-") return code_of(std::cin, "standard input");
  std::error_code failure;
  std::ifstream file{name, std::ios::binary};
  if (!file || fs::is_directory(name, failure)) {
    return Error{Errc::kInvalidArgument, "there is no file " + app::shown(name) + " to read"};
  }
  return code_of(file, name);
}

Result<std::string> results_folder(const std::string& out) {
  if (out.empty()) return out;
  std::error_code failure;
  fs::create_directories(out, failure);
  const fs::path real = fs::canonical(out, failure);
  if (failure || !fs::is_directory(real)) {
    return Error{Errc::kInvalidArgument, "--out " + app::shown(out) + " cannot be made a folder"};
  }
  return real.string();
}

asio::awaitable<int> refuse(std::string why) {
  complain(why);
  co_return kUsage;
}

asio::awaitable<int> start(std::shared_ptr<Run> run) {
  const int status = co_await run->work();
  co_return status;
}

}  // namespace

const Usage& run_usage() {
  static const Usage kUsageOfRun{
      "run",
      "FILE.R | -e CODE | -",
      "Run R code in a new sandbox, and remove that. What R prints comes as it is printed; the "
      "exit "
      "code is R's, 124 at the time limit and 130 where it was stopped (Ctrl-C).",
      {{"-e", "CODE", "Code to run; several stand for as many lines."},
       {"--out", "FOLDER", "Keep the plots, and the files that R makes, there."},
       {"--data", "FOLDER", "What the code sees, read-only, as /data.", "DATA_DIR"},
       {"--image", "IMAGE", "The image to run it in.", "DOCKER_IMAGE"},
       {"--timeout", "SECONDS", "Stop the code after this long.", "EXECUTION_TIMEOUT"},
       {"--keep", "", "Leave the sandbox, and say which it is."}}};
  return kUsageOfRun;
}

int run(const std::vector<std::string>& arguments) {
  std::signal(SIGPIPE, SIG_IGN);  // who reads our output may end before us
  return with_sandboxes(run_usage(), arguments, [](Floors& floors, const Words& words) {
    auto code = code_of(words);
    auto out = results_folder(words.last("--out"));
    if (words.has("--out") && words.last("--out").empty()) return refuse("--out names no folder");
    if (!code) return refuse(code.error().message);
    if (!out) return refuse(out.error().message);
    Request request{std::move(*code), std::move(*out), words.has("--keep")};
    return start(std::make_shared<Run>(floors, std::move(request)));
  });
}

}  // namespace omcp_r::commands
