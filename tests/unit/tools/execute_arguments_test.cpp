#include "omcp_r/tools/execute_arguments.hpp"

#include <gtest/gtest.h>

#include "omcp_r/base/text.hpp"

namespace omcp_r::tools {
namespace {

using mcp::Json;

Result<ExecuteArguments> parsed(const std::string& json) {
  const Json arguments = Json::parse(json);
  return parse_execute(arguments, sandbox::Settings{});
}

TEST(ExecuteArguments, AreReadWithTheirDefaults) {
  const auto arguments = parsed(R"({"sandbox_id": "s", "code": "1", "wait": "0.5", "width": 100})");
  ASSERT_TRUE(arguments);
  EXPECT_EQ(arguments->sandbox_id, "s");
  EXPECT_TRUE(arguments->has_code);
  EXPECT_EQ(arguments->request.code, "1");
  EXPECT_EQ(arguments->request.timeout, sandbox::Settings{}.execution_timeout);
  EXPECT_EQ(arguments->wait, std::chrono::milliseconds{500});
  EXPECT_EQ(arguments->request.plot_width, 100);
  EXPECT_FALSE(arguments->request.plot_height);
  EXPECT_FALSE(arguments->interrupt);
}

TEST(ExecuteArguments, IdsMayBeLeftOutOrEmpty) {
  for (const char* json : {R"({"code": "1"})", R"({"sandbox_id": null, "code": "1"})",
                           R"({"sandbox_id": "", "code": "1", "execution_id": ""})"}) {
    const auto arguments = parsed(json);
    ASSERT_TRUE(arguments) << json;
    EXPECT_FALSE(arguments->sandbox_id);
    EXPECT_FALSE(arguments->execution_id);
  }
  EXPECT_TRUE(parsed(R"({"execution_id": "e"})"));
  EXPECT_TRUE(parsed(R"({"interrupt": true})"));
}

TEST(ExecuteArguments, FilesComeAsTextOrBase64) {
  const auto arguments = parsed(
      R"({"code": "1", "files": [{"path": "a.txt", "text": "x\u0000y"},
                                 {"path": "/sandbox/d/b.bin", "base64": "AP8K"}]})");
  ASSERT_TRUE(arguments);
  ASSERT_EQ(arguments->files.size(), 2U);
  EXPECT_EQ(arguments->files[0].path, "a.txt");
  EXPECT_EQ(arguments->files[0].bytes, std::string("x\0y", 3));
  EXPECT_EQ(arguments->files[1].path, "d/b.bin");
  EXPECT_EQ(arguments->files[1].bytes, std::string("\0\xFF\n", 3));
}

struct BadCall {
  const char* json;
  const char* says;
};
void PrintTo(const BadCall& call, std::ostream* out) {
  *out << call.json;
}
class BadCalls : public testing::TestWithParam<BadCall> {};

TEST_P(BadCalls, AreToldWhatIsWrong) {
  const auto arguments = parsed(GetParam().json);
  ASSERT_FALSE(arguments);
  EXPECT_EQ(arguments.error().code, Errc::kInvalidArgument);
  EXPECT_NE(arguments.error().message.find(GetParam().says), std::string::npos)
      << arguments.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    ExecuteArguments, BadCalls,
    testing::Values(
        BadCall{R"({})", "code is required"}, BadCall{R"({"sandbox_id": "x"})", "code is required"},
        BadCall{R"({"sandbox_id": 5, "code": "1"})", "sandbox_id must be a string"},
        BadCall{R"({"code": "1", "execution_id": "e"})", "not both"},
        BadCall{R"({"code": "a\u0000b"})", "NUL"},
        BadCall{R"({"code": "1", "timeout": 0})", "timeout"},
        BadCall{R"({"code": "1", "width": 9000})", "2000"},
        BadCall{R"({"code": "1", "files": "a.txt"})", "array"},
        BadCall{R"({"code": "1", "files": ["a.txt"]})", "path and either"},
        BadCall{R"({"code": "1", "files": [{"path": "a"}]})", "path and either"},
        BadCall{R"({"code": "1", "files": [{"path": 7, "text": "x"}]})", "path and either"},
        BadCall{R"({"code": "1", "files": [{"path": "a", "base64": "not base64 !!"}]})",
                "base64 of file a is not valid"},
        BadCall{R"({"code": "1", "files": [{"path": "../up", "text": "x"}]})", "'../up' is not"},
        BadCall{R"({"code": "1", "files": [{"path": "/etc/passwd", "text": "x"}]})",
                "below /sandbox"},
        BadCall{R"({"code": "1", "files": [{"path": "/sandbox/../up", "text": "x"}]})",
                "below /sandbox"},
        BadCall{R"({"code": "1", "files": [{"path": "/sandbox/", "text": "x"}]})",
                "below /sandbox"},
        BadCall{R"({"code": "1", "files": [{"path": "", "text": "x"}]})", "below /sandbox"},
        BadCall{R"({"code": "1", "files": [{"path": "a\u0000b", "text": "x"}]})", "'a?b' is not"}));

