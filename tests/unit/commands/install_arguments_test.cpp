#include "commands/install_arguments.hpp"

#include <gtest/gtest.h>

#include "temporary_folder.hpp"

namespace omcp_r::commands {
namespace {

class InstallArguments : public testing::Test {
 protected:
  Result<InstallRequest> parse(const std::vector<std::string>& arguments) const {
    app::Surroundings surroundings;
    surroundings.variable = [](const std::string&) { return std::optional<std::string>(); };
    surroundings.home = folder_.path();
    surroundings.working_directory = folder_.path();
    surroundings.host_name = "laptop";
    return parse_install(arguments, surroundings);
  }
  std::string error(const std::vector<std::string>& arguments) const {
    const auto request = parse(arguments);
    return request ? "(none)" : request.error().message;
  }

  app::TemporaryFolder folder_;
};

TEST_F(InstallArguments, AreTakenInAnyOrder) {
  const std::string data = folder_.folder("data");
  const auto request = parse({"cursor", "--env", "DATA_DIR=~/data", "codex", "--name=r", "cursor",
                              "--dry-run", "--env=WARM_POOL=0"});
  ASSERT_TRUE(request) << request.error().message;
  ASSERT_EQ(request->hosts.size(), 2U);
  EXPECT_STREQ(request->hosts[1]->name, "codex");
  EXPECT_EQ(request->settings.at("DATA_DIR"), data);  // a host knows no "~"
  EXPECT_EQ(request->settings.at("WARM_POOL"), "0");
  EXPECT_EQ(request->name, "r");
  EXPECT_TRUE(request->dry_run);
  EXPECT_EQ(request->kind, InstallRequest::Kind::kInstall);
}

TEST_F(InstallArguments, ASlipGetsTheNearestRightWord) {
  EXPECT_EQ(error({"curser"}), "there is no host \"curser\"; did you mean cursor?");
  EXPECT_EQ(error({"--env", "DATADIR=/x"}),
            "--env: there is no setting \"DATADIR\"; did you mean DATA_DIR?");
  EXPECT_EQ(error({"--env", "QUUX=1"}),
            "--env: there is no setting \"QUUX\" (omcp-r-sandbox --help lists them)");
  EXPECT_EQ(error({"--dryrun"}), "install has no option \"--dryrun\"; did you mean --dry-run?");
  EXPECT_EQ(error({"--quux"}), "install has no option \"--quux\" (install --help lists them)");
}

// The manual page and the completions are made of the same table.
TEST_F(InstallArguments, EveryOptionOfTheTableIsTakenAndIsInTheHelp) {
  for (const InstallOption& option : install_options()) {
    std::vector<std::string> arguments{option.flag};
    if (*option.value != '\0') {
      EXPECT_EQ(error(arguments), std::string(option.flag) + " needs a value");
      arguments.emplace_back("x");
    }
    EXPECT_EQ(error(arguments).find("no option"), std::string::npos) << error(arguments);
    EXPECT_NE(install_help().find("\n  " + std::string(option.flag)), std::string::npos);
  }
}

TEST_F(InstallArguments, SettingsAreThoseThatTheServerTakes) {
  EXPECT_EQ(error({"--env", "MAX_SANDBOXES=0"}),
            "--env: MAX_SANDBOXES=\"0\" must be a whole number from 1 to 1000");
  EXPECT_NE(error({"--env", "DATA_DIR=/"}), "(none)");
  EXPECT_NE(error({"--env", "DATA_DIR"}), "(none)");
  EXPECT_NE(error({"--env", "DATA_DIR="}), "(none)");
  EXPECT_NE(error({"--env", "AUDIT_LOG=/tmp/${user}"}), "(none)");
  EXPECT_NE(error({"--env", "AUDIT_LOG=/tmp/\xff"}), "(none)");
  EXPECT_NE(error({"--env", "SANDBOX_TIMEOUT=100", "--env", "SANDBOX_MAX_LIFETIME=50"}), "(none)");
}

TEST_F(InstallArguments, RefuseWhatNoHostWouldTake) {
  for (const std::string name : {"", "-x", "a b", "a.b", "a/b"}) {
    EXPECT_NE(error({"--name", name}), "(none)") << name;
  }
  EXPECT_NE(error({"--name", std::string(65, 'a')}), "(none)");
  EXPECT_NE(error({"--name"}), "(none)");
  EXPECT_NE(error({"--image", "i"}), "(none)");
  EXPECT_NE(error({"--container", "--image", "-i"}), "(none)");
  EXPECT_EQ(error({"--container", "--image", "i"}), "(none)");
  EXPECT_NE(error({"--list", "--uninstall"}), "(none)");
}

TEST_F(InstallArguments, OfAContainerNameNoFileThatItWouldNotSee) {
  const std::string profile = folder_.file("profile.json", R"({"defaultAction": "a"})");
  for (const std::string& setting : {"SECCOMP=" + profile, "STATE_DIR=" + folder_.path(),
                                     std::string("AUDIT_LOG=/tmp/audit.log")}) {
    EXPECT_EQ(error({"--env", setting}), "(none)");
    EXPECT_NE(error({"--container", "--env", setting}).find("does not go with --container"),
              std::string::npos)
        << error({"--container", "--env", setting});
  }
  EXPECT_EQ(error({"--container", "--env", "SECCOMP=engine", "--env",
                   "AUDIT_LOG=/var/lib/omcp-r-sandbox/audit.log"}),
            "(none)");
}

TEST_F(InstallArguments, HelpNamesEveryHost) {
  for (const Host& host : hosts()) {
    EXPECT_NE(install_help().find(host.name), std::string::npos) << host.name;
  }
  EXPECT_EQ(parse({"--list", "--help"})->kind, InstallRequest::Kind::kHelp);
}

}  // namespace
}  // namespace omcp_r::commands
