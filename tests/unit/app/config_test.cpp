#include "omcp_r/app/config.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <ostream>
#include <set>

#include "omcp_r/app/folders.hpp"
#include "omcp_r/app/options.hpp"
#include "temporary_folder.hpp"

namespace omcp_r::app {
namespace {

using namespace std::chrono_literals;

/// A process that is made up: its environment, and folders of its own.
class ConfigTest : public testing::Test {
 protected:
  Result<Config> load(std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.begin(), "omcp-r-sandbox");
    std::vector<const char*> argv;
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    const Surroundings surroundings{
        .variable =
            [this](const std::string& name) {
              const auto found = environment_.find(name);
              return found == environment_.end() ? std::nullopt : std::optional(found->second);
            },
        .working_directory = work_,
        .home = home_,
        .host_name = "my host.example",
        .uid = ::geteuid(),
        .in_container = in_container_};
    return load_config(static_cast<int>(argv.size()), argv.data(), surroundings);
  }

  std::string failure(std::vector<std::string> arguments = {}) {
    const auto config = load(std::move(arguments));
    return config ? "no error" : config.error().message;
  }

  TemporaryFolder temporary_;
  std::string work_ = temporary_.folder("project/deep/work");
  std::string home_ = temporary_.folder("home");
  std::map<std::string, std::string> environment_;
  bool in_container_ = false;
};

TEST_F(ConfigTest, InAContainerTheScopeStaysWhateverTheHostName) {
  in_container_ = true;
  EXPECT_EQ(load()->sandbox.scope, std::to_string(::geteuid()) + "@container");
}

TEST_F(ConfigTest, InAContainerAFolderThatIsNotMountedIsRefusedWithTheOptionToAdd) {
  in_container_ = true;
  environment_["DATA_DIR"] = "/nonexistent/survey";
  EXPECT_NE(
      failure().find(" -v /nonexistent/survey:/nonexistent/survey:ro before the image's name"),
      std::string::npos)
      << failure();
  environment_.clear();
  const std::string output = temporary_.folder("out");
  if (is_mounted(own_mounts(), output))
    GTEST_SKIP() << "temporary files are on a disk of their own";
  environment_["OUTPUT_DIR"] = output;
  EXPECT_NE(failure().find("add -v " + output + ":" + output + " to docker run"), std::string::npos)
      << failure();
}

// A path of the person's machine is none of docker run's on both sides of the colon.
TEST_F(ConfigTest, InAContainerNoPathIsAdvisedThatCannotBeMounted) {
  in_container_ = true;
  for (const char* path : {"~/survey", "survey", "C:\\survey", "/a:b"}) {
    environment_["DATA_DIR"] = path;
    EXPECT_NE(failure().find(" -v FOLDER:/survey:ro (and /survey here)"), std::string::npos)
        << failure();
  }
}

TEST_F(ConfigTest, InAContainerWhatIsMountedAndCannotBeUsedIsToldWithoutTheOption) {
  in_container_ = true;
  environment_["DATA_DIR"] = "/proc";
  EXPECT_NE(failure().find("never shared"), std::string::npos) << failure();
  EXPECT_EQ(failure().find(" -v "), std::string::npos) << failure();
}

TEST_F(ConfigTest, InAContainerAStateThatCannotBeWrittenIsToldWithItsVolume) {
  environment_["STATE_DIR"] = "/dev/null/state";
  EXPECT_EQ(failure(), "no error");  // whoever makes it says so
  in_container_ = true;
  EXPECT_NE(failure().find("add -v omcp-r-state:/dev/null/state to docker run"), std::string::npos)
      << failure();
}

TEST_F(ConfigTest, DefaultsAreThePublishedOnes) {
  const auto config = load();
  ASSERT_TRUE(config) << failure();
  const sandbox::Settings published;
  const sandbox::Settings& got = config->sandbox;
  EXPECT_EQ(got.idle_timeout, published.idle_timeout);
  EXPECT_EQ(got.max_lifetime, published.max_lifetime);
  EXPECT_EQ(got.max_sandboxes, published.max_sandboxes);
  EXPECT_EQ(got.image, published.image);
  EXPECT_EQ(got.allowed_images, published.allowed_images);
  EXPECT_EQ(got.memory_bytes, published.memory_bytes);
  EXPECT_EQ(got.cpus, published.cpus);
  EXPECT_EQ(got.pids, published.pids);
  EXPECT_EQ(got.user, published.user);
  EXPECT_EQ(got.runtime, published.runtime);
  EXPECT_EQ(got.execution_timeout, published.execution_timeout);
  EXPECT_EQ(got.max_execution_timeout, published.max_execution_timeout);
  EXPECT_EQ(got.execution_wait, published.execution_wait);
  EXPECT_EQ(got.max_output_chars, published.max_output_chars);
  EXPECT_EQ(got.max_output_bytes, published.max_output_bytes);
  EXPECT_EQ(got.warm_pool, published.warm_pool);
  EXPECT_EQ(got.system_calls, published.system_calls);
  EXPECT_EQ(got.output_max_bytes, published.output_max_bytes);
  EXPECT_EQ(got.data_dir, "");
  EXPECT_EQ(got.output_dir, "");
  EXPECT_EQ(config->engine.kind, "docker");
  EXPECT_EQ(config->log_level, log::Level::kInfo);
  EXPECT_TRUE(config->warnings.empty());
  EXPECT_FALSE(config->print);
}

TEST_F(ConfigTest, FlagOverEnvironmentOverFileOverDefault) {
  temporary_.file("project/deep/work/.env", "MAX_SANDBOXES=2\nSANDBOX_PIDS=22\nWARM_POOL=0\n");
  environment_ = {{"MAX_SANDBOXES", "3"}, {"SANDBOX_PIDS", "33"}};
  const auto config = load({"--max-sandboxes=4"});
  ASSERT_TRUE(config) << failure();
  EXPECT_EQ(config->sandbox.max_sandboxes, 4);
  EXPECT_EQ(config->sandbox.pids, 33);
  EXPECT_EQ(config->sandbox.warm_pool, 0);
  EXPECT_EQ(config->sandbox.cpus, 1.0);
}

TEST_F(ConfigTest, AnEmptyValueStandsForTheDefault) {
  temporary_.file("project/.env", "SANDBOX_MEMORY=256m\nMAX_SANDBOXES=\n");
  environment_ = {{"SANDBOX_MEMORY", ""}, {"EXECUTION_WAIT", " "}};
  const auto config = load({"--sandbox-pids=", "--execution-timeout", "", "--warm-pool=0"});
  ASSERT_TRUE(config) << failure();
  EXPECT_EQ(config->sandbox.memory_bytes, 1ULL << 30);
  EXPECT_TRUE(config->sandbox.memory_fits_machine);
  EXPECT_EQ(config->sandbox.max_sandboxes, 10);
  EXPECT_EQ(config->sandbox.execution_wait, 45s);
  EXPECT_EQ(config->sandbox.pids, 128);
}

TEST_F(ConfigTest, ReadsEveryKindOfValue) {
  const std::string data = temporary_.folder("home/data");
  environment_ = {{"SANDBOX_TIMEOUT", "60"},
                  {"SANDBOX_CPUS", "0.5"},
                  {"SANDBOX_MEMORY", "2g"},
                  {"ALLOWED_IMAGES", "a:1, b/c@sha256:00"},
                  {"LOG_LEVEL", "debug"},
                  {"LOG_FORMAT", "JSON"},
                  {"DATA_DIR", "~/data"},
                  {"SANDBOX_USER", "4000"},
                  {"RUNTIME", "runsc"},
                  {"SCOPE", "team-1"},
                  {"STATE_DIR", "~/state"},
                  {"DOCKER", "/opt/docker"},
                  {"DOCKER_HOST", "ssh://me@big"},
                  {"AUDIT_LOG", "/x/audit"}};
  const auto config = load();
  ASSERT_TRUE(config) << failure();
  EXPECT_EQ(config->sandbox.idle_timeout, 60s);
  EXPECT_EQ(config->sandbox.cpus, 0.5);
  EXPECT_EQ(config->sandbox.memory_bytes, 2ULL << 30);
  EXPECT_FALSE(config->sandbox.memory_fits_machine) << "somebody chose it";
  EXPECT_EQ(config->sandbox.allowed_images, (std::vector<std::string>{"a:1", "b/c@sha256:00"}));
  EXPECT_EQ(config->log_level, log::Level::kDebug);
  EXPECT_EQ(config->log_format, log::Format::kJson);
  EXPECT_EQ(config->sandbox.data_dir, data);
  EXPECT_EQ(config->sandbox.user, "4000:4000");
  EXPECT_EQ(config->sandbox.runtime, "runsc");
  EXPECT_EQ(config->sandbox.scope, "team-1");
  EXPECT_EQ(config->sandbox.state_dir, home_ + "/state");
  EXPECT_EQ(config->engine.docker, "/opt/docker");
  EXPECT_EQ(config->engine.docker_host, "ssh://me@big");
  EXPECT_EQ(config->audit_log, "/x/audit");
}

TEST_F(ConfigTest, ReadsWhatPodsOfAClusterGet) {
  environment_ = {{"ENGINE", "kubernetes"},
                  {"KUBE_CONTEXT", "arn:aws:eks:eu-west-1:1:cluster/big"},
                  {"KUBE_NAMESPACE", "stats"},
                  {"KUBE_CPU_REQUEST", "0.25"},
                  {"KUBE_NODE_SELECTOR", "disk=fast, example.com/zone=a"},
                  {"KUBE_TOLERATIONS", "dedicated=r:NoSchedule,spot"},
                  {"KUBE_PULL_SECRETS", "mine,yours"},
                  {"KUBE_LABELS", "team=stats"},
                  {"SECCOMP", "/var/lib/kubelet/seccomp/r.json"},
                  {"DATA_VOLUME", "survey"}};
  const auto config = load();
  ASSERT_TRUE(config) << failure();
  using Texts = std::vector<std::string>;
  const ClusterSettings& cluster = config->engine.cluster;
  EXPECT_EQ(cluster.context, "arn:aws:eks:eu-west-1:1:cluster/big");
  EXPECT_EQ(cluster.name_space, "stats");
  EXPECT_EQ(cluster.cpu_request, 0.25);
  EXPECT_EQ(cluster.node_selector, (Texts{"disk=fast", "example.com/zone=a"}));
  EXPECT_EQ(cluster.tolerations, (Texts{"dedicated=r:NoSchedule", "spot"}));
  EXPECT_EQ(cluster.pull_secrets, (Texts{"mine", "yours"}));
  EXPECT_EQ(cluster.labels, Texts{"team=stats"});
  EXPECT_EQ(config->sandbox.data_volume, "survey");
  EXPECT_EQ(config->sandbox.system_calls, "/var/lib/kubelet/seccomp/r.json");
}

TEST_F(ConfigTest, AClusterSeesNothingOfThisMachine) {
  environment_ = {{"ENGINE", "kubernetes"}, {"DATA_DIR", temporary_.folder("home/data")}};
  EXPECT_NE(failure().find("DATA_DIR and ENGINE=kubernetes cannot be used together"),
            std::string::npos);
  environment_ = {{"DATA_VOLUME", "survey"}};
  EXPECT_NE(failure().find("DATA_VOLUME needs ENGINE=kubernetes"), std::string::npos);
}

TEST_F(ConfigTest, TheScopeIsUserAndMachine) {
  EXPECT_EQ(load()->sandbox.scope, std::to_string(::geteuid()) + "@my-host.example");
}

TEST_F(ConfigTest, TheStateIsKeptWhereItCanBeWritten) {
  EXPECT_EQ(load()->sandbox.state_dir, home_ + "/.local/state/omcp-r-sandbox");
  EXPECT_FALSE(std::filesystem::exists(home_ + "/.local"));
  environment_["XDG_STATE_HOME"] = temporary_.path() + "/xdg";
  EXPECT_EQ(load()->sandbox.state_dir, temporary_.path() + "/xdg/omcp-r-sandbox");
  environment_["XDG_STATE_HOME"] = "relative";
  home_ = temporary_.file("no_folder", "");
  EXPECT_EQ(load()->sandbox.state_dir, "/tmp/omcp-r-sandbox-" + std::to_string(::geteuid()));
}

TEST_F(ConfigTest, FindsTheUsersFileAndTheNearestOne) {
  using Files = std::vector<std::string>;
  temporary_.folder("home/.config/omcp-r-sandbox");
  const std::string own = temporary_.file("home/.config/omcp-r-sandbox/.env", "MAX_SANDBOXES=1\n");
  EXPECT_EQ(load()->env_files, Files{own});
  const std::string parent = temporary_.file("project/.env", "WARM_POOL=0\n");
  EXPECT_EQ(load()->env_files, (Files{own, parent}));
  EXPECT_EQ(load()->sandbox.max_sandboxes, 1);
  EXPECT_EQ(load()->sandbox.warm_pool, 0);
  temporary_.folder("project/deep/work/.env");  // as Python's virtual environments are named
  EXPECT_EQ(load()->env_files, (Files{own, parent}));
  const std::string named = temporary_.file("project/deep/work/named", "MAX_SANDBOXES=3\n");
  EXPECT_EQ(load({"--env-file", "named"})->env_files, Files{named});
  EXPECT_EQ(load({"--env-file", "named"})->sandbox.max_sandboxes, 3);
  EXPECT_NE(failure({"--env-file", "none"}).find("--env-file: cannot read"), std::string::npos);
  work_ = home_ + "/.config/omcp-r-sandbox";
  EXPECT_EQ(load()->env_files, Files{own});
}

TEST_F(ConfigTest, WithoutAHomeTheSettingsFolderIsThatOfXdg) {
  home_ = "";
  work_ = "/";
  temporary_.folder("xdg/omcp-r-sandbox");
  temporary_.file("xdg/omcp-r-sandbox/.env", "MAX_SANDBOXES=5\n");
  environment_["XDG_CONFIG_HOME"] = temporary_.path() + "/xdg";
  EXPECT_EQ(load()->sandbox.max_sandboxes, 5);
}

// A project that was cloned may have any .env in it.
TEST_F(ConfigTest, AFoundFileSetsWhatIsHarmlessAndNothingElse) {
  std::string text;
  for (const Option& option : options()) text += std::string(option.variable) + "=x\n";
  const std::string file = temporary_.file("project/.env", text);
  const std::set<std::string> in_full{
      "DOCKER_IMAGE",   "MAX_SANDBOXES",    "SANDBOX_TIMEOUT", "WARM_POOL",  "PRELOAD",
      "EXECUTION_WAIT", "MAX_OUTPUT_CHARS", "LOG_LEVEL",       "LOG_FORMAT", "STRUCTURED_CONTENT"};
  for (const Option& option : options()) {
    EXPECT_EQ(option.found == Found::kSets, in_full.contains(option.variable)) << option.variable;
  }
  const std::string planted = temporary_.file(
      "project/.env",
      "DOCKER_HOST=tcp://evil:2375\nDATA_DIR=/srv/x\nDOCKER=/tmp/evil\nSTATE_DIR=/tmp/s\n");
  const auto config = load();
  ASSERT_TRUE(config) << failure();
  EXPECT_EQ(config->engine.docker_host, "");
  EXPECT_EQ(config->engine.docker, "");
  EXPECT_EQ(config->sandbox.data_dir, "");
  ASSERT_EQ(config->warnings.size(), 4U) << "each refused line is named";
  EXPECT_EQ(config->warnings[0],
            planted +
                ":1: DOCKER_HOST is not taken by a .env that lies in the working directory or "
                "its parents; set it in " +
                home_ + "/.config/omcp-r-sandbox/.env, in the environment, or by --docker-host");
  EXPECT_EQ(load({"--env-file", temporary_.file("mine", "DOCKER=/tmp/evil\n")})->engine.docker,
            "/tmp/evil");
}

// Whatever it says in however many lines: the limits are at most what they are without it.
TEST_F(ConfigTest, NoLinesOfAFoundFileRaiseALimit) {
  temporary_.folder("home/.config/omcp-r-sandbox");
  temporary_.file("home/.config/omcp-r-sandbox/.env",
                  "SANDBOX_PIDS=64\nWARM_POOL=0\nMAX_SANDBOXES=2\n");
  for (const Option& option : options()) {
    if (option.found != Found::kLowers) continue;
    const std::string range = option.allowed;
    const std::string high = range.substr(range.find(" to ") + 4);
    const std::string name = option.variable;
    std::string lines;
    for (const std::string& value : {std::string("abc"), high, std::string("''"),
                                     std::string("\"x"), high, std::string("${X}"), high}) {
      lines += name + "=" + value + "\n" + "export " + name + "=" + high + "\n";
    }
    temporary_.file("project/.env", lines);
    const auto config = load();
    ASSERT_TRUE(config) << failure();
    for (const Origin& origin : config->origins) {
      EXPECT_FALSE(origin.variable == name && origin.value == high) << name;
    }
  }
}

TEST_F(ConfigTest, NothingInAFoundFileStopsTheStartOrEmptiesTheUsersChoice) {
  temporary_.folder("home/.config/omcp-r-sandbox");
  temporary_.file("home/.config/omcp-r-sandbox/.env", "SANDBOX_TIMEOUT=600\nMAX_SANDBOXES=2\n");
  temporary_.file("project/.env",
                  "LOG_LEVEL=trace\nSCOPE=\"x\nSANDBOX_MAX_LIFETIME=10\nMAX_SANDBOXES=\n");
  const auto config = load();
  ASSERT_TRUE(config) << failure();
  EXPECT_EQ(config->log_level, log::Level::kInfo);
  EXPECT_EQ(config->sandbox.max_sandboxes, 2);
  EXPECT_EQ(config->sandbox.idle_timeout, 10s);
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "DOCKER=x\n";
  temporary_.file("project/.env", many);
  EXPECT_EQ(load()->warnings.size(), 1U);
  temporary_.file("home/.config/omcp-r-sandbox/.env", "MAX_SANDBOXES=many\n");
  temporary_.file("project/.env", "MAX_SANDBOXES=1000\n");
  EXPECT_NE(failure().find("MAX_SANDBOXES=\"many\""), std::string::npos)
      << "the user's own slip is told";
}

TEST_F(ConfigTest, AnEmptyNameOfAFileIsNoFileToLookFor) {
  EXPECT_NE(failure({"--env-file="}).find("--env-file names no file"), std::string::npos);
  EXPECT_NE(failure({"--env-file", ""}).find("--env-file names no file"), std::string::npos);
}

TEST_F(ConfigTest, TheTwoFoldersLieApart) {
  const std::string data = temporary_.folder("data");
  temporary_.folder("data/in");
  environment_ = {{"DATA_DIR", data}, {"OUTPUT_DIR", data + "/in"}};
  EXPECT_NE(failure().find("OUTPUT_DIR and DATA_DIR must be two folders"), std::string::npos);
  environment_ = {{"R_LIBRARY", data}, {"OUTPUT_DIR", data + "/in"}};
  EXPECT_NE(failure().find("OUTPUT_DIR and R_LIBRARY must be two folders"), std::string::npos);
}

TEST_F(ConfigTest, AFoundFileLowersLimitsAndDoesNotRaiseThem) {
  temporary_.file("project/.env", "SANDBOX_MEMORY=1g\nSANDBOX_CPUS=0.5\nSANDBOX_PIDS=\n");
  temporary_.folder("home/.config/omcp-r-sandbox");
  temporary_.file("home/.config/omcp-r-sandbox/.env", "SANDBOX_PIDS=64\nSANDBOX_MEMORY=256m\n");
  const auto config = load();
  ASSERT_TRUE(config) << failure();
  EXPECT_EQ(config->sandbox.memory_bytes, 256ULL << 20) << "the user's own, which is less";
  EXPECT_EQ(config->sandbox.cpus, 0.5);
  EXPECT_EQ(config->sandbox.pids, 64) << "and not the default, which is more";
  ASSERT_EQ(config->warnings.size(), 2U);
  EXPECT_NE(config->warnings[0].find("SANDBOX_MEMORY can only be lowered by"), std::string::npos);
}

TEST_F(ConfigTest, WarnsOfUnknownNamesAndSuggestsTheKnownOne) {
  const std::string file = temporary_.file("project/.env", "SANDBOX_TIMOUT=9\nPASSWORD=hunter2\n");
  const auto config = load();
  ASSERT_TRUE(config) << failure();
  ASSERT_EQ(config->warnings.size(), 2U);
  EXPECT_EQ(
      config->warnings[0],
      file + ":1: unknown variable \"SANDBOX_TIMOUT\" ignored; did you mean SANDBOX_TIMEOUT?");
  EXPECT_EQ(config->warnings[1], file + ":2: unknown variable \"PASSWORD\" ignored");
}

TEST_F(ConfigTest, ManyForeignLinesMakeFewWarnings) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "FOREIGN_" + std::to_string(i) + "=1\n";
  temporary_.file("project/.env", text);
  EXPECT_EQ(load()->warnings.size(), 9U);
}

