#include "omcp_r/engine/find_docker.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace omcp_r::engine {
namespace {

namespace fs = std::filesystem;

class FindDocker : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path{testing::TempDir()} / ("omcp_find." + std::to_string(::getpid()));
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  std::string program(const std::string& path, bool executable = true) {
    const fs::path full = root_ / path;
    fs::create_directories(full.parent_path());
    std::ofstream{full} << "#!/bin/sh\n";
    ::chmod(full.c_str(), executable ? 0755 : 0644);
    return full.string();
  }
  std::string folder(const std::string& path) const { return (root_ / path).string(); }

  fs::path root_;
};

// A name that no machine has, so that the usual places do not matter.
constexpr const char* kName = "omcp-test-docker";

TEST_F(FindDocker, TakesTheFirstProgramInPath) {
  fs::create_directories(root_ / "a" / kName);  // a folder of that name is no program
  program(std::string{"b/"} + kName, false);
  const std::string wanted = program(std::string{"c/"} + kName);
  program(std::string{"d/"} + kName);
  const auto found = find_docker(
      {kName, folder("a") + ":" + folder("b") + "::" + folder("c") + ":" + folder("d"), ""});
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, wanted);
}

TEST_F(FindDocker, LooksInTheHomeOfItsUser) {
  const std::string wanted = program(std::string{".orbstack/bin/"} + kName);
  const auto found = find_docker({kName, "", root_.string()});
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, wanted);
}

TEST_F(FindDocker, TakesAGivenPathAsItIs) {
  const std::string wanted = program("x/docker");
  EXPECT_EQ(*find_docker({wanted, "", ""}), wanted);
  const auto missing = find_docker({folder("nope"), "", ""});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::kEngineUnavailable);
  EXPECT_NE(missing.error().message.find("nope"), std::string::npos);
}

TEST_F(FindDocker, RelativeFoldersOfPathAreNotUsed) {
  program(std::string{"rel/"} + kName);
  const fs::path before = fs::current_path();
  fs::current_path(root_);
  EXPECT_FALSE(find_docker({kName, "rel:.:", ""}));
  fs::current_path(before);
}

TEST_F(FindDocker, MissingIsAdviceAndNotAStop) {
  const auto found = find_docker({kName, "", ""});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::kEngineUnavailable);
  EXPECT_NE(found.error().message.find("Install Docker"), std::string::npos);
}

TEST_F(FindDocker, HomeIsKnownWithoutTheVariable) {
  const char* home = std::getenv("HOME");
  const std::string before = home != nullptr ? home : "";
  ::unsetenv("HOME");
  EXPECT_FALSE(home_directory().empty());
  if (!before.empty()) {
    ::setenv("HOME", before.c_str(), 1);
  }
}

}  // namespace
}  // namespace omcp_r::engine
