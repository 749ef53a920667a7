#include "commands/programs.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "commands/commands.hpp"
#include "omcp_r/base/background.hpp"
#include "omcp_r/base/text.hpp"
#include "omcp_r/process/child.hpp"
#include "omcp_r/process/command_runner.hpp"
#include "omcp_r/process/find_program.hpp"

namespace omcp_r::commands {
namespace {

namespace asio = boost::asio;
using process::Child;
using process::Interest;
using Text = Result<std::string>;

constexpr std::size_t kToldBytes = 500;

/// `text` without the codes that give it colours on a terminal.
std::string without_colours(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("\x1b[")) {
      i = std::min(text.find_first_not_of("0123456789;", i + 2), text.size());
    } else {
      plain += text[i];
    }
  }
  return plain;
}

/// What a program says, for a message.
std::string on_one_line(std::string_view text) {
  std::string line;
  for (const char c : without_colours(text)) {
    const bool blank = c == ' ' || c == '\r' || c == '\n' || c == '\t';
    if (!blank) {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  if (line.ends_with(' ')) line.pop_back();
  return printable(line, kToldBytes);
}

asio::awaitable<void> keep(asio::awaitable<Text> work, std::optional<Text>& result) {
  result = co_await std::move(work);
}

/// Runs a coroutine on a loop of its own. What it leaves to be reaped is waited for.
Text finished(asio::io_context& io, asio::awaitable<Text> work) {
  std::optional<Text> result;
  spawn(io.get_executor(), "install", keep(std::move(work), result));
  io.run();
  return result ? *result : Text{Error{Errc::kInternal, "it was given up"}};
}

asio::awaitable<Text> run_to_end(asio::any_io_executor executor, process::Command command) {
  const auto runner = process::make_command_runner(executor);
  const std::string name = command.launch.argv.front();
  auto exit = co_await runner->run(std::move(command));
  if (!exit) co_return exit.error();
  if (exit->timed_out) co_return Error{Errc::kTimeout, name + " did not end in time"};
  if (exit->status.success()) co_return std::move(exit->out);
  const std::string told = on_one_line(exit->err.empty() ? exit->out : exit->err);
  co_return Error{Errc::kInternal, name + " failed" + (told.empty() ? "" : ": " + told)};
}

constexpr std::string_view kInitialize =
    R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18",)"
    R"("capabilities":{},"clientInfo":{"name":"omcp-r-sandbox install","version":"1"}}})"
    "\n";
constexpr std::size_t kMaxAnswer = std::size_t{256} << 10;

/// What it has on stderr, of which the beginning is kept.
void listen(Child& child, std::string& told) {
  const std::string more = child.try_read(process::Output::kErr, kMaxAnswer);
  told += more.substr(0, 2 * kToldBytes - std::min(told.size(), 2 * kToldBytes));
}

/// One line of the child's output, or what there is of it at the deadline.
asio::awaitable<std::string> first_line(Child& child, Clock::time_point deadline,
                                        std::string& told) {
  std::string text;
  std::string_view left = kInitialize;
  while (Clock::now() < deadline && text.size() < kMaxAnswer) {
    const bool wrote = child.try_write(left);
    text += child.try_read(process::Output::kOut, kMaxAnswer - text.size());
    listen(child, told);
    const bool over = child.at_end(process::Output::kOut) || child.exit_status();
    if (text.find('\n') != std::string::npos || over) break;
    co_await child.changed(wrote && !left.empty() ? Interest::kOutputAndRoom : Interest::kOutput,
                           deadline);
  }
  text +=
      child.try_read(process::Output::kOut, kMaxAnswer);  // what came while we looked at the status
  co_return text.substr(0, text.find('\n'));
}

/// Its input ends; it may take a moment to follow.
asio::awaitable<void> part_with(Child& child, std::string& told) {
  constexpr std::chrono::seconds kFarewell{3};
  const auto deadline = Clock::now() + kFarewell;
  child.close_input();
  while (!child.exit_status() && Clock::now() < deadline) {
    child.try_read(process::Output::kOut, kMaxAnswer);
    listen(child, told);
    co_await child.changed(Interest::kOutput, deadline);
  }
  listen(child, told);
}

/// Who answered with `line`. Ours ends with `refused` where it has answered with a problem only.
Text name_in(const std::string& line, bool refused) {
  const auto answer = nlohmann::json::parse(line, nullptr, false);
  const nlohmann::json::json_pointer place{"/result/serverInfo"};
  if (!answer.is_object() || !answer.contains(place) || !answer[place].is_object()) {
    return Error{Errc::kInternal, "it does not answer initialize as MCP asks"};
  }
  const auto word = [&](const char* key) {
    const auto found = answer[place].find(key);
    return found != answer[place].end() && found->is_string() ? found->get<std::string>() : "?";
  };
  const nlohmann::json::json_pointer instructions{"/result/instructions"};
  if (refused && answer.contains(instructions) && answer[instructions].is_string()) {
    return Error{Errc::kMisconfigured, "it answers with a problem: " +
                                           on_one_line(answer[instructions].get<std::string>())};
  }
  constexpr std::size_t kLongest = 100;
  return printable(word("name") + " " + word("version"), kLongest);
}

asio::awaitable<Text> greeting(asio::any_io_executor executor, process::Launch launch,
                               std::chrono::milliseconds time_limit) {
  const auto deadline = Clock::now() + time_limit;
  const auto child = Child::spawn(executor, launch);
  if (!child) co_return child.error();
  std::string told;
  const std::string line = co_await first_line(**child, deadline, told);
  const bool late = Clock::now() >= deadline;
  if (late && line.empty()) {
    (*child)->close();
  } else {
    co_await part_with(**child, told);
  }
  if (!line.empty()) {
    const auto& status = (*child)->exit_status();
    co_return name_in(line, status && status->code == kUsage);
  }
  const std::string why = late ? "it does not answer in time" : "it ends without an answer";
  told = on_one_line(told);
  co_return Error{Errc::kTimeout, told.empty() ? why : why + ", and says: " + told};
}

}  // namespace

Text output_of(const std::vector<std::string>& command, std::chrono::milliseconds time_limit) {
  asio::io_context io{1};
  process::Command run;
  run.launch.argv = command;
  run.time_limit = time_limit;
  return finished(io, run_to_end(io.get_executor(), std::move(run)));
}

Text greet(const Entry& entry, std::chrono::milliseconds time_limit) {
  const char* const path = std::getenv("PATH");
  const std::string program = process::find_program(entry.command, path == nullptr ? "" : path);
  if (program.empty()) {
    return Error{Errc::kNotFound, "there is no program " + printable(entry.command, kToldBytes)};
  }
  process::Launch launch;
  launch.argv = {program};
  launch.argv.insert(launch.argv.end(), entry.arguments.begin(), entry.arguments.end());
  launch.set_environment = entry.environment;
  launch.with_input = true;
  asio::io_context io{1};
  return finished(io, greeting(io.get_executor(), std::move(launch), time_limit));
}

}  // namespace omcp_r::commands
