#include <algorithm>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "omcp_r/base/background.hpp"
#include "omcp_r/base/log.hpp"
#include "omcp_r/base/text.hpp"
#include "omcp_r/sandbox/sandbox.hpp"
#include "pause.hpp"

// What runs in a sandbox: from the request to its result, and how it is stopped.

namespace omcp_r::sandbox {
namespace {

using namespace std::chrono_literals;

/// The end mark travels on another stream than the report, and may come after it; it never comes
/// where user code closed the descriptor.
constexpr auto kMarkGrace = 500ms;
/// For R to end once it has reported that it quits, and for a new session to be up.
constexpr auto kRenewGrace = 20s;
/// For R to begin with what it was given, before the limit counts all the same.
constexpr auto kBeginGrace = 30s;
/// The supervisor speaks every three seconds while code runs. A stream that is silent for longer,
/// though the engine answers, is taken up anew.
constexpr auto kSilence = 30s;
/// A stream that ends is taken up again, more slowly each time, and not for ever.
constexpr auto kBreakPause = 50ms;
constexpr int kMaxBreaks = 10;
constexpr auto kAcknowledge = 2s;
constexpr auto kOrphanTakePatience = 2s;
constexpr std::uint64_t kSurelyShown = 45'000;
constexpr std::size_t kRecent = 8;
constexpr std::int64_t kOrphanMargin = 5;  ///< seconds for the supervisor to act first

void note_start(const std::string& id, const Execution& execution,
                const ExecutionRequest& request) {
  log::debug("code", {{"sandbox", id}, {"execution", execution.id}, {"code", request.code}});
  log::audit("execution_started",
             {{"sandbox", id}, {"execution", execution.id}, {"code_bytes", request.code.size()}});
}

void note_end(const std::string& id, const Execution& execution) {
  log::audit("execution_ended", {{"sandbox", id},
                                 {"execution", execution.id},
                                 {"outcome", outcome_name(execution.outcome)},
                                 {"ms", execution.elapsed().count()},
                                 {"output_bytes", execution.transcript.bytes()}});
}

/// Something that the engine could not do on the way to an end: the next rung does it.
void note_failure(const char* what, const std::string& id, const Status& status) {
  if (!status) {
    log::warning(what, {{"sandbox", id}, {"reason", status.error().message}});
  }
}

}  // namespace

/// Where the stopping of a run has got to: interrupt, again until the worker answers; kill R and
/// all it started; remove the sandbox.
struct Sandbox::Ladder {
  static constexpr auto kRepeat = 300ms;
  static constexpr auto kKill = 3000ms;
  /// After the kill was delivered: a busy engine may take its time.
  static constexpr auto kRemove = 10'000ms;
  /// Kills that got lost although the engine answers: by chance once, and not again.
  static constexpr int kMostWithheld = 2;

