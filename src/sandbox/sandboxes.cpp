#include "omcp_r/sandbox/sandboxes.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "omcp_r/base/background.hpp"
#include "omcp_r/base/log.hpp"
#include "pause.hpp"
#include "pulls.hpp"
#include "spare_pool.hpp"

namespace omcp_r::sandbox {
namespace {

using namespace std::chrono_literals;

constexpr auto kSweep = 60s;
constexpr auto kFilesPatience = 1s;
constexpr std::size_t kMaxAsked = 50;

}  // namespace

Database::Database(const asio::any_io_executor& executor, const Settings& settings)
    : check(settings.database, process::make_command_runner(executor)),
      door(executor, settings.database, database_folder(settings)) {}

struct Sandboxes::Parts {
  Parts(const asio::any_io_executor& executor, engine::Engine& engine, const Settings& settings)
      : shared{executor,
               engine,
               settings,
               StateFolder{scope_folder(settings)},
               {},
               settings.database.socket.empty() ? nullptr
                                                : std::make_shared<Database>(executor, settings)},
        registry(shared),
        spares(shared, registry),
        pulls(executor, engine),
        making_own(std::make_shared<Gate>(executor)),
        stopped(executor) {}

  Shared shared;
  Registry registry;
  SparePool spares;
  Pulls pulls;
  std::string own;
  std::shared_ptr<Gate> making_own;
  bool stopping = false;
  Event stopped;
};

Sandboxes::Sandboxes(const asio::any_io_executor& executor, engine::Engine& engine,
                     const Settings& settings)
    : parts_(std::make_unique<Parts>(executor, engine, settings)) {}

Sandboxes::~Sandboxes() = default;

const Settings& Sandboxes::settings() const {
  return parts_->shared.settings;
}

asio::awaitable<Result<SandboxView>> Sandboxes::create_once(CreateRequest request) {
  auto grant = decide(settings(), request);
  if (!grant) {
    co_return grant.error();
  }
  const auto machine = co_await parts_->registry.machine_memory();
  if (!machine) {
    co_return machine.error();
  }
  if (!request.memory_bytes) {
    grant->memory_bytes = usual_memory(settings(), *machine);
  }
  SandboxPtr spare = co_await parts_->spares.take(*grant);
  const auto made = co_await parts_->registry.create(std::move(*grant), spare);
  if (!made) {
    if (spare && spare->phase() == Phase::kIdle) {
      parts_->spares.give_back(std::move(spare));
    }
    co_return made.error();
  }
  parts_->spares.note_use();
  parts_->spares.refill();
  co_return (*made)->view();
}

asio::awaitable<Result<SandboxView>> Sandboxes::create(CreateRequest request) {
  auto made = co_await create_once(request);
  if (made || !may_pull(made.error(), request)) {
    co_return made;
  }
  const Status pulled = co_await pull(request);
  if (!pulled) {
    co_return pulled.error();
  }
  co_return co_await create_once(std::move(request));
}

bool Sandboxes::may_pull(const Error& error, const CreateRequest& request) const {
  return error.code == Errc::kImageNotFound && (request.pull || settings().pull_missing);
}

asio::awaitable<Status> Sandboxes::pull(const CreateRequest& request) {
  const std::string image = request.image.value_or(settings().image);
  const auto most = request.watch.most.value_or(settings().execution_wait);
  return parts_->pulls.get(image, Clock::now() + most, request.watch);
}

asio::awaitable<Result<std::string>> Sandboxes::own(PullWatch watch) {
  CreateRequest usual;
  usual.watch = std::move(watch);
  auto made = co_await own_once(usual);
  if (made || !may_pull(made.error(), usual)) {
    co_return made;
  }
  // Outside of the gate: who comes meanwhile waits for the image as well, and no longer.
  const Status pulled = co_await pull(usual);
  if (!pulled) {
    co_return pulled.error();
  }
  co_return co_await own_once(std::move(usual));
}

asio::awaitable<Result<std::string>> Sandboxes::own_once(CreateRequest request) {
  while (parts_->making_own->closed) {
    co_await parts_->making_own->opened.wait();
  }
  const SandboxPtr mine = parts_->registry.known(parts_->own);
  if (mine) {
    const Phase phase = mine->view().phase;
    if (phase != Phase::kEnding && phase != Phase::kEnded) {
      co_return parts_->own;
    }
  }
  const Passage passage{parts_->making_own};
  const auto made = co_await create_once(std::move(request));
  if (!made) {
    co_return made.error();
  }
  parts_->own = made->id;
  co_return parts_->own;
}

asio::awaitable<Result<std::vector<SandboxView>>> Sandboxes::list(bool include_ended) {
  return parts_->registry.list(include_ended);
}

asio::awaitable<Status> Sandboxes::remove(std::string id, bool force) {
  return parts_->registry.remove(std::move(id), force);
}

std::optional<SandboxView> Sandboxes::look_up(const std::string& id) const {
  return parts_->registry.look_up(id);
}

std::string Sandboxes::outside(std::string path) const {
  return parts_->shared.engine.outside(std::move(path));
}

// Finds the sandbox and has it do `what`.
template <class T, class... Args>
asio::awaitable<Result<T>> Sandboxes::on(std::string id,
                                         asio::awaitable<Result<T>> (Sandbox::*what)(Args...),
                                         std::type_identity_t<Args>... args) {
  const auto sandbox = co_await parts_->registry.find(std::move(id));
  if (!sandbox) {
    co_return sandbox.error();
  }
  parts_->spares.note_use();
  co_return co_await (**sandbox.*what)(std::move(args)...);
}

asio::awaitable<Result<ExecutionPtr>> Sandboxes::execute(std::string id, ExecutionRequest request) {
  keep_door();
  return on(std::move(id), &Sandbox::execute, std::move(request));
}

asio::awaitable<Result<ExecutionPtr>> Sandboxes::collect(std::string id, std::string execution_id) {
  return on(std::move(id), &Sandbox::collect, std::move(execution_id));
}

asio::awaitable<Result<ExecutionPtr>> Sandboxes::interrupt(std::string id) {
  return on(std::move(id), &Sandbox::interrupt);
}

void Sandboxes::stop(const std::string& id, const ExecutionPtr& execution) {
  if (const SandboxPtr sandbox = parts_->registry.known(id)) {
    sandbox->stop(execution);
  }
}

asio::awaitable<Status> Sandboxes::put(std::string id, std::string path, std::string bytes) {
  return on(std::move(id), &Sandbox::put, std::move(path), std::move(bytes));
}

asio::awaitable<Status> Sandboxes::get(std::string id, std::string path, std::uint64_t limit,
                                       ByteSink sink) {
  return on(std::move(id), &Sandbox::get, std::move(path), limit, std::move(sink));
}

asio::awaitable<Result<Objects>> Sandboxes::objects(std::string id) {
  return on(std::move(id), &Sandbox::objects);
}

asio::awaitable<Result<Surroundings>> Sandboxes::surroundings(std::string id, bool versions) {
  return on(std::move(id), &Sandbox::surroundings, versions);
}

asio::awaitable<Result<FilePart>> Sandboxes::get_part(std::string id, std::string path,
                                                      std::uint64_t offset, std::uint64_t most) {
  return on(std::move(id), &Sandbox::get_part, std::move(path), offset, most);
}

asio::awaitable<Result<Reading>> Sandboxes::reading(std::string id, std::string code) {
  return on(std::move(id), &Sandbox::reading, std::move(code));
}

asio::awaitable<Result<Completions>> Sandboxes::completions(std::string id, std::string line) {
  return on(std::move(id), &Sandbox::completions, std::move(line));
}

asio::awaitable<Result<SessionFacts>> Sandboxes::session(std::string id) {
  return on(std::move(id), &Sandbox::session);
}

namespace {

/// What several sandboxes are asked at once.
struct Question {
  explicit Question(const asio::any_io_executor& executor) : answered(executor) {}
  std::vector<Sandboxes::Listing> listings;
  std::size_t open = 0;
  Event answered;
};

asio::awaitable<void> ask_files(std::shared_ptr<Question> question, SandboxPtr sandbox) {
  auto files = co_await sandbox->files(kFilesPatience);
  if (files) {
    question->listings.push_back({sandbox->id(), std::move(*files)});
  }
  --question->open;
  question->answered.notify_all();
}

}  // namespace

asio::awaitable<Result<std::vector<Sandboxes::Listing>>> Sandboxes::files() {
  const auto views = co_await list(false);
  if (!views) {
    co_return views.error();
  }
  auto question = std::make_shared<Question>(parts_->shared.executor);
  for (const SandboxView& view : *views) {
    if (view.phase != Phase::kIdle || view.foreign || question->open >= kMaxAsked) {
      continue;
    }
    const auto sandbox = co_await parts_->registry.find(view.id);
    if (sandbox) {
      ++question->open;
      spawn(parts_->shared.executor, "files of " + view.id, ask_files(question, *sandbox));
    }
  }
  const auto deadline = Clock::now() + kFilesPatience;
  while (question->open > 0 && Clock::now() < deadline) {
    co_await question->answered.wait_until(deadline);
  }
  co_return std::move(question->listings);
}

// The reaper: looks now and then; what it finds the registry and the pool act on.
asio::awaitable<void> Sandboxes::reap() {
  const auto tick = std::clamp<Clock::duration>(settings().idle_timeout / 4, 500ms, 5s);
  auto swept = Clock::now();
  while (!parts_->stopping) {
    co_await parts_->stopped.wait_until(Clock::now() + tick);
    if (parts_->stopping) {
      co_return;
    }
    if (parts_->registry.used()) keep_door();
    co_await parts_->registry.end_expired();
    if (parts_->registry.used() && Clock::now() > swept + kSweep) {
      swept = Clock::now();
      co_await parts_->registry.sweep();
    }
    co_await parts_->spares.keep();
  }
}

// The server that had it open may have gone.
void Sandboxes::keep_door() {
  if (!parts_->shared.database) {
    return;
  }
  const Status open = parts_->shared.database->door.open();
  if (!open) {
    log::warning(open.error().message);
  }
}

void Sandboxes::stop() {
  parts_->stopping = true;
  if (parts_->shared.database) {
    parts_->shared.database->door.close();
  }
  parts_->stopped.notify_all();
  parts_->registry.let_go();
  parts_->pulls.stop();
  parts_->spares.let_go();
}

}  // namespace omcp_r::sandbox
