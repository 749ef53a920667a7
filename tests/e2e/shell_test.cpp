// The commands that a person types: run, list, remove, logs, open. What a console is stands in
// repl_test.cpp.

#include <csignal>
#include <fstream>

#include "support/shell.hpp"

namespace omcp_r::e2e {
namespace {

namespace fs = std::filesystem;

class Shell : public ShellTest {
 protected:
  /// Starts a run and waits until it has printed `sign`.
  std::unique_ptr<Child> begin(const std::string& code, const std::string& sign) const {
    auto child = std::make_unique<Child>(spec({"run", "-e", code}, true));
    while (!contains(child->received(), sign) && child->read(60s)) {
    }
    EXPECT_TRUE(contains(child->received(), sign)) << child->received() << read_file(log());
    return child;
  }
  /// At Ctrl-C.
  void expect_to_stop(Child& child) const {
    child.kill(SIGINT);
    const auto ending = child.wait(60s);
    ASSERT_TRUE(ending);
    EXPECT_EQ(ending->code, 130) << read_file(log());
  }
};

TEST_F(Shell, RunPrintsWhatRPrintsAndEndsAsRDoes) {
  write_file(folder() / "work" / "a.R", "x <- 6 * 7\nx\nmessage('so')\n");
  const Finished file = type({"run", "a.R"});
  EXPECT_EQ(file.ending.code, 0);
  EXPECT_EQ(file.output, "[1] 42\nso\n");
  EXPECT_EQ(type({"run", "-"}, "cat('from a pipe')").output, "from a pipe");
  EXPECT_EQ(type({"run", "-e", "y <- 2", "-e", "y"}).output, "[1] 2\n");
  const Finished failed = type({"run", "-e", "stop('no')"});
  EXPECT_EQ(failed.ending.code, 1);
  EXPECT_EQ(failed.output, "Error: no\n");
  EXPECT_EQ(type({"run", "-e", "quit(status = 7)"}).ending.code, 7);
  expect_nothing_left();
}

TEST_F(Shell, RunTellsWhatItCannotDo) {
  const Finished late = type({"run", "--timeout", "1", "-e", "Sys.sleep(60)"});
  EXPECT_EQ(late.ending.code, 124);
  EXPECT_TRUE(contains(late.output, "time limit of 1 s; --timeout")) << late.output;
  const Finished lost = type({"run", "--image", "no-such-image:1", "-e", "1"});
  EXPECT_EQ(lost.ending.code, 1);
  EXPECT_TRUE(contains(lost.output, "no-such-image:1")) << lost.output;
  for (const Argv& wrong :
       {Argv{"run"}, Argv{"run", "nothing.R"}, Argv{"run", "a.R", "b.R"}, Argv{"run", "--outt"},
        Argv{"run", "-e", "1", "--sandbox-memory", "lots"}, Argv{"remove"},
        Argv{"list", "--jsn"}}) {
    EXPECT_EQ(type(wrong).ending.code, 2) << wrong.back();
  }
  EXPECT_TRUE(contains(type({"run", "--help"}).output, "--timeout SECONDS"));
  expect_nothing_left();
}

TEST_F(Shell, RunKeepsPlotsAndFilesWhereItIsTold) {
  fs::create_directories(folder() / "survey");
  write_file(folder() / "survey" / "in.txt", "seven\n");
  const std::string code =
      "writeLines(readLines('/data/in.txt')); plot(1); plot(2); dir.create('d');"
      "writeLines('x', 'd/a.csv'); writeLines('x', '-rf'); writeLines('x', '.Rprofile')";
  const fs::path out = folder() / "work" / "new" / "results";
  const Finished kept =
      type({"run", "--data", (folder() / "survey").string(), "--out", "new/results", "-e", code});
  EXPECT_EQ(kept.ending.code, 0) << kept.output;
  EXPECT_TRUE(kept.output.starts_with("seven\n")) << kept.output;
  std::set<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(out)) {
    if (entry.is_regular_file()) files.insert(fs::relative(entry.path(), out).string());
  }
  EXPECT_EQ(files,
            (std::set<std::string>{"plot-1.png", "plot-2.png", "d/a.csv", "_rf", "_Rprofile"}));
  EXPECT_TRUE(contains(kept.output, (out / "plot-2.png").string())) << kept.output;
  EXPECT_TRUE(read_file(out / "plot-1.png").starts_with("\x89PNG"));
  const Finished hinted = type({"run", "-e", "plot(1); writeLines('x', 'a.csv')"});
  EXPECT_TRUE(contains(hinted.output, "1 plot and 1 file: --out FOLDER")) << hinted.output;
  expect_nothing_left();
}

TEST_F(Shell, RunPrintsAsItGoesAndStopsAtCtrlC) {
  const auto child = begin("cat('one\\n'); Sys.sleep(600)", "one\n");
  expect_to_stop(*child);
  EXPECT_TRUE(contains(read_file(log()), "stopped")) << read_file(log());
  expect_nothing_left();
}

TEST_F(Shell, RunEndsAtASecondCtrlCWhateverTheCodeDoes) {
  const auto child =
      begin("cat('one\\n'); repeat tryCatch(Sys.sleep(600), interrupt = function(e) cat('no\\n'))",
            "one\n");
  child->kill(SIGINT);
  while (!contains(child->received(), "no\n") && child->read(60s)) {
  }
  child->kill(SIGINT);
  ASSERT_TRUE(child->wait(60s));
  expect_nothing_left();
}

TEST_F(Shell, RunThatIsEndedAsItBeginsLeavesNothing) {
  for (const auto time : {0ms, 100ms, 400ms, 800ms}) {
    Child child{spec({"run", "-e", "Sys.sleep(600)"}, true)};
    child.wait(time);  // at some moment of its beginning
    child.kill(SIGTERM);
    const auto ending = child.wait(60s);
    ASSERT_TRUE(ending) << time.count();
    EXPECT_TRUE(eventually([this] { return containers().empty(); }, 20s)) << time.count();
  }
}

TEST_F(Shell, RunEndsWithWhoReadsItsOutput) {
  const auto child = begin("repeat cat('more\\n')", "more\n");
  child->close_output();
  ASSERT_TRUE(child->wait(60s));
  expect_nothing_left();
}

TEST_F(Shell, RunTellsWhatItCouldNotKeep) {
  const Finished many = type(
      {"run", "--out", "many", "-e", "for (i in 1:1100) writeLines('x', sprintf('f%04d.txt', i))"});
  EXPECT_EQ(many.ending.code, 1) << "not all is there";
  EXPECT_TRUE(contains(many.output, "further file")) << many.output.substr(0, 2000);
  write_file(folder() / "work" / "taken", "");
  EXPECT_EQ(type({"run", "--out", "taken", "-e", "1"}).ending.code, 2);
  EXPECT_EQ(type({"run", "--out=", "-e", "1"}).ending.code, 2);
  const Finished large = type({"run", "--out", "large", "--sandbox-memory", "512m", "-e",
                               "writeBin(raw(6e7), 'large.bin')"});
  EXPECT_EQ(large.ending.code, 0) << large.output;
  EXPECT_EQ(fs::file_size(folder() / "work" / "large" / "large.bin"), 60'000'000U);
  expect_nothing_left();
}

/// The program as a shell starts it, with what stands behind its words.
Finished in_shell(const std::string& line, const ChildSpec& like) {
  ChildSpec spec = like;
  spec.argv = {"sh", "-c", line};
  return e2e::run(spec, {}, 120s);
}

TEST_F(Shell, RunSaysWhyItCannotPrint) {
  const ChildSpec like = spec({});
  const Finished full = in_shell(binary() + " run -e 'cat(1)' >/dev/full", like);
  EXPECT_EQ(full.ending.code, 1) << full.output;
  EXPECT_TRUE(contains(full.output, "No space left")) << full.output;
  // A file that is opened later must not get what is printed.
  const fs::path audit = folder() / "audit";
  in_shell("AUDIT_LOG=" + audit.string() + " " + binary() + " run -e 'cat(\"forged\")' >&- 2>&-",
           like);
  EXPECT_TRUE(contains(read_file(audit), "created")) << read_file(audit);
  EXPECT_FALSE(contains(read_file(audit), "forged")) << read_file(audit);
  const Finished kept =
      in_shell(binary() + " run --keep -e 'repeat cat(\"more\\n\")' | head -1", like);
  EXPECT_TRUE(contains(kept.output, "the sandbox is ")) << kept.output;
  EXPECT_EQ(type({"remove", ""}).ending.code, 1) << "an empty word means none";
  EXPECT_EQ(type({"list", "what"}).ending.code, 2);
  EXPECT_EQ(type({"remove", "--all"}).ending.code, 0);
  expect_nothing_left();
}

TEST_F(Shell, RunThatNobodyReadsStillStops) {
  const auto child = begin("repeat cat(strrep('x', 1000), '\\n')", "xxx");
  // Its pipe is full now and stays so.
  expect_to_stop(*child);
  expect_nothing_left();
}

TEST_F(Shell, RunGivesATerminalNoOrders) {
  const Finished piped = type({"run", "-e", R"(cat("\033]0;owned\007"))"});
  EXPECT_EQ(piped.output, "\x1B]0;owned\x07") << "into a pipe as it is";
  const Finished shown =
      e2e::run(on_terminal(R"(run -e 'cat("\033]0;owned\007\033[31mred\033[2J")')"), {}, 60s);
  EXPECT_TRUE(contains(shown.output, "\x1B[31mred")) << shown.output;
  EXPECT_FALSE(contains(shown.output, "owned")) << shown.output;
  EXPECT_FALSE(contains(shown.output, "\x1B[2J")) << shown.output;
}

TEST_F(Shell, WhatIsKeptIsListedAndRemovedByTheBeginningOfItsId) {
  EXPECT_EQ(type({"list"}).output, "There is no sandbox.\n");
  const Finished kept = type({"run", "--keep", "-e", "x <- 1"});
  EXPECT_TRUE(contains(kept.output, "the sandbox is ")) << kept.output;
  const Sandbox ours = sandbox();
  const Json listed = Json::parse(type({"list", "--json"}).output);
  ASSERT_EQ(listed.at("sandboxes").size(), 2U) << listed;
  const std::string id = listed.at("sandboxes").at(0).at("id");
  EXPECT_TRUE(contains(kept.output, id));
  const std::string table = type({"list"}).output;
  EXPECT_TRUE(contains(table, id)) << table;
  EXPECT_TRUE(contains(table, ours.id())) << table;
  EXPECT_EQ(Sandbox(server(), id).output("x"), "[1] 1\n") << "a server uses it, too";
  EXPECT_EQ(type({"remove", "zz"}).ending.code, 1);
  const Finished removed = type({"remove", id.substr(0, 8)});
  EXPECT_EQ(removed.output, "Removed " + id + "\n");
  const int call = ours.start("cat('', file = 'begun'); Sys.sleep(600)");
  wait_for_file(ours, "/sandbox/begun");
  const Finished busy = type({"remove", ours.id()});
  EXPECT_EQ(busy.ending.code, 1);
  EXPECT_TRUE(contains(busy.output, "--force")) << busy.output;
  EXPECT_EQ(type({"remove", "--all", "--force"}).ending.code, 0);
  EXPECT_EQ(server().finish_call(call).error_code(), "sandbox_ended");
  EXPECT_EQ(type({"list"}).output, "There is no sandbox.\n");
  EXPECT_TRUE(contains(type({"list", "--all"}).output, id));
}

TEST_F(Shell, OpenSaysWhereResultsAreAndShowsThemOnADesktop) {
  const Finished unset = type({"open"});
  EXPECT_EQ(unset.ending.code, 2);
  EXPECT_TRUE(contains(unset.output, "OUTPUT_DIR is not set")) << unset.output;
  const fs::path results = folder() / "results";
  const std::string one = "11111111-2222-4333-8444-555555555555";
  const std::string other = "11111111-3333-4333-8444-555555555555";
  fs::create_directories(results / one);
  fs::create_directories(results / other);
  fs::create_directories(results / "11111111-no-sandbox");
  const std::string output_dir = "--output-dir=" + results.string();
  EXPECT_EQ(type({"open", output_dir}).output, results.string() + "\n");
  EXPECT_EQ(type({"open", "11111111-2", output_dir}).output, (results / one).string() + "\n");
  const Finished two = type({"open", "1111", output_dir});
  EXPECT_EQ(two.ending.code, 2);
  EXPECT_TRUE(contains(two.output, "2 sandboxes: give more of it")) << two.output;
  EXPECT_EQ(type({"open", "22", output_dir}).ending.code, 2);
  EXPECT_EQ(type({"open", "", output_dir}).ending.code, 2) << "an empty word means none";

  const fs::path programs = folder() / "programs";
  const fs::path opened = folder() / "opened";
  fs::create_directories(programs);
  write_file(programs / "xdg-open", "#!/bin/sh\necho \"$1\" >" + opened.string() + ".new\nmv " +
                                        opened.string() + ".new " + opened.string() + "\n");
  fs::permissions(programs / "xdg-open", fs::perms::owner_all);
  const Environment desktop{{"DISPLAY", ":0"}, {"PATH", programs.string() + ":/usr/bin:/bin"}};
  EXPECT_EQ(e2e::run({{binary(), "open", output_dir}, environment(desktop), {}, {}, {}}).output,
            results.string() + "\n");
  e2e::run(on_terminal("open 11111111-3 " + output_dir, desktop));
  ASSERT_TRUE(eventually([&] { return fs::exists(opened); }));
  EXPECT_EQ(read_file(opened), (results / other).string() + "\n") << "a pipe has shown nothing";
}

TEST_F(Shell, LogsTellWhatTheAuditLogHas) {
  const Finished unset = type({"logs"});
  EXPECT_EQ(unset.ending.code, 2);
  EXPECT_TRUE(contains(unset.output, "AUDIT_LOG is not set")) << unset.output;
  const std::string audit = (folder() / "audit.log").string();
  const std::string flag = "--audit-log=" + audit;
  EXPECT_EQ(type({"run", flag, "-e", "1"}).ending.code, 0);
  EXPECT_EQ(type({"run", flag, "-e", "stop('no')"}).ending.code, 1);
  const std::string all = type({"logs", flag}).output;
  EXPECT_TRUE(contains(all, "sandbox_created")) << all;
  EXPECT_TRUE(contains(all, "outcome=error")) << all;
  const std::string first = all.substr(all.find("sandbox=") + 8, 36);
  const std::string its = type({"logs", flag, first.substr(0, 13)}).output;
  EXPECT_TRUE(contains(its, "outcome=ok")) << its;
  EXPECT_FALSE(contains(its, "outcome=error")) << its;
  EXPECT_EQ(type({"logs", flag, "--json"}).output, read_file(audit));
  const Finished none = type({"logs", flag, "no-such"});
  EXPECT_EQ(none.ending.code, 1);
  EXPECT_TRUE(contains(none.output, "no sandbox \"no-such\"")) << none.output;
  expect_nothing_left();
}

TEST_F(Shell, LogsAreBoundedAndHarmlessWhateverTheFileHas) {
  const fs::path audit = folder() / "audit.log";
  write_file(audit, "{\"event\":\"\x1B]0;owned\\u0007\",\"sandbox\":7}\nno json \x1B[2J\n" +
                        std::string(1 << 20, 'x') + "\n{\"event\":\"last\",\"sandbox\":\"a\"}\n");
  const std::string shown = type({"logs", "--audit-log", audit.string()}).output;
  EXPECT_FALSE(contains(shown, "\x1B")) << shown.substr(0, 1000);
  EXPECT_LT(shown.size(), 1000U) << "what is too long is left out";
  EXPECT_TRUE(contains(shown, " last sandbox=a\n")) << shown.substr(0, 1000);
}

TEST_F(Shell, LogsGoOnWithWhatIsWrittenUntilCtrlC) {
  const fs::path audit = folder() / "audit.log";
  write_file(audit, "{\"event\":\"first\"}\n");
  Child child{spec({"logs", "--follow", "--audit-log", audit.string()}, true)};
  const auto wait_for = [&child](const std::string& sign) {
    while (!contains(child.received(), sign) && child.read(20s)) {
    }
    return contains(child.received(), sign);
  };
  ASSERT_TRUE(wait_for("first")) << read_file(log());
  std::ofstream{audit, std::ios::app} << "{\"event\":\"second\"}\n";
  ASSERT_TRUE(wait_for("second"));
  fs::rename(audit, folder() / "audit.old");
  write_file(audit, "{\"event\":\"third\"}\n");
  ASSERT_TRUE(wait_for("third")) << "a new file took its name";
  child.kill(SIGINT);
  const auto ending = child.wait(20s);
  ASSERT_TRUE(ending);
  EXPECT_EQ(ending->code, 0);
  Child unread{spec({"logs", "--follow", "--audit-log", audit.string()}, true)};
  ASSERT_TRUE(unread.read(20s));
  unread.close_output();
  EXPECT_TRUE(unread.wait(20s)) << "nobody reads it any more";
}

}  // namespace
}  // namespace omcp_r::e2e
