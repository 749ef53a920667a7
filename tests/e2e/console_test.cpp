// A session is R's own console, but for prompt and echo. The corpus test compares byte for byte;
// here stands what no comparison shows.

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

class Console : public SandboxTest {};

TEST_F(Console, VariablesOptionsAndPackagesLiveFromCallToCall) {
  const Sandbox box = sandbox();
  EXPECT_EQ(box.output("x <- 41; f <- function(a) a + 1; options(digits = 3); library(stats4)"),
            "");
  EXPECT_EQ(box.output("f(x)"), "[1] 42\n");
  EXPECT_EQ(box.output("pi; 'stats4' %in% loadedNamespaces()"), "[1] 3.14\n[1] TRUE\n");
}

TEST_F(Console, SandboxesKnowNothingOfEachOther) {
  const Sandbox a = sandbox();
  const Sandbox b = sandbox();
  a.run("secret <- 1; writeLines('s', '/sandbox/s'); writeLines('s', '/tmp/s')");
  EXPECT_EQ(b.output("exists('secret'); file.exists('/sandbox/s', '/tmp/s')"),
            "[1] FALSE\n[1] FALSE FALSE\n");
}

TEST_F(Console, EveryVisibleTopLevelValueIsPrintedInOrder) {
  EXPECT_EQ(sandbox().output("1\ninvisible(2)\nx <- 3\n(x <- 4)\nNULL\nif (FALSE) 5\n'six'; 7"),
            "[1] 1\n[1] 4\nNULL\n[1] \"six\"\n[1] 7\n");
}

TEST_F(Console, UserCodeRunsAtTheTopLevelWithNoFramesOfOurs) {
  const Sandbox box = sandbox();
  EXPECT_EQ(box.output("sys.nframe(); (function() sys.nframe())(); sys.call(); environment()"),
            "[1] 0\n[1] 1\nNULL\n<environment: R_GlobalEnv>\n");
  // The seed is set, so that the session's script can set it again.
  EXPECT_EQ(box.output("setdiff(ls(all.names = TRUE), '.Random.seed')"), "character(0)\n")
      << "names of ours in sight";
}

TEST_F(Console, RemovingEverythingBreaksNothing) {
  const Sandbox box = sandbox();
  EXPECT_EQ(box.output("x <- 1; rm(list = ls(all.names = TRUE)); invisible(gc()); ls()"),
            "character(0)\n");
  EXPECT_EQ(box.output("2"), "[1] 2\n");
}

TEST_F(Console, RedefinedFunctionsOfRBreakNothing) {
  const Sandbox box = sandbox();
  box.run("paste0 <- paste <- cat <- writeBin <- readLines <- parse <- function(...) stop('mine')");
  EXPECT_EQ(box.output("40 + 2"), "[1] 42\n");
  EXPECT_EQ(box.run("stop('x')").error_message(), "x");
}

struct Snippet {
  const char* name;
  std::string code;
  std::string output;
};

// Where a command line or a template between the call and R would mangle code.
TEST_F(Console, CodeRunsUnalteredWhateverItsBytes) {
  const Sandbox box = sandbox();
  const std::vector<Snippet> snippets{
      {"tilde plus tilde", "cat('~+~')", "~+~"},
      {"tilde n tilde", "cat('~n~')", "~n~"},
      {"leading minus", "-1", "[1] -1\n"},
      {"leading double minus", "--1", "[1] 1\n"},
      {"like an option", "-e <- 5", ""},
      {"quotes", "cat('\"', \"'\", '`')", "\" ' `"},
      {"dollars", "cat('$HOME ${HOME} $(id) `id`')", "$HOME ${HOME} $(id) `id`"},
      {"backslashes", R"(cat('\\ \\n \\t \\x41'))", R"(\ \n \t \x41)"},
      {"percents", "cat('%s %d %% %n')", "%s %d %% %n"},
      {"non-ASCII", "cat('Grüße, 世界 🎉 café')", "Grüße, 世界 🎉 café"},
      {"non-ASCII printed", "'Grüße 世界'", "[1] \"Grüße 世界\"\n"},
      {"non-ASCII names", "größe <- 3; größe", "[1] 3\n"},
      {"windows lines", "x <- 1\r\nx + 1\r\n", "[1] 2\n"},
      {"tabs", "cat('\t|\t')", "\t|\t"},
      {"control bytes", "nchar('\001\002\003\004')", "[1] 4\n"},
      {"our own escapes", "utf8ToInt('\001A\001B\002.')", "[1]  1 65  1 66  2 46\n"},
      {"the end of a line in a string", "cat('a\nb\n\nc')", "a\nb\n\nc"},
      {"a comment last", "1 # one", "[1] 1\n"},
      {"semicolons", "1;2;;3", "!"},
      {"raw strings", "cat(r\"(C:\\temp\\new)\")", "C:\\temp\\new"},
      {"U+2028", "nchar('\u2028\u2029\u0085')", "[1] 3\n"},
      {"zero-width", "nchar('\u200b\ufeff')", "[1] 2\n"},
  };
  for (const Snippet& snippet : snippets) {
    SCOPED_TRACE(snippet.name);
    const ToolResult result = box.run(snippet.code);
    if (std::string(snippet.name) == "semicolons" ||
        std::string(snippet.name) == "like an option") {
      EXPECT_EQ(result.error_code(), "r_error") << result;
    } else {
      EXPECT_EQ(result.output(), snippet.output) << result;
    }
  }
}

