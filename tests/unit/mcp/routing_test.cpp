// PROTOCOL §4: the era is decided for each request by itself.
#include <gtest/gtest.h>

#include <string>

#include "omcp_r/mcp/envelope.hpp"

namespace omcp_r::mcp {
namespace {

using rpc::Json;

constexpr const char* kModernMeta =
    R"({"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
    R"("io.modelcontextprotocol/clientCapabilities":{}}})";

std::string outcome(const std::string& method, const std::string& params, const char* negotiated,
                    bool has_resources = false) {
  const rpc::Request request{*rpc::Id::from_json(1), method, Json::parse(params)};
  const Revision* revision = negotiated ? find_revision(negotiated, Era::kLegacy) : nullptr;
  const RoutingState state{revision, has_resources};
  const auto routed = route(request, state);
  if (const auto* fault = std::get_if<rpc::Fault>(&routed)) {
    return std::to_string(fault->code);
  }
  return std::string{std::get<Routed>(routed).revision->name};
}

struct Case {
  const char* name;
  const char* method;
  std::string params;
  const char* negotiated;
  const char* outcome;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

class Routing : public testing::TestWithParam<Case> {};

TEST_P(Routing, DecidesRevisionOrFault) {
  const Case& c = GetParam();
  EXPECT_EQ(outcome(c.method, c.params, c.negotiated), c.outcome);
}

std::string meta(const std::string& members) {
  return R"({"_meta":{)" + members + "}}";
}

const std::string kVersion = R"("io.modelcontextprotocol/protocolVersion":"2026-07-28")";
const std::string kCapabilities = R"("io.modelcontextprotocol/clientCapabilities":{})";
const std::string kLevel = R"("io.modelcontextprotocol/logLevel":)";

INSTANTIATE_TEST_SUITE_P(
    Modern, Routing,
    testing::Values(
        Case{"Served", "tools/list", kModernMeta, nullptr, "2026-07-28"},
        Case{"ServedAfterAHandshake", "tools/list", kModernMeta, "2024-11-05", "2026-07-28"},
        Case{"VersionNotAString", "tools/list",
             meta(R"("io.modelcontextprotocol/protocolVersion":1,)" + kCapabilities), nullptr,
             "-32602"},
        Case{"UnknownVersion", "tools/list",
             meta(R"("io.modelcontextprotocol/protocolVersion":"2027-01-01",)" + kCapabilities),
             nullptr, "-32022"},
        Case{"LegacyVersionInTheEnvelope", "tools/list",
             meta(R"("io.modelcontextprotocol/protocolVersion":"2025-11-25",)" + kCapabilities),
             nullptr, "-32022"},
        Case{"VersionIsCheckedFirst", "tools/list",
             meta(R"("io.modelcontextprotocol/protocolVersion":"2027-01-01")"), nullptr, "-32022"},
        Case{"NoCapabilities", "tools/list", meta(kVersion), nullptr, "-32602"},
        Case{"CapabilitiesNotAnObject", "tools/list",
             meta(kVersion + R"(,"io.modelcontextprotocol/clientCapabilities":[])"), nullptr,
             "-32602"},
        Case{"LogLevel", "tools/list",
             meta(kVersion + "," + kCapabilities + "," + kLevel + R"("debug")"), nullptr,
             "2026-07-28"},
        Case{"BadLogLevel", "tools/list",
             meta(kVersion + "," + kCapabilities + "," + kLevel + R"("loud")"), nullptr, "-32602"},
        Case{"Discover", "server/discover", kModernMeta, nullptr, "2026-07-28"},
        Case{"NoInitialize", "initialize", kModernMeta, nullptr, "-32601"},
        Case{"NoPing", "ping", kModernMeta, nullptr, "-32601"},
        Case{"NoPrompts", "prompts/list", kModernMeta, nullptr, "-32601"},
        Case{"NoSetLevel", "logging/setLevel", kModernMeta, nullptr, "-32601"},
        Case{"NoResourcesWithoutProvider", "resources/list", kModernMeta, nullptr, "-32601"},
        Case{"NoTasks", "tasks/get", kModernMeta, nullptr, "-32601"}),
    [](const auto& test) { return std::string{test.param.name}; });

INSTANTIATE_TEST_SUITE_P(
    Legacy, Routing,
    testing::Values(
        Case{"PingBeforeAll", "ping", "{}", nullptr, "2025-11-25"},
        Case{"ListBeforeInitialize", "tools/list", "{}", nullptr, "-32602"},
        Case{"DiscoverWithoutEnvelope", "server/discover", "{}", nullptr, "-32602"},
        Case{"MetaWithoutVersionIsNoEnvelope", "tools/list", meta(kCapabilities), nullptr,
             "-32602"},
        Case{"ListAfterInitialize", "tools/list", "{}", "2024-11-05", "2024-11-05"},
        Case{"DiscoverAfterInitialize", "server/discover", "{}", "2025-11-25", "-32601"},
        Case{"ListenAfterInitialize", "subscriptions/listen", "{}", "2025-11-25", "-32601"},
        Case{"UnknownMethod", "prompts/list", "{}", "2025-06-18", "-32601"},
        Case{"SubscribeIsNotOffered", "resources/subscribe", "{}", "2025-06-18", "-32601"},
        Case{"Initialize", "initialize", R"({"protocolVersion":"2025-06-18"})", nullptr,
             "2025-06-18"},
        Case{"InitializeAgain", "initialize", R"({"protocolVersion":"2024-11-05"})", "2025-11-25",
             "2024-11-05"},
        Case{"CounterOfferToOld", "initialize", R"({"protocolVersion":"2024-10-07"})", nullptr,
             "2025-11-25"},
        Case{"CounterOfferToModern", "initialize", R"({"protocolVersion":"2026-07-28"})", nullptr,
             "2025-11-25"},
        Case{"CounterOfferToNonsense", "initialize", R"({"protocolVersion":""})", nullptr,
             "2025-11-25"},
        Case{"InitializeWithoutVersion", "initialize", "{}", nullptr, "-32602"},
        Case{"InitializeWithNumber", "initialize", R"({"protocolVersion":1})", nullptr, "-32602"}),
    [](const auto& test) { return std::string{test.param.name}; });

TEST(Routing, OffersResourcesWithAProvider) {
  EXPECT_EQ(outcome("resources/list", "{}", "2024-11-05", true), "2024-11-05");
  EXPECT_EQ(outcome("resources/read", kModernMeta, nullptr, true), "2026-07-28");
}

TEST(Routing, ToAnUnknownVersionItSaysWhatIsServed) {
  const rpc::Request request{
      *rpc::Id::from_json(1), "tools/list",
      Json::parse(R"({"_meta":{"io.modelcontextprotocol/protocolVersion":"x"}})")};
  const auto routed = route(request, RoutingState{});
  EXPECT_EQ(std::get<rpc::Fault>(routed).data.dump(),
            R"({"supported":["2026-07-28"],"requested":"x"})");
}

}  // namespace
}  // namespace omcp_r::mcp
