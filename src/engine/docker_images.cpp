#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>

#include "docker_cli.hpp"
#include "docker_errors.hpp"
#include "docker_output.hpp"
#include "omcp_r/engine/images.hpp"

namespace omcp_r::engine {
namespace {

using Arguments = DockerCli::Arguments;

/// The variables by which this process's environment names proxies: docker takes them for a build
/// only where it is told of them. Told by name alone, it reads them itself, so that the list of
/// processes does not show them, and it keeps these names out of the image's history.
std::vector<const char*> proxies() {
  std::vector<const char*> names;
  for (const char* name : {"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "HTTP_PROXY",
                           "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY"}) {
    if (std::getenv(name) != nullptr) names.push_back(name);
  }
  return names;
}

class DockerImages final : public Images {
 public:
  DockerImages(asio::any_io_executor executor, EngineConfig config)
      : limit_(config.call_limit),
        cli_(std::make_shared<DockerCli>(std::move(config),
                                         process::make_command_runner(std::move(executor)))) {}

  asio::awaitable<Result<Image>> find(std::string name) override {
    const Dialect& dialect = *co_await cli_->dialect();
    Arguments arguments{"image", "inspect", "--format=" + image_format(dialect.id), "--", name};
    const auto exit = co_await cli_->call(std::move(arguments), limit_);
    if (!exit) co_return name_image(exit.error(), name, pull_command(dialect, name));
    const auto images = parse_images(exit->out);
    if (!images) co_return images.error();
    if (images->size() != 1) {
      co_return name_image(Error{Errc::kImageNotFound, "The engine does not have this image."},
                           name, pull_command(dialect, name));
    }
    Image image = images->front();
    image.name = name;
    co_return image;
  }

  asio::awaitable<Result<std::vector<Image>>> made_here() override {
    Arguments arguments{"image", "ls", std::string("--filter=label=") + kImageLabel,
                        "--format={{.Repository}}:{{.Tag}}"};
    const auto listed = co_await cli_->call(std::move(arguments), limit_);
    if (!listed) co_return listed.error();
    std::vector<Image> images;
    for (std::string& name : non_empty_lines(listed->out)) {
      if (name.find("<none>") != std::string::npos) continue;
      auto image = co_await find(std::move(name));
      if (image) images.push_back(std::move(*image));  // one may have gone since
    }
    co_return images;
  }

  asio::awaitable<Result<std::string>> ask(std::string image, std::string script,
                                           std::string network, Watcher watcher) override {
    const auto here = co_await find(image);
    if (!here && here.error().code != Errc::kImageNotFound) co_return here.error();
    if (!here) {
      const Status pulled = co_await cli_->pull(image, std::move(watcher));
      if (!pulled) co_return pulled.error();
    }
    Arguments arguments{"run", "--rm", "--network=" + network, "--user=0", "--entrypoint=/bin/sh"};
    for (const char* name : proxies()) {
      arguments.insert(arguments.end(), {"--env", name});
    }
    arguments.insert(arguments.end(), {std::move(image), "-c", std::move(script)});
    constexpr DockerCli::Limit kAnswer = std::chrono::minutes{10};
    auto exit = co_await cli_->run(std::move(arguments), kAnswer);
    if (!exit) co_return exit.error();
    if (!exit->status.success()) {
      co_return cli_->error_of("docker run", exit->err);
    }
    co_return std::move(exit->out);
  }

  asio::awaitable<Status> build(Build build, Watcher watcher) override {
    constexpr DockerCli::Limit kLongest = std::chrono::hours{6};
    (void)co_await cli_->dialect();
    Arguments arguments{"build",     "--force-rm", "--tag", std::move(build.name),
                        "--network", build.network};
    if (build.fresh) arguments.emplace_back("--no-cache");
    for (const char* name : proxies()) {
      arguments.insert(arguments.end(), {"--build-arg", name});
    }
    arguments.insert(arguments.end(), {"--", std::move(build.folder)});
    const auto built = co_await cli_->follow(std::move(arguments), kLongest, std::move(watcher));
    if (!built) co_return built.error();
    co_return Ok{};
  }

  asio::awaitable<Status> rename(std::string from, std::string to) override {
    Arguments tag{"tag", from, std::move(to)};
    const auto tagged = co_await cli_->call(std::move(tag), limit_);
    if (!tagged) co_return tagged.error();
    Arguments untag{"image", "rm", "--no-prune", "--", std::move(from)};
    const auto untagged = co_await cli_->call(std::move(untag), limit_);
    if (!untagged) co_return untagged.error();
    co_return Ok{};
  }

 private:
  DockerCli::Limit limit_;
  std::shared_ptr<DockerCli> cli_;
};

}  // namespace

std::unique_ptr<Images> make_docker_images(asio::any_io_executor executor, EngineConfig config) {
  return std::make_unique<DockerImages>(std::move(executor), std::move(config));
}

}  // namespace omcp_r::engine