TEST_F(Console, EmptyCodeDoesNothingSuccessfully) {
  const Sandbox box = sandbox();
  for (const char* code : {"", " ", "\n\n", "# only a comment", ";"}) {
    SCOPED_TRACE(code);
    const ToolResult result = box.run(code);
    if (std::string(code) == ";") continue;  // R itself refuses it
    EXPECT_TRUE(result.success()) << result;
    EXPECT_EQ(result.output(), "");
  }
  EXPECT_EQ(box.output("1"), "[1] 1\n");
}

TEST_F(Console, LongCodeRunsToItsLastLine) {
  const Sandbox box = sandbox();
  for (const std::size_t size : {11'000U, 70'000U, 1'200'000U}) {
    SCOPED_TRACE(size);
    std::string code = "total <- 0\n";
    int lines = 0;
    for (; code.size() < size; ++lines) code += "total <- total + 1 # padding of some length\n";
    EXPECT_EQ(box.output(code + "cat(total)", Json{{"timeout", 60}}), std::to_string(lines));
  }
  const std::string text(1'500'000, 'x');
  EXPECT_EQ(box.output("nchar('" + text + "')"), "[1] 1500000\n");
}

TEST_F(Console, NonAsciiGoesOutRawOnTheWire) {
  const ToolResult result = sandbox().run("cat('Grüße 世界 🎉\\n'); message('señal')");
  EXPECT_EQ(result.output(), "Grüße 世界 🎉\nseñal\n");
}

TEST_F(Console, BytesThatAreNoTextAreReplacedAndNothingElse) {
  const Sandbox box = sandbox();
  const ToolResult result = box.run(
      "writeBin(as.raw(c(0x61, 0xff, 0xfe, 0x62, 0x0a)), pipe('cat', 'wb') -> p); close(p)");
  EXPECT_EQ(result.output(),
            "a\xEF\xBF\xBD\xEF\xBF\xBD"
            "b\n")
      << result;
  EXPECT_EQ(box.output("system(\"printf 'x\\\\000y\\\\n'\")"), "x\xEF\xBF\xBDy\n");
}

TEST_F(Console, QuitEndsTheSessionSaysSoAndTheNextCallStartsANewOne) {
  const Sandbox box = sandbox();
  box.run("x <- 1; writeLines('kept', 'kept.txt')");
  const ToolResult quit = box.run("cat('bye\\n'); quit(status = 3); cat('never\\n')");
  EXPECT_EQ(quit.output(), "bye\n") << quit;
  EXPECT_EQ(quit.data().at("session_restarted"), true) << quit;
  EXPECT_TRUE(contains(quit.text(), "session")) << quit;
  EXPECT_EQ(box.output("exists('x'); readLines('kept.txt')"), "[1] FALSE\n[1] \"kept\"\n");
}

