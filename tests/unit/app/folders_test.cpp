#include "omcp_r/app/folders.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "temporary_folder.hpp"

namespace omcp_r::app {
namespace {

TEST(AbsolutePath, ExpandsTheHomeFolder) {
  EXPECT_EQ(*absolute_path("~", "/home/ann"), "/home/ann");
  EXPECT_EQ(*absolute_path("~/a/../b", "/home/ann"), "/home/ann/b");
  EXPECT_EQ(*absolute_path("/x/./y", ""), "/x/y");
}

TEST(AbsolutePath, RefusesWhatDependsOnTheWorkingDirectory) {
  for (const char* bad : {"x", "./x", "~bob/x", "", "$HOME/x"}) {
    EXPECT_FALSE(absolute_path(bad, "/home/ann").ok()) << bad;
  }
  EXPECT_FALSE(absolute_path("~/x", "").ok());
}

TEST(SharedFolder, IsTheRealPathOfAFolder) {
  const TemporaryFolder temporary;
  const std::string data = temporary.folder("data");
  std::filesystem::create_symlink(data, temporary.path() + "/link");
  EXPECT_EQ(*shared_folder(data, "/home/ann", Sharing::kRead), data);
  EXPECT_EQ(*shared_folder(data + "/../link/", "/home/ann", Sharing::kWrite), data);
  EXPECT_EQ(*shared_folder("~/data", temporary.path(), Sharing::kRead), data);
}

TEST(SharedFolder, RefusesWhatIsNoFolder) {
  const TemporaryFolder temporary;
  const std::string file = temporary.file("file", "");
  EXPECT_FALSE(shared_folder(file, "", Sharing::kRead).ok());
  EXPECT_FALSE(shared_folder(temporary.path() + "/none", "", Sharing::kRead).ok());
  EXPECT_FALSE(shared_folder("data", "", Sharing::kRead).ok());
}

TEST(SharedFolder, RefusesTheSystemsFolders) {
  for (const char* bad :
       {"/",        "//",   "/etc",  "/etc/..",    "/home", "/root",       "/usr",
        "/usr/bin", "/var", "/proc", "/proc/self", "/sys",  "/sys/kernel", "/dev",
        "/tmp",     "/run", "/bin",  "/lib",       "/opt",  "/var/run",    "/proc/self/root"}) {
    EXPECT_FALSE(shared_folder(bad, "/home/ann", Sharing::kRead).ok()) << bad;
  }
}

TEST(SharedFolder, RefusesTheSystemsFoldersByAnotherName) {
  const TemporaryFolder temporary;
  std::filesystem::create_symlink("/etc", temporary.path() + "/data");
  const auto folder = shared_folder(temporary.path() + "/data", "", Sharing::kRead);
  ASSERT_FALSE(folder.ok());
  EXPECT_NE(folder.error().message.find("\"/etc\" is never shared"), std::string::npos);
}

TEST(SharedFolder, RefusesTheHomeFolderItsParentsAndItsKeys) {
  const TemporaryFolder temporary;
  const std::string home = temporary.folder("people/ann");
  for (const char* bad : {"people", "people/ann", "people/ann/.ssh", "people/ann/.config/gh"}) {
    EXPECT_FALSE(shared_folder(temporary.folder(bad), home, Sharing::kRead).ok()) << bad;
  }
  for (const char* good : {"people/bob", "people/ann/data", "people/annex", "people/ann/.sshx"}) {
    EXPECT_TRUE(shared_folder(temporary.folder(good), home, Sharing::kRead).ok()) << good;
  }
}

TEST(SharedFolder, NeedsTheRightsToUseIt) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may use every folder";
  const TemporaryFolder temporary;
  const std::string folder = temporary.folder("data");
  ::chmod(folder.c_str(), 0500);
  EXPECT_TRUE(shared_folder(folder, "", Sharing::kRead).ok());
  EXPECT_FALSE(shared_folder(folder, "", Sharing::kWrite).ok());
}

}  // namespace
}  // namespace omcp_r::app
