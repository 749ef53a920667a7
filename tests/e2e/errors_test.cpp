// Errors with their cause, warnings, and the value of the last expression.

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

class Conditions : public SandboxTest {
 public:
  static Json error_of(const ToolResult& result) {
    EXPECT_FALSE(result.success()) << result;
    EXPECT_EQ(result.exit_code(), 1) << result;
    EXPECT_EQ(result.error_code(), "r_error") << result;
    return result.data().at("error");
  }
};

TEST_F(Conditions, AnErrorTellsMessageCallClassesTracebackAndPlace) {
  const Sandbox box = sandbox();
  const Json error =
      error_of(box.run("inner <- function(x) stop('no luck with ', x)\nouter_one <- function(x) "
                       "inner(x)\n\n  outer_one(7)\n1"));
  EXPECT_EQ(error.at("message"), "no luck with 7");
  EXPECT_EQ(error.at("call"), "inner(x)");
  EXPECT_EQ(error.at("class"), Json::array({"simpleError", "error", "condition"}));
  EXPECT_EQ(error.at("line"), 4);
  EXPECT_EQ(error.at("column"), 3);
  const Json& traceback = error.at("traceback");
  ASSERT_GE(traceback.size(), 2U) << error;
  EXPECT_EQ(traceback.at(0), "outer_one(7)") << "frames of ours: " << error;
  EXPECT_EQ(traceback.at(1), "inner(x)");
}

TEST_F(Conditions, AnErrorOfRsOwnHasItsCall) {
  const Json error = error_of(sandbox().run("log(-1:2)\nlog('a')"));
  EXPECT_EQ(error.at("message"), "non-numeric argument to mathematical function");
  EXPECT_EQ(error.at("call"), "log(\"a\")");
  EXPECT_EQ(error.at("line"), 2);
  EXPECT_FALSE(contains(error.at("traceback").dump(), "omcp"));
}

TEST_F(Conditions, AnErrorWithoutCallHasNone) {
  const Sandbox box = sandbox();
  EXPECT_TRUE(error_of(box.run("stop('plain')")).at("call").is_null());
  EXPECT_TRUE(
      error_of(box.run("f <- function() stop('x', call. = FALSE); f()")).at("call").is_null());
  EXPECT_EQ(error_of(box.run("no_such_variable")).at("message"),
            "object 'no_such_variable' not found");
}

TEST_F(Conditions, ClassesOfCustomConditionsAreTold) {
  const Json error =
      error_of(sandbox().run("stop(structure(class = c('my_error', 'error', 'condition'), "
                             "list(message = 'mine', call = NULL)))"));
  EXPECT_EQ(error.at("class"), Json::array({"my_error", "error", "condition"}));
  EXPECT_EQ(error.at("message"), "mine");
}

TEST_F(Conditions, RlangErrorsAreErrors) {
  const Json error =
      error_of(sandbox().run("f <- function() rlang::abort('from rlang', class = 'special'); f()"));
  EXPECT_EQ(error.at("message"), "from rlang");
  EXPECT_EQ(error.at("class").at(0), "special");
}

TEST_F(Conditions, AParseErrorShowsTheLineAndACaretAndRunsNothing) {
  const Sandbox box = sandbox();
  const ToolResult result = box.run("cat('never')\nx <- (1 +\n  2))\n3");
  const Json error = error_of(result);
  EXPECT_EQ(error.at("line"), 3);
  EXPECT_EQ(error.at("column"), 5);
  EXPECT_TRUE(contains(result.output(), "unexpected ')'")) << result;
  EXPECT_TRUE(contains(result.output(), "2))")) << result;
  EXPECT_TRUE(contains(result.output(), "^")) << result;
  EXPECT_FALSE(contains(result.output(), "never")) << result;
}

TEST_F(Conditions, IncompleteCodeIsAParseError) {
  const Sandbox box = sandbox();
  for (const char* code :
       {"f <- function() {", "x <- 'no end", "1 +", "if (TRUE) {\n1\n", "`open"}) {
    SCOPED_TRACE(code);
    EXPECT_FALSE(error_of(box.run(code)).at("message").get<std::string>().empty());
  }
  EXPECT_EQ(box.output("1"), "[1] 1\n");
}

TEST_F(Conditions, CaughtErrorsAreNoErrors) {
  const Sandbox box = sandbox();
  EXPECT_EQ(box.output("tryCatch(stop('a'), error = function(e) 'caught')"), "[1] \"caught\"\n");
  const ToolResult tried = box.run("x <- try(stop('oops'), silent = TRUE); class(x)");
  EXPECT_TRUE(tried.success()) << tried;
  EXPECT_EQ(tried.data().count("error"), 0U) << tried;
  EXPECT_EQ(box.output("withCallingHandlers(1, error = identity)"), "[1] 1\n");
}

TEST_F(Conditions, WhatRanBeforeTheErrorStays) {
  const Sandbox box = sandbox();
  box.run("a <- 1\nb <- 2\nstop('here')\nc_after <- 3");
  EXPECT_EQ(box.output("exists('a'); exists('b'); exists('c_after')"),
            "[1] TRUE\n[1] TRUE\n[1] FALSE\n");
}

