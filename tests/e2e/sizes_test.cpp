// Large outputs: head and tail, the rest in a file, every line to the host small enough.

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

class Sizes : public SandboxTest {};

TEST_F(Sizes, OutputBelowTheLimitIsWhole) {
  const ToolResult result = sandbox().run("cat(strrep('x', 20000))");
  EXPECT_EQ(result.output().size(), 20000U);
  EXPECT_EQ(result.data().at("truncated"), false);
}

TEST_F(Sizes, LongOutputIsHeadAndTailWithACountAndAFileThatHoldsAll) {
  const Sandbox box = sandbox();
  const ToolResult result = box.run("for (i in 1:30000) cat('line number', i, '\\n')");
  EXPECT_EQ(result.data().at("truncated"), true) << result;
  const std::string output = result.output();
  EXPECT_LE(output.size(), 21000U);
  EXPECT_GE(output.size(), 20000U);
  EXPECT_EQ(output.substr(0, 15), "line number 1 \n");
  EXPECT_EQ(output.substr(output.size() - 19), "line number 30000 \n");
  // The note names the file; R reads it.
  const std::size_t at = result.text().find("/sandbox/");
  ASSERT_NE(at, std::string::npos) << result.text().substr(result.text().size() - 400);
  const std::string path =
      result.text().substr(at, result.text().find_first_of(" ,;)]\n\"", at) - at);
  const std::string file = path.back() == '.' ? path.substr(0, path.size() - 1) : path;
  EXPECT_EQ(box.output("x <- readLines('" + file + "'); length(x); x[15000]"),
            "[1] 30000\n[1] \"line number 15000 \"\n");
}

TEST_F(Sizes, TheLimitCountsCharactersAndCutsNone) {
  const ToolResult result = sandbox().run("for (i in 1:3000) cat(strrep('世', 40), '\\n')");
  EXPECT_EQ(result.data().at("truncated"), true);
  EXPECT_FALSE(contains(result.output(), "\xEF\xBF\xBD")) << "a character was cut in two";
}

TEST_F(Sizes, TheLimitIsConfigured) {
  Server& other = start({{{"MAX_OUTPUT_CHARS", "2000"}}, {}, true, {}});
  const ToolResult result = create(other).run("cat(strrep('x', 5000))");
  EXPECT_EQ(result.data().at("truncated"), true);
  EXPECT_LT(result.output().size(), 2300U);
}

TEST_F(Sizes, CodeThatPrintsMoreThanAllowedIsStopped) {
  Server& strict = start({{{"MAX_OUTPUT_BYTES", "5000000"}}, {}, true, {}});
  const Sandbox box = create(strict);
  box.run("x <- 'kept'");
  const ToolResult result = box.run("repeat cat(strrep('y', 1000), '\\n')", Json{{"timeout", 60}});
  EXPECT_FALSE(result.success());
  EXPECT_EQ(result.exit_code(), 137) << result;
  EXPECT_EQ(result.error_code(), "output_limit") << result;
  EXPECT_LE(result.output().size(), 52000U);
  EXPECT_EQ(box.output("cat('alive')"), "alive");
}

TEST_F(Sizes, OneHugeLineIsCutToo) {
  const ToolResult result = sandbox().run("cat(strrep('abcdefghij', 3e5))");
  EXPECT_TRUE(result.success()) << result.data().at("error");
  EXPECT_LE(result.output().size(), 52000U);
  EXPECT_EQ(result.data().at("truncated"), true);
}

TEST_F(Sizes, ControlCharactersThatGrowInJsonStillFitALine) {
  // Each becomes six bytes on the wire; the harness refuses lines of a megabyte.
  const ToolResult result = sandbox().run("cat(strrep('\\001', 200000)); strrep('\\002', 100)");
  EXPECT_TRUE(result.result.contains("content"));
}

TEST_F(Sizes, CarriageReturnsAreResolvedAsATerminalWould) {
  const Sandbox box = sandbox();
  EXPECT_EQ(box.output("for (i in 1:100) cat('\\rstep', i); cat('\\n')"), "step 100\n");
  const std::string bar = box.output(
      "b <- txtProgressBar(0, 50, style = 3); for (i in 1:50) setTxtProgressBar(b, i); close(b)");
  EXPECT_LT(bar.size(), 200U) << bar;
  EXPECT_TRUE(contains(bar, "100%")) << bar;
  EXPECT_EQ(box.output("cat('a\\r\\nb\\n')"), "a\nb\n");
}

TEST_F(Sizes, LongMessagesOfErrorsStayBounded) {
  const ToolResult result =
      sandbox().run("options(warning.length = 8170); stop(strrep('long ', 1e6))");
  EXPECT_EQ(result.error_code(), "r_error");
}

TEST_F(Sizes, WideTablesFitALine) {
  const ToolResult result = sandbox().run(
      "x <- as.data.frame(matrix(strrep('w', 2000), 200, 300)); names(x) <- paste0(strrep('n', "
      "500), 1:300); invisible(x); x[1:20, ]",
      Json{{"timeout", 60}});
  EXPECT_TRUE(result.success()) << result.error_message();
}

TEST_F(Sizes, MegabytesOfCodeInAndResultsOutKeepTheServerSmall) {
  const Sandbox box = sandbox();
  box.run("1");
  for (int i = 0; i < 5; ++i)
    box.run("x <- '" + std::string(3'000'000, 'x') + "'; cat(strrep('y', 2e6))");
  EXPECT_LT(server().resident_kilobytes(), 200L * 1024 * time_factor());
}

}  // namespace
}  // namespace omcp_r::e2e