TEST_F(ConfigTest, ABadValueNamesFileLineValueAndWhatIsAllowed) {
  const std::string file = temporary_.file("mine", "# one\nSANDBOX_TIMEOUT=soon\n");
  EXPECT_EQ(failure({"--env-file", file}),
            file +
                ":2: SANDBOX_TIMEOUT=\"soon\" must be a whole number of seconds from 1 "
                "to 2592000");
}

TEST_F(ConfigTest, AllBadValuesAreToldAtOnce) {
  const std::string file = temporary_.file("mine", "WARM_POOL='1\n");
  environment_["SANDBOX_CPUS"] = "1000";
  const std::string message = failure({"--env-file", file, "--log-level", "loud"});
  EXPECT_NE(message.find("WARM_POOL: the quote is not closed"), std::string::npos);
  EXPECT_NE(message.find("environment: SANDBOX_CPUS=\"1000\" must be a number from 0.1 to 256"),
            std::string::npos);
  EXPECT_NE(message.find("--log-level: LOG_LEVEL=\"loud\" must be one of DEBUG, INFO"),
            std::string::npos);
}

TEST_F(ConfigTest, SaysThatNobodyExpandsVariables) {
  environment_["DATA_DIR"] = "${HOME}/data";
  EXPECT_NE(failure().find("neither the host nor omcp-r-sandbox replaces ${...}"),
            std::string::npos);
}

