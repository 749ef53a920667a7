#include "omcp_r/mcp/envelope.hpp"

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "omcp_r/mcp/log_level.hpp"

namespace omcp_r::mcp {
namespace {

using rpc::Fault;
using rpc::Json;

constexpr int kUnsupportedProtocolVersion = -32022;
constexpr int kMissingRequiredClientCapability = -32021;

struct MethodEntry {
  std::string_view name;
  Method method = Method::kPing;
  bool legacy = true;
  bool modern = true;
  bool RoutingState::*needs = nullptr;  ///< what the server must offer
};

constexpr std::array<MethodEntry, 10> kMethods{{
    {"initialize", Method::kInitialize, true, false},
    {"ping", Method::kPing, true, false},
    {"server/discover", Method::kDiscover, false, true},
    {"tools/list", Method::kListTools, true, true},
    {"tools/call", Method::kCallTool, true, true},
    {"resources/list", Method::kListResources, true, true, &RoutingState::has_resources},
    {"resources/templates/list", Method::kListTemplates, true, true, &RoutingState::has_resources},
    {"resources/read", Method::kReadResource, true, true, &RoutingState::has_resources},
    {"subscriptions/listen", Method::kListen, false, true},
    {"logging/setLevel", Method::kSetLogLevel, true, false, &RoutingState::has_logging},
}};

Json names_as_json(Era era) {
  Json names = Json::array();
  for (const std::string_view name : revision_names(era)) {
    names.push_back(name);
  }
  return names;
}

std::variant<Routed, Fault> find_method(const std::string& name, const Revision& revision,
                                        const RoutingState& state) {
  for (const MethodEntry& entry : kMethods) {
    if (entry.name == name && (revision.modern() ? entry.modern : entry.legacy) &&
        (entry.needs == nullptr || state.*entry.needs)) {
      return Routed{entry.method, &revision};
    }
  }
  return Fault{rpc::kMethodNotFound, "Method not found: " + name + " (protocol version " +
                                         std::string{revision.name} + ")"};
}

const Json* find_meta(const Json& params) {
  const auto meta = params.find("_meta");
  return meta != params.end() && meta->is_object() ? &*meta : nullptr;
}

Fault unsupported(const Json& version) {
  Json data = {{"supported", names_as_json(Era::kModern)}, {"requested", version}};
  return {kUnsupportedProtocolVersion, "Unsupported protocol version", std::move(data)};
}

Fault bad_meta(std::string_view key, const char* must) {
  return {rpc::kInvalidParams, "Invalid params: _meta." + std::string{key} + " must be " + must};
}

/// The version is looked at first: what else a request of another version must have, we cannot
/// know.
std::variant<Routed, Fault> route_modern(const rpc::Request& request, const Json& meta,
                                         const RoutingState& state) {
  const Json& version = *meta.find(meta_key::kProtocolVersion);
  if (!version.is_string()) {
    return bad_meta(meta_key::kProtocolVersion, "a string");
  }
  const Revision* revision = find_revision(version.get_ref<const std::string&>(), Era::kModern);
  if (revision == nullptr) {
    return unsupported(version);
  }
  const auto capabilities = meta.find(meta_key::kClientCapabilities);
  if (capabilities == meta.end() || !capabilities->is_object()) {
    return bad_meta(meta_key::kClientCapabilities, "an object");
  }
  const auto level = meta.find(meta_key::kLogLevel);
  if (level != meta.end() &&
      (!level->is_string() || !find_log_level(level->get_ref<const std::string&>()))) {
    return bad_meta(meta_key::kLogLevel, "a logging level");
  }
  return find_method(request.method, *revision, state);
}

/// A counter-offer is never an error: servers that made it one have locked real clients out.
std::variant<Routed, Fault> route_initialize(const rpc::Request& request) {
  const auto version = request.params.find("protocolVersion");
  if (version == request.params.end() || !version->is_string()) {
    return Fault{rpc::kInvalidParams, "Invalid params: protocolVersion must be a string"};
  }
  const Revision* revision = find_revision(version->get_ref<const std::string&>(), Era::kLegacy);
  return Routed{Method::kInitialize, revision ? revision : &latest_legacy_revision()};
}

Fault no_envelope() {
  return {rpc::kInvalidParams, "Invalid params: missing _meta." +
                                   std::string{meta_key::kProtocolVersion} + " and _meta." +
                                   std::string{meta_key::kClientCapabilities} +
                                   "; or send initialize first"};
}

}  // namespace

std::variant<Routed, Fault> route(const rpc::Request& request, const RoutingState& state) {
  const Json* meta = find_meta(request.params);
  if (meta != nullptr && meta->contains(meta_key::kProtocolVersion)) {
    return route_modern(request, *meta, state);
  }
  if (request.method == "initialize") {
    return route_initialize(request);
  }
  if (request.method == "ping") {
    return Routed{Method::kPing, state.negotiated ? state.negotiated : &latest_legacy_revision()};
  }
  if (state.negotiated == nullptr) {
    return no_envelope();
  }
  return find_method(request.method, *state.negotiated, state);
}

std::optional<Fault> missing_capability(const Json& params, const Revision& revision,
                                        const Json& required) {
  if (required.is_null() || !revision.modern()) {
    return std::nullopt;
  }
  const Json* meta = find_meta(params);
  const auto declared = meta->find(meta_key::kClientCapabilities);
  for (const auto& capability : required.items()) {
    if (!declared->contains(capability.key())) {
      Json data = {{"requiredCapabilities", required}};
      return Fault{kMissingRequiredClientCapability,
                   "Missing required client capability: " + capability.key(), std::move(data)};
    }
  }
  return std::nullopt;
}

}  // namespace omcp_r::mcp
