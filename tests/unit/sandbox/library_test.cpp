#include "omcp_r/sandbox/library.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace omcp_r::sandbox {
namespace {

namespace fs = std::filesystem;

class Library : public testing::Test {
 protected:
  Library() { fs::create_directories(folder_); }
  ~Library() override { fs::remove_all(folder_); }

  void add(const std::string& package, const std::string& description) const {
    fs::create_directories(folder_ / package);
    std::ofstream{folder_ / package / "DESCRIPTION"} << description;
  }
  [[nodiscard]] std::string complaint() const {
    const Status status = check_library(folder_.string(), "4.5.0", "x86_64-pc-linux-gnu");
    if (status) return "";
    EXPECT_EQ(status.error().code, Errc::kMisconfigured);
    return status.error().message;
  }
  [[nodiscard]] bool complains_of(const std::string& part) const {
    const std::string said = complaint();
    EXPECT_NE(said.find(part), std::string::npos) << said;
    return said.find(part) != std::string::npos;
  }

  fs::path folder_ = fs::path(testing::TempDir()) / ("library." + std::to_string(::getpid()));
};

TEST_F(Library, OfTheSameSeriesAndPlatformWillDo) {
  add("plain", "Package: plain\nBuilt: R 4.5.2; ; 2026-01-01 10:00:00 UTC; unix\n");
  add("code", "Package: code\nBuilt: R 4.5.0; x86_64-pc-linux-gnu; 2026-01-01; unix\nX: y\n");
  add("source", "Package: source\nVersion: 1\n");  // not installed: R does not see it either
  std::ofstream{folder_ / "README"} << "Built: R 1.0.0; ;\n";
  EXPECT_EQ(complaint(), "");
}

TEST_F(Library, OfAnotherSeriesIsRefusedByThePackagesName) {
  add("old", "Package: old\nBuilt: R 4.4.3; ; 2026-01-01; unix\n");
  EXPECT_TRUE(
      complains_of("the package old there was built for R 4.4.3, and the image has R 4.5.0"));
}

TEST_F(Library, OfAnotherPlatformIsRefused) {
  add("arm", "Package: arm\nBuilt: R 4.5.0; aarch64-unknown-linux-gnu; 2026-01-01; unix\n");
  EXPECT_TRUE(complains_of("on aarch64-unknown-linux-gnu"));
  EXPECT_TRUE(check_library(folder_.string(), "4.5.0", "")) << "where the platform is not known";
}

TEST_F(Library, ThatTheSandboxesUserCannotReadIsRefused) {
  const std::string own = std::to_string(::getuid()) + ":" + std::to_string(::getgid());
  fs::permissions(folder_, fs::perms::owner_all);
  EXPECT_TRUE(check_readable(folder_.string(), own));
  const Status refused = check_readable(folder_.string(), "65532:65532");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("chmod -R o+rX"), std::string::npos);
  fs::permissions(folder_, fs::perms::owner_all | fs::perms::others_read | fs::perms::others_exec);
  EXPECT_TRUE(check_readable(folder_.string(), "65532:65532"));
}

TEST_F(Library, ThatIsOddIsReadAllTheSame) {
  add("cut", "Package: cut\nBuilt: R 4.5");
  add("long", "Package: long\n" + std::string(1 << 20, 'x') + "\nBuilt: R 1.0.0; ;\n");
  fs::create_directories(folder_ / "empty");
  EXPECT_EQ(complaint(), "");
  add("control", "Package: c\nBuilt: R 3\x1b[2J; ; x\n");
  EXPECT_TRUE(complains_of("R 3?[2J"));
  fs::remove_all(folder_);
  EXPECT_TRUE(complains_of("cannot be read"));
  fs::create_directories(folder_);
}

}  // namespace
}  // namespace omcp_r::sandbox
