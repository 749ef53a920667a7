#include "omcp_r/tools/output_folder.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "omcp_r/base/text.hpp"

namespace omcp_r::tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBox = "0a1b2c3d-0000-4000-8000-000000000001";
constexpr const char* kOther = "0a1b2c3d-0000-4000-8000-000000000002";

std::string read(const fs::path& path) {
  std::ostringstream out;
  out << std::ifstream{path}.rdbuf();
  return out.str();
}

class OutputFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("omcp-out-" + random_uuid());
    fs::create_directory(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  Result<std::string> save(OutputFolder& folder, const std::string& path, std::string_view bytes) {
    auto file = folder.create(path);
    if (!file) {
      return file.error();
    }
    const Status written = file->write(bytes);
    return written ? file->keep() : Result<std::string>{written.error()};
  }
  Result<std::string> save(const std::string& path, std::string_view bytes,
                           const OutputLimits& limits = {}, const char* box = kBox) {
    OutputUsage usage;
    OutputFolder folder{folder_, box, usage, limits};
    return save(folder, path, bytes);
  }
  Errc code(const Result<std::string>& saved) { return saved ? Errc{} : saved.error().code; }

  fs::path folder_;
};

TEST_F(OutputFolderTest, WritesBelowTheSandboxsFolder) {
  const auto path = save("a/b.csv", "x,y\n");
  ASSERT_TRUE(path);
  EXPECT_EQ(*path, (folder_ / kBox / "a/b.csv").string());
  EXPECT_EQ(read(*path), "x,y\n");
}

TEST_F(OutputFolderTest, TheNewestVersionHasTheNameAndEarlierOnesStandBesideIt) {
  const fs::path box = folder_ / kBox;
  for (const char* bytes : {"first", "second", "third"}) {
    const auto saved = save("b.csv", bytes);
    ASSERT_TRUE(saved) << saved.error().message;
    EXPECT_EQ(*saved, (box / "b.csv").string());
  }
  EXPECT_EQ(read(box / "b.csv"), "third");
  EXPECT_EQ(read(box / "b-1.csv"), "first");
  EXPECT_EQ(read(box / "b-2.csv"), "second");
  EXPECT_EQ(std::distance(fs::directory_iterator{box}, {}), 3) << "and nothing else";
}

TEST_F(OutputFolderTest, TheNameHoldsTheOldFileUntilTheNewOneIsWhole) {
  ASSERT_TRUE(save("b.csv", "old"));
  OutputUsage usage;
  OutputFolder folder{folder_, kBox, usage};
  {
    auto file = folder.create("b.csv");
    ASSERT_TRUE(file && file->write("half"));
    EXPECT_EQ(read(folder_ / kBox / "b.csv"), "old");
  }
  EXPECT_EQ(read(folder_ / kBox / "b.csv"), "old");
  EXPECT_FALSE(fs::exists(folder_ / kBox / "b-1.csv"));
}

TEST_F(OutputFolderTest, WhatOthersPutThereIsMovedAsideAsItIs) {
  const fs::path box = folder_ / kBox;
  fs::create_directories(box / "folder.csv" / "deep");
  std::ofstream{folder_ / "target"} << "of the user";
  fs::create_symlink(folder_ / "target", box / "link.csv");
  EXPECT_EQ(*save("folder.csv", "new"), box / "folder-1.csv");
  ASSERT_TRUE(save("link.csv", "new"));
  EXPECT_TRUE(fs::is_directory(box / "folder.csv" / "deep"))
      << "where what is in it was told to be";
  EXPECT_TRUE(fs::is_symlink(box / "link-1.csv"));
  EXPECT_FALSE(fs::is_symlink(box / "link.csv"));
  EXPECT_EQ(read(folder_ / "target"), "of the user");
}

TEST_F(OutputFolderTest, AFileOfOursIsReplacedAndAnyOtherIsMovedAside) {
  const fs::path box = folder_ / kBox;
  fs::create_directory(box);
  std::ofstream{box / "page"} << "of the user";
  std::ofstream{folder_ / "target"} << "mark: of the user";
  fs::create_symlink(folder_ / "target", box / "link");
  OutputUsage usage;
  OutputFolder folder{folder_, kBox, usage};
  for (const char* name : {"page", "link"}) {
    for (const char* bytes : {"mark: 1", "mark: two"}) {
      auto file = folder.create(name);
      ASSERT_TRUE(file && file->write(bytes) && file->keep_over("mark"));
    }
    EXPECT_EQ(read(box / name), "mark: two");
  }
  EXPECT_EQ(read(box / "page-1"), "of the user");
  EXPECT_TRUE(fs::is_symlink(box / "link-1"));
  EXPECT_EQ(read(folder_ / "target"), "mark: of the user");
  EXPECT_EQ(std::distance(fs::directory_iterator{box}, {}), 4);
  EXPECT_EQ(usage.all.bytes,
            std::string{"of the user"}.size() + 2 * std::string{"mark: two"}.size());
}

