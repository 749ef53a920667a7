#include "commands/programs.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "omcp_r/process/find_program.hpp"
#include "temporary_folder.hpp"

namespace omcp_r::commands {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Result<std::string> greet_shell(const std::string& script, milliseconds limit = seconds{10}) {
  return greet({"/bin/sh", {"-c", script}, {}}, limit);
}

constexpr const char* kAnswer =
    R"(echo '{"jsonrpc":"2.0","id":1,"result":{"serverInfo":{"name":"x","version":"2"}}}')";

TEST(Greet, TellsWhoAnswers) {
  EXPECT_EQ(*greet_shell(std::string("read line; ") + kAnswer + "; cat"), "x 2");
  EXPECT_EQ(*greet_shell(kAnswer), "x 2");  // it may be gone before we have asked
  EXPECT_EQ(*greet({"/bin/sh", {"-c", "[ \"$K\" = V ] && " + std::string(kAnswer)}, {{"K", "V"}}},
                   seconds{10}),
            "x 2");
}

TEST(Greet, AsksForInitialize) {
  EXPECT_EQ(*greet_shell(std::string("read line; case $line in *'\"initialize\"'*) ") + kAnswer +
                         ";; esac"),
            "x 2");
}

TEST(Greet, TellsWhatIsWrong) {
  EXPECT_EQ(greet_shell("exit 1").error().message, "it ends without an answer");
  EXPECT_EQ(
      greet_shell(
          "echo 'docker: no such image.' >&2; echo \"\033[2J\033[1;31mGet\033[0m it\" >&2; exit 1")
          .error()
          .message,
      "it ends without an answer, and says: docker: no such image. Get it");
  EXPECT_EQ(greet_shell("echo hello").error().message, "it does not answer initialize as MCP asks");
  EXPECT_EQ(greet_shell("echo '{\"result\":{\"serverInfo\":3}}'").error().message,
            "it does not answer initialize as MCP asks");
  EXPECT_EQ(greet({"/nonexistent", {}, {}}, seconds{10}).error().message,
            "there is no program /nonexistent");
}

TEST(Greet, AnswersOfAServerThatCannotServeAreNotWell) {
  const std::string answer =
      R"(printf '%s\n' '{"result":{"serverInfo":{"name":"x"},"instructions":"A=1\nmust be 2"}}'; )";
  EXPECT_EQ(greet_shell(answer + "cat; exit 2").error().message,
            "it answers with a problem: A=1 must be 2");
  EXPECT_EQ(*greet_shell(answer + "cat; exit 0"), "x ?");
}

TEST(Greet, HasADeadline) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(greet_shell("exec sleep 1000", milliseconds{200}).error().message,
            "it does not answer in time");
  // One that floods us is no better.
  EXPECT_FALSE(greet_shell("exec cat /dev/zero", milliseconds{200}));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds{30});
}

TEST(OutputOf, GivesWhatWasWritten) {
  EXPECT_EQ(*output_of({"/bin/sh", "-c", "echo a"}, seconds{10}), "a\n");
  EXPECT_EQ(output_of({"/bin/sh", "-c", "echo no >&2; exit 3"}, seconds{10}).error().message,
            "/bin/sh failed: no");
  EXPECT_EQ(output_of({"/bin/sh", "-c", "exit 3"}, seconds{10}).error().message, "/bin/sh failed");
  EXPECT_EQ(output_of({"/bin/sleep", "1000"}, milliseconds{100}).error().message,
            "/bin/sleep did not end in time");
}

TEST(FindProgram, TakesAbsoluteFoldersOfPathOnly) {
  const app::TemporaryFolder folder;
  const std::string program = folder.file("prog", "#!/bin/sh\n");
  ASSERT_EQ(::chmod(program.c_str(), 0755), 0);
  folder.file("data", "");
  EXPECT_EQ(process::find_program("prog", "/nonexistent:" + folder.path()), program);
  EXPECT_EQ(process::find_program("data", folder.path()), "");
  EXPECT_EQ(process::find_program("prog", ".::"), "");
  EXPECT_EQ(process::find_program(program, ""), program);
  EXPECT_EQ(process::find_program("", folder.path()), "");
}

}  // namespace
}  // namespace omcp_r::commands
