#include "engine/ssh_link.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cstdlib>
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
  const pid_t dead = ::fork();
  if (dead == 0) ::_exit(0);
  ::waitpid(dead, nullptr, 0);
  std::ofstream(folder / std::to_string(dead)) << "";
  std::ofstream(folder / std::to_string(::getppid())) << "";
  SshLink link(io_.get_executor(), "ssh://me@big:7", folder.string());
  for (int i = 0; i < 3; ++i) link.keep_up("/nonexistent:" + (top_ / "bin").string());
  while (calls().empty()) ::usleep(1000);
  EXPECT_EQ(calls(), "-N -T -q -o ControlMaster=yes -o ControlPath=" + link.socket() +
                         " -o ControlPersist=no -o BatchMode=yes -o ServerAliveInterval=2 -o "
                         "ServerAliveCountMax=2 -p 7 -- me@big\n");
  EXPECT_FALSE(fs::exists(folder / std::to_string(dead)));
  EXPECT_TRUE(fs::exists(folder / std::to_string(::getppid())));
  EXPECT_TRUE(fs::exists(fs::path{link.folder()} / "ssh"));
}

TEST_F(SshLinkTest, IsNoneWhereTheSocketCouldNotHaveItsName) {
  for (const std::string& name : {std::string(100, 'x'), std::string{"a b"}, std::string{"a%h"}}) {
    const SshLink link(io_.get_executor(), "ssh://big", (top_ / name).string());
    EXPECT_EQ(link.folder(), "") << name;
  }
}

}  // namespace
}  // namespace omcp_r::engine
