#include "engine/ssh_link.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace omcp_r::engine {
namespace {

namespace fs = std::filesystem;

TEST(SshLink, TakesAnAddressApart) {
  const auto target = [](const char* address) {
    const SshTarget found = ssh_target(address);
    return found.destination + " " + found.port;
  };
  EXPECT_EQ(target("ssh://me@big"), "me@big ");
  EXPECT_EQ(target("ssh://big:2222/run/docker.sock"), "big 2222");
  EXPECT_EQ(target("ssh://me@[::1]:22"), "me@::1 22");
  EXPECT_EQ(target("ssh://me@[fe80::1]"), "me@fe80::1 ");
  EXPECT_EQ(target("tcp://big:2376"), " ");
  EXPECT_EQ(target(""), " ");
}

int listen_at(const fs::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  EXPECT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::listen(listener, 1), 0);
  return listener;
}

class SshLinkTest : public testing::Test {
 protected:
  SshLinkTest() {
    std::string name = (fs::temp_directory_path() / "ssh-XXXXXX").string();
    top_ = ::mkdtemp(name.data());
    fs::create_directories(top_ / "bin");
    std::ofstream(top_ / "bin/ssh")
        << "#!/bin/sh\necho \"$@\" >>" << (top_ / "calls").string() << "\nexec sleep 1000\n";
    fs::permissions(top_ / "bin/ssh", fs::perms::owner_all);
  }
  ~SshLinkTest() override { fs::remove_all(top_); }

  [[nodiscard]] std::string calls() const {
    std::ostringstream text;
    text << std::ifstream(top_ / "calls").rdbuf();
    return text.str();
  }

  asio::io_context io_;
  fs::path top_;
};

TEST_F(SshLinkTest, KeepsOneConnectionUpAndSweepsWhatTheDeadLeft) {
  const fs::path folder = top_ / "ssh";
  fs::create_directories(folder);
  fs::permissions(folder, fs::perms::owner_all);
  const int alive = listen_at(folder / "7");
  ::close(listen_at(folder / "8"));
  SshLink link(io_.get_executor(), "ssh://me@big:7", folder.string());
  for (int i = 0; i < 3; ++i) link.keep_up("/nonexistent:" + (top_ / "bin").string());
  while (calls().empty()) ::usleep(1000);
  EXPECT_EQ(
      calls(),
      "-N -T -q -o ControlMaster=yes -o ControlPath=" + link.socket() +
          " -o ControlPersist=no -o BatchMode=yes -o ClearAllForwardings=yes -o "
          "ConnectTimeout=10 -o ServerAliveInterval=2 -o ServerAliveCountMax=2 -p 7 -- me@big\n");
  EXPECT_TRUE(fs::exists(folder / "7"));
  EXPECT_FALSE(fs::exists(folder / "8"));
  ::close(alive);
  // While it is not there, the user's own configuration counts.
  const std::string script = (fs::path{link.folder()} / "ssh").string();
  const auto runs = [&](const std::string& socket) {
    fs::remove(top_ / "calls");
    const std::string command =
        "OMCP_R_SSH=" + socket + " timeout 0.2 " + script + " -- big docker";
    EXPECT_NE(std::system(command.c_str()), 0);
    return calls();
  };
  EXPECT_EQ(runs(""), "-- big docker\n");
  EXPECT_EQ(runs(link.socket()), "-- big docker\n");
  const int there = listen_at(link.socket());
  EXPECT_EQ(runs(link.socket()),
            "-o ControlMaster=no -o ControlPath=" + link.socket() + " -- big docker\n");
  ::close(there);
}

TEST_F(SshLinkTest, IsNoneWhereTheSocketCouldNotHaveItsName) {
  for (const std::string& name : {std::string(100, 'x'), std::string{"a b"}, std::string{"a%h"}}) {
    SshLink link(io_.get_executor(), "ssh://big", (top_ / name).string());
    EXPECT_FALSE(link.keep_up((top_ / "bin").string())) << name;
  }
}

TEST_F(SshLinkTest, IsNoneInAFolderThatOthersCanWriteTo) {
  const fs::path folder = top_ / "theirs";
  fs::create_directories(folder);
  fs::permissions(folder, fs::perms::all);
  SshLink link(io_.get_executor(), "ssh://big", folder.string());
  EXPECT_FALSE(link.keep_up((top_ / "bin").string()));
  EXPECT_EQ(calls(), "");
}

TEST_F(SshLinkTest, ItsFolderIsMadeForItsUserAlone) {
  const mode_t before = ::umask(0);
  SshLink link(io_.get_executor(), "ssh://big", (top_ / "new/ssh").string());
  EXPECT_TRUE(link.keep_up((top_ / "bin").string()));
  ::umask(before);
  for (const char* const made : {"new", "new/ssh", "new/ssh/ssh"}) {
    EXPECT_EQ(fs::status(top_ / made).permissions(), fs::perms::owner_all) << made;
  }
}

}  // namespace
}  // namespace omcp_r::engine