/// A variable and a value that stops the start.
struct BadValue {
  std::string name;
  std::string value;
};

void PrintTo(const BadValue& bad, std::ostream* out) {
  *out << bad.name << "=" << bad.value;
}

class BadValues : public ConfigTest, public testing::WithParamInterface<BadValue> {};

TEST_P(BadValues, StopTheStart) {
  environment_[GetParam().name] = GetParam().value;
  EXPECT_NE(failure().find("environment: " + GetParam().name + "="), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadValues,
    testing::Values(BadValue{"SANDBOX_TIMEOUT", "0"}, BadValue{"SANDBOX_TIMEOUT", "1.5"},
                    BadValue{"SANDBOX_TIMEOUT", "172800"},  // longer than SANDBOX_MAX_LIFETIME
                    BadValue{"EXECUTION_TIMEOUT", "3601"},  // longer than MAX_EXECUTION_TIMEOUT
                    BadValue{"WARM_POOL", "17"}, BadValue{"PRELOAD", "ggplot2, rm -rf"},
                    BadValue{"PRELOAD", "1up"}, BadValue{"MAX_SANDBOXES", "-1"},
                    BadValue{"MAX_SANDBOXES", "99999999999999999999"},
                    BadValue{"SANDBOX_MEMORY", "63m"}, BadValue{"SANDBOX_MEMORY", "2t"},
                    BadValue{"SANDBOX_CPUS", "0.05"}, BadValue{"SANDBOX_CPUS", "nan"},
                    BadValue{"SANDBOX_PIDS", "15"}, BadValue{"SANDBOX_PIDS", "32769"},
                    BadValue{"SANDBOX_USER", "0"}, BadValue{"SANDBOX_USER", "1000:0"},
                    BadValue{"SANDBOX_USER", "root"}, BadValue{"SANDBOX_USER", "1:2:3"},
                    BadValue{"DOCKER_IMAGE", "--privileged"}, BadValue{"DOCKER_IMAGE", "a b"},
                    BadValue{"ALLOWED_IMAGES", "a,-b"}, BadValue{"RUNTIME", "../x"},
                    BadValue{"SCOPE", "a b"}, BadValue{"SCOPE", "a=b"}, BadValue{"ENGINE", "lxc"},
                    BadValue{"KUBE_NAMESPACE", "Big"}, BadValue{"KUBE_CONTEXT", "-x"},
                    BadValue{"KUBE_LABELS", "a"}, BadValue{"KUBE_LABELS", "a=b c"},
                    BadValue{"KUBE_TOLERATIONS", "a=b:Never"},
                    BadValue{"KUBE_PULL_SECRETS", "a,-b"}, BadValue{"DATA_VOLUME", "../x"},
                    BadValue{"DATA_DIR", "/"}, BadValue{"DATA_DIR", "~"},
                    BadValue{"DATA_DIR", "data"}, BadValue{"OUTPUT_DIR", "/etc"},
                    BadValue{"STATE_DIR", "state"}, BadValue{"AUDIT_LOG", "audit.log"},
                    BadValue{"DOCKER", "./docker"}, BadValue{"DOCKER_HOST", "-x"},
                    BadValue{"SECCOMP", "unconfined"}, BadValue{"SECCOMP", "/no/such/file"},
                    BadValue{"OUTPUT_MAX_SIZE", "2t"}, BadValue{"SCOPE", "a\nb"}));

TEST_F(ConfigTest, ADefaultGivesWayToALowerMaximum) {
  environment_ = {{"MAX_EXECUTION_TIMEOUT", "10"}, {"SANDBOX_MAX_LIFETIME", "5"}};
  const auto config = load();
  ASSERT_TRUE(config) << failure();
  EXPECT_EQ(config->sandbox.execution_timeout, 10s);
  EXPECT_EQ(config->sandbox.idle_timeout, 5s);
}

TEST_F(ConfigTest, AMessageOfTwoValuesNamesBoth) {
  EXPECT_EQ(
      failure({"--sandbox-timeout=100", "--sandbox-max-lifetime=50"}),
      "--sandbox-timeout: SANDBOX_TIMEOUT=\"100\" must be at most SANDBOX_MAX_LIFETIME, which "
      "is 50 (--sandbox-max-lifetime)");
}

TEST_F(ConfigTest, RefusesUnknownArguments) {
  for (const char* bad : {"--sandbox-timout=5", "serve", "-x", "--", "--scope"}) {
    if (std::string(bad) == "--") continue;  // the end of options, and nothing behind it
    EXPECT_NE(failure({bad}).find("--help lists the options"), std::string::npos) << bad;
  }
}

TEST_F(ConfigTest, TheLastOfEqualFlagsCounts) {
  EXPECT_EQ(load({"--scope", "a", "--scope=b"})->sandbox.scope, "b");
}

TEST_F(ConfigTest, HelpAndVersionNeedNoGoodConfiguration) {
  environment_["MAX_SANDBOXES"] = "many";
  EXPECT_EQ(load({"--version"})->print.value_or("").substr(0, 15), "omcp-r-sandbox ");
  EXPECT_NE(load({"-h"})->print.value_or("").find("MAX_SANDBOXES=10"), std::string::npos);
}

TEST_F(ConfigTest, PrintsTheEffectiveValuesAndTheirSources) {
  const std::string file = temporary_.file("project/.env", "MAX_SANDBOXES=2\n");
  environment_ = {{"LOG_LEVEL", "DEBUG"}, {"ALLOWED_IMAGES", "a, b"}};
  const std::string text = load({"--print-config", "--sandbox-pids=64"})->print.value_or("");
  const auto line = [&](const std::string& name) {
    const std::size_t begin = text.find("\n" + name + "=") + 1;
    std::string result = text.substr(begin, text.find('\n', begin) - begin);
    const std::size_t gap = result.find("  ");
    return gap == std::string::npos ? result
                                    : result.substr(0, gap) + result.substr(result.find('#') - 1);
  };
  EXPECT_EQ(line("MAX_SANDBOXES"), "MAX_SANDBOXES=2 # " + file + ":1");
  EXPECT_EQ(line("LOG_LEVEL"), "LOG_LEVEL=DEBUG # environment");
  EXPECT_EQ(line("SANDBOX_PIDS"), "SANDBOX_PIDS=64 # --sandbox-pids");
  EXPECT_EQ(line("SANDBOX_CPUS"), "SANDBOX_CPUS=1 # default");
  EXPECT_EQ(line("ALLOWED_IMAGES"), "ALLOWED_IMAGES='a, b' # environment");
}

TEST_F(ConfigTest, WhatIsPrintedIsReadAgain) {
  for (const char* path : {"/it's/a \\ \"$HOME\" #1", "/a \"b\"", "/a'b"}) {
    environment_["AUDIT_LOG"] = path;
    const std::string text = load({"--print-config"})->print.value_or("");
    environment_.clear();
    const std::string file = temporary_.file("printed.env", text);
    const auto config = load({"--env-file", file});
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->audit_log, path) << text;
  }
}

