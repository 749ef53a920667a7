#include "commands/floors.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <utility>

#include "commands/commands.hpp"
#include "commands/say.hpp"
#include "omcp_r/app/folders.hpp"
#include "omcp_r/app/values.hpp"
#include "omcp_r/base/background.hpp"
#include "omcp_r/base/log.hpp"
#include "omcp_r/engine/kubernetes_engine.hpp"

namespace omcp_r::commands {
namespace {

/// What removes a container outlives us, and who lists them next should not find it.
constexpr std::chrono::seconds kFarewell{10};

engine::EngineConfig engine_config(const app::Config& config) {
  engine::EngineConfig engine;
  // A cluster builds no images: those that its nodes get are made with Docker.
  const bool cluster = config.engine.kind == "kubernetes";
  engine.kind = cluster ? "docker" : config.engine.kind;
  engine.docker = cluster ? "" : config.engine.docker;
  engine.folder = config.sandbox.state_dir;
  engine.docker_host = config.engine.docker_host;
  engine.docker_context = config.engine.docker_context;
  engine.certificates = config.engine.certificates;
  engine.in_container = config.engine.in_container;
  if (config.engine.in_container) {
    engine.own_container = engine::own_container_id(app::own_mounts());
    engine.own_output = config.sandbox.output_dir;
  }
  return engine;
}

/// "name=value" each.
std::map<std::string, std::string> pairs(const std::vector<std::string>& list) {
  std::map<std::string, std::string> result;
  for (const std::string& one : list) {
    const std::size_t equals = one.find('=');
    result[one.substr(0, equals)] = one.substr(equals + 1);
  }
  return result;
}

/// "key", "key=value", either with ":effect".
engine::Toleration toleration(const std::string& text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::size_t equals = std::min(text.substr(0, colon).find('='), colon);
  engine::Toleration result;
  result.key = text.substr(0, equals);
  if (equals < colon) result.value = text.substr(equals + 1, colon - equals - 1);
  result.effect = text.substr(std::min(colon + 1, text.size()));
  return result;
}

engine::KubernetesConfig cluster_config(const app::Config& config) {
  const app::ClusterSettings& asked = config.engine.cluster;
  engine::KubernetesConfig cluster;
  cluster.kubectl = config.engine.docker;
  cluster.context = asked.context;
  cluster.name_space = asked.name_space;
  cluster.cpu_request = asked.cpu_request;
  cluster.pull = config.sandbox.pull_missing;
  cluster.node_selector = pairs(asked.node_selector);
  for (const std::string& one : asked.tolerations) cluster.tolerations.push_back(toleration(one));
  cluster.priority_class = asked.priority_class;
  cluster.pull_secrets = asked.pull_secrets;
  cluster.labels = pairs(asked.labels);
  cluster.data_volume = config.sandbox.data_volume;
  return cluster;
}

std::unique_ptr<engine::Engine> make_engine(const asio::any_io_executor& executor,
                                            const app::Config& config) {
  return config.engine.kind == "kubernetes"
             ? engine::make_kubernetes_engine(executor, cluster_config(config))
             : engine::make_docker_engine(executor, engine_config(config));
}

}  // namespace

Floors::Floors(const app::Config& config)
    : config_(config),
      engine_(make_engine(io_.get_executor(), config)),
      images_(engine::make_docker_images(io_.get_executor(), engine_config(config))),
      sandboxes_(
          std::make_unique<sandbox::Sandboxes>(io_.get_executor(), *engine_, config.sandbox)) {}

int Floors::run(asio::awaitable<int> work, std::chrono::milliseconds farewell) {
  int status = 1;
  const auto all = [&]() -> asio::awaitable<void> {
    status = co_await std::move(work);
    // What still runs is left to its own limits, and the sandboxes to their deadlines: a host may
    // only be restarting us.
    sandboxes_->stop();
    constexpr std::size_t kThisOne = 1;
    const bool done = co_await background_done(Clock::now() + farewell, kThisOne);
    if (!done) log::debug("ended with work under way");
    io_.stop();
  };
  on_vital_failure([&](const std::string& name) {
    log::error("ending, since the program is dead without this", {{"work", name}});
    status = 1;
    io_.stop();
  });
  spawn(io_.get_executor(), "work", all(), Work::kVital);
  io_.run();
  return status;
}

const app::Origin& origin_of(const app::Config& config, std::string_view variable) {
  return *std::find_if(config.origins.begin(), config.origins.end(),
                       [&](const app::Origin& origin) { return origin.variable == variable; });
}

Status begin_logging(const app::Config& config) {
  const Status logging = log::init(config.log_level, config.log_format, config.audit_log);
  if (!logging) {
    const app::Origin& origin = origin_of(config, "AUDIT_LOG");
    return Error{Errc::kMisconfigured, origin.source + ": AUDIT_LOG=" + app::shown(origin.value) +
                                           " must be " + logging.error().message};
  }
  for (const std::string& warning : config.warnings) log::warning(warning);
  return Ok{};
}

namespace {

/// As a server's of the same settings, but that a command keeps no spare and logs warnings only.
Result<app::Config> command_config(const Words& words) {
  std::vector<const char*> argv{"omcp-r-sandbox"};
  for (const std::string& word : words.settings) argv.push_back(word.c_str());
  auto config = app::load_config(static_cast<int>(argv.size()), argv.data());
  if (!config) return config;
  if (origin_of(*config, "LOG_LEVEL").by_default) config->log_level = log::Level::kWarning;
  config->sandbox.warm_pool = 0;
  const Status logging = begin_logging(*config);
  if (!logging) return logging.error();
  return config;
}

/// Where one of them is closed, the next file to be opened would have its number, and get what is
/// written to it.
void keep_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0) {
      [[maybe_unused]] const int made = ::open("/dev/null", O_RDWR);
    }
  }
}

}  // namespace

asio::awaitable<int> refuse(std::string why) {
  complain(why);
  co_return kUsage;
}

int with_sandboxes(const Usage& usage, const std::vector<std::string>& arguments,
                   const std::function<asio::awaitable<int>(Floors&, const Words&)>& work) {
  keep_standard_descriptors();
  const auto words = read_words(usage, arguments);
  if (!words) {
    complain(words.error().message);
    return kUsage;
  }
  if (words->help) {
    std::fputs(usage_text(usage).c_str(), stdout);
    return 0;
  }
  if (*usage.arguments == '\0' && !words->rest.empty()) {
    complain(std::string(usage.name) + " takes no " + app::shown(words->rest.front()));
    return kUsage;
  }
  const auto config = command_config(*words);
  if (!config) {
    complain(config.error().message);
    return kUsage;
  }
  Floors floors{*config};
  return floors.run(work(floors, *words), kFarewell);
}

}  // namespace omcp_r::commands
