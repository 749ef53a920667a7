#include "commands/run.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <system_error>
#include <utility>

#include "commands/floors.hpp"
#include "commands/foreground.hpp"
#include "commands/results_folder.hpp"
#include "commands/say.hpp"
#include "commands/signals.hpp"
#include "omcp_r/app/values.hpp"
#include "omcp_r/tools/verdict.hpp"

namespace omcp_r::commands {
namespace {

namespace fs = std::filesystem;
using sandbox::Execution;

struct Request {
  std::string code;
  std::string out;  ///< the folder for plots and files; "" is none
  bool keep = false;
};

/// What is to be told beside what R has printed itself; nobody has a session here to go on with.
std::string why_ended(const Execution& execution, const tools::Verdict& verdict) {
  if (signalled()) return "stopped";
  switch (execution.outcome) {
    case sandbox::Outcome::kOk:
    case sandbox::Outcome::kError:
    case sandbox::Outcome::kQuit:
      return "";
    case sandbox::Outcome::kInterrupted:
      return "stopped";
    case sandbox::Outcome::kTimedOut:
      return "stopped at the time limit of " + std::to_string(execution.timeout.count()) +
             " s; --timeout SECONDS gives it longer";
    case sandbox::Outcome::kOutputLimit:
      return "stopped, since it printed more than MAX_OUTPUT_BYTES";
    default:
      return verdict.message;
  }
}

asio::awaitable<int> run_code(Foreground& foreground, ResultsFolder& results, std::string code) {
  const auto ended = co_await foreground.run(std::move(code));
  if (!ended) {
    complain(ended.error().message);
    co_return 1;
  }
  const tools::Verdict verdict = tools::verdict_of(**ended);
  const std::string& unread = foreground.output().why();
  const std::string why = unread.empty() ? why_ended(**ended, verdict) : unread;
  if (!why.empty()) complain(why);
  Foreground::tell(**ended);
  const bool kept = co_await results.keep(foreground.id(), *ended, foreground.output());
  if (!unread.empty()) co_return 1;
  co_return verdict.exit_code == 0 && !kept ? 1 : verdict.exit_code;
}

/// Gives the exit code.
asio::awaitable<int> run_in_sandbox(Floors& floors, Request request) {
  const auto foreground = std::make_shared<Foreground>(floors);
  ResultsFolder results{floors.sandboxes(), std::move(request.out)};
  foreground->heed_signals();
  const auto made = co_await foreground->create();
  if (!made) {
    foreground->ignore_signals();
    complain(made.error().message);
    co_return 1;
  }
  int status = kStopped;
  if (!foreground->stopped()) {
    status = co_await run_code(*foreground, results, std::move(request.code));
  }
  if (request.keep && !signalled()) {
    Foreground::tell_kept(*made);
  } else {
    co_await foreground->remove();
  }
  foreground->ignore_signals();
  co_return signalled() ? kStopped : status;
}

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

}  // namespace

const Usage& run_usage() {
  static const Usage kUsageOfRun{
      "run", "FILE.R | -e CODE | -",
      "Run R code in a new sandbox, and remove that. What R prints comes as it is printed; the "
      "exit "
      "code is R's, 124 at the time limit and 130 where it was stopped (Ctrl-C).",
      with_sandbox_flags({{"-e", "CODE", "Code to run; several stand for as many lines."}})};
  return kUsageOfRun;
}

int run(const std::vector<std::string>& arguments) {
  std::signal(SIGPIPE, SIG_IGN);  // who reads our output may end before us
  return with_sandboxes(run_usage(), arguments, [](Floors& floors, const Words& words) {
    auto code = code_of(words);
    auto out = folder_of_out(words);
    if (!code) return refuse(code.error().message);
    if (!out) return refuse(out.error().message);
    Request request{std::move(*code), std::move(*out), words.has("--keep")};
    return run_in_sandbox(floors, std::move(request));
  });
}

}  // namespace omcp_r::commands