TEST_F(Conditions, WarningsAreToldWithTheirCallsAndStandInTheOutput) {
  const ToolResult result =
      sandbox().run("f <- function() { warning('careful'); 1 }\nf()\nas.integer('x')");
  EXPECT_TRUE(result.success()) << result;
  const Json& warnings = result.data().at("warnings");
  ASSERT_EQ(warnings.size(), 2U) << result;
  EXPECT_EQ(warnings.at(0).at("message"), "careful");
  EXPECT_EQ(warnings.at(0).at("call"), "f()");
  EXPECT_EQ(warnings.at(1).at("message"), "NAs introduced by coercion");
  EXPECT_EQ(result.output(),
            "[1] 1\nWarning message:\nIn f() : careful\n[1] NA\nWarning message:\nNAs introduced "
            "by coercion \n");
}

TEST_F(Conditions, SuppressedWarningsAreNotTold) {
  const ToolResult result = sandbox().run("suppressWarnings(as.integer('x'))");
  EXPECT_EQ(result.data().at("warnings"), Json::array()) << result;
  EXPECT_EQ(result.output(), "[1] NA\n");
}

TEST_F(Conditions, WarningsAsErrorsAreErrors) {
  const Json error = error_of(sandbox().run("options(warn = 2); as.integer('x')"));
  EXPECT_TRUE(contains(error.at("message").get<std::string>(), "converted from warning")) << error;
}

TEST_F(Conditions, ManyWarningsStayBounded) {
  const ToolResult result = sandbox().run("for (i in 1:5000) warning('number ', i)");
  EXPECT_TRUE(result.success()) << result.data().at("error");
  EXPECT_LE(result.data().at("warnings").size(), 100U);
  EXPECT_TRUE(contains(result.output(), "There were 50 or more warnings")) << result;
}

TEST_F(Conditions, TheLastVisibleValueIsDescribed) {
  const Sandbox box = sandbox();
  Json value = box.run("matrix(1:6, 2)").data().at("value");
  EXPECT_EQ(value.at("class").at(0), "matrix");
  EXPECT_EQ(value.at("dim"), Json::array({2, 3}));
  EXPECT_FALSE(value.at("summary").get<std::string>().empty());
  value = box.run("'text'").data().at("value");
  EXPECT_EQ(value.at("class"), Json::array({"character"}));
  EXPECT_EQ(value.at("summary"), "text");
  value = box.run("lm(mpg ~ wt, mtcars)").data().at("value");
  EXPECT_EQ(value.at("class"), Json::array({"lm"}));
  EXPECT_EQ(box.run("x <- 5").data().count("value"), 0U);
  EXPECT_EQ(box.run("invisible(5)").data().count("value"), 0U);
}

TEST_F(Conditions, ADataFrameIsAlsoATable) {
  const Sandbox box = sandbox();
  const Json table = box.run(
                            "data.frame(n = c(1.5, NA), s = c('a', 'ü\"'), l = c(TRUE, NA), f = "
                            "factor(c('u', 'v')))")
                         .data()
                         .at("value")
                         .at("table");
  EXPECT_EQ(table.at("nrow"), 2);
  EXPECT_EQ(table.at("truncated"), false);
  const Json columns =
      Json::parse(R"([{"name":"n","class":"numeric"},{"name":"s","class":"character"},
                                       {"name":"l","class":"logical"},{"name":"f","class":"factor"}])");
  EXPECT_EQ(nlohmann::json(table.at("columns")), columns) << table;
  EXPECT_EQ(table.at("rows"), Json::parse(R"([[1.5,"a",true,"u"],[null,"ü\"",null,"v"]])"))
      << table;
}

TEST_F(Conditions, LongTablesAreCutAndSaySo) {
  const Json table = sandbox().run("mtcars").data().at("value").at("table");
  EXPECT_EQ(table.at("nrow"), 32);
  EXPECT_EQ(table.at("truncated"), true);
  EXPECT_LT(table.at("rows").size(), 32U);
  EXPECT_EQ(table.at("columns").size(), 11U);
  EXPECT_EQ(table.at("rows").at(0).at(0), 21);
}

TEST_F(Conditions, TibblesAndDataTablesAreTablesToo) {
  const Sandbox box = sandbox();
  for (const char* code :
       {"tibble::tibble(a = 1:3, b = letters[1:3])",
        "data.table::data.table(a = 1:3, b = letters[1:3])",
        "tibble::tibble(a = 1:3, b = list(1, 'x', NULL))", "data.frame()", "mtcars[0, ]",
        "data.frame(d = Sys.Date() + 0:2, t = as.POSIXct(0:2, origin = '1970-01-01'))"}) {
    SCOPED_TRACE(code);
    const ToolResult result = box.run(code);
    EXPECT_TRUE(result.success()) << result;
    EXPECT_TRUE(result.data().at("value").at("table").contains("columns")) << result;
  }
}

