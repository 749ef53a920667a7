#include "omcp_r/mcp/envelope.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

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
  bool of_resources = false;
};

constexpr std::array<MethodEntry, 9> kMethods{{
    {"initialize", Method::kInitialize, true, false, false},
    {"ping", Method::kPing, true, false, false},
    {"server/discover", Method::kDiscover, false, true, false},
    {"tools/list", Method::kListTools, true, true, false},
    {"tools/call", Method::kCallTool, true, true, false},
    {"resources/list", Method::kListResources, true, true, true},
    {"resources/templates/list", Method::kListTemplates, true, true, true},
    {"resources/read", Method::kReadResource, true, true, true},
    {"subscriptions/listen", Method::kListen, false, true, false},
}};

constexpr std::array<std::string_view, 8> kLogLevels{"debug", "info",     "notice", "warning",
                                                     "error", "critical", "alert",  "emergency"};

Json names_as_json(Era era) {
  Json names = Json::array();
  for (const std::string_view name : revision_names(era)) {
    names.push_back(name);
  }
  return names;
}

std::variant<Routed, Fault> find_method(const std::string& name, const Revision& revision,
                                        bool has_resources) {
  for (const MethodEntry& entry : kMethods) {
    if (entry.name == name && (revision.modern() ? entry.modern : entry.legacy) &&
        (has_resources || !entry.of_resources)) {
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
                                         bool has_resources) {
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
      (!level->is_string() ||
       std::find(kLogLevels.begin(), kLogLevels.end(), level->get_ref<const std::string&>()) ==
           kLogLevels.end())) {
    return bad_meta(meta_key::kLogLevel, "a logging level");
  }
  return find_method(request.method, *revision, has_resources);
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
    return route_modern(request, *meta, state.has_resources);
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
  return find_method(request.method, *state.negotiated, state.has_resources);
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
