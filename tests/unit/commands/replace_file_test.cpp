#include "commands/replace_file.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <thread>
#include <vector>

#include "temporary_folder.hpp"

namespace omcp_r::commands {
namespace {

namespace fs = std::filesystem;

class ReplaceFile : public testing::Test {
 protected:
  static mode_t mode_of(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
  }
  static std::string text_of(const std::string& path) {
    const auto text = read_text(path);
    return text && *text ? **text : "(none)";
  }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()));
  }

  app::TemporaryFolder folder_;
};

TEST_F(ReplaceFile, KeepsModeAndOwnerAndABackup) {
  const std::string path = folder_.file("a.json", "old");
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  const bool root = ::geteuid() == 0;
  constexpr uid_t kOther = 12345;
  if (root) {
    ASSERT_EQ(::chown(path.c_str(), kOther, kOther), 0);
  }
  const auto backup = replace_file(path, "old", "new");
  ASSERT_TRUE(backup) << backup.error().message;
  EXPECT_EQ(text_of(path), "new");
  EXPECT_EQ(text_of(*backup), "old");
  for (const std::string& file : {path, *backup}) {
    struct stat status {};
    ASSERT_EQ(::stat(file.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0640U);
    EXPECT_EQ(status.st_uid, root ? kOther : ::geteuid());
  }
  EXPECT_EQ(files(), 2U);
  EXPECT_TRUE(backup->starts_with(path + ".bak-2"));
  EXPECT_EQ(backup->size(), path.size() + std::string(".bak-YYYYMMDD-HHMMSS").size());
}

TEST_F(ReplaceFile, NoBackupTakesThePlaceOfAnother) {
  const std::string path = folder_.file("a.json", "1");
  ASSERT_TRUE(replace_file(path, "1", "2"));
  ASSERT_TRUE(replace_file(path, "2", "3"));
  ASSERT_TRUE(replace_file(path, "3", "4"));
  const auto backups = backups_of(path);
  ASSERT_EQ(backups.size(), 3U);
  EXPECT_EQ(text_of(backups[0]), "3");
  EXPECT_EQ(text_of(backups[2]), "1");
}

TEST_F(ReplaceFile, ANewFileIsItsOwnersOnly) {
  const std::string path = folder_.path() + "/deep/er/a.json";
  const auto backup = replace_file(path, std::nullopt, "new");
  ASSERT_TRUE(backup) << backup.error().message;
  EXPECT_EQ(*backup, "");
  EXPECT_EQ(text_of(path), "new");
  EXPECT_EQ(mode_of(path), 0600U);
}

// As by sudo -E in a home of somebody else.
TEST_F(ReplaceFile, WhatRootMakesBelongsToWhomTheFolderDoes) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  constexpr uid_t kOther = 12345;
  ASSERT_EQ(::chown(folder_.path().c_str(), kOther, kOther), 0);
  const std::string path = folder_.path() + "/deep/er/a.json";
  ASSERT_TRUE(replace_file(path, std::nullopt, "new"));
  for (const std::string& made : {path, folder_.path() + "/deep/er", folder_.path() + "/deep"}) {
    struct stat status {};
    ASSERT_EQ(::stat(made.c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, kOther) << made;
  }
  EXPECT_EQ(mode_of(path), 0600U);
}

TEST_F(ReplaceFile, FollowsLinks) {
  const std::string real = folder_.folder("real") + "/a.json";
  folder_.file("real/a.json", "old");
  const std::string link = folder_.path() + "/link.json";
  fs::create_symlink("real/a.json", link);
  ASSERT_TRUE(replace_file(link, "old", "new"));
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_FALSE(fs::is_symlink(real));
  EXPECT_EQ(text_of(real), "new");
  EXPECT_EQ(backups_of(link).size(), 1U);
}

TEST_F(ReplaceFile, WhatCouldNotBeReplacedIsKnownBefore) {
  EXPECT_TRUE(check_folder(folder_.path() + "/deep/er/a.json"));
  EXPECT_FALSE(check_folder("/dev/null/a.json"));
  EXPECT_FALSE(check_folder(folder_.file("file", "") + "/a.json"));
}

TEST_F(ReplaceFile, RefusesALinkThatLeadsNowhere) {
  const std::string link = folder_.path() + "/link.json";
  fs::create_symlink("missing", link);
  EXPECT_FALSE(replace_file(link, std::nullopt, "new"));
  EXPECT_EQ(files(), 1U);
}

TEST_F(ReplaceFile, RefusesWhatHasChangedMeanwhile) {
  const std::string path = folder_.file("a.json", "theirs");
  EXPECT_FALSE(replace_file(path, "old", "new"));
  EXPECT_FALSE(replace_file(path, std::nullopt, "new"));
  EXPECT_FALSE(remove_file(path, "old"));
  EXPECT_EQ(text_of(path), "theirs");
  EXPECT_EQ(files(), 1U);
}

// Whoever is told that it was done finds it there: no two of them overwrite each other.
TEST_F(ReplaceFile, NobodyLosesWhatAnotherOneWrites) {
  const std::string path = folder_.path() + "/a.json";
  constexpr int kThreads = 4;
  constexpr int kLines = 5;
  std::atomic<int> done = 0;
  const auto add_lines = [&](char name) {
    for (int i = 0; i < kLines;) {
      const auto text = read_text(path);
      ASSERT_TRUE(text);
      if (!replace_file(path, *text, text->value_or("") + name + "\n")) continue;
      ++i;
      ++done;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(add_lines, static_cast<char>('a' + i));
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done, kThreads * kLines);
  EXPECT_EQ(text_of(path).size(), std::size_t{2} * kThreads * kLines);
}

TEST_F(ReplaceFile, AFullDiskLeavesTheOriginal) {
  const std::string path = folder_.file("a.json", "old");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{1000, before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto result = replace_file(path, "old", std::string(5000, 'a'));  // the backup fits
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(result);
  EXPECT_EQ(text_of(path), "old");
  EXPECT_EQ(files(), 1U);
}

TEST_F(ReplaceFile, AFailureOfTheBackupLeavesTheOriginal) {
  // So long a name has no room for what is appended to that of the temporary file.
  const std::string path = folder_.file(std::string(250, 'a'), "old");
  EXPECT_FALSE(replace_file(path, "old", "new"));
  EXPECT_EQ(text_of(path), "old");
  EXPECT_EQ(files(), 1U);
}

TEST_F(ReplaceFile, ReadsOnlyWhatIsAFileAndNotTooLong) {
  EXPECT_FALSE(read_text(folder_.path()));
  EXPECT_FALSE(read_text("/dev/zero"));
  const std::string pipe = folder_.path() + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_FALSE(read_text(pipe));
  EXPECT_TRUE(read_text(folder_.file("most", std::string(kMaxFileBytes, ' '))));
  EXPECT_FALSE(read_text(folder_.file("more", std::string(kMaxFileBytes + 1, ' '))));
  const auto missing = read_text(folder_.path() + "/missing/file");
  ASSERT_TRUE(missing);
  EXPECT_FALSE(*missing);
}

TEST_F(ReplaceFile, RemovesOneThatIsAllOurs) {
  const std::string path = folder_.file("a.json", "ours");
  ASSERT_TRUE(remove_file(path, "ours"));
  EXPECT_EQ(files(), 0U);
}

}  // namespace
}  // namespace omcp_r::commands
