#include "session.hpp"

#include <algorithm>
#include <utility>

namespace omcp_r::mcp {

Session::Session(const asio::any_io_executor& executor, std::shared_ptr<Service> service,
                 rpc::StdioTransport& transport)
    : executor_(executor),
      service_(std::move(service)),
      transport_(&transport),
      changed_(executor) {}

asio::awaitable<void> Session::run() {
  const auto keep_alive = shared_from_this();
  transport_->set_on_progress([this] { on_progress(); });
  co_await read_loop();
  input_ended_ = true;
  changed_.notify_all();
  if (transport_->has_partial_line()) {
    service_->log("input ended in the middle of a line; the line is dropped");
  }
  end_subscriptions();
  co_await drain();
  abandon_calls();
  transport_->set_on_progress(nullptr);
  transport_ = nullptr;
}

void Session::stop() {
  if (transport_ != nullptr && !stopped_at_) {
    stopped_at_ = Clock::now();
    transport_->close_input();
    changed_.notify_all();
  }
}

asio::awaitable<void> Session::read_loop() {
  while (!stopped_at_) {
    const std::optional<rpc::Line> line = co_await transport_->read_line();
    if (!line) {
      co_return;
    }
    receive(*line);
    const bool go_on = co_await wait_for_place();
    if (!go_on) {
      co_return;
    }
  }
}

/// False when there is no sense in waiting: the client has hung up, and reads nothing either.
asio::awaitable<bool> Session::wait_for_place() {
  while (full() && !stopped_at_ && !transport_->broken()) {
    const auto waited_from = Clock::now();
    co_await changed_.wait_until(waited_from + service_->limits().unread);
    if (full() && transport_->hung_up() && transport_->last_progress() < waited_from) {
      co_return false;
    }
  }
  co_return true;
}

bool Session::full() const {
  const ServerLimits& limits = service_->limits();
  return deferred_.size() + waiting_.size() >= limits.requests_waiting ||
         held_bytes_ >= limits.request_bytes;
}

/// Cancellations, and answers to what running calls ask, are seen at once, whatever waits.
void Session::receive(const rpc::Line& line) {
  rpc::Message message = rpc::parse_message(line);
  if (const auto* notification = std::get_if<rpc::Notification>(&message)) {
    handle_notification(*notification);
  } else if (auto* response = std::get_if<rpc::Response>(&message)) {
    take_response(*response);
  } else if (transport_->congested() || !deferred_.empty()) {
    held_bytes_ += line.text.size();
    deferred_.push_back({std::move(message), line.text.size()});
  } else {
    handle(std::move(message), line.text.size());
  }
}

void Session::pump() {
  while (!deferred_.empty() && !transport_->congested()) {
    Deferred next = std::move(deferred_.front());
    deferred_.pop_front();
    held_bytes_ -= next.bytes;
    handle(std::move(next.message), next.bytes);
  }
  start_waiting();
}

void Session::start_waiting() {
  while (!waiting_.empty() && !transport_->congested() &&
         running_ < service_->limits().calls_in_flight) {
    start(waiting_.extract(waiting_.begin()).mapped());
  }
}

void Session::on_progress() {
  if (transport_ != nullptr) {
    pump();
    changed_.notify_all();
  }
}

Clock::time_point Session::drain_deadline(Clock::time_point started) const {
  const ServerLimits& limits = service_->limits();
  return stopped_at_ ? *stopped_at_ + limits.drain : started + limits.reading;
}

/// Calls get a moment to finish; a client that goes on reading gets what is ready.
asio::awaitable<void> Session::drain() {
  const auto started = Clock::now();
  const ServerLimits& limits = service_->limits();
  while (!transport_->broken()) {
    const auto now = Clock::now();
    const auto calls_until = std::min(started + limits.drain, drain_deadline(started));
    const auto output_until = std::min(
        std::max(started, transport_->last_progress()) + limits.unread, drain_deadline(started));
    const bool calls_left = !open_.empty() && now < calls_until;
    const bool output_left =
        (transport_->queued_bytes() > 0 || !deferred_.empty()) && now < output_until;
    if (!calls_left && !output_left) {
      co_return;
    }
    co_await changed_.wait_until(calls_left ? calls_until : output_until);
  }
}

void Session::abandon_calls() {
  for (const auto& [id, call] : open_) {
    call->abandon();
  }
  open_.clear();
  waiting_.clear();
  deferred_.clear();
}

}  // namespace omcp_r::mcp
