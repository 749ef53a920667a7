#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "call.hpp"
#include "omcp_r/base/clock.hpp"
#include "omcp_r/base/event.hpp"
#include "omcp_r/rpc/message.hpp"
#include "omcp_r/rpc/stdio_transport.hpp"
#include "service.hpp"

namespace omcp_r::mcp {

/// One client's connection: which requests are open, who has to wait, and how it all ends.
///
/// Two queues bound what a client can make us hold. While it does not read, nothing more is
/// produced for it: messages are deferred, whole and in order, but for cancellations. While all
/// slots for calls are taken, further calls wait, and everything else is still answered at once.
/// When the queues are full, reading stops, and the pipe holds the client back.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(const asio::any_io_executor& executor, std::shared_ptr<Service> service,
          rpc::StdioTransport& transport);

  asio::awaitable<void> run();
  void stop();

 private:
  using CallPtr = std::shared_ptr<Call>;

  struct Deferred {
    rpc::Message message;
    std::size_t bytes = 0;
  };

  // session.cpp: flow
  asio::awaitable<void> read_loop();
  asio::awaitable<bool> wait_for_place();
  asio::awaitable<void> drain();
  [[nodiscard]] Clock::time_point drain_deadline(Clock::time_point started) const;
  [[nodiscard]] bool full() const;
  void receive(const rpc::Line& line);
  void pump();
  void start_waiting();
  void on_progress();
  void abandon_calls();

  // session_dispatch.cpp: messages
  void handle(rpc::Message message, std::size_t bytes);
  void handle_batch(rpc::Batch batch, std::size_t bytes);
  void handle_single(rpc::Single single, const Origin& origin);
  void handle_request(rpc::Request request, const Origin& origin);
  void handle_notification(const rpc::Notification& notification);
  std::optional<rpc::Fault> objection(const rpc::Request& request, const Origin& origin) const;
  void dispatch(rpc::Request request, Routed routed, const Origin& origin);
  void refuse(const rpc::Malformed& malformed, const Origin& origin);
  void cancel(const rpc::Id& id);
  bool cancel_deferred(const rpc::Id& id);
  void answer(const Origin& origin, std::string line);
  void settle(const Origin& origin);

  // session_client.cpp: what we say of our own accord
  CallLine line_of(const CallPtr& call);
  [[nodiscard]] std::optional<Error> cannot_be_asked(const Call& call,
                                                     std::string_view method) const;
  static asio::awaitable<Result<rpc::Json>> ask_client(std::shared_ptr<Session> self, CallPtr call,
                                                       std::string method, rpc::Json params);
  void take_response(rpc::Response& response);
  [[nodiscard]] bool tells_changes(const Call& subscription) const;
  void tell_resources_changed();

  // session_methods.cpp: requests
  std::string answer_now(const rpc::Request& request, Routed routed);
  std::string set_log_level(const rpc::Request& request);
  void listen(rpc::Request request, Routed routed, const Origin& origin);
  void end_subscriptions();
  void open_call(rpc::Request request, Routed routed, const Origin& origin);
  void start(CallPtr call);
  static asio::awaitable<void> run_call(std::shared_ptr<Session> self, CallPtr call);
  asio::awaitable<std::string> call_line(CallPtr call);
  asio::awaitable<std::string> call_tool(CallPtr call);
  asio::awaitable<std::string> list_resources(CallPtr call);
  asio::awaitable<std::string> read_resource(CallPtr call);
  [[nodiscard]] std::string tool_line(const Call& call, const ToolResult& result) const;
  [[nodiscard]] std::string failure_line(const Call& call) const;
  void finish(const CallPtr& call, std::string line);

  asio::any_io_executor executor_;
  std::shared_ptr<Service> service_;
  rpc::StdioTransport* transport_;  // null once run() has returned
  const Revision* negotiated_ = nullptr;
  // Ids are the client's: a hash map could be made to degenerate by ids that collide.
  std::map<std::string, CallPtr> open_;  // by the id's text; subscriptions, too
  // By number, and so in order of arrival. One batch can fill it with a hundred thousand calls and
  // cancel them all: leaving it must not mean a search.
  std::map<std::uint64_t, CallPtr> waiting_;
  std::deque<Deferred> deferred_;
  rpc::Json client_capabilities_ = rpc::Json::object();
  std::optional<LogLevel> log_level_;
  std::map<std::string, std::optional<rpc::Response>> questions_;  // by the id's text
  std::uint64_t questions_asked_ = 0;
  bool input_ended_ = false;
  std::size_t running_ = 0;  // cancelled ones count until their handler has returned
  std::size_t subscriptions_ = 0;
  std::size_t held_bytes_ = 0;
  std::optional<Clock::time_point> stopped_at_;
  Event changed_;
};

}  // namespace omcp_r::mcp
