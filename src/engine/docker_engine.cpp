#include "omcp_r/engine/docker_engine.hpp"

#include <spdlog/spdlog.h>

#include <optional>
#include <utility>

#include "docker_attachment.hpp"
#include "docker_cli.hpp"
#include "docker_errors.hpp"
#include "docker_features.hpp"
#include "docker_output.hpp"

namespace omcp_r::engine {
namespace {

using Arguments = DockerCli::Arguments;

/// Failures after which a container of that name may be ours and half made.
bool may_have_left_something(Errc code) {
  return code == Errc::kInternal || code == Errc::kInvalidArgument ||
         code == Errc::kLimitsNotApplied;
}

class DockerEngine final : public Engine {
 public:
  DockerEngine(asio::any_io_executor executor, EngineConfig config,
               std::unique_ptr<process::CommandRunner> runner)
      : executor_(std::move(executor)),
        call_limit_(config.call_limit),
        create_limit_(config.create_limit),
        cli_(std::move(config), std::move(runner)) {}

  asio::awaitable<Result<std::string>> create(ContainerSpec spec) override {
    if (auto checked = check_isolation(spec); !checked) {
      co_return checked.error();
    }
    const auto features = co_await find_features();
    if (!features) {
      co_return features.error();
    }
    auto id = co_await start(spec, *features);
    if (!id && may_have_left_something(id.error().code)) {
      const auto removed = co_await remove(spec.name);
      if (!removed) {
        spdlog::warn("container {} may be left behind: {}", spec.name, removed.error().message);
      }
    }
    co_return id;
  }

  asio::awaitable<Result<std::unique_ptr<Attachment>>> attach(std::string id_or_name) override {
    // --sig-proxy=false: a signal to the client must not reach the container. The detach keys need
    // no care: without a terminal neither client nor engine looks for them.
    Arguments arguments{"attach", "--sig-proxy=false", std::move(id_or_name)};
    auto launch = cli_.launch(std::move(arguments));
    if (!launch) {
      co_return launch.error();
    }
    co_return attach_with(executor_, std::move(*launch));
  }

  asio::awaitable<Status> signal(std::string id_or_name, std::string signal) override {
    Arguments arguments{"kill", "--signal=" + signal, std::move(id_or_name)};
    return command(std::move(arguments));
  }

  asio::awaitable<Status> rename(std::string id_or_name, std::string new_name) override {
    Arguments arguments{"rename", std::move(id_or_name), std::move(new_name)};
    return command(std::move(arguments));
  }

  asio::awaitable<Status> remove(std::string id_or_name) override {
    Arguments arguments{"rm", "--force", "--volumes", std::move(id_or_name)};
    auto status = co_await command(std::move(arguments));
    const bool gone = !status && (status.error().code == Errc::kNotFound ||
                                  status.error().code == Errc::kEnded);  // another removes it
    if (gone) {
      co_return Ok{};
    }
    co_return status;
  }

  asio::awaitable<Result<std::vector<ContainerInfo>>> list(Labels labels) override {
    // `ps` shows labels as one string in which a comma may be anything: so ids first, then inspect.
    Arguments arguments{"ps", "--all", "--quiet", "--no-trunc"};
    for (const auto& [key, value] : labels) {
      arguments.push_back("--filter=label=" + key + "=" + value);
    }
    const auto listed = co_await cli_.call(std::move(arguments), call_limit_);
    if (!listed) {
      co_return listed.error();
    }
    auto ids = non_empty_lines(listed->out);
    if (ids.empty()) {
      co_return std::vector<ContainerInfo>{};
    }
    co_return co_await describe(std::move(ids));
  }

  asio::awaitable<Result<ContainerState>> inspect(std::string id_or_name) override {
    Arguments arguments{"inspect", "--type=container", std::string{"--format="} + kInspectFormat,
                        std::move(id_or_name)};
    const auto exit = co_await cli_.call(std::move(arguments), call_limit_);
    if (!exit) {
      co_return exit.error();
    }
    co_return parse_state(exit->out);
  }

