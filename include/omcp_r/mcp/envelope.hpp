#pragma once

#include <optional>
#include <string_view>
#include <variant>

#include "omcp_r/mcp/revision.hpp"
#include "omcp_r/rpc/message.hpp"

namespace omcp_r::mcp {

enum class Method {
  kInitialize,
  kPing,
  kDiscover,
  kListTools,
  kCallTool,
  kListResources,
  kListTemplates,
  kReadResource,
  kListen,
  kSetLogLevel,
};

/// A request that may be run: what it asks for, and the revision that shapes the answer.
struct Routed {
  Method method = Method::kPing;
  const Revision* revision = nullptr;
};

/// What is known when a request comes in. `negotiated` is the only state of a connection: the
/// revision of the latest handshake, null before one.
struct RoutingState {
  const Revision* negotiated = nullptr;
  bool has_resources = false;
  bool has_logging = false;
};

/// Decides the era of one request, by itself: a client may probe, shake hands and speak modern
/// again, all in one process. For kInitialize the revision is the one to negotiate.
std::variant<Routed, rpc::Fault> route(const rpc::Request& request, const RoutingState& state);

/// The refusal of a request whose _meta does not declare all of `required` (an object of
/// capabilities, null: none). Legacy requests declare nothing, and are let through.
std::optional<rpc::Fault> missing_capability(const rpc::Json& params, const Revision& revision,
                                             const rpc::Json& required);

namespace meta_key {
inline constexpr std::string_view kProtocolVersion = "io.modelcontextprotocol/protocolVersion";
inline constexpr std::string_view kClientCapabilities =
    "io.modelcontextprotocol/clientCapabilities";
inline constexpr std::string_view kLogLevel = "io.modelcontextprotocol/logLevel";
inline constexpr std::string_view kServerInfo = "io.modelcontextprotocol/serverInfo";
inline constexpr std::string_view kSubscriptionId = "io.modelcontextprotocol/subscriptionId";
}  // namespace meta_key

}  // namespace omcp_r::mcp