struct Fenced {
  const char* name;
  const char* code;
  const char* expected;
};
void PrintTo(const Fenced& fenced, std::ostream* out) {
  *out << fenced.name;
}
class Fences : public testing::TestWithParam<Fenced> {};

TEST_P(Fences, AreTakenOff) {
  EXPECT_EQ(unfenced(GetParam().code), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Code, Fences,
    testing::Values(Fenced{"named", "```r\nx <- 1\nx\n```", "x <- 1\nx\n"},
                    Fenced{"unnamed", "```\nx\n```\n", "x\n"},
                    Fenced{"spaces_around", "\n\n  ```R  \nx\n```  \n\n", "x\n"},
                    Fenced{"chunk", "```{r, echo=FALSE}\nx\n```", "x\n"},
                    Fenced{"chunk_with_a_name", "```{r setup}\nx\n```", "x\n"},
                    Fenced{"longer_fence", "````r\nx <- '```'\n````", "x <- '```'\n"},
                    Fenced{"windows", "```r\r\nx\r\n```\r\n", "x\r\n"},
                    Fenced{"empty", "```r\n```", ""},
                    Fenced{"blank_lines_inside", "```r\n\n  x\n\n```", "\n  x\n\n"}),
    [](const auto& row) { return row.param.name; });

class NoFences : public testing::TestWithParam<Fenced> {};

TEST_P(NoFences, AreLeftAlone) {
  EXPECT_EQ(unfenced(GetParam().code), GetParam().code);
}

INSTANTIATE_TEST_SUITE_P(Code, NoFences,
                         testing::Values(Fenced{"plain", "x <- 1\n", ""}, Fenced{"nothing", "", ""},
                                         Fenced{"blank", " \n", ""},
                                         Fenced{"ticks", "`my variable` <- 1\n`x`", ""},
                                         Fenced{"only_opened", "```r\nx", ""},
                                         Fenced{"only_a_fence", "```", ""},
                                         Fenced{"prose_behind", "```r\nx\n```\nThat was it.", ""},
                                         Fenced{"two_blocks", "```r\nx\n```\n\n```r\ny\n```", ""},
                                         Fenced{"another_language", "```python\nx\n```", ""},
                                         Fenced{"in_a_text", "cat('\n```r\nx\n```\n')", ""}),
                         [](const auto& row) { return row.param.name; });

TEST(Paths, BelowTheFolderMayBeAbsolute) {
  EXPECT_EQ(below_sandbox("/sandbox/a/b.csv"), "a/b.csv");
  EXPECT_EQ(below_sandbox("a/b.csv"), "a/b.csv");
  EXPECT_EQ(below_sandbox("/sandboxes/a"), "/sandboxes/a");
  EXPECT_EQ(below_sandbox("/sandbox"), "/sandbox");
  EXPECT_EQ(below_sandbox("sandbox/a"), "sandbox/a");
}

}  // namespace
}  // namespace omcp_r::tools
