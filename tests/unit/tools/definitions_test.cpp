#include <gtest/gtest.h>

#include "omcp_r/mcp/encode.hpp"
#include "omcp_r/rpc/json_text.hpp"
#include "omcp_r/tools/sandbox_tools.hpp"

namespace omcp_r::tools {
namespace {

TEST(Definitions, AreSmallTogetherWhateverIsConfigured) {
  sandbox::Settings settings;
  settings.data_dir = "/data";
  settings.image = "registry.example.org/statistics/r-with-many-packages:2024-01-01";
  settings.max_lifetime = std::chrono::hours{24 * 365};
  mcp::Json tools = mcp::Json::array();
  for (const auto& tool : {create_sandbox_tool(settings), list_sandboxes_tool(),
                           remove_sandbox_tool(), execute_r_code_tool(settings)}) {
    tools.push_back(mcp::encode_tool(tool, mcp::latest_legacy_revision()));
  }
  EXPECT_LT(rpc::to_text(tools).size(), 6'000U);
}

TEST(Definitions, ExecuteNeedsNoArgumentOfThose) {
  const mcp::ToolDefinition tool = execute_r_code_tool({});
  EXPECT_FALSE(tool.input_schema.contains("required")) << "code or execution_id or interrupt";
  EXPECT_NE(tool.input_schema["properties"]["sandbox_id"]["description"].dump().find("Leave out"),
            std::string::npos);
}

}  // namespace
}  // namespace omcp_r::tools
