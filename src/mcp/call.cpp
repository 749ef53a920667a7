#include "call.hpp"

#include <cmath>
#include <cstdint>

namespace omcp_r::mcp {
namespace {

using rpc::Json;

/// Ids may be used again once answered, so a log needs names of our own.
std::string next_name() {
  static std::uint64_t count = 0;
  return "req-" + std::to_string(++count);
}

std::optional<rpc::Id> progress_token(const Json& params) {
  const auto meta = params.find("_meta");
  if (meta == params.end() || !meta->is_object()) {
    return std::nullopt;
  }
  const auto token = meta->find("progressToken");
  return token == meta->end() ? std::nullopt : rpc::Id::from_json(*token);
}

/// 1 rather than 1.0, as a client would write it.
Json as_number(double value) {
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (std::trunc(value) == value && std::abs(value) < kExact) {
    return static_cast<std::int64_t>(value);
  }
  return value;
}

}  // namespace

Call::Call(rpc::Request request, Routed routed, Origin origin)
    : request_(std::move(request)),
      routed_(routed),
      origin_(std::move(origin)),
      name_(next_name()),
      token_(progress_token(request_.params)) {}

void Call::enable_progress(ProgressSink sink, std::chrono::milliseconds interval) {
  sink_ = std::move(sink);
  interval_ = interval;
}

void Call::cancel() {
  abandon();
  if (const auto callback = std::exchange(on_cancel_, nullptr)) {
    callback();
  }
}

void Call::abandon() {
  cancelled_ = true;
  sink_ = nullptr;
}

void Call::progress(double value, std::string message) {
  const auto now = std::chrono::steady_clock::now();
  const bool increases = !last_value_ || value > *last_value_;
  if (!wants_progress() || !std::isfinite(value) || !increases || now - last_sent_ < interval_) {
    return;
  }
  std::string params =
      R"({"progressToken":)" + token_->text() + R"(,"progress":)" + rpc::to_text(as_number(value));
  if (revision().tool_annotations && !message.empty()) {
    params += R"(,"message":)" + rpc::to_text(Json(std::move(message)));
  }
  params += '}';
  if (sink_(rpc::notification_line("notifications/progress", params))) {
    last_value_ = value;
    last_sent_ = now;
  }
}

}  // namespace omcp_r::mcp
