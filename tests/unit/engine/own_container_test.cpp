// The server in a container of its own.

#include "engine/own_container.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>

#include "omcp_r/engine/docker_engine.hpp"

namespace omcp_r::engine {
namespace {

const std::string kId(64, 'a');

TEST(OwnContainer, IsKnownByTheFilesThatDockerBindsIntoIt) {
  const std::string other(64, 'b');
  EXPECT_EQ(own_container_id("1 2 0:3 / / rw - overlay overlay rw\n"
                             "689 680 8:1 /home/ann/containers/" +
                             other +
                             "/x /data rw - ext4 /dev/sda1 rw\n"
                             "690 680 8:1 /var/lib/docker/containers/" +
                             kId + "/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n"),
            kId);
  EXPECT_EQ(own_container_id("690 680 8:1 /home/containers/x /etc/hostname rw - ext4 /dev/sda1 rw"),
            "");
  EXPECT_EQ(own_container_id("690 680 8:1 /containers/" + kId + " /etc/hosts rw"), "");
  EXPECT_EQ(own_container_id("/containers/" + kId), "");
  EXPECT_EQ(own_container_id(""), "");
}

/// What docker inspect says of a container with our mark.
std::string inspected(const std::string& mounts, const std::string& asked = "null") {
  return R"({"Mounts":)" + mounts + R"(,"Asked":)" + asked +
         R"(,"Env":["PATH=/bin","OMCP_R_CONTAINER=1"]})";
}

Result<std::string> host_path(const std::string& answer, const std::string& folder,
                              bool written = false) {
  const auto mounts = OwnMounts::from(answer);
  if (!mounts) return mounts.error();
  return mounts->host_path(folder, written);
}

const std::string kMounts = inspected(R"([
  {"Type": "bind", "Source": "/run/docker.sock", "Destination": "/var/run/docker.sock"},
  {"Type": "volume", "Source": "/var/lib/docker/volumes/s/_data", "Destination": "/state"},
  {"Type": "volume", "Source": "/var/lib/docker/volumes/p/_data", "Destination": "/part"},
  {"Type": "tmpfs", "Source": "", "Destination": "/tmp"},
  {"Type": "bind", "Source": "/home/ann/in", "Destination": "/home/ann/in"},
  {"Type": "bind", "Source": "/mnt/host/c/survey", "Destination": "/data"},
  {"Type": "bind", "Source": "/mnt/other", "Destination": "/data/other"}])",
                                      R"([
  {"Type": "volume", "Source": "p", "Target": "/part/", "VolumeOptions": {"Subpath": "sub"}},
  {"Type": "bind", "Target": "/data", "VolumeOptions": null}, 3])");

TEST(OwnContainer, FoldersAreNamedAsTheEngineKnowsThem) {
  EXPECT_EQ(*host_path(kMounts, "/home/ann/in"), "/home/ann/in");
  EXPECT_EQ(*host_path(kMounts, "/data"), "/mnt/host/c/survey");
  EXPECT_EQ(*host_path(kMounts, "/data/2026/may"), "/mnt/host/c/survey/2026/may");
  EXPECT_EQ(*host_path(kMounts, "/data/other/x"), "/mnt/other/x");
  EXPECT_EQ(*host_path(kMounts, "/state/x"), "/var/lib/docker/volumes/s/_data/x");
  EXPECT_EQ(*host_path(kMounts, "/part/x"), "/var/lib/docker/volumes/p/_data/sub/x");
}

TEST(OwnContainer, AFolderIsFoundBehindTheLinksOfTheImage) {
  const std::string top = testing::TempDir() + "omcp_links." + std::to_string(::getpid());
  std::filesystem::create_directories(top + "/real");
  std::filesystem::create_directory_symlink("real", top + "/link");
  const std::string real = std::filesystem::canonical(top + "/real").string();
  EXPECT_EQ(*host_path(inspected(R"([{"Type": "bind", "Source": "/o", "Destination": ")" + top +
                                 R"(/link/out"}])"),
                       real + "/out"),
            "/o");
  std::filesystem::remove_all(top);
}

