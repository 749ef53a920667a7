#include "omcp_r/sandbox/session.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

#include "omcp_r/base/text.hpp"

namespace omcp_r::sandbox {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

/// The end mark of the transcript travels on another pipe than the report and may come after it; it
/// never comes where user code closed the descriptor.
constexpr auto kMarkGrace = 500ms;
/// The supervisor says "tick" every five seconds while code runs; a lost remote engine leaves an
/// attached stream silent without ending it.
constexpr auto kSilence = 30s;
constexpr auto kAcknowledge = 2s;
/// User code can forge a report: nothing nested deeper than ours is taken.
constexpr int kMaxDepth = 12;

Json parse_report(const std::string& bytes) {
  const auto shallow = [](int depth, Json::parse_event_t, Json&) { return depth < kMaxDepth; };
  return Json::parse(to_valid_utf8(bytes), shallow, false);
}

std::string text_of(const Json& json, const char* key) {
  const auto it = json.find(key);
  return it != json.end() && it->is_string() ? it->get<std::string>() : "";
}

}  // namespace

Session::Session(const asio::any_io_executor& executor, engine::Engine& engine,
                 std::string container)
    : executor_(executor),
      engine_(engine),
      container_(std::move(container)),
      wake_(executor),
      last_heard_(Clock::now()) {}

asio::awaitable<Status> Session::attach() {
  auto attached = co_await engine_.attach(container_);
  if (!attached) {
    co_return attached.error();
  }
  attachment_ = std::move(*attached);
  ended_ = false;
  frames_ = {};
  last_heard_ = Clock::now();
  // A newline ends the half line that a process killed while writing may have left in the pipe.
  outgoing_.assign(1, "\n");
  asio::co_spawn(
      executor_, [self = shared_from_this()] { return self->read_loop(); }, asio::detached);
  asio::co_spawn(
      executor_, [self = shared_from_this()] { return self->write_loop(); }, asio::detached);
  co_return Ok{};
}

void Session::poke() {
  wake_.notify_all();
}

void Session::close() {
  if (attachment_) {
    attachment_->close();
  }
  ended_ = true;
  wake_.notify_all();
}

asio::awaitable<void> Session::read_loop() {
  const std::shared_ptr<Session> self = shared_from_this();
  const std::shared_ptr<engine::Attachment> attachment = attachment_;
  for (;;) {
    std::optional<engine::Chunk> chunk = co_await attachment->read();
    if (attachment != attachment_) {
      co_return;  // replaced meanwhile
    }
    if (!chunk) {
      break;
    }
    last_heard_ = Clock::now();
    if (chunk->stream == engine::Stream::kErr) {
      on_output(chunk->bytes);
    } else {
      for (Frame& frame : frames_.feed(chunk->bytes)) {
        on_frame(std::move(frame));
      }
    }
    wake_.notify_all();
    if (current_) {
      current_->changed.notify_all();
    }
  }
  ended_ = true;
  wake_.notify_all();
}

asio::awaitable<void> Session::write_loop() {
  const std::shared_ptr<Session> self = shared_from_this();
  const std::shared_ptr<engine::Attachment> attachment = attachment_;
  while (attachment == attachment_ && !ended_) {
    if (outgoing_.empty()) {
      co_await wake_.wait();
      continue;
    }
    std::string lines = std::move(outgoing_.front());
    outgoing_.pop_front();
    const Status written = co_await attachment->write(std::move(lines));
    if (!written) {
      break;
    }
  }
}

void Session::send(std::string line) {
  outgoing_.push_back(std::move(line));
  wake_.notify_all();
}

void Session::on_output(std::string_view bytes) {
  filter_.feed(bytes, [this](std::string_view text) {
    if (current_) {
      current_->transcript.append(text);
    }
  });
}

void Session::on_frame(Frame frame) {
  const auto asked = replies_.find(frame.id);
  if (asked != replies_.end()) {
    asked->second = Reply{std::move(frame.type), std::move(frame.payload)};
    return;
  }
  if (frame.type == "exit") {
    on_exit(frame.payload);
  } else if (frame.type == "interrupted") {
    ++interrupts_acknowledged_;
  }
  if (!current_ || frame.id != current_->id) {
    return;
  }
  if (frame.type == "plot") {
    current_->plots.push_back(std::move(frame.payload));
  } else if (frame.type == "quit") {
    quit_ = true;
  } else if (frame.type == "done" || frame.type == "unknown") {
    has_report_ = true;
    report_at_ = Clock::now();
    if (frame.type == "done") {
      current_->report = parse_report(frame.payload);
    }
  }
}

