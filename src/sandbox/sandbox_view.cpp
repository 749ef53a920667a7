#include <algorithm>
#include <utility>

#include "omcp_r/sandbox/sandbox.hpp"

// What is told of a sandbox.

namespace omcp_r::sandbox {
namespace {

constexpr std::int64_t kBusyMargin = 30;  ///< seconds that a run may outlast its limit
constexpr double kStartsFor = 180;        ///< seconds after which a start has failed

}  // namespace

const char* phase_name(Phase phase) {
  switch (phase) {
    case Phase::kStarting:
      return "starting";
    case Phase::kBusy:
      return "busy";
    case Phase::kEnding:
      return "ending";
    case Phase::kEnded:
      return "ended";
    case Phase::kIdle:
    case Phase::kUnknown:
      break;
  }
  return "idle";
}

SandboxView make_view(const engine::Found& found, const std::optional<Record>& record,
                      const std::optional<Ending>& ending) {
  SandboxView view;
  view.id = found.identity.id;
  view.image = found.image;
  view.image_digest = found.image_digest;
  view.memory_bytes = found.memory_bytes;
  view.cpus = found.cpus;
  view.idle = record ? record->idle : found.identity.idle;
  view.lifetime = found.identity.lifetime;
  view.created_at = record ? record->created_at : static_cast<double>(found.since);
  view.last_used = record ? record->used_at : view.created_at;
  const double now = Clock::wall();
  double idle_left = static_cast<double>(view.idle) - (now - view.last_used);
  // From when it was given out: a spare's age does not count against what was made of it.
  double life_left = static_cast<double>(view.lifetime) - (now - view.created_at);
  if (record && record->boot == boot_id()) {
    const std::int64_t awake = awake_ms();
    const std::int64_t until =
        record->running.empty() ? 0 : record->begun_awake + record->limit * 1000;
    const std::int64_t idle_since = std::max(record->used_awake, until);
    idle_left = static_cast<double>(record->idle) - static_cast<double>(awake - idle_since) / 1000;
    life_left = static_cast<double>(view.lifetime) -
                static_cast<double>(awake - record->created_awake) / 1000;
    if (awake < until + kBusyMargin * 1000) {
      view.phase = Phase::kBusy;
    }
  }
  if (record) {
    view.r_version = record->r_version;
    view.executions = record->executions;
    const bool starting = record->starting && now < record->created_at + kStartsFor;
    view.phase = starting ? Phase::kStarting : view.phase;
  }
  view.expires_at = now + std::min(idle_left, life_left);
  if (ending) {
    view.phase = Phase::kEnded;
    view.ended_at = ending->at;
    view.end_reason = ending->reason;
  }
  return view;
}

SandboxView Sandbox::view() const {
  const auto record = record_ && lock_ ? record_ : shared_.folder.read(id());
  SandboxView view = make_view(found_, record, shared_.folder.ended(id()));
  view.foreign = foreign();
  if (view.phase != Phase::kEnded && phase_ != Phase::kUnknown) {
    // A short call of ours does not make it busy for anybody else.
    view.phase = phase_ == Phase::kBusy && !execution_ ? Phase::kIdle : phase_;
  }
  return view;
}

bool Sandbox::expired() const {
  const SandboxView seen = view();
  return seen.phase != Phase::kBusy && seen.phase != Phase::kStarting &&
         Clock::wall() > seen.expires_at;
}

Error Sandbox::busy_error() const {
  const auto record = shared_.folder.read(id());
  const std::string running = execution_ ? execution_->id : record ? record->running : "";
  const std::string message =
      running.empty() ? "R in sandbox " + id() + " does not answer now. Try again"
                      : "Code is running in sandbox " + id() +
                            ". Collect it with execute_r_code and execution_id " + running;
  return Error{Errc::kBusy, message + ", stop it with interrupt: true, or use another sandbox."};
}

Error Sandbox::ended_error() const {
  const auto ending = shared_.folder.ended(id());
  const std::string why = ending ? "ended (" + ending->reason + ")" : "ended";
  return Error{Errc::kEnded, "Sandbox " + id() + " has " + why +
                                 "; its variables and files are gone. Create a new one with "
                                 "create_sandbox."};
}

}  // namespace omcp_r::sandbox
