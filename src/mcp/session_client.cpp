#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "session.hpp"

namespace omcp_r::mcp {
namespace {

using rpc::Json;

/// What a client must have declared to be asked.
struct Question {
  std::string_view method;
  std::string_view capability;
};
constexpr std::array<Question, 3> kQuestions{{
    {"sampling/createMessage", "sampling"},
    {"elicitation/create", "elicitation"},
    {"roots/list", "roots"},
}};

Error cannot_ask(std::string_view method, std::string_view why) {
  return {Errc::kInvalidArgument, std::string{method} + " was not sent: " + std::string{why}};
}

}  // namespace

CallLine Session::line_of(const CallPtr& call) {
  CallLine line;
  line.notify = [weak = weak_from_this()](std::string text) {
    const auto self = weak.lock();
    if (!self || self->transport_ == nullptr || self->transport_->congested()) {
      return false;
    }
    self->transport_->send(std::move(text));
    return true;
  };
  line.ask = [weak = weak_from_this(), of = std::weak_ptr<Call>{call}](std::string method,
                                                                       Json params) {
    return ask_client(weak.lock(), of.lock(), std::move(method), std::move(params));
  };
  line.log_level = [weak = weak_from_this()] {
    const auto self = weak.lock();
    return self ? self->log_level_ : std::nullopt;
  };
  return line;
}

std::optional<Error> Session::cannot_be_asked(const Call& call, std::string_view method) const {
  if (call.revision().modern()) {
    return cannot_ask(method, "at this protocol version a server sends no requests");
  }
  for (const Question& question : kQuestions) {
    if (question.method == method && !client_capabilities_.contains(question.capability)) {
      return cannot_ask(
          method, "the client does not declare the capability " + std::string{question.capability});
    }
  }
  if (transport_ == nullptr || input_ended_ || call.cancelled()) {
    return cannot_ask(method, "the call has been cancelled, or the client has gone");
  }
  return std::nullopt;
}

asio::awaitable<Result<Json>> Session::ask_client(std::shared_ptr<Session> self, CallPtr call,
                                                  std::string method, Json params) {
  if (!self || !call) {
    co_return cannot_ask(method, "the client has gone");
  }
  if (auto fault = self->cannot_be_asked(*call, method)) {
    co_return std::move(*fault);
  }
  const std::string id = "\"server-" + std::to_string(++self->questions_asked_) + "\"";
  self->questions_.emplace(id, std::nullopt);
  self->transport_->send(rpc::request_line(id, method, rpc::to_text(params)));
  const auto deadline = Clock::now() + self->service_->limits().client_answer;
  while (!self->questions_[id] && !call->cancelled() && !self->input_ended_ &&
         Clock::now() < deadline) {
    co_await self->changed_.wait_until(deadline);
  }
  std::optional<rpc::Response> answer = std::move(self->questions_[id]);
  self->questions_.erase(id);
  if (!answer) {
    if (self->transport_ != nullptr) {
      self->transport_->send(
          rpc::notification_line("notifications/cancelled", "{\"requestId\":" + id + "}"));
    }
    co_return Error{Errc::kTimeout, "The client did not answer " + method};
  }
  if (!answer->error.is_null()) {
    co_return Error{Errc::kInternal,
                    "The client refused " + method + ": " + rpc::to_text(answer->error)};
  }
  co_return std::move(answer->result);
}

/// Whether a subscription gets notifications of the list of resources.
bool Session::tells_changes(const Call& subscription) const {
  const auto filter = subscription.params().find("notifications");
  const auto wanted = filter->find("resourcesListChanged");
  return service_->resource_changes() && wanted != filter->end() && *wanted == true;
}

/// Told to a client that shook hands, and on each subscription that asks for it. Never more often
/// than a call is answered, so that it needs no bound.
void Session::tell_resources_changed() {
  static constexpr std::string_view kMethod = "notifications/resources/list_changed";
  if (transport_ == nullptr || !service_->resource_changes()) {
    return;
  }
  if (negotiated_ != nullptr) {
    transport_->send(rpc::notification_line(kMethod, "{}"));
  }
  for (const auto& [id, call] : open_) {
    if (call->method() == Method::kListen && tells_changes(*call)) {
      transport_->send(rpc::notification_line(
          kMethod,
          R"({"_meta":{")" + std::string{meta_key::kSubscriptionId} + R"(":)" + id + "}}"));
    }
  }
}

/// What answers no question of ours is of no use to anybody.
void Session::take_response(rpc::Response& response) {
  if (!response.id) {
    return;
  }
  const auto place = questions_.find(response.id->text());
  if (place != questions_.end() && !place->second) {
    place->second = std::move(response);
    changed_.notify_all();
  }
}

}  // namespace omcp_r::mcp
