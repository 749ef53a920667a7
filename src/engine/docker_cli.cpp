#include "docker_cli.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <utility>

#include "docker_errors.hpp"
#include "omcp_r/base/log.hpp"
#include "omcp_r/base/text.hpp"
#include "omcp_r/engine/find_docker.hpp"
#include "own_container.hpp"

namespace omcp_r::engine {
namespace {

/// A thousand containers are listed in half of it.
constexpr std::size_t kMaxAnswer = std::size_t{2} << 20;

/// Of what may be long: the client says what went wrong at the end.
void keep_end(std::string& end, std::string_view bytes) {
  constexpr std::size_t kEnd = 4096;
  end += bytes;
  if (end.size() > 2 * kEnd) end.erase(0, end.size() - kEnd);
}

/// Whether the client says that it cannot speak to the engine.
bool is_about_engine(std::string_view words) {
  constexpr std::array<std::string_view, 4> kSigns{"Cannot connect to the Docker daemon",
                                                   "permission denied while trying to connect",
                                                   "error during connect", "docker daemon running"};
  return std::any_of(kSigns.begin(), kSigns.end(), [&words](std::string_view sign) {
    return words.find(sign) != std::string_view::npos;
  });
}

Error no_answer(const std::string& action, DockerCli::Limit limit) {
  return Error{Errc::kTimeout, action + " gave no answer within " +
                                   std::to_string(limit.count() / 1000) +
                                   " s and was stopped. The engine may be overloaded or hung: see "
                                   "whether `docker info` answers, restart Docker if not, then try "
                                   "again."};
}

Error no_engine(const std::string& action) {
  return Error{Errc::kEngineUnavailable,
               action +
                   " gave no answer and was stopped, since the engine does not even say its "
                   "version. It may hang, or the network to it be down: see whether "
                   "`docker version` answers, restart Docker if not, then try again."};
}

Error died(const std::string& action, int signal) {
  return Error{Errc::kEngineUnavailable,
               action + " was killed by signal " + std::to_string(signal) + ". Try again."};
}

}  // namespace

std::string action_of(const DockerCli::Arguments& arguments, std::string_view program) {
  std::string result{program};
  const auto word = std::find_if(arguments.begin(), arguments.end(), [](const std::string& each) {
    return !each.starts_with("--") || each == "--version";
  });
  if (word != arguments.end()) {
    result += " " + *word;
    if (*word == "image" && word + 1 != arguments.end()) {
      result += " " + *(word + 1);
    }
  }
  return result;
}

Error DockerCli::in_words(Error error) const {
  error.message = in_words_of(*dialect_, std::move(error.message));
  return error;
}

Error DockerCli::error_of(const std::string& action, std::string_view words) const {
  Error error = classify_docker_error(action, words);
  if (config_.in_container && error.code == Errc::kEngineUnavailable) {
    const std::string lacking = what_container_lacks(words, config_.docker_host);
    if (!lacking.empty()) {
      error.message = lacking;
    }
  }
  return in_words(std::move(error));
}

/// An exit status other than 0 as the error that it means.
Result<process::Exit> DockerCli::told(const std::string& action, Result<process::Exit> exit) const {
  if (!exit || exit->status.success()) {
    return exit;
  }
  return error_of(action, exit->err);
}

DockerCli::DockerCli(EngineConfig config, std::unique_ptr<process::CommandRunner> runner)
    : config_(std::move(config)),
      dialect_(&dialect_of(config_.kind)),
      settled_(config_.kind != "auto"),
      runner_(std::move(runner)) {}

asio::awaitable<const Dialect*> DockerCli::dialect() {
  if (settled_) {
    co_return dialect_;
  }
  constexpr Limit kSearch = std::chrono::seconds{10};
  Arguments arguments{"version", "--format={{.Server.Version}}"};
  const auto answer = co_await run(std::move(arguments), std::min(kSearch, config_.call_limit));
  if (settled_) {
    co_return dialect_;  // another call was faster
  }
  settled_ = answer && answer->status.success();
  if (!settled_) {
    const std::string docker = std::exchange(client_, "");
    dialect_ = &dialect_of("podman");
    settled_ = static_cast<bool>(client());
    if (!settled_) {
      dialect_ = &dialect_of("docker");  // whose absence is what is told
      client_ = docker;
    }
  }
  if (settled_) log::info("ENGINE=auto", {{"engine", dialect_->program}});
  co_return dialect_;
}

Result<std::string> DockerCli::client() {
  if (client_.empty()) {
    DockerSearch search;
    const bool chosen = config_.kind != "auto" || dialect_ == &dialect_of("docker");
    search.wanted = chosen ? config_.docker : "";
    search.usual = dialect_->program;
    search.path = variable("PATH");
    search.home = home_directory();
    auto found = find_docker(search);
    if (!found) {
      return in_words(found.error());
    }
    client_ = *found;
  }
  return client_;
}

Result<process::Launch> DockerCli::launch(Arguments arguments, bool short_call) {
  const auto path = client();
  if (!path) {
    return path.error();
  }
  process::Launch launch;
  launch.argv.push_back(*path);
  launch.argv.insert(launch.argv.end(), std::make_move_iterator(arguments.begin()),
                     std::make_move_iterator(arguments.end()));
  launch.set_environment["DOCKER_CLI_HINTS"] = "false";
  launch.set_environment["BUILDX_BUILDER"] =
      "default";  // others keep what they build to themselves
  if (!config_.docker_host.empty() && dialect_->has_context) {
    launch.set_environment["DOCKER_HOST"] = config_.docker_host;
  }
  if (!config_.docker_context.empty() && dialect_->has_context) {
    launch.set_environment["DOCKER_CONTEXT"] = config_.docker_context;
  }
  if (!config_.certificates.empty()) {
    launch.set_environment["DOCKER_CERT_PATH"] = config_.certificates;
    launch.set_environment["DOCKER_TLS_VERIFY"] = "1";
  }
  if (!api_version_.empty()) {
    launch.set_environment["DOCKER_API_VERSION"] = api_version_;
  }
  const std::string programs = complete_environment(launch);
  if (link_ && short_call && link_->keep_up(programs)) {
    launch.set_environment["PATH"] = link_->folder() + ":" + programs;
    launch.set_environment[SshLink::kVariable] = link_->socket();
  }
  return launch;
}

asio::awaitable<Result<process::Exit>> DockerCli::run(Arguments arguments, Limit limit,
                                                      bool outlives_us, ClientInput input) {
  auto exit = co_await run_patiently(arguments, limit, outlives_us, input);
  if (!exit) {
    co_return exit;
  }
  std::string wanted = wanted_api_version(exit->err);
  if (wanted.empty() && action_of(arguments, dialect_->program) == "docker info") {
    wanted = wanted_api_version(exit->out);  // a client that was refused ends well all the same
  }
  if (wanted.empty() || wanted == api_version_) {
    co_return exit;
  }
  log::info("the engine asks for another API version", {{"version", wanted}});
  api_version_ = std::move(wanted);
  co_return co_await run_patiently(std::move(arguments), limit, outlives_us, std::move(input));
}

asio::awaitable<Result<process::Exit>> DockerCli::run_patiently(Arguments arguments, Limit limit,
                                                                bool outlives_us,
                                                                ClientInput input) {
  const std::string action = action_of(arguments, dialect_->program);
  const auto executor = co_await asio::this_coro::executor;
  const WaitPtr wait = begin_wait();
  const bool of_engine = arguments.front() != "--version";
  Watcher watcher;
  if (dialect_->has_context) {  // podman is a program of this machine
    watcher.wanted = [this, wait, executor] { return worth_waiting(*wait, executor); };
  }
  auto exit = co_await run_once(std::move(arguments), limit, outlives_us, std::move(input),
                                std::move(watcher));
  if (exit && of_engine && is_there(*exit)) {
    heard();
  } else if (!exit && in_vain(*wait)) {
    co_return in_words(no_engine(action));
  }
  co_return exit;
}

/// Whether the engine has spoken: a refusal is an answer as well.
bool DockerCli::is_there(const process::Exit& exit) const {
  return exit.status.success() || !wanted_api_version(exit.err).empty() ||
         error_of("", exit.err).code != Errc::kEngineUnavailable;
}

asio::awaitable<PatientClient::Answer> DockerCli::ask(Limit limit) {
  if (!dialect_->has_context) {
    co_return Answer::kThere;  // podman is a program of this machine
  }
  Arguments arguments{"version", "--format={{.Server.Version}}"};
  ClientInput none;
  const auto exit = co_await run_once(std::move(arguments), limit, false, std::move(none));
  if (exit) {
    co_return is_there(*exit) ? Answer::kThere : Answer::kSilent;
  }
  co_return exit.error().code == Errc::kTimeout ? Answer::kSilent : Answer::kNotAsked;
}

asio::awaitable<Result<process::Exit>> DockerCli::run_once(Arguments arguments, Limit limit,
                                                           bool outlives_us, ClientInput input,
                                                           Watcher watcher) {
  const std::string action = action_of(arguments, dialect_->program);
  auto prepared = launch(std::move(arguments), !outlives_us);
  if (!prepared) {
    co_return prepared.error();
  }
  process::Command command;
  command.launch = std::move(*prepared);
  command.launch.set_environment.merge(input.variables);
  command.launch.outlives_us = outlives_us;
  command.input = std::move(input.text);
  command.time_limit = limit;
  command.max_out = kMaxAnswer;
  command.on_output = std::move(watcher.on_output);
  command.wanted = std::move(watcher.wanted);
  auto exit = co_await runner_->run(std::move(command));
  if (!exit) {
    client_.clear();  // it may have been moved or removed: look again the next time
    Error error{Errc::kEngineUnavailable,
                "The docker client did not start: " + exit.error().message +
                    ". Check the installation of Docker, then try again."};
    co_return in_words(std::move(error));
  }
  if (exit->timed_out) {
    co_return in_words(no_answer(action, limit));
  }
  if (exit->status.signal != 0) {
    co_return died(action, exit->status.signal);
  }
  co_return std::move(exit);
}

asio::awaitable<Result<process::Exit>> DockerCli::call(Arguments arguments, Limit limit) {
  const std::string action = action_of(arguments, dialect_->program);
  auto exit = co_await run(std::move(arguments), limit);
  co_return told(action, std::move(exit));
}

asio::awaitable<Result<process::Exit>> DockerCli::follow(Arguments arguments, Limit limit,
                                                         Watcher watcher) {
  const std::string action = action_of(arguments, dialect_->program);
  const auto end = std::make_shared<std::string>();
  watcher.on_output = [end, told = std::move(watcher.on_output)](std::string_view bytes) {
    keep_end(*end, bytes);
    if (told) told(bytes);
  };
  ClientInput none;
  auto exit =
      co_await run_once(std::move(arguments), limit, false, std::move(none), std::move(watcher));
  if (!exit || exit->status.success()) {
    co_return exit;
  }
  if (is_about_engine(*end)) {
    co_return error_of(action, *end);
  }
  constexpr std::size_t kMostOfLine = 300;
  co_return Error{Errc::kInternal,
                  action + " failed: " + printable(telling_line(*end), kMostOfLine) + "."};
}

asio::awaitable<Status> DockerCli::pull(std::string image, Watcher watcher) {
  constexpr Limit kLongest = std::chrono::hours{1};
  const Dialect& words = *co_await dialect();
  Arguments arguments{"pull", "--", full_image_name(words, image)};
  const auto pulled = co_await follow(std::move(arguments), kLongest, std::move(watcher));
  if (pulled) {
    co_return Ok{};
  }
  Error error = pulled.error();
  if (error.code == Errc::kInternal) {
    error = Error{Errc::kImageNotFound,
                  "The image " + image + " could not be got: " + error.message +
                      " See whether its name is right and its registry can be reached: `docker "
                      "pull " +
                      image + "` says more."};
  }
  co_return in_words(std::move(error));
}

asio::awaitable<Result<process::Exit>> DockerCli::call_through(Arguments arguments, Limit limit,
                                                               ClientInput input) {
  const std::string action = action_of(arguments, dialect_->program);
  auto exit = co_await run(std::move(arguments), limit, true, std::move(input));
  co_return told(action, std::move(exit));
}

}  // namespace omcp_r::engine
