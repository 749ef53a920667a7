#include "omcp_r/base/sharing.hpp"

#include <gtest/gtest.h>

namespace omcp_r {
namespace {

TEST(Sharing, APlainPathHasNoDotsAndNoSlashAtItsEnd) {
  EXPECT_EQ(plain_path("/a/./b/../c/"), "/a/c");
  EXPECT_EQ(plain_path("//a/."), "/a");
  EXPECT_EQ(plain_path("/."), "/");
}

TEST(Sharing, TheReasonSaysWhatAFolderIs) {
  EXPECT_EQ(not_for_sharing("/etc/ssl", ""), "it belongs to the system");
  EXPECT_EQ(not_for_sharing("/home/ann", ""), "it is a home folder");
  EXPECT_EQ(not_for_sharing("/people/ann", "/people/ann"), "it is your home folder");
  EXPECT_EQ(not_for_sharing("/people", "/people/ann"), "your home folder is in it");
  EXPECT_EQ(not_for_sharing("/home/ann/.ssh", ""), "it holds keys or settings");
  EXPECT_EQ(not_for_sharing("/home/ann/survey", "/home/ann"), std::nullopt);
}

// By the names under which Docker Desktop's machine knows them.
TEST(Sharing, FoldersOfAMacAreKnownAsWhatTheyAre) {
  for (const char* bad : {"/host_mnt", "/host_mnt/Users", "/host_mnt/Users/ann", "/host_mnt/System",
                          "/host_mnt/Users/ann/.aws"}) {
    EXPECT_TRUE(not_for_sharing(bad, "")) << bad;
  }
  EXPECT_FALSE(not_for_sharing("/host_mnt/Users/ann/survey", ""));
}

TEST(NameForPerson, IsThatOfTheMachineAroundDockerDesktops) {
  EXPECT_EQ(name_for_person("/host_mnt/Users/ann/out"), "/Users/ann/out");
  EXPECT_EQ(name_for_person("/run/desktop/mnt/host/c/Users/ann"), "C:/Users/ann");
  EXPECT_EQ(name_for_person("/run/desktop/mnt/host/d"), "D:/");
  for (const char* same : {"/home/ann", "/host_mnted/x", "/run/desktop/mnt/host/wsl/x", "/host_mnt",
                           "/run/desktop/mnt/host/", ""}) {
    EXPECT_EQ(name_for_person(same), same);
  }
}

}  // namespace
}  // namespace omcp_r