TEST_F(Conditions, StrangeValuesBreakNoResult) {
  const Sandbox box = sandbox();
  for (const char* code : {"quote(f(x))",
                           "expression(a, b)",
                           "new.env()",
                           "function(x) x",
                           "sum",
                           "NULL",
                           "character()",
                           "list()",
                           "1i",
                           "as.raw(1:3)",
                           "Sys.time()",
                           "structure(list(), class = 'nobody')",
                           "structure(1, class = c('a', 'b'))",
                           "NaN",
                           "Inf",
                           "-0.0",
                           "1e300 * 10",
                           "'\\xff'",
                           "factor('a')",
                           "1:1e7 |> length()",
                           "I('a')",
                           "getClass('numeric')",
                           "structure(list(1), class = 'data.frame')",
                           "array(1:8, c(2, 2, 2))",
                           "as.name('x')",
                           "~ x + y",
                           "setNames(data.frame(1), NA)",
                           "data.frame(x = I(list(1, 2)))",
                           "data.frame(m = I(matrix(1:4, 2)))"}) {
    SCOPED_TRACE(code);
    EXPECT_TRUE(box.run(code).success()) << code;
  }
  box.run("print.evil <- dim.evil <- length.evil <- function(x, ...) stop('evil method')");
  box.run("structure(list(1), class = 'evil')");
  EXPECT_EQ(box.output("cat('alive')"), "alive");
}

TEST_F(Conditions, TheErrorOfAFailingPrintMethodIsTheCallsError) {
  const Json error = error_of(sandbox().run(
      "print.evil <- function(x, ...) stop('cannot print'); structure(1, class = 'evil')"));
  EXPECT_EQ(error.at("message"), "cannot print");
}

TEST_F(Conditions, AnErrorInOneCallIsForgottenInTheNext) {
  const Sandbox box = sandbox();
  box.run("warning('w'); stop('e')");
  const ToolResult next = box.run("1");
  EXPECT_EQ(next.data().count("error"), 0U) << next;
  EXPECT_EQ(next.data().at("warnings"), Json::array());
  EXPECT_EQ(next.output(), "[1] 1\n");
}

class Advice : public Conditions {
 public:
  static void expect_note(const ToolResult& result, const char* note) {
    EXPECT_TRUE(contains(result.data().at("notes").dump(), note)) << result;
  }
};

TEST_F(Advice, WhatASandboxLacksIsToldWithWhatToDoInstead) {
  const Sandbox box = sandbox();
  struct Case {
    const char* code;
    const char* note;
  };
  for (const Case& one : {
           Case{"library(nobody9)", "image build --packages nobody9` makes one"},
           Case{"read.csv('/Users/me/nobody.csv')", "does not see the user's machine"},
           Case{"readLines('https://example.org')", "There is no network in a sandbox"},
           Case{"writeLines('a', '/usr/nobody')", "Only /sandbox and /tmp can be written to"},
           Case{"for (i in 1:90) writeBin(raw(5e6), paste0('b', i))", "/sandbox holds at most"},
           Case{"unlink('b*'); cat('true', file = 'a'); Sys.chmod('a'); system('./a')", "(noexec)"},
           Case{"numeric(1e12)", "MB of memory, files in /sandbox and /tmp included"},
       }) {
    SCOPED_TRACE(one.code);
    expect_note(box.run(one.code), one.note);
  }
}

TEST_F(Advice, InstallingIsAnErrorAtOnce) {
  const Sandbox box = sandbox();
  const Json error =
      error_of(box.run("install.packages('nobody9', repos = 'https://cloud.r-project.org')"));
  EXPECT_TRUE(contains(error.at("message").get<std::string>(), "cannot be installed")) << error;
  EXPECT_EQ(error.at("call").get<std::string>().rfind("install.packages(", 0), 0U) << error;
}

TEST_F(Advice, AKilledRIsOutOfMemoryAndAFaultIsACrash) {
  const Sandbox box = sandbox({{"memory_mb", 128}});
  const ToolResult killed =
      box.run("x <- NULL; repeat x <- as.call(list(x, quote(a), x))", Json{{"timeout", 60}});
  EXPECT_EQ(killed.error_code(), "out_of_memory") << killed;
  EXPECT_TRUE(contains(killed.error_message(), "128 MB")) << killed;
  EXPECT_FALSE(killed.data().at("error").at("retryable").get<bool>()) << killed;
  const ToolResult crashed = box.run("tools::pskill(Sys.getpid(), 11L); Sys.sleep(5)");
  EXPECT_EQ(crashed.error_code(), "r_crashed") << crashed;
}

TEST_F(Advice, ATimeOutNamesItsLimit) {
  const ToolResult result = sandbox().run("Sys.sleep(100)", Json{{"timeout", 1}});
  EXPECT_EQ(result.error_code(), "execution_timeout") << result;
  EXPECT_TRUE(contains(result.error_message(), "time limit of 1 s")) << result;
  EXPECT_TRUE(contains(result.error_message(), "at most 3600")) << result;
}

}  // namespace
}  // namespace omcp_r::e2e
