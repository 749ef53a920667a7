#include "registry.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/crc.hpp>
#include <utility>

#include "omcp_r/base/background.hpp"
#include "omcp_r/base/log.hpp"
#include "pause.hpp"

namespace omcp_r::sandbox {
namespace {

constexpr std::chrono::seconds kListAge{2};   ///< of what a list tells
constexpr std::chrono::seconds kFresh{1};     ///< younger than that it need not be looked at anew
constexpr double kForgetEnded = 24 * 3600.0;  ///< seconds
constexpr double kNeverStarted = 180;         ///< seconds after which what does not run is dead
constexpr double kLifetimeMargin = 60;        ///< seconds for its own supervisor to act first

std::string short_name(const std::string& id) {
  std::array<char, 16> text{};
  boost::crc_32_type crc;
  crc.process_bytes(id.data(), id.size());
  std::snprintf(text.data(), text.size(), "%08x", crc.checksum());
  return id.empty() ? "" : text.data();
}

std::set<std::string> ids_of(const std::vector<engine::Found>& all) {
  std::set<std::string> ids;
  for (const engine::Found& found : all) {
    ids.insert(found.identity.id);
  }
  return ids;
}

Error unknown_error(const std::string& id) {
  return Error{Errc::kNotFound, "There is no sandbox " + id.substr(0, 64) +
                                    ". It may have expired. Create one with create_sandbox; "
                                    "list_sandboxes shows those that live."};
}

}  // namespace

Registry::Registry(Shared& shared)
    : shared_(shared),
      removing_(std::make_shared<std::set<std::string>>()),
      looking_(std::make_shared<Gate>(shared.executor)),
      entering_(std::make_shared<Gate>(shared.executor)) {}

// --- looking ------------------------------------------------------------------------------------

// An answer that was asked for at `not_before` or later. Callers that come together share one.
asio::awaitable<Registry::LookPtr> Registry::look(Clock::time_point not_before) {
  used_ = true;
  while (!last_ || last_->asked < not_before) {
    if (looking_->closed) {
      co_await looking_->opened.wait();
      continue;
    }
    const Passage passage{looking_};
    auto fresh = std::make_shared<Look>();
    fresh->asked = Clock::now();
    fresh->known = shared_.folder.living();
    fresh->found = co_await shared_.engine.list(shared_.settings.scope);
    if (fresh->found) {
      set_apart_ended(*fresh);
      (void)co_await ask_engine();
    }
    last_ = std::move(fresh);
  }
  co_return last_;
}

// A cluster keeps what has ended: to all who look it is gone, but for its reason.
void Registry::set_apart_ended(Look& look) {
  std::vector<engine::Found>& found = *look.found;
  for (const engine::Found& one : found) {
    if (one.ended) {
      look.ended[one.identity.id] = *one.ended;
      finish_off(one, "what has ended by itself");
    }
  }
  std::erase_if(found, [](const engine::Found& one) { return one.ended.has_value(); });
}

// Which engine it is that answers. What a record says lives on another one is neither counted nor
// missed: the state folder may be shared by servers of several engines.
asio::awaitable<Status> Registry::ask_engine() {
  if (engine_.empty()) {
    const auto about = co_await shared_.engine.about();
    if (!about) {
      co_return about.error();
    }
    engine_ = short_name(about->id);
    machine_memory_ = about->memory_bytes;
    const Settings& settings = shared_.settings;
    const std::uint64_t each = usual_memory(settings, machine_memory_);
    const auto all = static_cast<std::uint64_t>(settings.max_sandboxes) * each;
    const bool too_much = machine_memory_ > 0 && machine_memory_ < all;
    if (too_much || each < settings.memory_bytes) {
      log::warning(too_much
                       ? "all sandboxes together may take more memory than the engine's machine has"
                       : "sandboxes get less memory, so that all fit the engine's machine",
                   {{"max_sandboxes", settings.max_sandboxes},
                    {"sandbox_memory_mb", each >> 20U},
                    {"machine_mb", machine_memory_ >> 20U}});
    }
  }
  co_return Ok{};
}

asio::awaitable<Result<std::uint64_t>> Registry::machine_memory() {
  while (looking_->closed && engine_.empty()) {
    co_await looking_->opened.wait();
  }
  if (engine_.empty()) {
    const Passage passage{looking_};
    if (const Status asked = co_await ask_engine(); !asked) {
      co_return asked.error();
    }
  }
  co_return machine_memory_;
}

bool Registry::is_elsewhere(const std::string& id) const {
  const auto record = shared_.folder.read(id);
  return record && !record->engine.empty() && !engine_.empty() && record->engine != engine_;
}

// A spare's maker holds its lock for the spare's life. One whose lock is free was given out by a
// server that died before it could say so, or its maker is dead: it is asked, and never removed.
Registry::Kind Registry::kind_of(const engine::Found& found) {
  const std::string& id = found.identity.id;
  if (!is_sandbox_id(id)) {
    return Kind::kNone;
  }
  if (found.identity.role == engine::Role::kSandbox || found.given ||
      shared_.folder.read(id).has_value()) {
    return Kind::kSandbox;
  }
  if (found.identity.domain != shared_.folder.domain()) {
    return Kind::kSpare;
  }
  const auto lock = shared_.folder.try_lock(id);
  return lock && *lock ? Kind::kUndecided : Kind::kSpare;
}

asio::awaitable<bool> Registry::is_sandbox(engine::Found found) {
  const Kind kind = kind_of(found);
  if (kind != Kind::kUndecided || !found.running || left_over_.contains(found.identity.id)) {
    co_return kind == Kind::kSandbox;
  }
  const SandboxPtr sandbox = adopt(found);
  const auto given = co_await sandbox->was_given();
  if (!given || !*given) {
    sandboxes_.erase(found.identity.id);
  }
  if (given && !*given) {
    left_over_.insert(found.identity.id);  // nobody is left who could give it out
  }
  co_return given&&* given;
}

SandboxPtr Registry::adopt(const engine::Found& found) {
  auto& place = sandboxes_[found.identity.id];
  if (!place) {
    place = std::make_shared<Sandbox>(shared_, found, Phase::kUnknown);
  }
  return place;
}

SandboxPtr Registry::known(const std::string& id) const {
  const auto found = sandboxes_.find(id);
  return found == sandboxes_.end() ? nullptr : found->second;
}

SandboxView Registry::view_of(const engine::Found& found) const {
  if (const SandboxPtr sandbox = known(found.identity.id)) {
    return sandbox->view();
  }
  const std::string& id = found.identity.id;
  SandboxView view = make_view(found, shared_.folder.read(id), shared_.folder.ended(id));
  view.foreign = shared_.is_foreign(found);
  return view;
}

// One that the engine does not name, as far as its record tells.
engine::Found Registry::unnamed(const std::string& id) const {
  engine::Found found;
  found.identity.id = id;
  found.identity.domain = shared_.folder.domain();
  if (const auto record = shared_.folder.read(id)) {
    found.identity.lifetime = record->lifetime;
    found.since = static_cast<std::int64_t>(record->created_at);
  }
  return found;
}

std::optional<SandboxView> Registry::look_up(const std::string& id) const {
  if (!is_sandbox_id(id)) {
    return std::nullopt;
  }
  if (const SandboxPtr sandbox = known(id)) {
    return sandbox->view();
  }
  const auto record = shared_.folder.read(id);
  if (!record) {
    return std::nullopt;
  }
  return make_view(unnamed(id), record, shared_.folder.ended(id));
}

asio::awaitable<Result<SandboxPtr>> Registry::find(std::string id) {
  if (!is_sandbox_id(id)) {
    co_return unknown_error(id);
  }
  const Status prepared = shared_.folder.prepare();
  if (!prepared) {
    co_return prepared.error();
  }
  if (const SandboxPtr sandbox = known(id)) {
    co_return sandbox;
  }
  const LookPtr seen = co_await look(Clock::now());
  if (!seen->found) {
    co_return seen->found.error();
  }
  const auto found = std::find_if(seen->found->begin(), seen->found->end(),
                                  [&id](const auto& one) { return one.identity.id == id; });
  if (found == seen->found->end()) {
    const auto past = look_up(id);
    if (!past) {
      co_return unknown_error(id);
    }
    co_await settle(seen);
    if (!shared_.folder.ended(id)) {
      co_return Error{Errc::kBusy, "Sandbox " + id +
                                       " is being made by another server, or belongs to another "
                                       "container engine. Try again, or create a new one."};
    }
    co_return std::make_shared<Sandbox>(shared_, unnamed(id), Phase::kEnded);
  }
  const bool ours = co_await is_sandbox(*found);
  if (!ours) {
    co_return unknown_error(id);
  }
  co_return adopt(*found);
}

asio::awaitable<Result<std::vector<SandboxView>>> Registry::list(bool include_ended) {
  const Status prepared = shared_.folder.prepare();
  if (!prepared) {
    co_return prepared.error();
  }
  // Who asks again and again is answered from what was seen last, which is then looked at anew.
  const auto now = Clock::now();
  const bool seen_well = last_ && last_->found;
  const LookPtr seen = co_await look(include_ended || !seen_well ? now : now - kListAge);
  if (!seen->found) {
    co_return seen->found.error();
  }
  if (seen->asked < now - kFresh && !looking_->closed) {
    spawn(shared_.executor, "look behind a list", refresh(*this));
  }
  co_await settle(seen);
  if (include_ended) {
    forget_old(*seen);
  }
  std::vector<SandboxView> views;
  std::set<std::string> listed;
  for (const engine::Found& found : *seen->found) {
    const bool ours = co_await is_sandbox(found);
    if (ours && found.running && !shared_.folder.ended(found.identity.id)) {
      listed.insert(found.identity.id);
      views.push_back(view_of(found));
    }
  }
  add_unlisted(views, listed, include_ended);
  std::sort(views.begin(), views.end(),
            [](const SandboxView& a, const SandboxView& b) { return a.created_at < b.created_at; });
  co_return views;
}

asio::awaitable<void> Registry::refresh(Registry& registry) {
  (void)co_await registry.look(Clock::now());
}

// Those that the engine did not name: being made, or ended. What has ended is kept for a day, and
// is not even read where nobody asks for it: there may be thousands.
void Registry::add_unlisted(std::vector<SandboxView>& views, const std::set<std::string>& listed,
                            bool include_ended) const {
  for (const std::string& id : include_ended ? shared_.folder.ids() : shared_.folder.living()) {
    auto view = listed.contains(id) || is_elsewhere(id) ? std::nullopt : look_up(id);
    const bool ended = view && (view->phase == Phase::kEnded || view->phase == Phase::kEnding);
    if (view && (!ended || include_ended)) {
      views.push_back(std::move(*view));
    }
  }
}

// --- what is gone, dead or over -----------------------------------------------------------------

/// Sandboxes that are said to live and that the engine did not name.
std::vector<std::string> Registry::suspects(const Look& look) const {
  const std::set<std::string> there = ids_of(*look.found);
  std::vector<std::string> result;
  for (const std::string& id : look.known) {
    if (!there.contains(id) && !shared_.folder.ended(id) && !is_elsewhere(id)) {
      result.push_back(id);
    }
  }
  return result;
}

void Registry::settle_gone(const std::string& id, const std::string& why) {
  SandboxPtr sandbox = known(id);
  if (!sandbox) {
    sandbox = std::make_shared<Sandbox>(shared_, unnamed(id), Phase::kUnknown);
  }
  sandbox->settle_gone(why);
}

// A list may be older than what it is held against: what is not in it is asked for once more.
asio::awaitable<void> Registry::settle(LookPtr seen) {
  const std::vector<std::string> missing = suspects(*seen);
  if (!missing.empty()) {
    const LookPtr again = co_await look(Clock::now());
    settle_missing(missing, *seen, *again);
  }
  for (const engine::Found& found : *seen->found) {
    if (const char* const why = is_over(found)) {
      finish_off(found, why);
    }
  }
}

void Registry::settle_missing(const std::vector<std::string>& missing, const Look& look,
                              const Look& again) {
  if (!again.found) {
    return;
  }
  const std::vector<std::string> still = suspects(again);
  for (const std::string& id : missing) {
    if (std::find(still.begin(), still.end(), id) != still.end()) {
      const auto why = look.ended.find(id);
      settle_gone(id, why == look.ended.end() ? "" : why->second);
    }
  }
}

// Its maker holds its lock until it has answered.
bool Registry::is_abandoned(const std::string& id) const {
  const auto lock = shared_.folder.try_lock(id);
  const auto record = lock && *lock ? shared_.folder.read(id) : std::nullopt;
  return record && record->starting && shared_.folder.end(id, "its server ended first");
}

/// Why a sandbox that the engine has is to be removed; null where it is not.
const char* Registry::is_over(const engine::Found& found) const {
  const std::string& id = found.identity.id;
  const double age = Clock::wall() - static_cast<double>(found.since);
  // Where there is a record its own clock counts, from when it was given out. Elsewhere a spare's
  // age does not count against what may have been made of it: twice the lifetime is beyond doubt.
  const auto record = shared_.folder.read(id);
  const double life = record && record->boot == boot_id()
                          ? static_cast<double>(awake_ms() - record->created_awake) / 1000
                          : age;
  const double times = found.identity.role == engine::Role::kSpare && !record ? 2 : 1;
  if (shared_.folder.ended(id)) {
    return "a sandbox that has ended";
  }
  if (record && record->starting && is_abandoned(id)) {
    return "a sandbox that nobody was told of";
  }
  if (!found.running && age > kNeverStarted && !known(id)) {
    return "a sandbox that never ran";
  }
  if (life > times * static_cast<double>(found.identity.lifetime) + kLifetimeMargin) {
    return "a sandbox that outlived its lifetime";
  }
  return nullptr;
}

void Registry::finish_off(const engine::Found& found, const char* why) {
  if (removing_->insert(found.handle.id).second) {
    log::info("removing", {{"what", why}, {"sandbox", found.identity.id}});
    spawn(shared_.executor, "removal of " + found.identity.id,
          remove_for_good(shared_, found.handle, removing_));
  }
}

asio::awaitable<void> Registry::remove_for_good(Shared& shared, engine::Handle handle,
                                                std::shared_ptr<std::set<std::string>> removing) {
  const Status removed = co_await shared.engine.remove(handle);
  removing->erase(handle.id);
  if (!removed) {
    log::warning("a sandbox could not be removed; it is tried again at the next look",
                 {{"reason", removed.error().message}});
  }
}

asio::awaitable<Status> Registry::remove(std::string id, bool force) {
  auto sandbox = co_await find(id);
  if (!sandbox && sandbox.error().code == Errc::kBusy && force && !is_elsewhere(id)) {
    co_return shared_.folder.end(id, "removed");  // its maker finds that, and removes it
  }
  if (!sandbox) {
    co_return sandbox.error();
  }
  const auto begun = co_await (*sandbox)->begin_end("removed", force);
  if (!begun) {
    co_return begun.error();
  }
  if (*begun) {
    spawn(shared_.executor, "removal of " + id, finish_removal(*this, *sandbox));
    // Its client, which outlives us, is started before anybody is told.
    co_await asio::post(shared_.executor, asio::use_awaitable);
  }
  co_return Ok{};
}

// What could not be removed keeps its place: what was seen before does not tell of it.
asio::awaitable<void> Registry::finish_removal(Registry& registry, SandboxPtr sandbox) {
  const Status removed = co_await sandbox->finish_end("removed");
  if (!removed) {
    registry.last_.reset();
  }
}

asio::awaitable<void> Registry::end_expired() {
  std::vector<SandboxPtr> expired;
  for (auto one = sandboxes_.begin(); one != sandboxes_.end();) {
    const SandboxView view = one->second->view();
    // What has ended is kept for a while for who still asks for a result of it.
    constexpr double kKeepEnded = 600;
    if (view.phase == Phase::kEnded && Clock::wall() > view.ended_at + kKeepEnded) {
      one = sandboxes_.erase(one);
      continue;
    }
    if (view.phase == Phase::kIdle && Clock::wall() > view.expires_at) {
      expired.push_back(one->second);
    }
    ++one;
  }
  for (const SandboxPtr& sandbox : expired) {
    if (sandbox->expired() && sandbox->phase() != Phase::kBusy) {
      const Status ended = co_await sandbox->end(kExpired, false);
      const bool used = !ended && ended.error().code == Errc::kBusy;
      if (!ended && !used && ended.error().code != Errc::kEnded) {
        log::warning("an expired sandbox could not be ended",
                     {{"sandbox", sandbox->id()}, {"reason", ended.error().message}});
      }
    }
  }
}

void Registry::let_go() {
  for (const auto& [id, sandbox] : sandboxes_) {
    sandbox->let_go();
  }
}

asio::awaitable<void> Registry::end_overdue(std::string id) {
  const auto overdue = co_await find(id);
  if (!overdue) {
    co_return;
  }
  const Status ended = co_await (*overdue)->end(kExpired, false);
  log::info("an overdue sandbox", {{"sandbox", id}, {"ended", ended.ok()}});
}

// Never one that the engine has still: without its end it would live.
void Registry::forget_old(const Look& look) {
  const std::set<std::string> there = ids_of(*look.found);
  for (const std::string& id : shared_.folder.ids()) {
    const auto ending = shared_.folder.ended(id);
    if (ending && Clock::wall() > ending->at + kForgetEnded && !there.contains(id) &&
        !is_elsewhere(id)) {
      shared_.folder.forget(id);
    }
  }
}

asio::awaitable<void> Registry::sweep() {
  const auto views = co_await list(false);
  if (!views) {
    log::debug("a look at the engine failed", {{"reason", views.error().message}});
    co_return;
  }
  // Whose own supervisor did not end it: who knows it looks at its record, under its lock.
  for (const SandboxView& view : *views) {
    if (view.phase == Phase::kIdle && !view.foreign &&
        Clock::wall() > view.expires_at + kLifetimeMargin) {
      co_await end_overdue(view.id);
    }
  }
  if (!last_ || !last_->found) {
    co_return;  // another look has failed meanwhile
  }
  const std::set<std::string> there = ids_of(*last_->found);
  std::erase_if(left_over_, [&there](const std::string& id) { return !there.contains(id); });
  forget_old(*last_);
  for (const std::string& id : shared_.folder.strays()) {
    if (!there.contains(id) && !known(id)) {
      shared_.folder.forget(id);  // a lock of a spare that nobody took, and the like
    }
  }
}

}  // namespace omcp_r::sandbox