TEST_F(OutputFolderTest, AFolderTakesTheNameThatAFileHad) {
  const fs::path box = folder_ / kBox;
  ASSERT_TRUE(save("res", "file"));
  EXPECT_EQ(*save("res/a.csv", "x"), box / "res/a.csv");
  EXPECT_EQ(read(box / "res-1"), "file");
  EXPECT_EQ(*save("res", "file again"), box / "res-2");
  EXPECT_EQ(*save("res/a.csv", "y"), box / "res/a.csv");
}

TEST_F(OutputFolderTest, WhatACallHasSavedStaysWhereItWasToldToBe) {
  const fs::path box = folder_ / kBox;
  OutputUsage usage;
  OutputFolder folder{folder_, kBox, usage};
  EXPECT_EQ(*save(folder, ".x.csv", "hidden"), box / "_x.csv");
  EXPECT_EQ(*save(folder, "_x.csv", "other"), box / "_x-1.csv");
  EXPECT_EQ(read(box / "_x.csv"), "hidden");
}

TEST_F(OutputFolderTest, ThereIsANumberHoweverManyThereAre) {
  const fs::path box = folder_ / kBox;
  fs::create_directory(box);
  for (int i = 1; i <= 1500; ++i) {
    std::ofstream{box / ("r-" + std::to_string(i) + ".csv")} << i;
  }
  ASSERT_TRUE(save("r.csv", "old"));
  ASSERT_TRUE(save("r.csv", "new"));
  EXPECT_EQ(read(box / "r.csv"), "new");
  EXPECT_EQ(read(box / "r-1501.csv"), "old");
}

TEST_F(OutputFolderTest, WhereTheOldOneCannotMoveItKeepsItsName) {
  const std::string name(252, 'n');
  ASSERT_TRUE(save(name + ".c", "old"));
  EXPECT_FALSE(save(name + ".c", "new")) << "no number fits the name";
  EXPECT_EQ(read(folder_ / kBox / (name + ".c")), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator{folder_ / kBox}, {}), 1);
}

TEST_F(OutputFolderTest, LeavesTheFolderByNoPathAndNoLink) {
  for (const char* path : {"../x", "a/../../x", "/etc/x", "", ".", "a//b"}) {
    EXPECT_FALSE(save(path, "x")) << path;
  }
  const fs::path elsewhere = folder_ / "elsewhere";
  fs::create_directory(elsewhere);
  fs::create_directory(folder_ / kBox);
  fs::create_directory_symlink(elsewhere, folder_ / kBox / "link");
  EXPECT_FALSE(save("link/x", "x"));
  fs::create_directory_symlink(elsewhere, folder_ / kOther);
  EXPECT_FALSE(save("x", "x", {}, kOther));
  EXPECT_TRUE(fs::is_empty(elsewhere));
}

TEST_F(OutputFolderTest, WhatIsNotKeptIsRemoved) {
  OutputUsage usage;
  OutputFolder folder{folder_, kBox, usage};
  {
    auto file = folder.create("half.csv");
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write("half"));
    EXPECT_FALSE(fs::exists(folder_ / kBox / "half.csv"));
    EXPECT_FALSE(fs::is_empty(folder_ / kBox));
  }
  EXPECT_TRUE(fs::is_empty(folder_)) << "and no folder is left of it";
}

TEST_F(OutputFolderTest, WhatCouldNotBeKeptCountsForNothing) {
  OutputUsage usage;
  OutputFolder folder{folder_, kBox, usage, {.call = 100}};
  auto large = folder.create("large");
  ASSERT_TRUE(large && large->write(std::string(90, 'x')));
  EXPECT_FALSE(large->write(std::string(90, 'x')));
  EXPECT_FALSE(save(folder, "small", std::string(20, 'x')));
  { const OutputFile gone = std::move(*large); }
  EXPECT_TRUE(save(folder, "small", std::string(20, 'x')));
  EXPECT_EQ(usage.all.bytes, 20U);
}

TEST_F(OutputFolderTest, CallsAtTheSameTimeShareTheirLimits) {
  OutputUsage usage;
  OutputFolder one{folder_, kBox, usage, {.sandbox = 100}};
  OutputFolder other{folder_, kBox, usage, {.sandbox = 100}};
  EXPECT_TRUE(save(one, "a", std::string(60, 'x')));
  EXPECT_EQ(code(save(other, "b", std::string(60, 'x'))), Errc::kLimitReached);
}

