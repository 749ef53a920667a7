#include "omcp_r/mcp/server.hpp"

#include <utility>

#include "service.hpp"
#include "session.hpp"

namespace omcp_r::mcp {

Server::Server(asio::any_io_executor executor, ServerInfo info, ServerLimits limits)
    : executor_(std::move(executor)),
      service_(std::make_shared<Service>(std::move(info), limits)) {}

Server::~Server() = default;

void Server::add_tool(ToolDefinition tool, ToolHandler handler) {
  service_->add_tool(std::move(tool), std::move(handler));
}

void Server::set_resources(ResourceProvider* provider) {
  service_->set_resources(provider);
}

void Server::offer_resource_changes() {
  service_->offer_resource_changes();
}

void Server::offer_logging() {
  service_->offer_logging();
}

void Server::set_log(LogSink log) {
  service_->set_log(std::move(log));
}

asio::awaitable<void> Server::serve(rpc::StdioTransport& transport) {
  session_ = std::make_shared<Session>(executor_, service_, transport);
  if (stopped_) {
    session_->stop();
  }
  co_await session_->run();
}

void Server::stop() {
  stopped_ = true;
  if (session_) {
    session_->stop();
  }
}

}  // namespace omcp_r::mcp