// With --network container:X the files that Docker binds are those of X.
TEST(OwnContainer, AnotherContainerIsNotTakenForIt) {
  for (const char* env : {R"(["PATH=/bin"])", "null", R"(["OMCP_R_CONTAINER=10", 3])"}) {
    const auto refused = host_path(
        std::string(R"({"Mounts":[{"Type":"bind","Source":"/x","Destination":"/o"}],"Env":)") +
            env + "}",
        "/o");
    ASSERT_FALSE(refused) << env;
    EXPECT_EQ(refused.error().code, Errc::kMisconfigured);
    EXPECT_NE(refused.error().message.find("--network container:NAME"), std::string::npos);
  }
}

// A file system of its own, such as a separate /home, is the root of one in here.
TEST(OwnContainer, WhatNobodySharesIsRefusedByItsNameOutside) {
  const auto of_source = [](const std::string& source, const std::string& folder) {
    return host_path(
        inspected(R"([{"Type": "bind", "Source": ")" + source + R"(", "Destination": "/in"}])"),
        folder);
  };
  for (const char* bad : {"/", "/etc", "/home/ann", "/home/ann/", "/home/ann/.ssh", "/x/../root",
                          "/host_mnt/Users/ann"}) {
    EXPECT_FALSE(of_source(bad, "/in")) << bad;
  }
  EXPECT_FALSE(of_source("/home", "/in/ann"));
  EXPECT_FALSE(of_source("/", "/in/home/ann/.ssh/more"));
  EXPECT_TRUE(of_source("/home", "/in/ann/survey"));
  const auto refused = of_source("/home/ann/.ssh", "/in");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kMisconfigured);
  EXPECT_NE(refused.error().message.find("is /home/ann/.ssh of your machine, which is never "
                                         "shared, since it holds keys"),
            std::string::npos)
      << refused.error().message;
}

TEST(OwnContainer, FoldersThatAreInItOnlyAreRefusedWithTheOptionToAdd) {
  for (const char* folder : {"/database", "/home", "/tmp/x"}) {
    for (const bool written : {false, true}) {
      const auto refused = host_path(kMounts, folder, written);
      ASSERT_FALSE(refused) << folder;
      EXPECT_EQ(refused.error().code, Errc::kMisconfigured);
      const std::string option =
          std::string{"-v "} + folder + ":" + folder + (written ? " to" : ":ro to");
      EXPECT_NE(refused.error().message.find(option), std::string::npos) << refused.error().message;
    }
  }
  EXPECT_EQ(host_path("no JSON", "/data").error().code, Errc::kInternal);
  EXPECT_EQ(host_path("[]", "/data").error().code, Errc::kInternal);
  EXPECT_EQ(host_path(inspected(R"([1, {"Type": "bind"}])"), "/data").error().code,
            Errc::kMisconfigured);
}

TEST(OwnContainer, ASocketOfAnotherGroupIsToldWithTheOptionToAdd) {
  const std::string path = testing::TempDir() + "omcp_socket." + std::to_string(::getpid());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const std::string group = std::to_string(::getegid());
  const std::string told = what_container_lacks(
      "Got permission denied while trying to connect to the Docker daemon socket",
      "unix://" + path);
  EXPECT_NE(told.find("--group-add " + group + " "), std::string::npos) << told;
  EXPECT_EQ(what_container_lacks("no such container", "unix://" + path), "");
  EXPECT_EQ(what_container_lacks("Is the docker daemon running?", "unix://" + path), "");
  EXPECT_EQ(what_container_lacks("permission denied while trying to connect", "tcp://a:1"), "");
  ::close(fd);
  std::filesystem::remove(path);
  EXPECT_EQ(what_container_lacks("Is the docker daemon running?", "tcp://engine:2375"), "");
  // As Docker makes it for a source that is not there.
  std::filesystem::create_directory(path);
  for (const char* said : {"permission denied while trying to connect to the Docker daemon socket",
                           "Cannot connect to the Docker daemon. Is the docker daemon running?"}) {
    const std::string folder = what_container_lacks(said, "unix://" + path);
    EXPECT_NE(folder.find(path + " is a folder, where nothing listens"), std::string::npos)
        << folder;
    EXPECT_EQ(folder.find("--group-add"), std::string::npos);
  }
  std::filesystem::remove(path);
  EXPECT_NE(what_container_lacks("Is the docker daemon running?", "unix://" + path)
                .find("-v /var/run/docker.sock:" + path),
            std::string::npos);
}

}  // namespace
}  // namespace omcp_r::engine
