#include "omcp_r/tools/results.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "omcp_r/tools/sandbox_resources.hpp"

namespace omcp_r::tools {
namespace {

using sandbox::Execution;
using sandbox::Outcome;

struct OutcomeCase {
  Outcome outcome;
  int exit_code;
  const char* code;
};
void PrintTo(const OutcomeCase& c, std::ostream* out) {
  *out << c.exit_code << ' ' << c.code;
}

class ExecutionResult : public testing::TestWithParam<OutcomeCase> {
 protected:
  boost::asio::io_context io_;
  Execution execution_{io_.get_executor(), "e1", 1000};
};

TEST_P(ExecutionResult, SaysHowTheExecutionEnded) {
  execution_.done = true;
  execution_.outcome = GetParam().outcome;
  execution_.transcript.append("partial\n");
  const auto result = execution_result("s1", execution_, mcp::Json::array(), {});
  EXPECT_EQ(result.structured["exit_code"], GetParam().exit_code);
  EXPECT_EQ(result.structured["output"], "partial\n");
  const bool failed = GetParam().code[0] != '\0';
  EXPECT_EQ(result.is_error, failed);
  EXPECT_EQ(result.structured["success"], !failed);
  if (failed) {
    EXPECT_EQ(result.structured["error"]["code"], GetParam().code);
  }
  EXPECT_TRUE(std::get<mcp::TextContent>(result.content[0]).text.starts_with("partial\n"));
}

INSTANTIATE_TEST_SUITE_P(
    Results, ExecutionResult,
    testing::Values(OutcomeCase{Outcome::kOk, 0, ""}, OutcomeCase{Outcome::kError, 1, "r_error"},
                    OutcomeCase{Outcome::kInterrupted, 130, "interrupted"},
                    OutcomeCase{Outcome::kTimedOut, 124, "execution_timeout"},
                    OutcomeCase{Outcome::kOutputLimit, 137, "output_limit"},
                    OutcomeCase{Outcome::kCrashed, 137, "r_crashed"},
                    OutcomeCase{Outcome::kQuit, 0, ""},
                    OutcomeCase{Outcome::kSandboxEnded, 137, "sandbox_ended"},
                    OutcomeCase{Outcome::kEngineLost, 137, "engine_unavailable"}));

TEST(Results, HostileReportsDoNotThrow) {
  boost::asio::io_context io;
  for (const char* report :
       {"null", "[]", "5", R"({"warnings": 5, "error": [], "files": {"a": 1}, "value": null})",
        R"({"files": [1, {"path": 5}, {"path": "x", "size": "big"}], "status": 7})"}) {
    Execution execution{io.get_executor(), "e", 100};
    execution.done = true;
    execution.report = nlohmann::json::parse(report);
    EXPECT_NO_THROW(execution_result("s", execution, files_json("s", execution), {})) << report;
  }
}

TEST(Results, UrisHoldAnyPathAndGiveItBack) {
  const std::string path = "a b/\xC3\xA9?#%.csv";
  const std::string uri = resource_uri("id", path);
  EXPECT_EQ(uri, "sandbox://id/a%20b/%C3%A9%3F%23%25.csv");
  EXPECT_EQ(percent_decode(uri.substr(13)), path);
}

TEST(SessionScript, HasTheCodeBelowAHeaderOfComments) {
  sandbox::State state;
  state.image_id = "sha256:1";
  const std::string script =
      session_script(R"({"r_version": "R 4.2", "seed": "7", "code": ["x <- 1", "x"]})", state);
  EXPECT_NE(script.find("# Image digest: sha256:1\n"), std::string::npos);
  EXPECT_TRUE(script.ends_with("set.seed(7)\nx <- 1\nx\n"));
}

}  // namespace
}  // namespace omcp_r::tools
