#include <algorithm>
#include <utility>

#include "session.hpp"

namespace omcp_r::mcp {
namespace {

/// Answered from what we know, without running anything of the tools'.
bool is_immediate(Method method) {
  return method != Method::kCallTool && method != Method::kListResources &&
         method != Method::kReadResource;
}

std::optional<rpc::Id> cancelled_id(const rpc::Notification& notification) {
  if (notification.method != "notifications/cancelled") {
    return std::nullopt;
  }
  const auto id = notification.params.find("requestId");
  return id == notification.params.end() ? std::nullopt : rpc::Id::from_json(*id);
}

}  // namespace

void Session::handle(rpc::Message message, std::size_t bytes) {
  if (auto* batch = std::get_if<rpc::Batch>(&message)) {
    handle_batch(std::move(*batch), bytes);
    return;
  }
  Origin origin{nullptr, bytes};
  std::visit(
      [&](auto& single) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(single)>, rpc::Batch>) {
          handle_single(std::move(single), origin);
        }
      },
      message);
}

void Session::handle_batch(rpc::Batch batch, std::size_t bytes) {
  Origin origin{nullptr, bytes};
  if (negotiated_ == nullptr || !negotiated_->batches) {
    refuse({{rpc::kInvalidRequest, "Invalid request: batches are not supported"}, {}}, origin);
    return;
  }
  if (batch.members.empty()) {
    // The schema of this revision has no error without an id; a silent server would be worse.
    rpc::Fault fault{rpc::kInvalidRequest, "Invalid request: an empty batch"};
    answer(origin, rpc::error_line(std::nullopt, fault));
    return;
  }
  origin.batch = std::make_shared<BatchReply>();
  origin.bytes = bytes / batch.members.size();
  for (rpc::Single& member : batch.members) {
    handle_single(std::move(member), origin);
  }
  settle(origin);
}

void Session::handle_single(rpc::Single single, const Origin& origin) {
  if (auto* request = std::get_if<rpc::Request>(&single)) {
    handle_request(std::move(*request), origin);
  } else if (const auto* notification = std::get_if<rpc::Notification>(&single)) {
    handle_notification(*notification);
  } else if (auto* response = std::get_if<rpc::Response>(&single)) {
    take_response(*response);
  } else if (const auto* malformed = std::get_if<rpc::Malformed>(&single)) {
    refuse(*malformed, origin);
  }
}

void Session::handle_request(rpc::Request request, const Origin& origin) {
  if (const auto fault = objection(request, origin)) {
    answer(origin, rpc::error_line(request.id, *fault));
    return;
  }
  const RoutingState state{negotiated_, service_->resources() != nullptr, service_->logging()};
  auto routed = route(request, state);
  if (const auto* fault = std::get_if<rpc::Fault>(&routed)) {
    answer(origin, rpc::error_line(request.id, *fault));
    return;
  }
  dispatch(std::move(request), std::get<Routed>(routed), origin);
}

std::optional<rpc::Fault> Session::objection(const rpc::Request& request,
                                             const Origin& origin) const {
  if (open_.contains(request.id.text())) {
    return rpc::Fault{rpc::kInvalidRequest, "Invalid request: this id is in use"};
  }
  if (origin.batch && request.method == "initialize") {
    return rpc::Fault{rpc::kInvalidRequest, "Invalid request: initialize must not be in a batch"};
  }
  return std::nullopt;
}

void Session::dispatch(rpc::Request request, Routed routed, const Origin& origin) {
  if (origin.batch && routed.revision->modern()) {
    rpc::Fault fault{rpc::kInvalidRequest, "Invalid request: this protocol version has no batches"};
    answer(origin, rpc::error_line(request.id, fault));
  } else if (routed.method == Method::kListen) {
    listen(std::move(request), routed, origin);
  } else if (is_immediate(routed.method)) {
    answer(origin, answer_now(request, routed));
  } else {
    open_call(std::move(request), routed, origin);
  }
}

/// Before 2025-11-25 an error had to have an id, so that to what has none there is no valid answer.
void Session::refuse(const rpc::Malformed& malformed, const Origin& origin) {
  const bool id_optional = negotiated_ == nullptr || negotiated_->server_description;
  if (malformed.id || (id_optional && !origin.batch)) {
    answer(origin, rpc::error_line(malformed.id, malformed.fault));
  } else {
    service_->log("not answered: " + malformed.fault.message);
  }
}

void Session::handle_notification(const rpc::Notification& notification) {
  if (const auto id = cancelled_id(notification)) {
    cancel(*id);
  }
}

void Session::cancel(const rpc::Id& id) {
  const auto found = open_.find(id.text());
  if (found == open_.end()) {
    cancel_deferred(id);
    return;
  }
  const CallPtr call = found->second;
  open_.erase(found);
  if (call->method() == Method::kListen) {
    --subscriptions_;
  }
  if (waiting_.erase(call->number()) == 1) {
    held_bytes_ -= call->origin().bytes;
  }
  settle(call->origin());
  call->cancel();
  changed_.notify_all();
}

/// A request that was never looked at is as good as never sent. Members of batches are left alone.
bool Session::cancel_deferred(const rpc::Id& id) {
  const auto place =
      std::find_if(deferred_.begin(), deferred_.end(), [&](const Deferred& deferred) {
        const auto* request = std::get_if<rpc::Request>(&deferred.message);
        return request != nullptr && request->id == id && request->method != "initialize";
      });
  if (place == deferred_.end()) {
    return false;
  }
  held_bytes_ -= place->bytes;
  deferred_.erase(place);
  changed_.notify_all();
  return true;
}

void Session::answer(const Origin& origin, std::string line) {
  if (origin.batch) {
    origin.batch->answers.push_back(std::move(line));
  } else {
    transport_->send(std::move(line));
  }
}

/// One request of a batch, or the batch itself, needs no further waiting for.
void Session::settle(const Origin& origin) {
  if (!origin.batch || --origin.batch->unsettled > 0 || origin.batch->answers.empty()) {
    return;
  }
  std::string line = "[";
  for (const std::string& answer : origin.batch->answers) {
    line.append(line.size() > 1 ? "," : "").append(answer);
  }
  transport_->send(line + "]");
}

}  // namespace omcp_r::mcp