TEST_F(ConfigTest, ASeccompProfileIsAFileOfJson) {
  const auto refused = [this](const std::string& path) {
    return failure({"--seccomp", path}).find("or the path of a seccomp profile") !=
           std::string::npos;
  };
  EXPECT_TRUE(refused(temporary_.file("text", "no JSON")));
  EXPECT_TRUE(refused(temporary_.file("other.json", "{\"a\": 1}")));
  EXPECT_TRUE(refused(temporary_.folder("folder")));
  EXPECT_TRUE(refused("/dev/zero"));
  EXPECT_EQ(failure({"--seccomp", std::string(OMCP_SOURCE_DIR) + "/src/engine/seccomp.json"}),
            "no error");
}

TEST_F(ConfigTest, ADatabaseNeedsARoleAndAKernelThatIsShared) {
  environment_["DB_SOCKET"] = "/run/postgresql";
  EXPECT_EQ(failure(), "environment: DB_SOCKET needs DB_ROLE, the role that code is to log in as");
  environment_["DB_ROLE"] = "reader";
  EXPECT_EQ(load()->sandbox.database.name, "reader");
  environment_["DB_NAME"] = "survey";
  EXPECT_EQ(load()->sandbox.database.name, "survey");
  EXPECT_NE(failure({"--runtime", "runsc"}).find("DB_SOCKET and RUNTIME cannot be used together"),
            std::string::npos);
  EXPECT_NE(failure({"--docker-host", "ssh://me@there"}).find("needs an engine of this machine"),
            std::string::npos);
  EXPECT_EQ(failure({"--docker-host", "unix:///run/docker.sock"}), "no error");
  EXPECT_NE(failure({"--docker-context", "far"}).find("needs an engine of this machine"),
            std::string::npos);
  in_container_ = true;
  EXPECT_NE(failure().find("cannot be used by a server that runs in a container"),
            std::string::npos);
}

