#include "omcp_r/sandbox/channel.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <utility>

#include "omcp_r/base/background.hpp"
#include "omcp_r/base/jpeg.hpp"
#include "omcp_r/base/png.hpp"

// What comes in, and what is made of it. What goes out stands in channel_calls.cpp.

namespace omcp_r::sandbox {
namespace {

constexpr std::size_t kStray = 2000;
constexpr std::size_t kConditionBytes = wire::kPayload;
constexpr std::size_t kSmall = 4096;
constexpr std::size_t kMaxWarnings = 100;
constexpr std::size_t kMaxDropped = 20;
/// For the report of a run whose code has ended; the worker tells the supervisor the same.
constexpr std::chrono::seconds kReporting{120};

bool is_answer(char type) {
  return type == 'H' || type == 'A' || type == 'F';
}

}  // namespace

Channel::Channel(asio::any_io_executor executor, std::unique_ptr<engine::Attachment> attachment,
                 Budget budget)
    : executor_(std::move(executor)),
      attachment_(std::move(attachment)),
      budget_(budget),
      changed_(executor_) {
  heard_.last = Clock::now();
}

void Channel::start() {
  outgoing_.push_back(wire::padding());
  spawn(executor_, "channel reader", read_all(shared_from_this()));
  spawn(executor_, "channel writer", write_all(shared_from_this()));
}

void Channel::close() {
  ended_ = true;
  attachment_->close();
  changed_.notify_all();
}

void Channel::give_up() {
  given_up_ = true;
  close();
}

std::string Channel::stray() const {
  return stray_;
}

bool Channel::quiet_for(Clock::duration time) const {
  return Clock::now() - heard_.last >= time;
}

// Beyond the budget between executions the sandbox is left to wait, at its own cost.
bool Channel::may_read() const {
  return !held_back() || !calls_.empty();
}

bool Channel::held_back() const {
  return !execution_ && taken_ > budget_.idle;
}

asio::awaitable<void> Channel::read_all(std::shared_ptr<Channel> self) {
  while (!self->ended_) {
    if (!self->may_read()) {
      co_await self->changed_.wait();
      continue;
    }
    const std::optional<engine::Chunk> chunk = co_await self->attachment_->read();
    if (!chunk) {
      break;
    }
    self->digest(*chunk);
    self->changed_.notify_all();
    if (self->execution_) {
      self->execution_->changed.notify_all();
    }
    // Everybody else has a turn before the next chunk, however fast they come.
    co_await asio::post(self->executor_, asio::use_awaitable);
  }
  self->ended_ = true;
  self->changed_.notify_all();
}

asio::awaitable<void> Channel::write_all(std::shared_ptr<Channel> self) {
  while (!self->ended_) {
    // Between the end of R and the next one's being up, what is in the pipe is thrown away there.
    if (self->outgoing_.empty() || (self->heard_.exited && !self->heard_.renewed)) {
      co_await self->changed_.wait();
      continue;
    }
    std::string bytes = std::move(self->outgoing_.front());
    self->outgoing_.pop_front();
    const Status written = co_await self->attachment_->write(std::move(bytes));
    if (!written) {
      co_return;  // the reader meets the end, too
    }
  }
}

void Channel::digest(const engine::Chunk& chunk) {
  heard_.last = Clock::now();
  meter(chunk.bytes.size());
  if (chunk.stream == engine::Stream::kErr) {
    on_transcript(chunk.bytes);
    return;
  }
  frames_.feed(chunk.bytes);
  while (const auto frame = frames_.next()) {
    on_frame(*frame);
  }
}

void Channel::meter(std::size_t bytes) {
  taken_ += bytes;
  if (execution_ && taken_ > budget_.output && execution_->stop == StopReason::kNone) {
    execution_->stop = StopReason::kOutputLimit;
  }
}

void Channel::on_transcript(std::string_view bytes) {
  marks_.feed(bytes);
  while (const auto piece = marks_.next()) {
    if (piece->mark != 0) {
      on_mark(piece->mark, piece->id);
    } else if (inside_ && execution_) {
      execution_->print(piece->text);
    } else {
      stray_.append(piece->text);
      stray_.erase(0, stray_.size() > kStray ? stray_.size() - kStray : 0);
    }
  }
}

void Channel::on_mark(char mark, std::string_view id) {
  if (mark == 'P') {
    on_place(id);
    return;
  }
  if (!execution_ || (mark != 'X' && !is_current(id))) {
    return;
  }
  if (mark == 'B') {
    inside_ = true;
    if (!heard_.begun) {
      heard_.begun = true;
      execution_->limit = heard_.last + execution_->timeout;
    }
  } else {
    if (mark == 'E' && !heard_.ended && execution_->limit != Clock::time_point::max()) {
      // The code is done; what it drew may take long to render, and is no reason to stop R.
      execution_->limit = std::max(execution_->limit, heard_.last + kReporting);
    }
    inside_ = false;
    heard_.ended = true;
  }
}

bool Channel::is_current(std::string_view id) const {
  return execution_ && execution_->id == id;
}

void Channel::on_frame(const wire::Frame& frame) {
  watch_sequence(frame);
  if (frame.writer == 'R') {
    on_worker(frame);
  } else if (frame.writer == 'S') {
    on_supervisor(frame);
  }
}

void Channel::watch_sequence(const wire::Frame& frame) {
  if (frame.writer != 'R' && frame.writer != 'S') {
    return;
  }
  const auto [last, first] = sequences_.try_emplace(frame.writer, frame.sequence);
  if (!first && frame.sequence != last->second + 1 && frame.sequence != 1) {
    partial_.over = true;
    drop("Something that the session said of this run was lost on the way.");
  }
  last->second = frame.sequence;
}

void Channel::on_supervisor(const wire::Frame& frame) {
  const std::string_view words = frame.payload;
  if (frame.type == 'i') {
    ++heard_.interrupts;
  } else if (frame.type == 'x') {
    heard_.exited = true;
    heard_.exited_at = heard_.last;
    std::from_chars(words.data(), words.data() + words.size(), heard_.exit_status);
    heard_.killed = words.ends_with(" 1");
    forget_partial();
    for (auto& [id, waiting] : calls_) {
      if (!waiting.answer) {
        waiting.answer = Error{Errc::kBusy, "R was started anew meanwhile. Try again."};
      }
    }
  } else if (frame.type == 'z') {
    static constexpr std::array<std::string_view, 4> kReasons{"idle", "lifetime", "asked",
                                                              "broken"};
    const auto* const known = std::find(kReasons.begin(), kReasons.end(), words);
    heard_.ending = known == kReasons.end() ? "" : *known;
  }
}

// How many bytes a message of this kind may have now; 0 when nobody waits for it.
std::size_t Channel::room_for(char type, std::string_view id) const {
  if (is_answer(type)) {
    const auto waiting = calls_.find(id);
    const bool wanted = waiting != calls_.end() && !waiting->second.answer;
    return !wanted ? 0 : type == 'A' ? budget_.answer : kSmall;
  }
  if (type == 'R') {
    return kSmall;
  }
  if (!is_current(id) || heard_.reported) {
    return 0;
  }
  if (type == 'P') {
    return pages_ >= budget_.pages_looked_at ? 0 : budget_.plot;
  }
  if (type == 'W') {
    return execution_->warnings.size() >= kMaxWarnings ? 0 : kConditionBytes;
  }
  return type == 'D' ? ReportLimits{}.bytes : type == 'U' ? kSmall : 0;
}

/// With its memory, which an assignment would keep.
void Channel::forget_partial() {
  Partial none;
  std::swap(partial_, none);
}

void Channel::on_worker(const wire::Frame& frame) {
  const std::size_t room = room_for(frame.type, frame.id);
  if (partial_.type != frame.type || partial_.id != frame.id) {
    forget_partial();
    partial_.type = frame.type;
    partial_.id = frame.id;
  }
  partial_.over = partial_.over || partial_.bytes.size() + frame.payload.size() > room;
  if (!partial_.over) {
    partial_.bytes.append(frame.payload);
  }
  if (frame.more) {
    return;
  }
  Partial whole = std::exchange(partial_, {});
  if (!whole.over) {
    on_message(whole.type, whole.id, std::move(whole.bytes));
  } else if (room > 0) {
    on_message(whole.type, whole.id, {});
    drop("Something that the session sent was too large or torn, and was left out.");
  }
}

void Channel::on_message(char type, std::string_view id, std::string bytes) {
  if (type == 'R') {
    heard_.renewed = true;
    for (auto& [call, waiting] : calls_) {
      if (!waiting.answer) {  // the new session has thrown away what the old one had not read
        send(waiting.type, call, waiting.message);
      }
    }
  } else if (!is_answer(type)) {
    on_result(type, bytes);
  } else if (const auto waiting = calls_.find(id); waiting != calls_.end()) {
    if (type == 'F') {
      waiting->second.answer = Error{Errc::kInvalidArgument, std::move(bytes)};
    } else {
      waiting->second.answer = std::move(bytes);
    }
  }
}

void Channel::on_result(char type, std::string_view bytes) {
  if (!execution_) {
    return;
  }
  if (type == 'P') {
    on_plot(bytes);
  } else if (type == 'W') {
    if (auto warning = parse_condition(bytes)) {
      execution_->warnings.push_back(std::move(*warning));
    }
  } else {
    heard_.reported = true;
    heard_.ended = heard_.ended || type == 'U';
    heard_.reported_at = heard_.last;
    execution_->report = type == 'D' ? parse_report(bytes) : std::nullopt;
    if (execution_->report) {
      execution_->warnings.clear();  // it has them all
    }
    if (type == 'D' && !execution_->report) {
      drop("What the session reported of this run could not be read.");
    }
  }
}

// The number of a page, what it is, and its picture, before which stands the name of the file that
// it is of, if any. What comes twice is replaced.
void Channel::on_plot(std::string_view message) {
  constexpr std::size_t kHead = 5;
  constexpr std::size_t kDigits = 4;
  ++pages_;
  constexpr const char* kMalformed = "A page was left out, since it was not as pages are.";
  const auto number = wire::number_of(message.substr(0, kDigits));
  if (message.size() < kHead || !number) {
    drop(kMalformed);
    return;
  }
  const bool open = message[kDigits] == 'o';
  auto& plots = execution_->plots;
  const auto known = std::find_if(plots.begin(), plots.end(),
                                  [&](const Plot& plot) { return plot.number == *number; });
  std::string_view picture = message.substr(kHead);
  std::string_view file;
  if (message[kDigits] == 's') {
    const auto size = wire::number_of(picture.substr(0, 2));
    if (!size || picture.size() < 2 + *size) {
      drop(kMalformed);
      return;
    }
    file = picture.substr(2, *size);
    picture.remove_prefix(2 + *size);
  }
  std::size_t held = 0;
  for (const Plot& plot : plots) {
    held += plot.number == *number ? 0 : plot.bytes.size();
  }
  if ((known == plots.end() && plots.size() >= budget_.plots) ||
      held + picture.size() > budget_.plot_bytes) {
    drop("Pages were left out, since there were too many or too large ones for one answer.");
    return;
  }
  // As large as a page can be asked for. Smaller than what the check would bear: it is one turn.
  constexpr PngLimits kPage{.width = 2000, .height = 2000, .bytes = 16'000'000};
  // Anything else than a picture would go to the host as one, and may cost it the conversation.
  const bool good = check_png(picture, kPage) || is_jpeg(picture, kPage.width);
  if (!picture.empty() && !good) {
    drop((file.empty() ? "A page" : std::string{file}) +
         " was left out, since it is no picture of a kind and size that can be shown.");
    return;
  }
  Plot& plot = known == plots.end() ? plots.emplace_back() : *known;
  plot.number = *number;
  plot.bytes = picture;
  plot.file = file;
  plot.open = open;
  if (const auto place = places_.find(*number); place != places_.end()) {
    plot.place = place->second;
  }
}

// Its mark may come before a page or after it, since they travel on two streams.
void Channel::on_place(std::string_view id) {
  const auto number = wire::number_of(id.substr(wire::kPageId));
  const bool ours =
      execution_ && inside_ && id.starts_with(execution_->id.substr(0, wire::kPageId));
  if (!ours || !number || ++places_seen_ > budget_.places) {
    return;
  }
  const std::uint64_t position = execution_->transcript.position();
  if (*number <= budget_.plots) {
    places_[*number] = position;
  }
  for (Plot& plot : execution_->plots) {
    plot.place = plot.number == *number ? position : plot.place;
  }
}

void Channel::drop(const std::string& sentence) {
  if (!execution_) {
    return;
  }
  auto& dropped = execution_->dropped;
  if (dropped.size() < kMaxDropped &&
      std::find(dropped.begin(), dropped.end(), sentence) == dropped.end()) {
    dropped.push_back(sentence);
  }
}

void Channel::begin(const ExecutionPtr& execution) {
  execution_ = execution;
  inside_ = false;
  taken_ = 0;
  pages_ = 0;
  places_seen_ = 0;
  places_.clear();
  forget_partial();
  const unsigned interrupts = heard_.interrupts;
  heard_ = Heard{};
  heard_.interrupts = interrupts;
  heard_.last = Clock::now();
}

void Channel::drop_execution() {
  if (execution_ && inside_) {
    execution_->print(marks_.rest());
  }
  execution_.reset();
  inside_ = false;
  taken_ = 0;
}

}  // namespace omcp_r::sandbox
