#include "fakes/fake_engine.hpp"

#include <algorithm>
#include <boost/asio/use_awaitable.hpp>

#include "fakes/fake_pipes.hpp"

// The engine's verbs, its lists and the streams of attachments. What happens inside a sandbox
// stands in fake_worker.cpp.

namespace omcp_r::fakes {
namespace {

Error not_found() {
  return Error{Errc::kNotFound, "The sandbox is not there any more."};
}

class FakeAttachment final : public engine::Attachment {
 public:
  explicit FakeAttachment(std::shared_ptr<FakePipes> pipes) : pipes_(std::move(pipes)) {}
  ~FakeAttachment() override { detach(); }

  asio::awaitable<Status> write(std::string bytes) override {
    return FakePipes::write(pipes_, std::move(bytes));
  }
  asio::awaitable<std::optional<engine::Chunk>> read() override { return FakePipes::read(pipes_); }
  void close() override { detach(); }

 private:
  void detach() {
    pipes_->closed = true;
    pipes_->changed.notify_all();
  }

  std::shared_ptr<FakePipes> pipes_;
};

}  // namespace

// ---- streams
// ---------------------------------------------------------------------------------------

bool FakePipes::broken() const {
  return faults().breaks_after && delivered >= *faults().breaks_after;
}

std::optional<engine::Chunk> FakePipes::take() {
  std::size_t most = faults().piece;
  if (faults().breaks_after) {
    most = std::min(most, *faults().breaks_after - delivered);
  }
  engine::Chunk chunk;
  if (!queue.empty()) {
    engine::Chunk& first = queue.front();
    chunk = engine::Chunk{first.stream, first.bytes.substr(0, most)};
    first.bytes.erase(0, most);
    if (first.bytes.empty()) {
      queue.pop_front();
    }
  } else if (faults().floods && !sandbox->ended()) {
    chunk = engine::Chunk{*faults().floods, std::string(most, 'x')};
  } else {
    return std::nullopt;
  }
  delivered += chunk.bytes.size();
  return chunk;
}

asio::awaitable<std::optional<engine::Chunk>> FakePipes::read(std::shared_ptr<FakePipes> self) {
  while (!self->closed && !self->broken()) {
    if (!self->faults().read_stalls) {
      auto chunk = self->take();
      if (chunk || self->sandbox->ended()) {
        co_return chunk;
      }
    }
    co_await self->changed.wait();
  }
  co_return std::nullopt;
}

asio::awaitable<Status> FakePipes::write(std::shared_ptr<FakePipes> self, std::string bytes) {
  while (self->faults().write_stalls && !self->closed) {
    co_await self->changed.wait();
  }
  if (self->closed || self->broken() || self->sandbox->ended()) {
    co_return Error{Errc::kEnded, "The connection to the sandbox has ended."};
  }
  self->sandbox->take_input(bytes);
  co_return Ok{};
}

FakeSandbox::FakeSandbox(const std::shared_ptr<World>& world, engine::Spec its_spec,
                         engine::Found its_found)
    : spec(std::move(its_spec)),
      found(std::move(its_found)),
      plays(world->plays),
      idle(spec.identity.idle),
      world_(world),
      executor_(world->executor) {}

void FakeSandbox::write(engine::Stream stream, std::string_view bytes) {
  for (const auto& each : pipes_) {
    if (const auto pipes = each.lock(); pipes && !pipes->closed && !ended_) {
      pipes->queue.push_back(engine::Chunk{stream, std::string{bytes}});
    }
  }
  wake();
}

void FakeSandbox::wake() {
  for (const auto& each : pipes_) {
    if (const auto pipes = each.lock()) {
      pipes->changed.notify_all();
    }
  }
}

std::size_t FakeSandbox::attached() const {
  return static_cast<std::size_t>(std::count_if(pipes_.begin(), pipes_.end(), [](const auto& each) {
    const auto pipes = each.lock();
    return pipes && !pipes->closed;
  }));
}

void FakeSandbox::set_faults(Faults faults) {
  faults_ = faults;
  wake();
}

void FakeSandbox::set_silent(bool silent) {
  silent_ = silent;
  work_soon();
}

void FakeSandbox::end(const std::string& reason) {
  if (ended_) {
    return;
  }
  if (!reason.empty() && !silent_) {
    send('S', 'z', std::string(16, '0'), reason);
  }
  ended_ = true;
  found.running = false;
  wake();
  if (const auto world = world_.lock()) {
    world->note();
  }
}

// ---- the world
// -------------------------------------------------------------------------------------

World::World(asio::any_io_executor its_executor) : executor(std::move(its_executor)) {
  note();
}

void World::note() {
  std::vector<engine::Found> all;
  for (const auto& [id, sandbox] : sandboxes) {
    if (!sandbox->ended() || sandbox->found.ended) {
      all.push_back(sandbox->found);
    }
  }
  history.emplace_back(Clock::now(), std::move(all));
}

// ---- the engine
// ------------------------------------------------------------------------------------

void FakeEngine::release(const std::string& verb) {
  state_->verbs[verb].held = false;
  state_->released.notify_all();
}

asio::awaitable<Status> FakeEngine::enter(StatePtr state, std::string verb, std::string operand) {
  state->calls.push_back(verb + (operand.empty() ? "" : " " + operand));
  Verb& rules = state->verbs[verb];
  ++rules.waiting;
  while (rules.held) {
    co_await state->released.wait();
  }
  --rules.waiting;
  if (rules.errors.empty()) {
    co_return Ok{};
  }
  Error error = std::move(rules.errors.front());
  rules.errors.pop_front();
  co_return error;
}

std::shared_ptr<FakeSandbox> FakeEngine::find(const State& state, const engine::Handle& handle) {
  for (const auto& [id, sandbox] : state.world->sandboxes) {
    if (sandbox->found.handle == handle) {
      return sandbox;
    }
  }
  return nullptr;
}

asio::awaitable<Status> FakeEngine::act(StatePtr state, std::string verb, engine::Handle handle,
                                        Act what) {
  const auto sandbox = find(*state, handle);
  auto entered = co_await enter(state, verb, sandbox ? sandbox->spec.identity.id : handle.id);
  if (!entered) {
    co_return entered;
  }
  if (!sandbox || sandbox->ended()) {
    co_return not_found();
  }
  what(*state, *sandbox);
  co_return Ok{};
}

asio::awaitable<Result<engine::About>> FakeEngine::about() {
  const StatePtr state = state_;
  const auto entered = co_await enter(state, "about", "");
  if (!entered) {
    co_return entered.error();
  }
  co_return state->switches.about;
}

asio::awaitable<bool> FakeEngine::answers() {
  const StatePtr state = state_;
  (void)co_await enter(state, "answers", "");
  co_return state->switches.answers;
}

asio::awaitable<Result<engine::Created>> FakeEngine::create(engine::Spec spec) {
  const StatePtr state = state_;
  const auto entered = co_await enter(state, "create", spec.identity.id);
  if (!entered) {
    co_return entered.error();
  }
  World& world = *state->world;
  if (world.missing_images.count(spec.image) > 0) {
    co_return Error{Errc::kImageNotFound, "There is no image " + spec.image + "."};
  }
  if (world.sandboxes.count(spec.identity.id) > 0) {
    co_return Error{Errc::kBusy, "There is a sandbox of this id."};
  }
  engine::Found found;
  found.handle.id = "box-" + std::to_string(world.sandboxes.size() + 1);
  found.identity = spec.identity;
  found.running = true;
  found.since = static_cast<std::int64_t>(Clock::wall());
  found.image = spec.image;
  found.image_digest = "sha256:" + spec.image;
  found.memory_bytes = spec.isolation.memory_bytes;
  found.cpus = spec.isolation.cpus;
  engine::Created created{found.handle, found.image_digest, state->switches.not_in_force};
  const std::string id = spec.identity.id;
  world.sandboxes[id] = std::make_shared<FakeSandbox>(state->world, std::move(spec), found);
  world.note();
  co_return created;
}

// What a list tells that is called now.
std::vector<engine::Found> FakeEngine::look(State& state, const std::string& scope) {
  state.world->note();
  const auto& history = state.world->history;
  state.list_calls.push_back(history.size() - 1);
  const std::size_t late = std::min(state.switches.list_calls_late, state.list_calls.size() - 1);
  std::size_t place = state.list_calls[state.list_calls.size() - 1 - late];
  while (place > 0 && history[place].first > Clock::now() - state.switches.list_time_late) {
    --place;
  }
  std::vector<engine::Found> result;
  for (const engine::Found& found : history[place].second) {
    if (found.identity.scope == scope) {
      result.push_back(found);
    }
  }
  return result;
}

asio::awaitable<Result<std::vector<engine::Found>>> FakeEngine::list(std::string scope) {
  const StatePtr state = state_;
  auto seen = look(*state, scope);
  const auto entered = co_await enter(state, "list", scope);
  if (!entered) {
    co_return entered.error();
  }
  co_return seen;
}

asio::awaitable<Result<std::unique_ptr<engine::Attachment>>> FakeEngine::open(
    engine::Handle handle) {
  const StatePtr state = state_;
  const auto sandbox = find(*state, handle);
  const auto entered =
      co_await enter(state, "open", sandbox ? sandbox->spec.identity.id : handle.id);
  if (!entered) {
    co_return entered.error();
  }
  if (!sandbox || sandbox->ended()) {
    co_return not_found();
  }
  auto pipes = std::make_shared<FakePipes>(sandbox);
  sandbox->pipes_.push_back(pipes);
  co_return std::unique_ptr<engine::Attachment>{std::make_unique<FakeAttachment>(std::move(pipes))};
}

asio::awaitable<Status> FakeEngine::interrupt(engine::Handle handle) {
  return act(state_, "interrupt", std::move(handle),
             [](State& /*state*/, FakeSandbox& sandbox) { sandbox.interrupt(); });
}

asio::awaitable<Status> FakeEngine::kill_session(engine::Handle handle) {
  return act(state_, "kill_session", std::move(handle),
             [](State& /*state*/, FakeSandbox& sandbox) { sandbox.kill_session(); });
}

asio::awaitable<Status> FakeEngine::remove(engine::Handle handle) {
  for (const auto& [id, sandbox] : state_->world->sandboxes) {
    if (sandbox->found.handle == handle && sandbox->found.ended) {
      sandbox->found.ended.reset();
      state_->world->note();
    }
  }
  auto removed = co_await act(state_, "remove", std::move(handle),
                              [](State& /*state*/, FakeSandbox& sandbox) { sandbox.end("asked"); });
  const bool gone = !removed && removed.error().code == Errc::kNotFound;
  if (gone) {
    co_return Ok{};
  }
  co_return removed;
}

asio::awaitable<Status> FakeEngine::mark_given(engine::Handle handle) {
  return act(state_, "mark_given", std::move(handle), [](State& state, FakeSandbox& sandbox) {
    sandbox.found.given = sandbox.found.given || state.switches.marks_given;
    state.world->note();
  });
}

asio::awaitable<Result<std::string>> FakeEngine::image(std::string name) {
  const StatePtr state = state_;
  const auto entered = co_await enter(state, "image", name);
  if (!entered) {
    co_return entered.error();
  }
  if (state->world->missing_images.count(name) > 0) {
    co_return Error{Errc::kImageNotFound, "There is no image " + name + "."};
  }
  co_return "sha256:" + name;
}

asio::awaitable<Status> FakeEngine::pull(std::string name, engine::Watcher watcher) {
  const StatePtr state = state_;
  const auto entered = co_await enter(state, "pull", name);
  if (!entered) {
    co_return entered.error();
  }
  if (watcher.on_output) watcher.on_output("latest: Pulling\n");
  state->world->missing_images.erase(name);
  co_return Ok{};
}

}  // namespace omcp_r::fakes
