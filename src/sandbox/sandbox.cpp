#include "omcp_r/sandbox/sandbox.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "omcp_r/base/background.hpp"
#include "omcp_r/base/log.hpp"
#include "omcp_r/base/text.hpp"
#include "pause.hpp"

// The life of a sandbox: its lock, its channel, its record, its end. What runs in it stands in
// sandbox_run.cpp, what is told of it in sandbox_view.cpp.

namespace omcp_r::sandbox {
namespace {

using namespace std::chrono_literals;

constexpr auto kAttend = 50ms;       ///< how often an idle holder looks whether it is wanted
constexpr auto kQuiet = 10s;         ///< after which it lets go by itself
constexpr auto kYieldPatience = 2s;  ///< for another server to let go
constexpr auto kStartPatience = 60s;
constexpr auto kSpareGreeting = 5s;
constexpr auto kPreloadPatience = 60s;
constexpr auto kMarkDelay = 1s;
/// What runs is heard of every three seconds: two were missed.
constexpr auto kUnheard = 7s;
constexpr auto kTypingPatience = 3s;  ///< of who waits at a prompt

Budget budget_of(const Settings& settings) {
  Budget budget;
  budget.output = settings.max_output_bytes;
  return budget;
}

}  // namespace

Sandbox::Sandbox(Shared& shared, engine::Found found, Phase phase)
    : shared_(shared), found_(std::move(found)), phase_(phase), changed_(shared.executor) {
  spare_ = found_.identity.role == engine::Role::kSpare && phase == Phase::kStarting;
}

bool Shared::is_foreign(const engine::Found& found) const {
  return found.identity.domain != folder.domain() || found.identity.protocol != wire::kProtocol;
}

// --- its record ---------------------------------------------------------------------------------

Record& Sandbox::record() {
  if (!record_) {
    Record fresh;
    fresh.created_at = static_cast<double>(found_.since);
    // Of what the record said only this can be had again, and by the date: the engine knows no
    // other.
    fresh.created_awake =
        awake_ms() - static_cast<std::int64_t>((Clock::wall() - fresh.created_at) * 1000);
    fresh.idle = found_.identity.idle;
    record_ = shared_.folder.read(id()).value_or(fresh);
  }
  return *record_;
}

void Sandbox::write_record() {
  record().lifetime = found_.identity.lifetime;
  if (const Status written = shared_.folder.write(id(), record()); !written) {
    log::warning("a sandbox's record could not be written",
                 {{"sandbox", id()}, {"reason", written.error().message}});
  }
}

void Sandbox::note_use() {
  record().used_at = Clock::wall();
  record().used_awake = awake_ms();
  record().boot = boot_id();
}

// --- taking and letting go ----------------------------------------------------------------------

asio::awaitable<Status> Sandbox::take(Clock::duration patience, bool quiet) {
  while (phase_ == Phase::kBusy && !execution_) {
    co_await changed_.wait();  // short calls of this process take turns
  }
  if (phase_ == Phase::kEnding || phase_ == Phase::kEnded || shared_.folder.ended(id())) {
    co_return ended_error();
  }
  if (phase_ == Phase::kBusy || phase_ == Phase::kStarting) {
    co_return busy_error();
  }
  if (foreign()) {
    co_return Error{Errc::kInvalidArgument,
                    "Sandbox " + id() +
                        " was made by another version of this server, or by one with another "
                        "STATE_DIR; it can only be listed and removed. Create a new one."};
  }
  phase_ = Phase::kBusy;
  waiting_ = Clock::now();
  Status ready = co_await connect(patience, quiet);
  if (ready && (phase_ != Phase::kBusy || !channel_)) {
    ready = ended_error();  // removed, or let go, meanwhile
  }
  if (!ready && phase_ == Phase::kBusy && !execution_) {
    detach();
  }
  changed_.notify_all();
  co_return ready;
}

// Lock, channel and greeting, as far as they are missing.
asio::awaitable<Status> Sandbox::connect(Clock::duration patience, bool quiet) {
  if (!lock_) {
    const Status locked = co_await obtain_lock();
    if (!locked) {
      co_return locked.error();
    }
    record_.reset();
  }
  if (phase_ != Phase::kBusy || shared_.folder.ended(id())) {
    co_return ended_error();  // removed meanwhile
  }
  if (!channel_ || !channel_->open()) {
    const Status attached = co_await attach();
    if (!attached) {
      co_return attached.error();
    }
  }
  if (greeted_ && !channel_->heard().exited) {
    co_return Ok{};
  }
  session_lost_ = session_lost_ || greeted_;  // R ended while nothing of ours ran
  const Status greeted = co_await greet(patience, quiet);
  if (!greeted && greeted.error().code == Errc::kBusy && phase_ == Phase::kBusy) {
    if (!record().running.empty()) {
      adopt(record().running);
    }
    co_return busy_error();
  }
  co_return greeted;
}

asio::awaitable<Status> Sandbox::obtain_lock() {
  const auto deadline = Clock::now() + kYieldPatience;
  for (;;) {
    auto lock = shared_.folder.try_lock(id());
    if (!lock) {
      co_return lock.error();
    }
    if (*lock) {
      lock_ = std::move(**lock);
      shared_.folder.unwant(id());
      co_return Ok{};
    }
    const auto held = shared_.folder.read(id());
    if ((held && !held->running.empty()) || Clock::now() > deadline) {
      shared_.folder.unwant(id());
      co_return busy_error();
    }
    shared_.folder.want(id());
    co_await pause_for(10ms);
  }
}

asio::awaitable<Status> Sandbox::attach() {
  greeted_ = false;
  auto attachment = co_await shared_.engine.open(found_.handle);
  if (!attachment) {
    co_return attachment.error();
  }
  channel_ = std::make_shared<Channel>(shared_.executor, std::move(*attachment),
                                       budget_of(shared_.settings));
  channel_->start();
  waiting_ = Clock::now();
  begin_attending();
  co_return Ok{};
}

void Sandbox::begin_attending() {
  if (!attended_) {
    attended_ = true;
    spawn(shared_.executor, "attendant of " + id(), attend(shared_from_this()));
  }
}

// Greets the worker. Who answers nothing at all may be behind a link that is lost.
asio::awaitable<Result<Greeting>> Sandbox::hail(Channel::Hello hello, Clock::duration patience) {
  const std::shared_ptr<Channel> channel = channel_;
  if (!channel) {
    co_return ended_error();
  }
  const auto begun = Clock::now();
  auto greeting = co_await channel->greet(hello, begun + patience);
  const bool silent =
      !greeting && greeting.error().code == Errc::kBusy && channel->heard().last < begun;
  if (silent) {
    const bool there = co_await shared_.engine.answers();
    if (!there) {
      channel->give_up();
      co_return lost_error();
    }
  }
  co_return greeting;
}

asio::awaitable<Status> Sandbox::greet(Clock::duration patience, bool quiet) {
  Channel::Hello hello;
  hello.quiet = quiet;
  const auto greeting = co_await hail(hello, patience);
  if (!greeting && greeting.error().code == Errc::kEnded && phase_ != Phase::kEnding) {
    const auto seen = co_await presence();
    if (seen == Presence::kGone) {
      become_ended(end_reason());
      co_return ended_error();
    }
    co_return Error{Errc::kEngineUnavailable,
                    "The container engine closed the connection to sandbox " + id() +
                        ". See whether the engine runs, then try again."};
  }
  if (!greeting) {
    co_return greeting.error();
  }
  given_ = greeting->given;
  // Where the record was lost, and only there, the worker is believed.
  if (!shared_.folder.read(id())) {
    record().executions = greeting->executions;
    record().idle = std::clamp<std::int64_t>(greeting->idle.value_or(record().idle), 1,
                                             found_.identity.lifetime);
  }
  session_lost_ = session_lost_ || (record().session != 0 && record().session != greeting->session);
  note_greeting(*greeting);
  record().running.clear();  // it greets: nothing runs
  co_return Ok{};
}

void Sandbox::note_greeting(const Greeting& greeting) {
  greeted_ = true;
  platform_ = greeting.platform;
  record().session = greeting.session;
  record().r_version = greeting.r_version;
  record().starting = false;
}

void Sandbox::release() {
  if (phase_ == Phase::kBusy) {
    note_use();
    write_record();
    phase_ = Phase::kIdle;
    begin_attending();
  }
  changed_.notify_all();
}

void Sandbox::detach() {
  if (channel_) {
    ending_ = channel_->heard().ending.empty() ? ending_ : channel_->heard().ending;
    channel_->close();
    channel_.reset();
  }
  lock_.reset();
  record_.reset();
  greeted_ = false;
  if (phase_ == Phase::kIdle || phase_ == Phase::kBusy) {
    phase_ = Phase::kUnknown;
  }
  changed_.notify_all();
}

// An idle holder lets go when another server asks, and by itself after a while: who is attached and
// does not read holds R back. One that is not quiet stays attached, unread. A spare that is up is
// its pool's.
asio::awaitable<void> Sandbox::attend(std::shared_ptr<Sandbox> self) {
  auto idle_since = Clock::now();
  while (self->lock_) {
    co_await pause_for(kAttend);
    if (self->phase_ != Phase::kIdle) {
      idle_since = Clock::now();
      self->mind_silence();
      continue;
    }
    if (self->spare_) {
      break;
    }
    const bool over = Clock::now() >= idle_since + kQuiet && self->channel_->quiet_for(kQuiet) &&
                      !self->channel_->held_back();
    if (!self->channel_->open() || over || self->shared_.folder.wanted(self->id())) {
      self->detach();
    }
  }
  self->attended_ = false;
}

// The stream behind a lost link neither ends nor says anything: where the sandbox is waited for in
// vain, the engine is asked for an answer, and the channel given up where that has none.
void Sandbox::mind_silence() {
  if (asking_ || !channel_ || !channel_->open()) {
    return;
  }
  if (Clock::now() < std::max(waiting_, channel_->heard().last) + kUnheard) {
    return;
  }
  asking_ = true;
  spawn(shared_.executor, "question whether the engine answers",
        ask_engine(shared_from_this(), channel_));
}

asio::awaitable<void> Sandbox::ask_engine(std::shared_ptr<Sandbox> self,
                                          std::shared_ptr<Channel> channel) {
  const auto asked = Clock::now();
  const bool there = co_await self->shared_.engine.answers();
  self->asking_ = false;
  self->waiting_ = Clock::now();
  if (!there && channel->open() && channel->heard().last < asked) {
    log::warning("the engine does not answer any more", {{"sandbox", self->id()}});
    channel->give_up();
  }
}

// --- beginning ----------------------------------------------------------------------------------

Status Sandbox::hold() {
  if (lock_) {
    return Ok{};
  }
  auto lock = shared_.folder.try_lock(id());
  if (!lock || !*lock) {
    return lock ? busy_error() : lock.error();
  }
  lock_ = std::move(**lock);
  return Ok{};
}

asio::awaitable<Result<bool>> Sandbox::was_given() {
  const std::shared_ptr<Sandbox> self = shared_from_this();
  const Status taken = co_await take(kTakePatience, true);
  if (taken && !given_) {
    detach();  // a spare without a server: it ends by itself
  } else if (taken) {
    release();
  } else {
    co_return taken.error();
  }
  co_return given_;
}

asio::awaitable<Status> Sandbox::start(engine::Created created) {
  found_.handle = created.handle;
  found_.image_digest = created.image_digest;
  found_.running = true;
  if (phase_ != Phase::kStarting || shared_.folder.ended(id())) {
    co_return ended_error();  // removed while it was made
  }
  Status ready = co_await attach();
  if (ready) {
    const std::shared_ptr<Channel> channel = channel_;
    const Channel::Hello hello;
    const auto greeting = co_await channel->greet(hello, Clock::now() + kStartPatience);
    if (greeting) {
      note_greeting(*greeting);
    } else if (channel->given_up()) {
      ready = greeting.error();
    } else {
      ready = start_error(greeting.error());
    }
  }
  if (!ready || phase_ != Phase::kStarting) {
    co_return ready ? Status{ended_error()} : ready;
  }
  phase_ = spare_ ? Phase::kIdle : Phase::kBusy;
  if (!spare_) {
    release();
  }
  co_return Ok{};
}

// Why R did not start: what it or the shell said, where it said something.
Error Sandbox::start_error(const Error& error) const {
  const std::string said = printable(channel_ ? channel_->stray() : "", 500);
  const Heard heard = channel_ ? channel_->heard() : Heard{};
  const std::string words = said.empty() ? "" : " It said: " + said;
  if (heard.exited || error.code == Errc::kEnded) {
    const std::string status =
        heard.exited ? " (status " + std::to_string(heard.exit_status) + ")" : "";
    return Error{Errc::kInternal, "R did not start in image " + found_.image + status +
                                      ". It needs R 4.1 or newer and sh on the PATH, and enough "
                                      "memory to start." +
                                      words};
  }
  return Error{Errc::kTimeout,
               "The container started, but its R did not answer within " +
                   std::to_string(std::chrono::seconds{kStartPatience}.count()) +
                   " s. The machine may be overloaded: end other sandboxes, then try again." +
                   words};
}

asio::awaitable<Status> Sandbox::keep_alive() {
  const std::shared_ptr<Channel> channel = channel_;
  if (!channel) {
    co_return ended_error();
  }
  const Channel::Hello hello;
  const auto greeting = co_await channel->greet(hello, Clock::now() + kSpareGreeting);
  co_return greeting ? Status{Ok{}} : Status{greeting.error()};
}

asio::awaitable<Result<std::string>> Sandbox::preload(std::vector<std::string> packages) {
  std::string names;
  for (const std::string& name : packages) {
    names += (names.empty() ? "" : " ") + name;
  }
  const std::shared_ptr<Channel> channel = channel_;
  if (!channel) {
    co_return ended_error();
  }
  co_return co_await channel->preload(std::move(names), Clock::now() + kPreloadPatience);
}

// Not at once: it would take the processors from who waits for a first result. And never beside its
// removal: an engine that gives it a name meanwhile forgets half of what it has.
asio::awaitable<void> Sandbox::mark_given(std::shared_ptr<Sandbox> self) {
  co_await pause_for(kMarkDelay);
  if (self->phase_ == Phase::kEnding || self->phase_ == Phase::kEnded) {
    co_return;
  }
  self->marking_ = true;
  const Status marked = co_await self->shared_.engine.mark_given(self->found_.handle);
  self->marking_ = false;
  self->changed_.notify_all();
  if (!marked && marked.error().code != Errc::kNotFound) {
    log::warning("a spare could not be marked as given out",
                 {{"sandbox", self->id()}, {"reason", marked.error().message}});
  }
}

asio::awaitable<Status> Sandbox::give_out(std::int64_t idle) {
  phase_ = Phase::kBusy;
  waiting_ = Clock::now();
  begin_attending();
  const Channel::Hello hello{.idle = idle, .given = true};
  const auto greeting = co_await hail(hello, kSpareGreeting);
  if (!greeting || phase_ != Phase::kBusy) {
    co_return greeting ? ended_error() : greeting.error();
  }
  spare_ = false;
  record_.reset();
  note_greeting(*greeting);
  release();
  co_return Ok{};
}

// --- its end ------------------------------------------------------------------------------------

// As the supervisor's last frame said, else as its record lets one conclude.
std::string Sandbox::end_reason() const {
  const std::string said =
      channel_ && !channel_->heard().ending.empty() ? channel_->heard().ending : ending_;
  if (said == "idle" || said == "lifetime" || (said.empty() && expired())) {
    return kExpired;
  }
  return said.empty() ? "unknown" : said;
}

void Sandbox::become_ended(const std::string& reason) {
  if (phase_ == Phase::kEnded) {
    return;
  }
  if (const Status noted = shared_.folder.end(id(), reason); !noted) {
    log::warning("the end of a sandbox could not be noted",
                 {{"sandbox", id()}, {"reason", noted.error().message}});
  }
  phase_ = Phase::kEnded;
  detach();
  log::info("sandbox ended", {{"sandbox", id()}, {"reason", reason}});
  log::audit("sandbox_ended", {{"sandbox", id()}, {"reason", reason}});
}

bool Sandbox::settle_gone(const std::string& why) {
  if (phase_ == Phase::kStarting || (channel_ && channel_->open() && !channel_->held_back())) {
    return false;  // it lives: what the engine said is old
  }
  if (!lock_) {
    auto lock = shared_.folder.try_lock(id());
    if (!lock || !*lock) {
      return false;
    }
    lock_ = std::move(**lock);
  }
  ending_ = why.empty() ? ending_ : why;
  become_ended(end_reason());
  return true;
}

asio::awaitable<Sandbox::Presence> Sandbox::presence() {
  const auto found = co_await shared_.engine.list(shared_.settings.scope);
  if (!found) {
    co_return Presence::kNoAnswer;
  }
  const auto ours = std::find_if(found->begin(), found->end(),
                                 [this](const auto& one) { return one.handle == found_.handle; });
  if (ours != found->end() && ours->ended && !ours->ended->empty()) {
    ending_ = *ours->ended;
  }
  co_return ours != found->end() && ours->running ? Presence::kRuns : Presence::kGone;
}

asio::awaitable<Status> Sandbox::end(std::string reason, bool force) {
  const std::shared_ptr<Sandbox> self = shared_from_this();
  const auto begun = co_await begin_end(reason, force);
  if (!begun) {
    co_return begun.error();
  }
  if (!*begun) {
    co_return Ok{};
  }
  co_return co_await finish_end(std::move(reason));
}

asio::awaitable<Result<bool>> Sandbox::begin_end(std::string reason, bool force) {
  const std::shared_ptr<Sandbox> self = shared_from_this();
  while (!force && phase_ == Phase::kBusy && !execution_) {
    co_await changed_.wait();
  }
  if (phase_ == Phase::kEnded) {
    co_return false;
  }
  if (!force && phase_ == Phase::kBusy) {
    co_return busy_error();
  }
  if (!force && foreign()) {
    co_return Error{Errc::kBusy,
                    "Sandbox " + id() +
                        " belongs to a server with another STATE_DIR or version, which "
                        "may be using it. Call remove_sandbox with force: true to end "
                        "it all the same."};
  }
  if (!force && !lock_ && phase_ == Phase::kUnknown) {
    const Status locked = co_await obtain_lock();
    if (!locked) {
      co_return locked.error();
    }
    if (phase_ != Phase::kUnknown) {
      co_return ended_error();  // somebody else was faster
    }
    // Left at work by a server that died, or used by another while this one waited.
    if (view().phase == Phase::kBusy || (reason == kExpired && !expired())) {
      lock_.reset();
      co_return busy_error();
    }
  }
  // The intent first: whatever dies now, it is never listed again.
  const Status noted = shared_.folder.end(id(), reason);
  phase_ = Phase::kEnding;
  if (channel_) {
    channel_->close();
  }
  changed_.notify_all();
  if (found_.handle.id.empty()) {
    // It is being made: its maker finds it ended, and removes it.
    if (!noted) {
      co_return noted.error();
    }
    co_return false;
  }
  if (!noted) {
    log::warning("the end of a sandbox could not be noted", {{"sandbox", id()}});
  }
  co_return true;
}

asio::awaitable<Status> Sandbox::finish_end(std::string reason) {
  const std::shared_ptr<Sandbox> self = shared_from_this();
  while (marking_) {
    co_await changed_.wait();
  }
  const Status removed = co_await shared_.engine.remove(found_.handle);
  if (!removed) {
    log::error("a sandbox could not be removed; it is tried again",
               {{"sandbox", id()}, {"reason", removed.error().message}});
    co_return removed.error();
  }
  become_ended(reason);
  co_return Ok{};
}

// --- calls --------------------------------------------------------------------------------------

asio::awaitable<Status> Sandbox::put(std::string path, std::string bytes) {
  const Status taken = co_await take(kTakePatience);
  if (!taken) {
    co_return taken.error();
  }
  auto answer =
      co_await channel_->put(std::move(path), std::move(bytes), Clock::now() + kCallPatience);
  co_return give_back(std::move(answer));
}

asio::awaitable<Status> Sandbox::get(std::string path, std::uint64_t limit, ByteSink sink) {
  const Status taken = co_await take(kTakePatience);
  if (!taken) {
    co_return taken.error();
  }
  auto answer =
      co_await channel_->get(std::move(path), limit, std::move(sink), Clock::now() + kCallPatience);
  co_return give_back(std::move(answer));
}

asio::awaitable<Result<FilePart>> Sandbox::get_part(std::string path, std::uint64_t offset,
                                                    std::uint64_t most) {
  const Status taken = co_await take(kTakePatience);
  if (!taken) {
    co_return taken.error();
  }
  auto answer =
      co_await channel_->get_part(std::move(path), offset, most, Clock::now() + kCallPatience);
  co_return give_back(std::move(answer));
}

asio::awaitable<Result<std::vector<FileEntry>>> Sandbox::files(Clock::duration patience) {
  const auto deadline = Clock::now() + patience;
  const Status taken = co_await take(patience);
  if (!taken) {
    co_return taken.error();
  }
  auto answer = co_await channel_->files(deadline);
  co_return give_back(std::move(answer));
}

asio::awaitable<Result<SessionFacts>> Sandbox::session() {
  const Status taken = co_await take(kTakePatience);
  if (!taken) {
    co_return taken.error();
  }
  auto answer = co_await channel_->session(Clock::now() + kCallPatience);
  co_return give_back(std::move(answer));
}

asio::awaitable<Result<Objects>> Sandbox::objects() {
  const Status taken = co_await take(kTakePatience);
  if (!taken) {
    co_return taken.error();
  }
  auto answer = co_await channel_->objects(Clock::now() + kCallPatience);
  co_return give_back(std::move(answer));
}

asio::awaitable<Result<Surroundings>> Sandbox::surroundings(bool versions) {
  const Status taken = co_await take(kTakePatience);
  if (!taken) {
    co_return taken.error();
  }
  auto answer = co_await channel_->surroundings(versions, Clock::now() + kCallPatience);
  co_return give_back(std::move(answer));
}

asio::awaitable<Result<Reading>> Sandbox::reading(std::string code) {
  const Status taken = co_await take(kTakePatience);
  if (!taken) {
    co_return taken.error();
  }
  auto answer = co_await channel_->reading(std::move(code), Clock::now() + kCallPatience);
  co_return give_back(std::move(answer));
}

asio::awaitable<Result<Completions>> Sandbox::completions(std::string line) {
  const Status taken = co_await take(kTakePatience);
  if (!taken) {
    co_return taken.error();
  }
  auto answer = co_await channel_->completions(std::move(line), Clock::now() + kTypingPatience);
  co_return give_back(std::move(answer));
}

}  // namespace omcp_r::sandbox