TEST_F(OutputFolderTest, DeepFoldersAreNotMade) {
  std::string path;
  for (int i = 0; i < 100; ++i) path += "d/";
  EXPECT_EQ(code(save(path + "f", "x")), Errc::kLimitReached);
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(OutputFolderTest, ACallHasItsLimit) {
  OutputUsage usage;
  OutputFolder folder{folder_, kBox, usage, {.call = 100}};
  EXPECT_TRUE(save(folder, "a", std::string(60, 'x')));
  EXPECT_EQ(code(save(folder, "b", std::string(60, 'x'))), Errc::kLimitReached);
  EXPECT_FALSE(fs::exists(folder_ / kBox / "b"));
  EXPECT_TRUE(save(folder, "c", std::string(40, 'x'))) << "what fits is still taken";
  EXPECT_TRUE(save("d", std::string(60, 'x'), {.call = 100})) << "another call";
}

TEST_F(OutputFolderTest, ASandboxHasItsLimitAcrossCalls) {
  ASSERT_TRUE(save("a", std::string(60, 'x')));
  EXPECT_EQ(code(save("b", std::string(60, 'x'), {.sandbox = 100})), Errc::kLimitReached);
  EXPECT_TRUE(save("b", std::string(60, 'x'), {.sandbox = 100}, kOther));
}

TEST_F(OutputFolderTest, AllSandboxesHaveOne) {
  ASSERT_TRUE(save("a/b/c", std::string(60, 'x')));
  std::ofstream{folder_ / "of the user"} << std::string(1000, 'x');
  EXPECT_EQ(code(save("b", std::string(60, 'x'), {.all = 100}, kOther)), Errc::kLimitReached);
  EXPECT_TRUE(save("b", std::string(60, 'x'), {.all = 200}, kOther)) << "the user's does not count";
}

TEST_F(OutputFolderTest, EntriesAreBoundedFoldersIncluded) {
  ASSERT_TRUE(save("a/b/c", ""));
  EXPECT_EQ(code(save("d/e/f", "", {.entries = 6})), Errc::kLimitReached);
  EXPECT_FALSE(fs::exists(folder_ / kBox / "d")) << "nothing is left of it";
  EXPECT_TRUE(save("g", "", {.entries = 6}));
}

// Seen: each file counted the folders above it as well.
TEST_F(OutputFolderTest, AFolderCountsOnce) {
  OutputUsage usage;
  OutputFolder folder{folder_, kBox, usage};
  for (const char* path : {"a/b/1", "a/b/2", "a/3"}) {
    ASSERT_TRUE(save(folder, path, ""));
  }
  { auto gone = folder.create("c/d/4"); }
  EXPECT_EQ(usage.all.entries, 6U);
  OutputUsage fresh;
  const OutputFolder again{folder_, kBox, fresh};
  EXPECT_EQ(fresh.all.entries, 6U) << "as they are counted from the disk";
}

TEST_F(OutputFolderTest, NoSandboxTakesTheRoomOfTheOthersNorOfWhatIsOurs) {
  const OutputLimits limits{.entries = 100, .sandbox_entries = 3, .own_entries = 2};
  ASSERT_TRUE(save("a", "", limits));
  ASSERT_TRUE(save("b", "", limits));
  EXPECT_EQ(code(save("c", "", limits)), Errc::kLimitReached);
  EXPECT_TRUE(save("c", "", limits, kOther));
  OutputUsage usage;
  OutputFolder folder{folder_, kBox, usage, limits};
  for (const char* name : {"plot-001.png", "session.R"}) {
    auto own = folder.create(name, true);
    ASSERT_TRUE(own && own->keep());
  }
  EXPECT_FALSE(folder.create("index.html", true));
}

TEST_F(OutputFolderTest, TheLastFreeSpaceIsLeft) {
  const OutputLimits limits{.free_space = std::uint64_t{1} << 62U};
  EXPECT_EQ(code(save("a", "x", limits)), Errc::kLimitReached);
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(OutputFolderTest, NoNameIsAnOrderToAProgram) {
  const auto saved = [&](const char* path) { return *save(path, "x"); };
  const std::string base = (folder_ / kBox).string() + "/";
  EXPECT_EQ(saved(".Rprofile"), base + "_Rprofile");
  EXPECT_EQ(saved(".git/hooks/post-checkout"), base + "_git/hooks/post-checkout");
  EXPECT_EQ(saved("-rf"), base + "_rf");
  for (const char* name : {"a\nb", "a\x1B[31m",
                           "a\xE2\x80\xAE"
                           "cod.exe",
                           "a\xC2\x9B", "a\xFF"}) {
    EXPECT_FALSE(save(name, "x")) << name;
  }
}

}  // namespace
}  // namespace omcp_r::tools
