// PROTOCOL §3.2 and §5: what a revision does not know is left out, or becomes text.
#include "omcp_r/mcp/encode.hpp"

#include <gtest/gtest.h>

namespace omcp_r::mcp {
namespace {

const Revision& revision(std::string_view name) {
  const Revision* legacy = find_revision(name, Era::kLegacy);
  return legacy ? *legacy : *find_revision(name, Era::kModern);
}

ToolDefinition full_tool() {
  ToolDefinition tool;
  tool.name = "t";
  tool.title = "T";
  tool.description = "d";
  tool.input_schema = Json::parse(R"({"type":"object"})");
  tool.output_schema = Json::parse(R"({"type":"object"})");
  tool.meta = Json::parse(R"({"k":1})");
  return tool;
}

std::string keys_of(const Json& object) {
  std::string keys;
  for (const auto& item : object.items()) {
    keys += item.key() + " ";
  }
  return keys;
}

TEST(EncodeTool, GivesTheFieldsThatARevisionKnows) {
  EXPECT_EQ(keys_of(encode_tool(full_tool(), revision("2024-11-05"))),
            "name description inputSchema ");
  EXPECT_EQ(keys_of(encode_tool(full_tool(), revision("2025-03-26"))),
            "name description inputSchema annotations ");
  for (const char* name : {"2025-06-18", "2025-11-25", "2026-07-28"}) {
    EXPECT_EQ(keys_of(encode_tool(full_tool(), revision(name))),
              "name title description inputSchema outputSchema annotations _meta ");
  }
}

TEST(EncodeTool, AlwaysGivesAllFourHints) {
  EXPECT_EQ(encode_tool(full_tool(), revision("2025-11-25"))["annotations"].dump(),
            R"({"title":"T","readOnlyHint":false,"destructiveHint":false,)"
            R"("idempotentHint":false,"openWorldHint":false})");
}

TEST(EncodeServer, GivesTheFieldsThatARevisionKnows) {
  ServerInfo info;
  info.name = "n";
  info.version = "1";
  info.title = "t";
  info.description = "d";
  info.website_url = "https://example.org";
  EXPECT_EQ(keys_of(encode_server(info, revision("2025-03-26"))), "name version ");
  EXPECT_EQ(keys_of(encode_server(info, revision("2025-06-18"))), "name version title ");
  EXPECT_EQ(keys_of(encode_server(info, revision("2025-11-25"))),
            "name version title description websiteUrl ");
}

TEST(EncodeContent, LinksBecomeTextWhereThereAreNone) {
  const Content link = ResourceLink{"file:///a.csv", "a.csv", "A table", "text/csv", 12};
  EXPECT_EQ(encode_content(link, revision("2025-03-26")).dump(),
            R"({"type":"text","text":"a.csv: file:///a.csv (text/csv, 12 bytes)\nA table"})");
  EXPECT_EQ(encode_content(link, revision("2025-06-18")).dump(),
            R"({"type":"resource_link","uri":"file:///a.csv","name":"a.csv",)"
            R"("description":"A table","mimeType":"text/csv","size":12})");
}

TEST(EncodeContent, AudioBecomesTextWhereThereIsNone) {
  const Content audio = AudioContent{"abc", "audio/wav"};
  EXPECT_EQ(encode_content(audio, revision("2024-11-05"))["type"], "text");
  EXPECT_EQ(encode_content(audio, revision("2025-03-26")).dump(),
            R"({"type":"audio","data":"YWJj","mimeType":"audio/wav"})");
}

TEST(EncodeContent, ImagesAndResourcesAreKnownEverywhere) {
  const Content image = ImageContent{std::string("\x00\xFFz", 3), "image/png"};
  const Content embedded = EmbeddedResource{"u:1", "text/plain", "t", true};
  for (const Revision& any : revisions()) {
    EXPECT_EQ(encode_content(image, any).dump(),
              R"({"type":"image","data":"AP96","mimeType":"image/png"})");
    EXPECT_EQ(encode_content(embedded, any).dump(),
              R"({"type":"resource","resource":{"uri":"u:1","mimeType":"text/plain","text":"t"}})");
  }
}

TEST(EncodeToolResult, StructuredContentIsAnObjectUntilTheModernEra) {
  ToolResult result;
  result.structured = Json::parse(R"({"a":1})");
  EXPECT_FALSE(encode_tool_result(result, revision("2025-03-26")).contains("structuredContent"));
  EXPECT_TRUE(encode_tool_result(result, revision("2025-06-18")).contains("structuredContent"));
  result.structured = Json::parse("[1]");
  EXPECT_FALSE(encode_tool_result(result, revision("2025-11-25")).contains("structuredContent"));
  EXPECT_TRUE(encode_tool_result(result, revision("2026-07-28")).contains("structuredContent"));
}

TEST(CompleteResult, AddsToModernResultsOnly) {
  const ServerInfo info{"n", "", "1", "", "", ""};
  EXPECT_EQ(complete_result(Json::object(), info, revision("2025-11-25"), Cache::kStatic).dump(),
            "{}");
  EXPECT_EQ(complete_result(Json::object(), info, revision("2026-07-28"), Cache::kNotSaid).dump(),
            R"({"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":)"
            R"({"name":"n","version":"1"}}})");
  const Json cacheable =
      complete_result(Json::object(), info, revision("2026-07-28"), Cache::kAlwaysAskAgain);
  EXPECT_EQ(cacheable["ttlMs"], 0);
  EXPECT_EQ(cacheable["cacheScope"], "private");
}

}  // namespace
}  // namespace omcp_r::mcp
