#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "omcp_r/mcp/tool.hpp"

namespace omcp_r::rpc {
class StdioTransport;
}

namespace omcp_r::mcp {

/// How the server presents itself. Empty fields are left out, and so are those that a revision does
/// not know.
struct ServerInfo {
  std::string name;
  std::string title;
  std::string version;
  std::string description;
  std::string website_url;
  std::string instructions;  ///< shown to the model
};

/// Bounds on what a client can make us hold, and on how long the end may take.
struct ServerLimits {
  std::size_t calls_in_flight = 64;                   ///< running at once; further ones wait
  std::size_t requests_waiting = 256;                 ///< beyond that, reading stops
  std::size_t request_bytes = std::size_t{64} << 20;  ///< of all requests running and waiting
  std::size_t result_bytes = 1'000'000;              ///< a bigger answer of a tool becomes an error
  std::chrono::milliseconds progress_interval{0};    ///< least time between two of one call
  std::chrono::milliseconds client_answer{300'000};  ///< to a request of ours; people may be slow
  std::chrono::milliseconds drain{200};    ///< for calls in flight, and for all after stop()
  std::chrono::milliseconds unread{1000};  ///< at EOF, of a client that reads none of its answers
  std::chrono::milliseconds reading{10'000};  ///< at EOF, while the client goes on reading
};

/// Receives one-line remarks about bad input and failures, for the log.
using LogSink = std::function<void(std::string_view message)>;

class Service;
class Session;

/// An MCP server of tools and resources, at every revision in revision.hpp. All members are to be
/// used on the executor's single thread. One client is served at a time.
class Server {
 public:
  Server(asio::any_io_executor executor, ServerInfo info, ServerLimits limits = {});
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  /// Tools are listed in the order in which they were added.
  void add_tool(ToolDefinition tool, ToolHandler handler);
  /// Resources are offered once there is a provider; it must outlive the calls.
  void set_resources(ResourceProvider* provider);
  /// Promises that ToolResult::resources_changed is set where it should be.
  void offer_resource_changes();
  /// Offers log notifications to the client (see CallContext::log()); deprecated at 2026-07-28.
  void offer_logging();
  void set_log(LogSink log);

  /// Serves one client until it hangs up or stop() is called. Answers that are ready are then
  /// written, calls in flight have ServerLimits::drain to finish; those that do not are told that
  /// they are cancelled, and left running without on_cancel being called.
  asio::awaitable<void> serve(rpc::StdioTransport& transport);

  /// Ends serve() as the end of input does.
  void stop();

 private:
  asio::any_io_executor executor_;
  std::shared_ptr<Service> service_;
  std::shared_ptr<Session> session_;
  bool stopped_ = false;
};

}  // namespace omcp_r::mcp
