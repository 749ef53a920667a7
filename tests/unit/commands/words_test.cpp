#include "commands/words.hpp"

#include <gtest/gtest.h>

namespace omcp_r::commands {
namespace {

const Usage kUsage{"do",
                   "THING",
                   "Does a thing.",
                   {{"--out", "FOLDER", "Where to."},
                    {"--keep", "", "Keeps it."},
                    {"--data", "FOLDER", "What it sees.", "DATA_DIR"},
                    {"-e", "CODE", "Code."}}};

TEST(Words, AreFlagsSettingsAndTheRest) {
  const auto words =
      read_words(kUsage, {"a", "--out=x=y", "--keep", "-", "--data", "/d", "--sandbox-memory=512m",
                          "-e", "-1", "-e", "2", "--env-file", "f", "--", "--keep", "b"});
  ASSERT_TRUE(words) << words.error().message;
  EXPECT_EQ(words->rest, (std::vector<std::string>{"a", "-", "--keep", "b"}));
  EXPECT_EQ(words->last("--out"), "x=y");
  EXPECT_TRUE(words->has("--keep"));
  EXPECT_EQ(words->last("--keep"), "");
  EXPECT_EQ(words->flags.at("-e"), (std::vector<std::string>{"-1", "2"}));
  EXPECT_EQ(words->settings, (std::vector<std::string>{"--data-dir", "/d", "--sandbox-memory",
                                                       "512m", "--env-file", "f"}));
  EXPECT_FALSE(words->help);
  EXPECT_TRUE(read_words(kUsage, {"-h"})->help);
}

TEST(Words, ThatAreWrongAreNamedWithTheNearestRightOne) {
  for (const auto& [word, part] :
       std::vector<std::pair<std::string, std::string>>{{"--outt", "did you mean --out?"},
                                                        {"--sandbox-memori", "--sandbox-memory"},
                                                        {"--keep=1", "takes no value"},
                                                        {"--out", "needs a value"},
                                                        {"-x", "\"-x\""}}) {
    const auto words = read_words(kUsage, {word});
    ASSERT_FALSE(words) << word;
    EXPECT_NE(words.error().message.find(part), std::string::npos) << words.error().message;
    EXPECT_NE(words.error().message.find("do --help"), std::string::npos);
  }
}

TEST(Words, HelpHasEveryFlag) {
  const std::string text = usage_text(kUsage);
  EXPECT_NE(text.find("Usage: omcp-r-sandbox do THING"), std::string::npos) << text;
  for (const Flag& flag : kUsage.flags) {
    EXPECT_NE(text.find(flag.name), std::string::npos);
    EXPECT_NE(text.find(flag.help), std::string::npos);
  }
}

}  // namespace
}  // namespace omcp_r::commands
