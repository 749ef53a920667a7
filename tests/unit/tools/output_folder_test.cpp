#include "omcp_r/tools/output_folder.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "omcp_r/base/text.hpp"

namespace omcp_r::tools {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ostringstream out;
  out << std::ifstream{path}.rdbuf();
  return out.str();
}

class OutputFolder : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("omcp-out-" + random_uuid());
    fs::create_directory(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(OutputFolder, WritesBelowTheFolder) {
  const auto path = save_new_file(folder_, "a/b.csv", "x,y\n");
  ASSERT_TRUE(path);
  EXPECT_EQ(*path, (folder_ / "a/b.csv").string());
  EXPECT_EQ(read(*path), "x,y\n");
}

TEST_F(OutputFolder, NeverWritesOverAFile) {
  ASSERT_TRUE(save_new_file(folder_, "b.csv", "first"));
  const auto second = save_new_file(folder_, "b.csv", "second");
  ASSERT_TRUE(second);
  EXPECT_EQ(*second, (folder_ / "b-1.csv").string());
  EXPECT_EQ(read(folder_ / "b.csv"), "first");
}

TEST_F(OutputFolder, LeavesTheFolderByNoPathAndNoLink) {
  for (const char* path : {"../x", "a/../../x", "/etc/x", "", ".", "a//b"}) {
    EXPECT_FALSE(save_new_file(folder_, path, "x")) << path;
  }
  const fs::path elsewhere = folder_ / "elsewhere";
  fs::create_directory(elsewhere);
  fs::create_directory(folder_ / "out");
  fs::create_directory_symlink(elsewhere, folder_ / "out" / "link");
  EXPECT_FALSE(save_new_file(folder_ / "out", "link/x", "x"));
  EXPECT_TRUE(fs::is_empty(elsewhere));
}

}  // namespace
}  // namespace omcp_r::tools
