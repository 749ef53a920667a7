#include "call.hpp"

#include <cmath>
#include <cstdint>

namespace omcp_r::mcp {
namespace {

using rpc::Json;

std::uint64_t next_number() {
  static std::uint64_t count = 0;
  return ++count;
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
      number_(next_number()),
      name_("req-" + std::to_string(number_)),
      token_(progress_token(request_.params)) {}

void Call::connect(CallLine line, std::chrono::milliseconds interval) {
  line_ = std::move(line);
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
  line_ = {};
}

void Call::progress(double value, std::string message) {
  const auto now = Clock::now();
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
  if (line_.notify(rpc::notification_line("notifications/progress", params))) {
    last_value_ = value;
    last_sent_ = now;
  }
}

/// Modern requests say for themselves what they want logged.
std::optional<LogLevel> Call::log_level() const {
  if (!revision().modern()) {
    return line_.log_level ? line_.log_level() : std::nullopt;
  }
  const auto meta = request_.params.find("_meta");
  const auto level = meta->find(meta_key::kLogLevel);
  return level == meta->end() ? std::nullopt : find_log_level(level->get_ref<const std::string&>());
}

void Call::log(LogLevel level, std::string message) {
  const auto least = log_level();
  if (!line_.notify || !least || level < *least) {
    return;
  }
  Json params = {{"level", log_level_name(level)}, {"data", std::move(message)}};
  line_.notify(rpc::notification_line("notifications/message", rpc::to_text(params)));
}

asio::awaitable<Result<Json>> Call::ask(std::string method, Json params) {
  if (!line_.ask) {
    co_return Error{Errc::kInvalidArgument, method + " was not sent: the call has been cancelled"};
  }
  co_return co_await line_.ask(std::move(method), std::move(params));
}

}  // namespace omcp_r::mcp
