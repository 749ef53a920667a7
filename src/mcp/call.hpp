#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "omcp_r/base/clock.hpp"
#include "omcp_r/mcp/envelope.hpp"
#include "omcp_r/mcp/tool.hpp"
#include "omcp_r/rpc/message.hpp"

namespace omcp_r::mcp {

/// The answers to one batch, collected until its last request is settled.
struct BatchReply {
  std::size_t unsettled = 1;  ///< the batch itself counts as one while it is being taken apart
  std::vector<std::string> answers;
};

/// Where a request came from, and so where its answer goes.
struct Origin {
  std::shared_ptr<BatchReply> batch;  ///< null: a line of its own
  std::size_t bytes = 0;              ///< of the line, or of this request's share of it
};

/// What a running call can say to its client.
struct CallLine {
  std::function<bool(std::string line)> notify;  ///< false: dropped
  std::function<asio::awaitable<Result<rpc::Json>>(std::string method, rpc::Json params)> ask;
  std::function<std::optional<LogLevel>()> log_level;  ///< what the client has set, if anything
};

/// A request that is not answered at once: waiting, running, or a subscription.
class Call final : public CallContext {
 public:
  Call(rpc::Request request, Routed routed, Origin origin);

  /// Of this process; the later the call, the higher.
  [[nodiscard]] std::uint64_t number() const { return number_; }
  [[nodiscard]] const rpc::Id& id() const { return request_.id; }
  [[nodiscard]] Method method() const { return routed_.method; }
  [[nodiscard]] const Revision& revision() const { return *routed_.revision; }
  [[nodiscard]] const Origin& origin() const { return origin_; }
  [[nodiscard]] rpc::Json& params() { return request_.params; }
  [[nodiscard]] const rpc::Json& params() const { return request_.params; }

  /// `interval`: the least time between two progress notifications.
  void connect(CallLine line, std::chrono::milliseconds interval);
  /// Nothing more from here on: the answer is on its way.
  void finish() { line_ = {}; }
  /// The client has cancelled: tells the tool.
  void cancel();
  /// The server is ending: the tool may look at cancelled(), but is left alone.
  void abandon();

  [[nodiscard]] const std::string& request_name() const override { return name_; }
  [[nodiscard]] bool wants_progress() const override { return line_.notify && token_.has_value(); }
  void progress(double value, std::string message) override;
  void log(LogLevel level, std::string message) override;
  asio::awaitable<Result<rpc::Json>> ask(std::string method, rpc::Json params) override;
  [[nodiscard]] bool cancelled() const override { return cancelled_; }
  void on_cancel(std::function<void()> callback) override { on_cancel_ = std::move(callback); }

 private:
  [[nodiscard]] std::optional<LogLevel> log_level() const;

  rpc::Request request_;
  Routed routed_;
  Origin origin_;
  std::uint64_t number_;
  std::string name_;  // ids may be used again once answered, so a log needs names of our own
  std::optional<rpc::Id> token_;
  CallLine line_;
  std::chrono::milliseconds interval_{0};
  std::optional<double> last_value_;
  Clock::time_point last_sent_{};
  bool cancelled_ = false;
  std::function<void()> on_cancel_;
};

}  // namespace omcp_r::mcp