TEST_F(Console, CodeThatAsksForInputGetsNoneAtOnce) {
  const Sandbox box = sandbox();
  EXPECT_EQ(box.output("x <- readline('name? '); nchar(x)", Json{{"timeout", 10}}),
            "name? \n[1] 0\n");
  EXPECT_EQ(box.output("readLines('stdin')"), "character(0)\n");
  EXPECT_EQ(box.output("f <- file('stdin'); readLines(f); close(f)"), "character(0)\n");
  EXPECT_EQ(box.output("readLines(stdin())"), "character(0)\n");
  EXPECT_EQ(box.output("scan(quiet = TRUE)"), "numeric(0)\n");
  EXPECT_EQ(box.output("system('cat; echo done')"), "done\n");
  EXPECT_EQ(box.output("1"), "[1] 1\n");
}

TEST_F(Console, TheDebuggerEndsAtOnceInsteadOfWaiting) {
  const Sandbox box = sandbox();
  for (const char* code :
       {"browser()", "f <- function() { browser(); 1 }; f()", "g <- function() 1; debug(g); g()",
        "options(error = recover); stop('x')"}) {
    SCOPED_TRACE(code);
    const ToolResult result = box.run(code, Json{{"timeout", 10}});
    EXPECT_NE(result.error_code(), "execution_timeout") << result;
    EXPECT_EQ(box.output("cat('alive')"), "alive");
  }
}

TEST_F(Console, OutputOfChildProcessesComesInOrder) {
  EXPECT_EQ(sandbox().output(
                "cat('1\\n'); system('echo 2'); cat('3\\n'); system('echo 4 >&2'); cat('5\\n')"),
            "1\n2\n3\n4\n5\n");
}

TEST_F(Console, ForkedChildrenWorkAndNeverAnswerForTheSession) {
  const Sandbox box = sandbox();
  EXPECT_EQ(box.output("unlist(parallel::mclapply(1:3, function(i) i^2, mc.cores = 2))"),
            "[1] 1 4 9\n");
  box.run("p <- parallel:::mcfork(); if (inherits(p, 'masterProcess')) parallel:::mcexit()");
  EXPECT_EQ(box.output("cat('one answer')"), "one answer");
}

TEST_F(Console, SinksLeftOpenHideNothingOfTheNextCall) {
  const Sandbox box = sandbox();
  const ToolResult sunk = box.run("sink('/tmp/sunk'); cat('hidden')");
  EXPECT_TRUE(contains(sunk.text(), "sink()")) << sunk;
  const ToolResult next = box.run("cat('shown'); stop('seen')");
  EXPECT_EQ(next.error_message(), "seen");
  EXPECT_TRUE(contains(next.output(), "shown")) << next;
  EXPECT_EQ(box.output("readLines('/tmp/sunk', warn = FALSE)"), "[1] \"hidden\"\n");
}

TEST_F(Console, AUsersOwnHandlersAndOptionsAreTheirs) {
  const Sandbox box = sandbox();
  EXPECT_EQ(
      box.output("tryCatch(stop('a'), error = function(e) cat('caught', conditionMessage(e)))"),
      "caught a");
  EXPECT_EQ(box.run("options(warn = 2); as.integer('x')").error_code(), "r_error");
  box.run("options(warn = 0)");
  const ToolResult own = box.run("options(error = quote(cat('own handler\\n'))); stop('z')");
  EXPECT_TRUE(contains(own.output(), "own handler")) << own;
  EXPECT_EQ(own.error_message(), "z");
  EXPECT_EQ(box.output("setwd('/tmp'); getwd()"), "[1] \"/tmp\"\n");
  EXPECT_EQ(box.output("getwd()"), "[1] \"/tmp\"\n");
}

TEST_F(Console, AllConnectionsClosedLoseNothingOfTheSession) {
  const Sandbox box = sandbox();
  box.run("closeAllConnections(); x <- 3");
  EXPECT_EQ(box.output("cat('still here')"), "still here");
}

TEST_F(Console, TheSessionSpeaksUtf8InTheCLocale) {
  EXPECT_EQ(
      sandbox().output("l10n_info()$`UTF-8`; Sys.getlocale('LC_COLLATE'); Sys.getenv('LANG')"),
      "[1] TRUE\n[1] \"C.UTF-8\"\n[1] \"C.UTF-8\"\n");
}

}  // namespace
}  // namespace omcp_r::e2e
