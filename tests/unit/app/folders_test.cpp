#include "omcp_r/app/folders.hpp"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
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

TEST(SharedFolder, MountsBelowAFolderAreFound) {
  const char* const info =
      "22 28 0:20 / /proc rw - proc proc rw\n"
      "40 28 0:30 / /data rw shared:1 - ext4 /dev/sda1 rw\n"
      "41 40 0:31 / /data/usb\\040stick rw shared:1 master:2 - vfat /dev/sdb1 rw\n"
      "42 40 0:32 / /database rw - ext4 /dev/sdc1 rw\n"
      "broken\n";
  EXPECT_EQ(mounts_below(info, "/data"), (std::vector<std::string>{"/data/usb stick"}));
  EXPECT_TRUE(mounts_below(info, "/data/usb").empty());
  EXPECT_TRUE(mounts_below("", "/data").empty());
}

TEST(SharedFolder, WhatIsMountedOnPurposeIsToldFromWhatEndsWithAContainer) {
  const char* const info =
      "1 0 0:1 / / ro - overlay overlay rw\n"
      "2 1 0:2 / /tmp rw - tmpfs tmpfs rw\n"
      "3 1 0:3 /home/ann/survey /Users/ann/survey ro master:1 - ext4 /dev/sda1 rw\n"
      "4 2 0:4 / /tmp/out rw shared:9 - fakeowner grpcfuse rw\n";
  EXPECT_TRUE(is_mounted(info, "/Users/ann/survey"));
  EXPECT_TRUE(is_mounted(info, "/Users/ann/survey/2026"));
  EXPECT_TRUE(is_mounted(info, "/tmp/out"));
  EXPECT_FALSE(is_mounted(info, "/Users/ann"));
  EXPECT_FALSE(is_mounted(info, "/tmp/other"));
  EXPECT_FALSE(is_mounted(info, "/data"));
  EXPECT_FALSE(is_mounted("", "/data"));
}

TEST(SharedFolder, ALinkOfTheMachineOutsideIsWhatItLeadsTo) {
  const char* const info =
      "1 0 0:1 / / ro - overlay overlay rw\n"
      "2 1 0:3 /home/ann/.ssh /home/ann/docs ro - ext4 /dev/sda1 rw\n"
      "3 1 0:3 /etc /home/ann/more ro - ext4 /dev/sda1 rw\n"
      "4 1 0:3 /home/ann /survey ro - ext4 /dev/sda1 rw\n"
      "5 1 0:4 / /usb ro - vfat /dev/sdb1 rw\n"
      "6 1 0:3 /var/lib/docker/volumes/v/_data /volume ro - ext4 /dev/sda1 rw\n"
      "7 1 0:3 /home/ann/data /data ro - ext4 /dev/sda1 rw\n";
  for (const char* bad : {"/home/ann/docs", "/home/ann/more", "/survey", "/survey/.aws"}) {
    EXPECT_FALSE(check_mounted(info, bad)) << bad;
  }
  for (const char* good : {"/survey/2026", "/usb", "/usb/etc", "/volume", "/data", "/data/sub"}) {
    EXPECT_TRUE(check_mounted(info, good)) << good;
  }
}

// In a container, the same folder of the machine may be mounted in two places.
TEST(SharedFolder, ThatAreOneOrInOneAnotherAreKnownByWhateverNames) {
  const char* const info =
      "1 0 0:1 / / ro - overlay overlay rw\n"
      "2 1 8:1 /x /data ro - ext4 /dev/sda1 rw\n"
      "3 1 8:1 /x/out /out rw - ext4 /dev/sda1 rw\n"
      "4 1 8:2 /x /other rw - ext4 /dev/sdb1 rw\n"
      "5 1 8:1 /xy /beside rw - ext4 /dev/sda1 rw\n";
  for (const char* inside : {"/data", "/data/sub", "/out", "/out/sub"}) {
    EXPECT_TRUE(overlap(info, "/data", inside)) << inside;
    EXPECT_TRUE(overlap(info, inside, "/data")) << inside;
  }
  for (const char* good : {"/other", "/beside", "/tmp"}) {
    EXPECT_FALSE(overlap(info, "/data", good)) << good;
  }
  EXPECT_FALSE(overlap("", "/data", "/out"));
  const TemporaryFolder temporary;
  const std::string data = temporary.folder("data");
  std::filesystem::create_symlink(data, temporary.path() + "/link");
  EXPECT_TRUE(overlap("", data, temporary.path() + "/link"));
}

TEST(SharedFolder, KeysAreKeysWhereNoHomeIsKnown) {
  const TemporaryFolder temporary;
  for (const char* bad : {"x/.ssh", "x/.config/gh", "x/.local/share/keyrings"}) {
    EXPECT_FALSE(shared_folder(temporary.folder(bad), "", Sharing::kRead).ok()) << bad;
  }
}

// By the names under which Docker Desktop's machine knows its folders.
TEST(SharedFolder, FoldersOfWindowsAreKnownAsWhatTheyAre) {
  const auto shared_by_root = [](const std::string& root) {
    const std::string info =
        "1 0 0:1 / / ro - overlay overlay rw\n2 1 0:3 " + root + " /in ro - 9p C: rw\n";
    return bool(check_mounted(info, "/in"));
  };
  const std::string drives = "/run/desktop/mnt/host/";
  for (const char* bad :
       {"c", "c/Users", "C/Users/Ann", "c/users/ann/.ssh", "c/Windows", "c/WINDOWS/Temp",
        "d/Program\\040Files/R", "c/Users/Ann/AppData/Roaming"}) {
    EXPECT_FALSE(shared_by_root(drives + bad)) << bad;
  }
  for (const char* good : {"c/Users/Ann/survey", "d/survey", "d/windows-data"}) {
    EXPECT_TRUE(shared_by_root(drives + good)) << good;
  }
}

TEST(SharedFolder, OnlyWhatIsReadMayHoldNoMounts) {
  // /dev/shm or the like is mounted below /dev everywhere; as a folder of the system it is refused
  // before. So the mount is this process's own, where it may make one.
  const TemporaryFolder temporary;
  const std::string inner = temporary.folder("data/inner");
  const std::string data = temporary.path() + "/data";
  if (::mount("none", inner.c_str(), "tmpfs", 0, nullptr) != 0) {
    GTEST_SKIP() << "this user may not mount";
  }
  const auto read = shared_folder(data, "", Sharing::kRead);
  const auto write = shared_folder(data, "", Sharing::kWrite);
  ::umount(inner.c_str());
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find(inner), std::string::npos) << read.error().message;
  EXPECT_TRUE(write);
}

TEST(SharedFolder, SocketsAndNamedPipesInItAreTold) {
  const TemporaryFolder temporary;
  temporary.folder("data");
  temporary.file("data/plain", "");
  const std::string pipe = temporary.path() + "/data/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::filesystem::create_symlink(pipe, temporary.path() + "/data/link");
  EXPECT_EQ(talking_files(temporary.path(), 3), (std::vector<std::string>{pipe}));
  EXPECT_TRUE(talking_files("", 3).empty());
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
