// The console that a person has in a sandbox: on a terminal, and at the end of a pipe.

#include <csignal>

#include "support/shell.hpp"

namespace omcp_r::e2e {
namespace {

namespace fs = std::filesystem;

/// A terminal in which the program runs.
class Screen {
 public:
  explicit Screen(const ChildSpec& spec) : child_(spec) {}

  void type(const std::string& keys) { EXPECT_TRUE(child_.write(keys, 20s)); }
  /// Waits until something is shown, and forgets what came up to there.
  void expect(const std::string& sign) {
    std::string& shown = child_.received();
    while (!contains(shown, sign) && child_.read(60s)) {
    }
    const std::size_t place = shown.find(sign);
    if (place == std::string::npos) throw std::runtime_error("no " + sign + " in:\n" + shown);
    before_ = shown.substr(0, place);
    shown.erase(0, place + sign.size());
  }
  /// What was shown before that.
  [[nodiscard]] const std::string& before() const { return before_; }
  int end() {
    while (!child_.at_end() && child_.read(60s)) {
    }
    const auto ending = child_.wait(60s);
    return ending ? ending->code : -1;
  }

 private:
  Child child_;
  std::string before_;
};

constexpr const char* kCtrlC = "\x03";
constexpr const char* kCtrlD = "\x04";
constexpr const char* kUp = "\x1B[A";

class ReplShell : public ShellTest {
 protected:
  [[nodiscard]] fs::path history() const { return folder() / "state" / "console_history"; }
};

TEST_F(ReplShell, ShowsPlotsOnATerminalThatSaysThatItKnowsSixels) {
  Screen screen{on_terminal("repl", {{"TERM", "xterm"}})};
  screen.expect("> ");
  screen.type("plot(1)\r");
  screen.expect("\x1B[c");
  screen.type("\x1B[?62;4;22c");
  screen.expect("\x1BP0;1;0q");
  screen.expect("-\x1B\\");
  screen.expect("> ");
  screen.type("plot(2)\r");  // it is not asked again
  screen.expect("\x1BP0;1;0q");
  EXPECT_FALSE(contains(screen.before(), "\x1B[c"));
  screen.expect("> ");
  screen.type(kCtrlD);
  EXPECT_EQ(screen.end(), 0);
}

TEST_F(ReplShell, LosesNothingThatWasTypedWhileATerminalIsAskedInVain) {
  Screen screen{on_terminal("repl", {{"TERM", "xterm"}})};
  screen.expect("> ");
  screen.type("plot(1)\r");
  screen.expect("\x1B[c");
  screen.expect("> ");
  screen.type("40 + 2\r");
  screen.expect("[1] 42");
  EXPECT_FALSE(contains(screen.before(), "\x1BP"));
  screen.expect("> ");
  screen.type(kCtrlD);
  EXPECT_EQ(screen.end(), 0);
}

TEST_F(ReplShell, PromptsAndGoesOnWhereAnExpressionIsNotWhole) {
  Screen screen{on_terminal("repl")};
  screen.expect("leaves.");
  screen.expect("> ");
  screen.type("x <- c(6,\r");
  screen.expect("+ ");
  screen.type("7)\r");
  screen.expect("> ");
  screen.type("prod(x)\r");
  screen.expect("[1] 42");
  screen.expect("> ");
  screen.type("'not\r");
  screen.expect("+ ");
  screen.type("closed'\r");
  screen.expect("[1] \"not\\nclosed\"");
  screen.expect("> ");
  screen.type("cat('no end')\r");
  screen.expect("no end\r\n");
  screen.expect("> ");
  screen.type("x y\r");
  screen.expect("unexpected symbol");
  screen.expect("> ");
  screen.type(
      "\xC3\xA4 <- 'Gr\xC3\xBC\xC3\x9F"
      "e'; nchar(\xC3\xA4)\r");
  screen.expect("[1] 5");
  screen.expect("> ");
  screen.type("q()\r");
  EXPECT_EQ(screen.end(), 0);
  expect_nothing_left();
}

TEST_F(ReplShell, CtrlCStopsTheCodeOrClearsTheLine) {
  Screen screen{on_terminal("repl")};
  screen.expect("> ");
  screen.type("y <- 7\r");
  screen.expect("> ");
  screen.type("cat('runs\\n'); Sys.sleep(600)\r");
  screen.expect("runs\r\n");
  screen.type(kCtrlC);
  screen.expect("> ");
  screen.type("stop('half typed");
  screen.expect("typed");
  screen.type(kCtrlC);
  screen.expect("^C");
  screen.expect("> ");
  screen.type("{ 1 +\r");
  screen.expect("+ ");
  screen.type(kCtrlC);
  screen.expect("> ");
  screen.type("y * 6\r");
  screen.expect("[1] 42");
  screen.expect("> ");
  screen.type(kCtrlD);
  EXPECT_EQ(screen.end(), 0);
  expect_nothing_left();
}

TEST_F(ReplShell, ASecondCtrlCEndsTheSandboxOfTheConsole) {
  Screen screen{on_terminal("repl")};
  screen.expect("> ");
  screen.type(
      "cat('runs\\n'); repeat tryCatch(Sys.sleep(600), interrupt = function(e) cat('no\\n'))\r");
  screen.expect("runs\r\n");
  screen.type(kCtrlC);
  screen.expect("no\r\n");
  screen.type(kCtrlC);
  EXPECT_EQ(screen.end(), 130);
  expect_nothing_left();
}

TEST_F(ReplShell, TabCompletesByWhatTheSessionHas) {
  Screen screen{on_terminal("repl --keep")};
  screen.expect("> ");
  screen.type("survey_one <- list(height = 1, weight = 2); survey_two <- 3\r");
  screen.expect("> ");
  screen.type("sur\t");
  screen.expect("survey_");
  screen.type("\t");
  screen.expect("survey_one  survey_two");
  screen.expect("> survey_");
  screen.type("o\t$we\t * 21\r");
  screen.expect("[1] 42");
  screen.expect("> ");
  screen.type("nothing_begins_so\t <- 1; ls()\r");
  screen.expect("[1] \"nothing_begins_so\"");
  screen.expect("> ");
  screen.type(kCtrlD);
  EXPECT_EQ(screen.end(), 0);
  const Json kept = Json::parse(type({"list", "--json"}).output).at("sandboxes");
  ASSERT_EQ(kept.size(), 1U) << kept;
  EXPECT_EQ(kept[0].at("executions"), 3) << "asking what completes a line is none";
  EXPECT_EQ(type({"remove", "--all"}).ending.code, 0);
}

TEST_F(ReplShell, WordsOfTheSandboxGiveATerminalNoOrders) {
  Screen screen{on_terminal("repl")};
  screen.expect("> ");
  screen.type(
      "assign('zz\\033]0;owned\\007a', 1); zzz1 <- 1; zzz2 <- 2; cat('\\033[2J\\033[31mred')\r");
  screen.expect("red");
  EXPECT_FALSE(contains(screen.before(), "\x1B[2J")) << screen.before();
  screen.expect("> ");
  screen.type("zz\t\t");
  screen.expect("zzz1  zzz2");
  EXPECT_FALSE(contains(screen.before(), "\x1B]0")) << screen.before();
  screen.type(kCtrlC);
  screen.expect("> ");
  screen.type(kCtrlD);
  EXPECT_EQ(screen.end(), 0);
}

TEST_F(ReplShell, WhatWasTypedIsThereTheNextTimeForThisUserAlone) {
  {
    Screen screen{on_terminal("repl")};
    screen.expect("> ");
    screen.type("6 * 7\r");
    screen.expect("[1] 42");
    screen.expect("> ");
    screen.type(std::string(kUp) + " + 1\r");
    screen.expect("[1] 43");
    screen.expect("> ");
    screen.type(kCtrlD);
    EXPECT_EQ(screen.end(), 0);
  }
  const fs::path file = history();
  ASSERT_TRUE(fs::exists(file)) << file;
  EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  Screen screen{on_terminal("repl")};
  screen.expect("> ");
  screen.type(std::string(kUp) + kUp + "\r");
  screen.expect("[1] 42");
  screen.expect("> ");
  screen.type(kCtrlD);
  EXPECT_EQ(screen.end(), 0);
}

TEST_F(ReplShell, InASandboxThatIsThereItUsesWhatIsThereAndLeavesIt) {
  const Sandbox ours = sandbox();
  EXPECT_EQ(ours.output("shared <- 6"), "");
  const Finished console =
      type({"repl", ours.id().substr(0, 10)}, "shared <- shared * 7\nq(\"no\")\n");
  EXPECT_EQ(console.ending.code, 0) << console.output;
  EXPECT_EQ(ours.output("shared"), "[1] 42\n");
  EXPECT_EQ(type({"repl", "zz"}, "1\n").ending.code, 1);
  EXPECT_EQ(type({"repl", ours.id(), "--image", "x"}, "1\n").ending.code, 2);
  EXPECT_EQ(type({"repl", ours.id(), ours.id()}, "1\n").ending.code, 2);
  const int call = ours.start("cat('', file = 'begun'); Sys.sleep(600)");
  wait_for_file(ours, "/sandbox/begun");
  const Finished busy = type({"repl", ours.id()}, "1\n");
  EXPECT_EQ(busy.ending.code, 1) << busy.output;
  EXPECT_EQ(ours.remove(true).is_error(), false);
  server().finish_call(call);
}

TEST_F(ReplShell, FromAPipeLinesAreReadAsTheyAre) {
  const Finished piped = type(
      {"repl"}, "x <- c(1,\n# between\n\n2)\nx\nstop('no')\ncat('after\\n')\n'open\n  string'\n7");
  EXPECT_EQ(piped.output, "[1] 1 2\nError: no\nafter\n[1] \"open\\n  string\"\n[1] 7\n");
  EXPECT_EQ(piped.ending.code, 1) << "one line has failed";
  std::string vector = "x <- c(";
  for (int i = 0; i < 20'000; ++i) vector += "1,\n";
  EXPECT_EQ(type({"repl"}, vector + "1)\nstop('no')\nlength(x)\n").output,
            "Error: no\n[1] 20001\n");
  EXPECT_EQ(type({"repl"}, "x <- 'of\r\nWindows'\r\nx\r\n").output, "[1] \"of\\nWindows\"\n");
  EXPECT_EQ(type({"repl"}, "quit(status = 7)\ncat('never')\n").ending.code, 7);
  const Finished half = type({"repl"}, "f <- function(x) {\n");
  EXPECT_TRUE(contains(half.output, "unexpected end of input")) << half.output;
  write_file(folder() / "work" / "in.R", "cat('from a file\\n')\n");
  ChildSpec from_file = spec({"repl"});
  from_file.input = folder() / "work" / "in.R";
  EXPECT_EQ(e2e::run(from_file, {}, 60s).output, "from a file\n");
  expect_nothing_left();
}

TEST_F(ReplShell, TellsWhatIsLeftWhenRHasEnded) {
  const Finished killed = type({"repl"},
                               "x <- 1; writeLines('kept', 'a.txt')\n"
                               "tools::pskill(Sys.getpid(), 9)\n"
                               "exists('x'); readLines('a.txt')\n");
  EXPECT_TRUE(contains(killed.output, "files in /sandbox are still there")) << killed.output;
  EXPECT_TRUE(contains(killed.output, "[1] FALSE\n[1] \"kept\"\n")) << killed.output;
  const Finished late = type({"repl", "--timeout", "1"}, "y <- 3\nSys.sleep(60)\ny\n");
  EXPECT_TRUE(contains(late.output, "time limit of 1 s")) << late.output;
  EXPECT_TRUE(contains(late.output, "[1] 3\n")) << late.output;
  expect_nothing_left();
}

TEST_F(ReplShell, KeepsPlotsAndFilesWhereItIsTold) {
  const Finished kept =
      type({"repl", "--out", "results"}, "plot(1)\nwriteLines('x', 'a.csv')\nplot(2)\n");
  const fs::path out = folder() / "work" / "results";
  EXPECT_EQ(kept.ending.code, 0) << kept.output;
  for (const char* name : {"plot-1.png", "plot-2.png", "a.csv"}) {
    EXPECT_TRUE(fs::exists(out / name)) << name << "\n" << kept.output;
  }
  const Finished hinted = type({"repl"}, "plot(1)\nplot(2)\n");
  EXPECT_TRUE(contains(hinted.output, "1 plot: --out FOLDER")) << hinted.output;
  expect_nothing_left();
}

TEST_F(ReplShell, LeavesNothingWhenItsTerminalIsGone) {
  {
    Screen screen{on_terminal("repl")};
    screen.expect("> ");
  }
  EXPECT_TRUE(eventually([this] { return containers().empty(); }, 20s));
  {
    Screen screen{on_terminal("repl")};
    screen.expect("> ");
    screen.type("cat('runs\\n'); Sys.sleep(600)\r");
    screen.expect("runs\r\n");
  }
  EXPECT_TRUE(eventually([this] { return containers().empty(); }, 20s));
}

TEST_F(ReplShell, ASandboxIsInUseWhileSomebodyThinks) {
  Screen screen{on_terminal("repl --sandbox-timeout 3")};
  screen.expect("> ");
  const auto expires = [this] {
    const Json listed = Json::parse(type({"list", "--json"}).output).at("sandboxes");
    return listed.empty() ? std::string() : listed[0].at("expires_at").dump();
  };
  const std::string first = expires();
  EXPECT_TRUE(eventually([&] { return expires() > first; }, 30s)) << expires();
  screen.type(kCtrlD);
  EXPECT_EQ(screen.end(), 0);
}

}  // namespace
}  // namespace omcp_r::e2e