void Session::on_exit(const std::string& payload) {
  exited_ = true;
  const Json json = parse_report(payload);
  if (current_ && json.is_object() && json.contains("status") &&
      json["status"].is_number_integer()) {
    current_->exit_status = json["status"].get<int>();
  }
}

asio::awaitable<std::optional<Session::Reply>> Session::await_reply(std::string id,
                                                                    Clock::time_point deadline) {
  while (!replies_[id] && !ended_ && Clock::now() < deadline) {
    co_await wake_.wait_until(deadline);
  }
  std::optional<Reply> reply = std::move(replies_[id]);
  replies_.erase(id);
  co_return reply;
}

asio::awaitable<Result<std::string>> Session::ask(Fields fields, Clock::time_point deadline) {
  const std::string id = "q" + std::to_string(++next_id_) + "-" + random_uuid();
  fields.emplace_back("id", id);
  replies_[id] = std::nullopt;
  send(encode_request(fields));
  std::optional<Reply> reply = co_await await_reply(id, deadline);
  if (!reply) {
    if (ended_) {
      co_return Error{Errc::kEnded, "the sandbox ended"};
    }
    co_return Error{Errc::kBusy, "R is busy"};
  }
  if (reply->type == "failed") {
    co_return Error{Errc::kInvalidArgument, to_valid_utf8(reply->payload)};
  }
  co_return std::move(reply->payload);
}

asio::awaitable<Result<Greeting>> Session::greet(Clock::time_point deadline,
                                                 std::optional<std::int64_t> idle) {
  Fields fields;
  fields.emplace_back("do", "hello");
  if (idle) {
    fields.emplace_back("idle", std::to_string(*idle));
  }
  auto answer = co_await ask(std::move(fields), deadline);
  if (!answer) {
    co_return answer.error();
  }
  const Json json = parse_report(*answer);
  Greeting greeting;
  if (json.is_object()) {
    greeting.r_version = text_of(json, "r_version");
  }
  co_return greeting;
}

void Session::start(const std::shared_ptr<Execution>& execution, const ExecutionRequest& request) {
  current_ = execution;
  has_report_ = quit_ = exited_ = kill_sent_ = remove_sent_ = false;
  interrupts_sent_ = interrupts_acknowledged_ = 0;
  next_interrupt_ = {};
  last_heard_ = Clock::now();
  filter_.expect(execution->id, false);
  execution->limit = execution->started + request.timeout;
  Fields fields;
  fields.emplace_back("do", "run");
  fields.emplace_back("id", execution->id);
  fields.emplace_back("timeout", std::to_string(request.timeout.count()));
  const auto add = [&](const char* key, const std::optional<int>& value) {
    if (value) {
      fields.emplace_back(key, std::to_string(*value));
    }
  };
  add("width", request.plot_width);
  add("height", request.plot_height);
  add("res", request.plot_resolution);
  fields.emplace_back("code", request.code);
  send(encode_request(fields));
}

void Session::adopt(const std::shared_ptr<Execution>& execution) {
  current_ = execution;
  has_report_ = quit_ = exited_ = kill_sent_ = remove_sent_ = false;
  interrupts_sent_ = interrupts_acknowledged_ = 0;
  next_interrupt_ = {};
  execution->joined_late = true;
  filter_.expect(execution->id, true);
  Fields fields;
  fields.emplace_back("do", "result");
  fields.emplace_back("id", execution->id);
  send(encode_request(fields));
}

bool Session::complete(const Execution& execution) const {
  if (exited_) {
    return true;
  }
  return has_report_ &&
         (filter_.ended() || execution.joined_late || Clock::now() >= report_at_ + kMarkGrace);
}