  Clock::time_point since{};
  Clock::time_point next_interrupt{};
  Clock::time_point killed_at{};
  unsigned interrupts_before = 0;
  unsigned interrupts = 0;
  int withheld = 0;
  bool killed = false;
  bool removed = false;
  int breaks = 0;  ///< how often the stream ended under the run
};

ExecutionPtr Sandbox::new_execution(std::string execution_id) {
  auto execution = std::make_shared<Execution>(shared_.executor, std::move(execution_id),
                                               shared_.settings.max_output_chars);
  execution->longest_timeout = shared_.settings.max_execution_timeout;
  execution->memory_bytes = found_.memory_bytes;
  return execution;
}

ExecutionPtr Sandbox::known(const std::string& execution_id) const {
  if (execution_ && execution_->id == execution_id) {
    return execution_;
  }
  const auto found = std::find_if(recent_.begin(), recent_.end(), [&](const ExecutionPtr& one) {
    return one->id == execution_id && !one->let_go && one->outcome != Outcome::kEngineLost;
  });
  return found == recent_.end() ? nullptr : *found;
}

asio::awaitable<Result<ExecutionPtr>> Sandbox::execute(ExecutionRequest request) {
  const std::shared_ptr<Sandbox> self = shared_from_this();
  const auto left = shared_.folder.read(id());
  const bool orphan = phase_ == Phase::kUnknown && left && !left->running.empty();
  const Clock::duration patience = orphan ? kOrphanTakePatience : kTakePatience;
  const Status taken = co_await take(patience);
  if (!taken) {
    co_return taken.error();
  }
  const ExecutionPtr execution = new_execution(wire::new_id());
  execution->on_output = std::move(request.on_output);
  if (std::exchange(session_lost_, false)) {
    execution->dropped.emplace_back(
        "R had ended since the last run, and a new session was started: variables and loaded "
        "packages are gone, files in /sandbox are still there.");
  }
  note_start(id(), *execution, request);
  note_use();
  record().running = execution->id;
  record().begun_awake = awake_ms();
  record().limit = request.timeout.count();
  ++record().executions;
  write_record();
  channel_->run(execution, request);
  begin(execution);
  co_return execution;
}

// Watches what another process started. It may be stopped by its own limit, which the supervisor
// knows too, by whoever asks for that, and by nothing else.
void Sandbox::adopt(const std::string& execution_id) {
  const ExecutionPtr execution = new_execution(execution_id);
  const Record& left = record();
  channel_->collect(execution);
  if (left.running == execution_id && left.boot == boot_id() && left.limit > 0) {
    const std::int64_t ends = left.begun_awake + (left.limit + kOrphanMargin) * 1000;
    execution->limit = Clock::now() + std::chrono::milliseconds{ends - awake_ms()};
  }
  begin(execution);
}

void Sandbox::begin(const ExecutionPtr& execution) {
  execution_ = execution;
  changed_.notify_all();
  spawn(shared_.executor, "watch of " + execution->id, see_through(shared_from_this(), execution));
}

asio::awaitable<Result<ExecutionPtr>> Sandbox::collect(std::string execution_id) {
  const std::shared_ptr<Sandbox> self = shared_from_this();
  if (const ExecutionPtr execution = known(execution_id)) {
    co_return execution;
  }
  if (!wire::is_id(execution_id)) {
    const ExecutionPtr unknown = new_execution(execution_id.substr(0, 64));
    unknown->outcome = Outcome::kUnknown;
    unknown->done = true;
    unknown->finished = Clock::now();
    co_return unknown;
  }
  const Status taken = co_await take(kOrphanTakePatience);
  if (const ExecutionPtr execution = known(execution_id)) {
    co_return execution;  // found at work, and adopted
  }
  if (!taken) {
    co_return taken.error();
  }
  adopt(execution_id);
  execution_->found_finished = true;  // R greeted, so nothing runs
  co_return execution_;
}

void Sandbox::stop(const ExecutionPtr& execution) {
  if (execution->stop == StopReason::kNone) {
    execution->stop = StopReason::kRequested;
  }
  if (channel_) {
    channel_->poke();
  }
}

asio::awaitable<Result<ExecutionPtr>> Sandbox::interrupt() {
  const std::shared_ptr<Sandbox> self = shared_from_this();
  const auto seen = shared_.folder.read(id());
  if (!execution_ && (!seen || seen->running.empty())) {
    const Status freed = co_await free_up();
    if (!freed) {
      co_return freed.error();
    }
  } else if (!execution_) {
    auto collected = co_await collect(seen->running);
    if (!collected && collected.error().code == Errc::kBusy && !execution_) {
      const Status stopped = co_await interrupt_elsewhere();
      if (!stopped) {
        co_return stopped.error();
      }
      collected = co_await collect(seen->running);
    }
    if (!collected) {
      co_return collected.error();
    }
  }
  const ExecutionPtr execution = execution_;
  if (execution) {
    if (!execution->found_finished) {
      stop(execution);
    }
    while (!execution->done) {
      co_await execution->changed.wait();
    }
  }
  co_return execution;
}

// The rungs that an engine has, as one call: g++ 12 destroys what a conditional with co_await in it
// leaves twice, in some forms.
asio::awaitable<Status> Sandbox::press(bool kill) {
  return kill ? shared_.engine.kill_session(found_.handle)
              : shared_.engine.interrupt(found_.handle);
}

// Nothing is known to run. Where R does not answer all the same, it is busy with something that no
// run of ours is, such as a callback: that is stopped, and then the session.
asio::awaitable<Status> Sandbox::free_up() {
  Status taken = co_await take(kOrphanTakePatience);
  for (const bool kill : {false, true}) {
    if (taken || taken.error().code != Errc::kBusy || execution_) {
      break;
    }
    const Status sent = co_await press(kill);
    note_failure("what R does could not be stopped", id(), sent);
    taken = co_await take(kill ? kRenewGrace : Ladder::kKill);
  }
  if (taken) {
    release();
  }
  co_return taken || execution_ ? Status{Ok{}} : taken;
}

// Another server watches what runs: it tells its own caller, and we wait until it is done.
asio::awaitable<Status> Sandbox::interrupt_elsewhere() {
  const auto start = Clock::now();
  auto next = start;
  bool killed = false;
  for (;;) {
    const auto held = shared_.folder.read(id());
    if (!held || held->running.empty()) {
      co_return Ok{};
    }
    const auto now = Clock::now();
    if (now > start + Ladder::kKill + kRenewGrace) {
      co_return busy_error();
    }
    if (now >= next && !killed) {
      next = now + Ladder::kRepeat;
      // Once: a session that has just started again is not to be killed again.
      killed = now >= start + Ladder::kKill;
      const Status sent = co_await press(killed);
      if (!sent) {
        co_return sent.error();
      }
    }
    co_await pause_for(20ms);
  }
}

// Watches an execution to its end and lets go of the sandbox; only then is the execution done, so
// that who waited for it finds the sandbox free.
asio::awaitable<void> Sandbox::see_through(std::shared_ptr<Sandbox> self, ExecutionPtr execution) {
  co_await self->watch(execution);
  const bool shortened =
      execution->transcript.truncated() || execution->transcript.bytes() > kSurelyShown;
  const bool usable = self->channel_ && self->channel_->open() && self->phase_ == Phase::kBusy;
  if (usable) {
    self->channel_->drop_execution();
    if (shortened) {
      co_await self->keep_output(execution);
    }
  }
  self->conclude(execution);
}

void Sandbox::conclude(const ExecutionPtr& execution) {
  const bool lost = execution->outcome == Outcome::kEngineLost;
  execution->finished = Clock::now();
  execution_.reset();
  // What the worker does not know was meant for another session than runs now.
  greeted_ = greeted_ && !execution->session_restarted && execution->outcome != Outcome::kUnknown;
  if (channel_ && execution->session_restarted) {
    record().session = 0;  // the one who asked is told of it by this result
  }
  if (!lost && phase_ == Phase::kBusy) {
    record().running.clear();
    release();
  }
  execution->recent = true;
  recent_.push_back(execution);
  if (recent_.size() > kRecent) {
    recent_.front()->recent = false;
    recent_.pop_front();
  }
  shared_.kept.keep(execution);
  if (execution->outcome == Outcome::kSandboxEnded && phase_ == Phase::kIdle) {
    become_ended(end_reason());
  } else if (lost && phase_ == Phase::kBusy) {
    detach();  // its record still names the run: it can be collected once the engine is back
  }
  execution->done = true;
  if (phase_ != Phase::kUnknown || lost) {
    note_end(id(), *execution);  // else it goes on, for whoever collects it
  }
  changed_.notify_all();
  execution->changed.notify_all();
}

// The whole output as a file, where the text of the answer is not all of it.
asio::awaitable<void> Sandbox::keep_output(ExecutionPtr execution) {
  const std::string path = "output-" + execution->id.substr(0, 8) + ".txt";
  std::string text = to_valid_utf8(execution->transcript.kept());
  const auto deadline = Clock::now() + kCallPatience;
  const Status put = co_await channel_->put(path, std::move(text), deadline);
  if (put) {
    execution->output_file = path;
  }
}

bool Sandbox::complete(const Execution& execution) const {
  const Heard& heard = channel_->heard();
  const auto now = Clock::now();
  if (heard.exited) {
    // What the old session had finished is told by the new one.
    return (heard.ended && heard.renewed) || now >= heard.exited_at + kRenewGrace;
  }
  if (execution.report && execution.report->status == RunStatus::kQuit) {
    return now >= heard.reported_at + kRenewGrace;
  }
  return heard.reported && (heard.ended || now >= heard.reported_at + kMarkGrace);
}

void Sandbox::decide_stop(Execution& execution) const {
  const auto now = Clock::now();
  const bool overdue = !channel_->heard().begun && execution.timeout.count() > 0 &&
                       now >= execution.started + kBeginGrace + execution.timeout;
  if (execution.stop == StopReason::kNone && (now >= execution.limit || overdue)) {
    execution.stop = StopReason::kTimeout;
  }
}

/// When to look again, if nothing happens before.
Clock::time_point Sandbox::next_look(const Execution& execution) const {
  const Heard& heard = channel_->heard();
  const auto now = Clock::now();
  auto next = std::min(execution.limit, heard.last + kSilence);
  if (heard.reported || heard.exited) {
    next = std::min(next, now + kMarkGrace);
  }
  if (!heard.begun) {
    next = std::min(next, now + 1s);
  }
  return execution.stop == StopReason::kNone ? next : std::min(next, now + 50ms);
}

asio::awaitable<void> Sandbox::watch(ExecutionPtr execution) {
  Ladder ladder;
  ladder.interrupts_before = channel_ ? channel_->heard().interrupts : 0;
  while (phase_ == Phase::kBusy && !complete(*execution)) {
    if (!channel_->open() || channel_->quiet_for(kSilence)) {
      ladder.breaks += channel_->open() ? 0 : 1;
      const bool back = co_await recover(execution, ladder.breaks);
      if (!back) {
        co_return;
      }
      ladder.interrupts_before = channel_->heard().interrupts;
      ladder.interrupts = 0;
      continue;
    }
    decide_stop(*execution);
    const std::shared_ptr<Channel> channel = channel_;
    const auto next = next_look(*execution);
    if (execution->stop != StopReason::kNone && !channel->heard().exited) {
      co_await climb(*execution, ladder);
    }
    if (phase_ == Phase::kBusy && !complete(*execution)) {
      co_await channel->changed().wait_until(next);
    }
  }
  const std::shared_ptr<Channel> channel = channel_;
  if (phase_ == Phase::kBusy) {
    co_await settle(ladder);
  }
  if (phase_ != Phase::kBusy || !channel) {
    execution->outcome = Outcome::kSandboxEnded;  // removed, or let go, meanwhile
  } else {
    judge(*execution, channel->heard(), ladder.interrupts > 0);
  }
}

void Sandbox::judge(Execution& execution, const Heard& heard, bool interrupted) {
  execution.session_restarted = heard.exited;
  execution.exit_status = heard.exit_status;
  if (heard.exited && !heard.begun) {
    execution.dropped.emplace_back("R ended before it began with this code: none of it has run.");
  }
  if (heard.exited && execution.report) {
    execution.report->left_running.clear();  // they were killed with the session
    execution.report->left_running_count = 0;
  }
  execution.outcome = outcome_of(execution, heard, interrupted);
}

asio::awaitable<void> Sandbox::climb(Execution& execution, Ladder& ladder) {
  const auto now = Clock::now();
  if (ladder.since == Clock::time_point{}) {
    ladder.since = now;
  }
  if (ladder.killed && now >= ladder.killed_at + Ladder::kRemove) {
    if (!std::exchange(ladder.removed, true)) {
      execution.session_restarted = true;
      const Status ended = co_await end("it could not be stopped", true);
      note_failure("a sandbox that does not stop could not be removed", id(), ended);
    }
  } else if (now >= ladder.since + Ladder::kKill) {
    if (!ladder.killed && now >= ladder.next_interrupt) {
      ladder.next_interrupt = now + Ladder::kRepeat;
      const Status sent = co_await shared_.engine.kill_session(found_.handle);
      note_failure("a session that does not stop could not be killed", id(), sent);
      // An engine that gave no answer is no reason to remove what it may not have killed. One that
      // answers everything else is: what runs there may well have kept the kill from coming.
      const bool unanswered = !sent && (sent.error().code == Errc::kEngineUnavailable ||
                                        sent.error().code == Errc::kTimeout);
      if (unanswered) {
        const bool there = co_await shared_.engine.answers();
        ladder.withheld += there ? 1 : 0;
      }
      ladder.killed = !unanswered || ladder.withheld >= Ladder::kMostWithheld;
      ladder.killed_at = Clock::now();
    }
  } else if (now >= ladder.next_interrupt) {
    ladder.next_interrupt = now + Ladder::kRepeat;
    const Status sent = co_await shared_.engine.interrupt(found_.handle);
    note_failure("a run could not be interrupted", id(), sent);
    ladder.interrupts += sent ? 1 : 0;
  }
}

// Before the sandbox is used again, every interrupt and kill sent must have landed: a late one
// would hit the next execution.
asio::awaitable<void> Sandbox::settle(const Ladder& ladder) {
  const std::shared_ptr<Channel> channel = channel_;
  const auto deadline = Clock::now() + (ladder.killed ? kRenewGrace : kAcknowledge);
  const auto landed = [&] {
    const Heard& heard = channel->heard();
    return ladder.killed
               ? heard.renewed
               : heard.interrupts - ladder.interrupts_before >= ladder.interrupts || heard.exited;
  };
  while (channel && channel->open() && !landed() && Clock::now() < deadline) {
    co_await channel->changed().wait_until(deadline);
  }
}

// The stream ended or fell silent. True when the sandbox lives and the execution can be watched on.
asio::awaitable<bool> Sandbox::recover(ExecutionPtr execution, int breaks) {
  channel_->close();
  co_await pause_for(breaks * kBreakPause);
  if (breaks > kMaxBreaks || channel_->given_up()) {
    execution->outcome = Outcome::kEngineLost;
    co_return false;
  }
  const auto seen = co_await presence();
  if (seen == Presence::kRuns && phase_ == Phase::kBusy) {
    const Status attached = co_await attach();
    if (attached && phase_ == Phase::kBusy) {
      channel_->collect(execution);
      if (execution->timeout.count() > 0 && execution->limit == Clock::time_point::max()) {
        execution->limit = execution->started + execution->timeout;
      }
      co_return true;
    }
  }
  const bool gone = seen == Presence::kGone || phase_ != Phase::kBusy;
  execution->outcome = gone ? Outcome::kSandboxEnded : Outcome::kEngineLost;
  co_return false;
}

Outcome Sandbox::outcome_of(const Execution& execution, const Heard& heard, bool interrupted) {
  if (execution.stop == StopReason::kOutputLimit) {
    return Outcome::kOutputLimit;
  }
  const auto& report = execution.report;
  const bool ok = report && report->status == RunStatus::kOk;
  if (execution.stop != StopReason::kNone && !(ok && !interrupted)) {
    return execution.stop == StopReason::kTimeout ? Outcome::kTimedOut : Outcome::kInterrupted;
  }
  // The supervisor stops what nobody watches at its limit; another server, when it is asked to.
  const bool past = execution.limit != Clock::time_point::max() &&
                    Clock::now() >= execution.limit - std::chrono::seconds{kOrphanMargin + 1};
  if (heard.exited && (!report || report->status != RunStatus::kQuit)) {
    return !heard.killed ? Outcome::kCrashed : past ? Outcome::kTimedOut : Outcome::kInterrupted;
  }
  if (heard.exited) {
    return Outcome::kQuit;
  }
  if (!report) {
    return Outcome::kUnknown;
  }
  if (report->status == RunStatus::kInterrupted && execution.joined_late && past) {
    return Outcome::kTimedOut;
  }
  switch (report->status) {
    case RunStatus::kOk:
      return Outcome::kOk;
    case RunStatus::kInterrupted:
      return Outcome::kInterrupted;
    case RunStatus::kQuit:
      return Outcome::kQuit;
    case RunStatus::kCrashed:
      return Outcome::kCrashed;
    case RunStatus::kError:
      break;
  }
  return Outcome::kError;
}

}  // namespace omcp_r::sandbox
