#include "omcp_r/engine/docker_engine.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <utility>

#include "docker_attachment.hpp"
#include "docker_cli.hpp"
#include "docker_diagnosis.hpp"
#include "docker_errors.hpp"
#include "docker_features.hpp"
#include "docker_names.hpp"
#include "docker_output.hpp"
#include "omcp_r/base/background.hpp"
#include "omcp_r/base/clock.hpp"
#include "omcp_r/base/event.hpp"
#include "omcp_r/base/log.hpp"
#include "omcp_r/base/sharing.hpp"
#include "omcp_r/engine/runtimes.hpp"
#include "own_container.hpp"
#include "podman.hpp"
#include "run_policy.hpp"

namespace omcp_r::engine {
namespace {

using Arguments = DockerCli::Arguments;

/// How long process 1 may take to be asked to end, before it is made to.
constexpr DockerCli::Limit kAskLimit{5'000};
/// More containers than this are a mistake, and describing them would hold the loop up.
constexpr std::size_t kMostContainers = 1'000;

/// How often, and how long apart, to look whether the engine has removed what it is removing.
constexpr int kRemovalLooks = 30;
constexpr std::chrono::milliseconds kRemovalPause{100};
/// When to look, and look again, for what a silent engine may have made: pauses in seconds.
constexpr std::array<std::chrono::seconds, 4> kLookAgain{
    std::chrono::seconds{0}, std::chrono::seconds{1}, std::chrono::seconds{5},
    std::chrono::seconds{30}};

/// One removal under way: it goes on when nobody waits for it any more.
struct Removal {
  explicit Removal(asio::any_io_executor executor) : done(std::move(executor)) {}
  std::optional<Status> status;
  Event done;
};
using RemovalPtr = std::shared_ptr<Removal>;

/// Whether there was a container to remove. Its client outlives us.
asio::awaitable<Result<bool>> remove_by_force(std::shared_ptr<DockerCli> cli, std::string container,
                                              DockerCli::Limit limit) {
  Arguments arguments{"rm", "--force", "--volumes", std::move(container)};
  const auto removed = co_await cli->call_through(std::move(arguments), limit);
  if (removed) {
    co_return !non_empty_lines(removed->out).empty();  // it prints what it removed
  }
  if (removed.error().code == Errc::kNotFound) {
    co_return false;
  }
  co_return removed.error();
}

/// The same, and while the engine says that it is being removed already, as --rm does with what has
/// ended, waits until it is gone.
asio::awaitable<Result<bool>> remove_and_wait(std::shared_ptr<DockerCli> cli, std::string container,
                                              DockerCli::Limit limit) {
  Timer timer{co_await asio::this_coro::executor};
  for (int i = 0; i < kRemovalLooks; ++i) {
    auto removed = co_await remove_by_force(cli, container, limit);
    if (removed || removed.error().code != Errc::kEnded) {
      co_return removed;
    }
    timer.expires_after(kRemovalPause);
    co_await timer.async_wait(asio::use_awaitable);
  }
  co_return true;  // the engine takes its time
}

void note_leftover(const std::string& container, const Error& why) {
  log::warning("a container may be left behind",
               {{"container", container}, {"reason", why.message}});
}

/// Asks a sandbox to end, which it then can say, and removes it. Should we die in between, --rm
/// removes it all the same.
asio::awaitable<void> remove_container(std::shared_ptr<DockerCli> cli, std::string container,
                                       DockerCli::Limit limit, RemovalPtr removal) {
  Arguments ask{"kill", "--signal=TERM", container};
  const auto asked = co_await cli->call_through(std::move(ask), std::min(kAskLimit, limit));
  if (!asked) {
    log::debug("a container was not asked to end",
               {{"container", container}, {"reason", asked.error().message}});
  }
  const auto removed = co_await remove_and_wait(cli, container, limit);
  if (removed) {
    removal->status = Ok{};
  } else {
    note_leftover(container, removed.error());
    removal->status = removed.error();
  }
  removal->done.notify_all();
}

/// Removes what an engine may yet make, or not, of a call that it did not answer in time.
asio::awaitable<void> remove_late(std::shared_ptr<DockerCli> cli, std::string container,
                                  DockerCli::Limit limit) {
  Timer timer{co_await asio::this_coro::executor};
  for (const std::chrono::seconds pause : kLookAgain) {
    timer.expires_after(pause);
    co_await timer.async_wait(asio::use_awaitable);
    const auto removed = co_await remove_and_wait(cli, container, limit);
    if (removed && *removed) {
      co_return;
    }
    if (!removed) {
      note_leftover(container, removed.error());
    }
  }
}

/// Failures after which there is no container of ours: a name that was taken is another's.
bool made_nothing(Errc code) {
  return code == Errc::kBusy || code == Errc::kImageNotFound;
}

Error ended_at_once() {
  return Error{Errc::kEnded,
               "The container ended as soon as it had started. Try again; if it stays, check that "
               "the image runs: docker run --rm IMAGE R --version."};
}

/// Failures after which the engine may have made a container, or make one yet.
bool is_silent(Errc code) {
  return code == Errc::kTimeout || code == Errc::kEngineUnavailable;
}

class DockerEngine final : public Engine {
 public:
  DockerEngine(asio::any_io_executor executor, EngineConfig config,
               std::unique_ptr<process::CommandRunner> runner)
      : executor_(std::move(executor)),
        call_limit_(config.call_limit),
        create_limit_(config.create_limit),
        in_container_(config.in_container),
        own_container_(config.own_container),
        own_output_(config.own_output),
        folder_(config.folder),
        docker_host_(config.docker_host),
        cli_(std::make_shared<DockerCli>(std::move(config), std::move(runner))) {}

  asio::awaitable<Result<About>> about() override {
    const auto facts = co_await find_facts();
    if (!facts) {
      co_return facts.error();
    }
    std::vector<Folder> none;
    (void)co_await name_for_engine(none);  // create() tells what is wrong there
    co_return About{facts->id, facts->version, facts->memory_bytes};
  }

  asio::awaitable<Result<Created>> create(Spec spec) override {
    if (auto checked = check_isolation(spec); !checked) {
      co_return checked.error();
    }
    const auto facts = co_await find_facts();
    if (!facts) {
      co_return facts.error();
    }
    // It would leave them out, and inspect then shows them as if they held.
    if (facts->podman.most_processes > 0 && !facts->limits_it_lacks.empty()) {
      co_return cannot_limit(facts->limits_it_lacks);
    }
    if (auto named = co_await name_for_engine(spec.isolation.folders); !named) {
      co_return named.error();
    }
    // What differs by the runtime differs as well where it is the engine's own.
    if (spec.isolation.runtime.empty() && runtime_of(facts->default_runtime).own_kernel) {
      spec.isolation.runtime = facts->default_runtime;
    }
    const EngineFeatures features = features_of(*facts, parse_version(facts->client_version));
    auto created = co_await start(spec, features);
    if (!created) {
      co_await clean_up(container_name(spec.identity.id, spec.identity.role), created.error().code);
    }
    co_return created;
  }

  asio::awaitable<Result<std::vector<Found>>> list(std::string scope) override {
    // `ps` shows labels as one string in which a comma may be anything: so ids first, then inspect.
    Arguments arguments{"ps", "--all", "--quiet", "--no-trunc"};
    for (const auto& [key, value] : scope_labels(scope)) {
      arguments.push_back("--filter=label=" + key + "=" + value);
    }
    const auto listed = co_await cli_->call(std::move(arguments), call_limit_);
    if (!listed) {
      co_return listed.error();
    }
    auto inspected = co_await describe(non_empty_lines(listed->out));
    if (!inspected) {
      co_return inspected.error();
    }
    std::vector<Found> found;
    for (Inspected& each : *inspected) {
      found.push_back(std::move(each.found));
    }
    co_return found;
  }

  asio::awaitable<Result<std::unique_ptr<Attachment>>> open(Handle handle) override {
    // --sig-proxy=false: a signal to the client must not reach the container. The detach keys need
    // no care: without a terminal neither client nor engine looks for them.
    (void)co_await cli_->dialect();
    Arguments arguments{"attach", "--sig-proxy=false", std::move(handle.id)};
    auto launch = cli_->launch(std::move(arguments));
    if (!launch) {
      co_return launch.error();
    }
    co_return attach_with(executor_, std::move(*launch));
  }

  asio::awaitable<Status> interrupt(Handle handle) override {
    Arguments arguments{"kill", "--signal=INT", std::move(handle.id)};
    return command(std::move(arguments));
  }

  asio::awaitable<Status> kill_session(Handle handle) override {
    Arguments arguments{"kill", "--signal=USR1", std::move(handle.id)};
    return command(std::move(arguments));
  }

  asio::awaitable<Status> remove(Handle handle) override {
    const auto removal = begin_removal(std::move(handle.id));
    co_await end_of(removal);
    co_return *removal->status;
  }

  /// The mark is the name.
  asio::awaitable<Status> mark_given(Handle handle) override {
    const auto inspected = co_await inspect(handle.id);
    if (!inspected) {
      co_return inspected.error();
    }
    if (!is_spare_name(inspected->name)) {
      co_return Ok{};
    }
    Arguments arguments{"rename", std::move(handle.id),
                        container_name(inspected->found.identity.id, Role::kSandbox)};
    auto renamed = co_await command(std::move(arguments));
    if (!renamed && renamed.error().code == Errc::kBusy) {
      co_return Ok{};  // another process was faster: nothing else can have the name of this id
    }
    co_return renamed;
  }

  asio::awaitable<Result<std::string>> image(std::string name) override {
    Arguments arguments{"image", "inspect", "--format={{.Id}}", "--", std::move(name)};
    const auto exit = co_await cli_->call(std::move(arguments), call_limit_);
    if (!exit) {
      co_return exit.error();
    }
    auto lines = non_empty_lines(exit->out);
    if (lines.size() != 1) {
      co_return Error{
          Errc::kInternal,
          "docker image inspect printed no digest. Check that it is the docker client."};
    }
    co_return image_digest(lines.front());
  }

  asio::awaitable<Status> pull(std::string name, Watcher watcher) override {
    return cli_->pull(std::move(name), std::move(watcher));
  }

  asio::awaitable<Result<Diagnosis>> diagnose() override {
    const auto facts = co_await find_facts();  // with the advice that whoever creates one gets
    if (!facts) {
      co_return facts.error();
    }
    Diagnosis diagnosis;
    diagnosis.client_version = facts->client_version;
    Arguments info{"info", "--format={{json .}}"};
    const auto told = co_await cli_->call(std::move(info), call_limit_);
    if (!told) {
      co_return told.error();
    }
    const Dialect& dialect = *co_await cli_->dialect();
    dialect.take_info(told->out, diagnosis);
    Arguments version{"version", "--format={{json .}}"};
    const auto versions = co_await cli_->call(std::move(version), call_limit_);
    if (versions) {
      take_docker_version(versions->out, diagnosis);
    }
    co_return diagnosis;
  }

  asio::awaitable<bool> answers() override { return cli_->answers(); }

  asio::awaitable<std::string> address() override {
    const Dialect& dialect = *co_await cli_->dialect();
    if (!dialect.has_context) {
      co_return "";
    }
    Arguments context{"context", "inspect", "--format={{.Endpoints.docker.Host}}"};
    const auto told = co_await cli_->call(std::move(context), call_limit_);
    const auto lines = non_empty_lines(told ? told->out : "");
    co_return lines.size() == 1 ? lines.front() : "";
  }

  [[nodiscard]] std::string outside(std::string path) const override {
    const bool in_output = !output_outside_.empty() && path.starts_with(own_output_ + "/");
    return in_output ? name_for_person(output_outside_ + path.substr(own_output_.size())) : path;
  }

 private:
  /// From our own container, in which we may see them elsewhere.
  asio::awaitable<Status> name_for_engine(std::vector<Folder>& folders) {
    const bool output_known = own_output_.empty() || !output_outside_.empty();
    if (!in_container_ || (folders.empty() && output_known)) {
      co_return Ok{};
    }
    if (own_container_.empty()) {
      co_return unknown_container();
    }
    Arguments arguments{"inspect", "--type=container",
                        std::string{"--format="} + OwnMounts::kFormat, own_container_};
    const auto inspected = co_await cli_->call(std::move(arguments), call_limit_);
    if (!inspected && inspected.error().code == Errc::kNotFound) {
      co_return unknown_container();  // such as where the engine is another machine's
    }
    if (!inspected) {
      co_return inspected.error();
    }
    const auto mounts = OwnMounts::from(inspected->out);
    if (!mounts) {
      co_return mounts.error();
    }
    if (!own_output_.empty()) {
      auto output = mounts->host_path(own_output_, true);
      if (!output) {
        co_return output.error();
      }
      output_outside_ = std::move(*output);
    }
    for (Folder& folder : folders) {
      auto source = mounts->host_path(folder.source, false);
      if (!source) {
        co_return source.error();
      }
      folder.source = std::move(*source);
    }
    co_return Ok{};
  }

  asio::awaitable<Status> command(Arguments arguments) {
    const auto exit = co_await cli_->call(std::move(arguments), call_limit_);
    if (!exit) {
      co_return exit.error();
    }
    co_return Ok{};
  }

  RemovalPtr begin_removal(std::string container) {
    auto removal = std::make_shared<Removal>(executor_);
    spawn(executor_, "removal of a container",
          remove_container(cli_, std::move(container), call_limit_, removal));
    return removal;
  }

  asio::awaitable<void> clean_up(std::string container, Errc why) {
    if (is_silent(why)) {
      spawn(executor_, "removal of what was made late",
            remove_late(cli_, std::move(container), call_limit_));
    } else if (!made_nothing(why)) {
      co_await end_of(begin_removal(std::move(container)));
    }
  }

  static asio::awaitable<void> end_of(RemovalPtr removal) {
    while (!removal->status) {
      co_await removal->done.wait();
    }
  }

  /// Asked once, and again as long as the engine does not answer.
  asio::awaitable<Result<EngineFacts>> find_facts() {
    if (facts_) {
      co_return *facts_;
    }
    const Dialect& dialect = *co_await cli_->dialect();
    Arguments info{"info", "--format={{json .}}"};
    const auto answer = co_await cli_->call(std::move(info), call_limit_);
    if (!answer) {
      co_return answer.error();
    }
    auto facts = dialect.read_info(answer->out);
    if (!facts) {
      co_return facts.error();
    }
    if (!facts->errors.empty()) {
      co_return cli_->error_of("docker info", facts->errors);
    }
    if (facts->client_version.empty()) {
      Arguments version{"--version"};
      const auto told = co_await cli_->call(std::move(version), call_limit_);
      facts->client_version = told ? told->out : "";
    }
    facts_ = *facts;
    co_await share_connection();
    co_return *facts_;
  }

  asio::awaitable<void> share_connection() {
    std::string where = docker_host_;
    if (where.empty() && !facts_->context.empty() && facts_->context != "default") {
      where = co_await address();
    }
    if (!folder_.empty() && !ssh_target(where).destination.empty()) {
      cli_->share(std::make_unique<SshLink>(executor_, where, folder_ + "/ssh"));
    }
  }

  /// Starts the container, then reads back what isolates it.
  asio::awaitable<Result<Created>> start(const Spec& spec, EngineFeatures features) {
    Arguments arguments = docker_run_argv(spec, features);
    if (facts_ && !facts_->podman.conmon.empty()) {
      const auto conmon = lasting_conmon(facts_->podman.conmon, folder_);
      if (!conmon) {
        co_return conmon.error();
      }
      arguments.insert(arguments.begin(), "--conmon=" + *conmon);
    }
    // A client killed between creating and starting would leave a container that never runs and
    // so never ends by its own deadline.
    ClientInput input;
    input.text = docker_run_input(spec);
    input.variables = spec.secrets;
    const auto exit =
        co_await cli_->call_through(std::move(arguments), create_limit_, std::move(input));
    if (!exit) {
      const Dialect& dialect = *co_await cli_->dialect();
      co_return name_image(exit.error(), spec.image, pull_command(dialect, spec.image));
    }
    if (!exit->err.empty()) {
      log::warning("docker run", {{"said", exit->err}});
    }
    std::string id = parse_container_id(exit->out);
    if (id.empty()) {
      co_return Error{Errc::kInternal,
                      "docker run printed no container id. Check that it is the docker client."};
    }
    const auto inspected = co_await inspect(std::move(id));
    if (!inspected && inspected.error().code == Errc::kNotFound) {
      co_return ended_at_once();
    }
    if (!inspected) {
      co_return inspected.error();
    }
    auto created = to_created(*inspected, spec.isolation, exit->err);
    if (created && created->not_in_force.empty() && facts_) {
      created->not_in_force = facts_->limits_it_lacks;
    }
    co_return created;
  }

  static Result<Created> to_created(const Inspected& inspected, const Isolation& asked,
                                    const std::string& warnings) {
    if (!inspected.found.running) {
      return ended_at_once();
    }
    Created created;
    created.handle = inspected.found.handle;
    created.image_digest = inspected.found.image_digest;
    created.not_in_force = not_in_force(asked, inspected.limits);
    if (says_limit_discarded(warnings)) {
      created.not_in_force.push_back("what the engine names in \"" + warnings + "\"");
    }
    return created;
  }

  /// One container; Errc::kNotFound where it is not there, or not a sandbox.
  asio::awaitable<Result<Inspected>> inspect(std::string id) {
    std::vector<std::string> ids;
    ids.push_back(std::move(id));
    auto described = co_await describe(std::move(ids));
    if (!described) {
      co_return described.error();
    }
    if (described->empty()) {
      co_return Error{Errc::kNotFound, "The container is not there any more. Create a new one."};
    }
    co_return std::move(described->front());
  }

  /// A container that went away since it was listed is left out: the others are printed all the
  /// same.
  asio::awaitable<Result<std::vector<Inspected>>> describe(std::vector<std::string> ids) {
    if (ids.empty()) {
      co_return std::vector<Inspected>{};
    }
    if (ids.size() > kMostContainers) {
      co_return Error{Errc::kInternal,
                      "The engine has more than " + std::to_string(kMostContainers) +
                          " containers of this scope. Remove them: docker ps -aq --filter "
                          "label=omcp-r.managed | xargs docker rm -f."};
    }
    const Dialect& dialect = *co_await cli_->dialect();
    Arguments arguments{"inspect", "--type=container", "--format=" + inspect_format(dialect.id)};
    arguments.insert(arguments.end(), ids.begin(), ids.end());
    const auto exit = co_await cli_->run(std::move(arguments), call_limit_);
    if (!exit) {
      co_return exit.error();
    }
    if (!exit->status.success()) {
      Error error = cli_->error_of(std::string{dialect.program} + " inspect", exit->err);
      if (error.code != Errc::kNotFound) {
        co_return error;
      }
    }
    co_return parse_containers(exit->out);
  }

  asio::any_io_executor executor_;
  DockerCli::Limit call_limit_;
  DockerCli::Limit create_limit_;
  bool in_container_;          ///< the server is, too
  std::string own_container_;  ///< the id of that one; "" where it is not known
  std::string own_output_;
  std::string folder_;
  std::string docker_host_;
  std::string output_outside_;      ///< where that is on the engine's machine; "" while not known
  std::shared_ptr<DockerCli> cli_;  ///< shared with removals, which may outlive the engine
  std::optional<EngineFacts> facts_;
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