asio::awaitable<void> Session::watch(std::shared_ptr<Execution> execution,
                                     std::uint64_t max_output_bytes) {
  const std::shared_ptr<Session> self = shared_from_this();
  Clock::time_point stopping{};
  while (!complete(*execution)) {
    if (ended_ || Clock::now() > last_heard_ + kSilence) {
      const bool recovered = co_await recover(*execution);
      if (!recovered) {
        co_return;
      }
      continue;
    }
    const auto now = Clock::now();
    if (execution->stop == StopReason::kNone) {
      if (now >= execution->limit) {
        execution->stop = StopReason::kTimeout;
      } else if (execution->transcript.bytes() > max_output_bytes) {
        execution->stop = StopReason::kOutputLimit;
      }
    }
    auto next = std::min(execution->limit, last_heard_ + kSilence);
    if (execution->stop != StopReason::kNone) {
      if (stopping == Clock::time_point{}) {
        stopping = now;
      }
      co_await climb(*execution, stopping);
      next = Clock::now() + 50ms;
    }
    if (has_report_) {
      next = report_at_ + kMarkGrace;
    }
    if (!complete(*execution)) {
      co_await wake_.wait_until(next);
    }
  }
  co_await settle();
  finish(*execution, outcome_of(*execution));
}

// One look at the ladder: interrupt, again until the worker answers; kill R; remove the container.
asio::awaitable<void> Session::climb(Execution& execution, Clock::time_point since) {
  const Ladder ladder;
  const auto now = Clock::now();
  if (kill_sent_ && now >= killed_at_ + ladder.remove) {
    if (!remove_sent_) {
      remove_sent_ = true;
      execution.session_restarted = true;
      const Status removed = co_await engine_.remove(container_);
      static_cast<void>(removed);
    }
  } else if (now >= since + ladder.kill) {
    if (!kill_sent_) {
      kill_sent_ = true;
      const Status sent = co_await engine_.signal(container_, "USR1");
      static_cast<void>(sent);
      killed_at_ = Clock::now();
    }
  } else if (now >= next_interrupt_) {
    next_interrupt_ = now + ladder.repeat;
    const Status sent = co_await engine_.signal(container_, "INT");
    interrupts_sent_ += sent ? 1 : 0;
  }
}

// Before the sandbox is used again, every interrupt sent must have landed: a late one would hit the
// next execution.
asio::awaitable<void> Session::settle() {
  const auto deadline = Clock::now() + kAcknowledge;
  while (interrupts_acknowledged_ < interrupts_sent_ && !ended_ && Clock::now() < deadline) {
    co_await wake_.wait_until(deadline);
  }
}

// The stream ended or fell silent. True when the sandbox lives and the execution can be watched on.
asio::awaitable<bool> Session::recover(Execution& execution) {
  auto state = co_await engine_.inspect(container_);
  if (!state) {
    const bool gone = state.error().code == Errc::kNotFound;
    finish(execution, gone ? Outcome::kSandboxEnded : Outcome::kEngineLost);
    co_return false;
  }
  if (!state->running) {
    finish(execution, Outcome::kSandboxEnded);
    co_return false;
  }
  const Status attached = co_await attach();
  if (!attached) {
    finish(execution, Outcome::kEngineLost);
    co_return false;
  }
  execution.joined_late = true;
  if (filter_.ended()) {
    co_return true;
  }
  filter_.expect(execution.id, true);
  Fields fields;
  fields.emplace_back("do", "result");
  fields.emplace_back("id", execution.id);
  send(encode_request(fields));
  co_return true;
}

Outcome Session::outcome_of(const Execution& execution) const {
  if (execution.stop == StopReason::kOutputLimit) {
    return Outcome::kOutputLimit;
  }
  const bool ok = execution.report.is_object() && text_of(execution.report, "status") == "ok";
  if (execution.stop != StopReason::kNone && !(ok && interrupts_sent_ == 0)) {
    return execution.stop == StopReason::kTimeout ? Outcome::kTimedOut : Outcome::kInterrupted;
  }
  if (exited_) {
    return quit_ ? Outcome::kQuit : Outcome::kCrashed;
  }
  if (!execution.report.is_object()) {
    return Outcome::kUnknown;
  }
  const std::string status = text_of(execution.report, "status");
  if (status == "interrupted") {
    return Outcome::kInterrupted;
  }
  return ok ? Outcome::kOk : Outcome::kError;
}

void Session::finish(Execution& execution, Outcome outcome) {
  execution.outcome = outcome;
  execution.session_restarted = execution.session_restarted || exited_;
  execution.finished = Clock::now();
  current_.reset();
}

}  // namespace omcp_r::sandbox
