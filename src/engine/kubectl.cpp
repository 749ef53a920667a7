#include "kubectl.hpp"

#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <iterator>
#include <utility>

#include "kubernetes_errors.hpp"
#include "omcp_r/engine/find_docker.hpp"

namespace omcp_r::engine {
namespace {

/// A thousand pods are listed in half of it.
constexpr std::size_t kMostListed = std::size_t{16} << 20;

std::string kubectl_action(const Kubectl::Arguments& arguments) {
  return "kubectl" + (arguments.empty() ? "" : " " + arguments.front());
}

std::string seconds(Kubectl::Limit limit) {
  return std::to_string(limit.count() / 1000) + "s";
}

/// Whether the cluster has spoken: a refusal is an answer as well.
bool is_there(const process::Exit& exit) {
  return exit.status.success() ||
         classify_kubectl_error("", exit.err).code != Errc::kEngineUnavailable;
}

Error silent(const std::string& action) {
  return Error{Errc::kEngineUnavailable,
               action +
                   " gave no answer and was stopped, since the cluster answers nothing else "
                   "either. The network to it may be down: see whether `kubectl version` "
                   "answers, then try again."};
}

Error overdue(const std::string& action, Kubectl::Limit limit) {
  return Error{Errc::kTimeout, action + " gave no answer within " + seconds(limit) +
                                   " and was stopped. The cluster may be overloaded: see whether "
                                   "`kubectl get pods` answers, then try again."};
}

}  // namespace

Kubectl::Kubectl(const KubernetesConfig& config, std::unique_ptr<process::CommandRunner> runner)
    : wanted_(config.kubectl),
      context_(config.context),
      name_space_(config.name_space),
      runner_(std::move(runner)) {}

Result<std::string> Kubectl::client() {
  if (client_.empty()) {
    DockerSearch search;
    search.wanted = wanted_;
    search.usual = "kubectl";
    search.path = variable("PATH");
    search.home = home_directory();
    auto found = find_docker(search);
    if (!found) {
      return Error{Errc::kEngineUnavailable,
                   "The client \"" + (wanted_.empty() ? "kubectl" : wanted_) +
                       "\" was not found. Install kubectl (Debian's package is "
                       "kubernetes-client), or name it with DOCKER, then try again; this server "
                       "needs no restart."};
    }
    client_ = *found;
  }
  return client_;
}

Result<process::Launch> Kubectl::launch(Arguments arguments) {
  const auto path = client();
  if (!path) {
    return path.error();
  }
  process::Launch launch;
  launch.argv.push_back(*path);
  launch.argv.push_back("--namespace=" + name_space_);
  if (!context_.empty()) {
    launch.argv.push_back("--context=" + context_);
  }
  launch.argv.insert(launch.argv.end(), std::make_move_iterator(arguments.begin()),
                     std::make_move_iterator(arguments.end()));
  // Else a person's preferences may change what an option means.
  launch.set_environment["KUBERC"] = "off";
  (void)complete_environment(launch);
  return launch;
}

asio::awaitable<Result<process::Exit>> Kubectl::run(Arguments arguments, process::Command command) {
  const std::string action = kubectl_action(arguments);
  const auto executor = co_await asio::this_coro::executor;
  const WaitPtr wait = begin_wait();
  const Limit limit = command.time_limit;
  const bool watched = static_cast<bool>(command.wanted);
  command.wanted = [this, wait, executor, wanted = std::move(command.wanted)] {
    return (!wanted || wanted()) && worth_waiting(*wait, executor);
  };
  auto exit = co_await run_once(std::move(arguments), std::move(command));
  if (exit && exit->timed_out && in_vain(*wait)) {
    exit = silent(action);
  } else if (exit && exit->timed_out && !watched) {
    exit = overdue(action, limit);
  } else if (exit && !exit->timed_out && is_there(*exit)) {
    heard();
  }
  co_return exit;
}

asio::awaitable<PatientClient::Answer> Kubectl::ask(Limit limit) {
  Arguments arguments{"version", "--output=json"};
  process::Command command;
  command.time_limit = limit;
  const auto exit = co_await run_once(std::move(arguments), std::move(command));
  if (!exit) {
    co_return Answer::kNotAsked;
  }
  co_return !exit->timed_out && is_there(*exit) ? Answer::kThere : Answer::kSilent;
}

asio::awaitable<Result<process::Exit>> Kubectl::run_once(Arguments arguments,
                                                         process::Command command) {
  const std::string action = kubectl_action(arguments);
  auto prepared = launch(std::move(arguments));
  if (!prepared) {
    co_return prepared.error();
  }
  prepared->outlives_us = command.launch.outlives_us;
  command.launch = std::move(*prepared);
  command.max_out = kMostListed;
  auto exit = co_await runner_->run(std::move(command));
  if (!exit) {
    client_.clear();  // it may have been moved or removed: look again the next time
    co_return Error{Errc::kEngineUnavailable, "kubectl did not start: " + exit.error().message +
                                                  ". Check its installation, then try again."};
  }
  if (exit->status.signal != 0 && !exit->timed_out) {
    co_return Error{
        Errc::kEngineUnavailable,
        action + " was killed by signal " + std::to_string(exit->status.signal) + ". Try again."};
  }
  co_return exit;
}

/// An exit status other than 0 as the error that it means.
Result<process::Exit> Kubectl::told(const std::string& action, Result<process::Exit> exit) {
  if (!exit || exit->status.success()) {
    return exit;
  }
  return classify_kubectl_error(action, exit->err);
}

asio::awaitable<Result<process::Exit>> Kubectl::try_call(Arguments arguments, Limit limit) {
  process::Command command;
  command.time_limit = limit;
  return run(std::move(arguments), std::move(command));
}

asio::awaitable<Result<process::Exit>> Kubectl::call(Arguments arguments, Limit limit) {
  const std::string action = kubectl_action(arguments);
  auto exit = co_await try_call(std::move(arguments), limit);
  co_return told(action, std::move(exit));
}

asio::awaitable<Result<process::Exit>> Kubectl::call_through(Arguments arguments, Limit limit,
                                                             std::string input) {
  // Nobody else ends it once we are gone.
  arguments.push_back("--request-timeout=" + seconds(limit));
  process::Command command;
  command.time_limit = limit;
  command.launch.outlives_us = true;
  command.input = std::move(input);
  const std::string action = kubectl_action(arguments);
  auto exit = co_await run(std::move(arguments), std::move(command));
  co_return told(action, std::move(exit));
}

asio::awaitable<Result<process::Exit>> Kubectl::watch(Arguments arguments, Limit limit,
                                                      Watcher watcher) {
  process::Command command;
  command.time_limit = limit;
  command.on_output = std::move(watcher.on_output);
  command.wanted = std::move(watcher.wanted);
  return run(std::move(arguments), std::move(command));
}

}  // namespace omcp_r::engine