TEST_F(ConfigTest, AnEngineIsNamedOnce) {
  const auto config = load({"--docker-context", "far"});
  ASSERT_TRUE(config) << failure();
  EXPECT_EQ(config->engine.docker_context, "far");
  environment_["DOCKER_HOST"] = "tcp://big:2376";
  environment_["DOCKER_CERT_PATH"] = "/srv/keys";
  EXPECT_EQ(load()->engine.certificates, "/srv/keys");
  EXPECT_EQ(failure({"--docker-context", "far"}),
            "--docker-context: DOCKER_CONTEXT and DOCKER_HOST cannot be used together: leave one "
            "out");
  for (const char* const other : {"ssh://big", "unix:///run/docker.sock"}) {
    const auto without = load({"--docker-host", other});
    ASSERT_TRUE(without) << failure();
    EXPECT_EQ(without->engine.certificates, "") << other;
    EXPECT_EQ(without->warnings.size(), 1U) << other;
  }
}

TEST_F(ConfigTest, APasswordIsShownNowhere) {
  environment_["DB_PASSWORD"] = "open sesame";
  EXPECT_EQ(load()->sandbox.database.password, "open sesame");
  const std::string text = load({"--print-config"})->print.value_or("");
  EXPECT_NE(text.find("DB_PASSWORD=(set)"), std::string::npos) << text;
  EXPECT_EQ(text.find("sesame"), std::string::npos);
  environment_["DB_PASSWORD"] = std::string(1001, 'x');
  EXPECT_EQ(failure(), "environment: DB_PASSWORD must be of 1000 bytes at most");
}

}  // namespace
}  // namespace omcp_r::app