  asio::awaitable<Result<ImageInfo>> image(std::string name) override {
    Arguments arguments{"image", "inspect", std::string{"--format="} + kImageFormat,
                        std::move(name)};
    const auto exit = co_await cli_.call(std::move(arguments), call_limit_);
    if (!exit) {
      co_return exit.error();
    }
    co_return parse_image(exit->out);
  }

 private:
  asio::awaitable<Status> command(Arguments arguments) {
    const auto exit = co_await cli_.call(std::move(arguments), call_limit_);
    if (!exit) {
      co_return exit.error();
    }
    co_return Ok{};
  }

  /// Asked once, and again as long as the engine does not answer.
  asio::awaitable<Result<EngineFeatures>> find_features() {
    if (features_) {
      co_return *features_;
    }
    Arguments info{"info", "--format={{json .}}"};
    const auto answer = co_await cli_.call(std::move(info), call_limit_);
    if (!answer) {
      co_return answer.error();
    }
    auto facts = parse_docker_info(answer->out);
    if (!facts) {
      co_return facts.error();
    }
    if (facts->client_version.empty()) {
      Arguments version{"--version"};
      const auto told = co_await cli_.call(std::move(version), call_limit_);
      facts->client_version = told ? told->out : "";
    }
    features_ = features_of(*facts, parse_version(facts->client_version));
    co_return *features_;
  }

  asio::awaitable<Result<std::string>> start(const ContainerSpec& spec, EngineFeatures features) {
    Arguments arguments = docker_run_argv(spec, features);
    // A client killed between creating and starting would leave a container that never runs and
    // so never ends by its own deadline.
    const auto exit = co_await cli_.call_through(std::move(arguments), create_limit_);
    if (!exit) {
      co_return exit.error();
    }
    if (says_limit_discarded(exit->err)) {
      co_return Error{Errc::kLimitsNotApplied,
                      "The engine ignores a limit that a sandbox needs, so none was started: \"" +
                          exit->err + "\". Enable the cgroup controllers it names."};
    }
    if (!exit->err.empty()) {
      spdlog::warn("docker run: {}", exit->err);
    }
    std::string id = parse_container_id(exit->out);
    if (id.empty()) {
      co_return Error{Errc::kInternal,
                      "docker run printed no container id. Check that it is the docker client."};
    }
    co_return id;
  }

  /// A container that went away since it was listed is left out: the others are printed all the
  /// same.
  asio::awaitable<Result<std::vector<ContainerInfo>>> describe(std::vector<std::string> ids) {
    Arguments arguments{"inspect", "--type=container", std::string{"--format="} + kListFormat};
    arguments.insert(arguments.end(), ids.begin(), ids.end());
    const auto exit = co_await cli_.run(std::move(arguments), call_limit_);
    if (!exit) {
      co_return exit.error();
    }
    if (!exit->status.success()) {
      Error error = classify_docker_error("docker inspect", exit->err);
      if (error.code != Errc::kNotFound) {
        co_return error;
      }
    }
    co_return parse_containers(exit->out);
  }

  asio::any_io_executor executor_;
  DockerCli::Limit call_limit_;
  DockerCli::Limit create_limit_;
  DockerCli cli_;
  std::optional<EngineFeatures> features_;
};

}  // namespace

std::unique_ptr<Engine> make_docker_engine(asio::any_io_executor executor, EngineConfig config,
                                           std::unique_ptr<process::CommandRunner> runner) {
  return std::make_unique<DockerEngine>(std::move(executor), std::move(config), std::move(runner));
}

std::unique_ptr<Engine> make_docker_engine(asio::any_io_executor executor, EngineConfig config) {
  auto runner = process::make_command_runner(executor);
  return make_docker_engine(std::move(executor), std::move(config), std::move(runner));
}

}  // namespace omcp_r::engine
