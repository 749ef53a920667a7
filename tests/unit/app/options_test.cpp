#include "omcp_r/app/options.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

namespace omcp_r::app {
namespace {

std::string file_text(const std::string& name) {
  std::ostringstream text;
  text << std::ifstream(std::string(OMCP_SOURCE_DIR "/") + name).rdbuf();
  return text.str();
}

/// "NAME=default" of every assignment in sample.env, whether or not it is commented out.
std::set<std::string> sample_lines() {
  constexpr std::string_view kNameCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_";
  std::istringstream sample(file_text("sample.env"));
  std::set<std::string> found;
  for (std::string line; std::getline(sample, line);) {
    if (line.starts_with('#')) line.erase(0, 1);
    const std::size_t name = std::min(line.find_first_not_of(kNameCharacters), line.size());
    if (name > 0 && line.substr(name).starts_with("=")) found.insert(line);
  }
  return found;
}

TEST(Options, AreAllInTheSampleWithTheirDefaultsAndNothingElseIs) {
  std::set<std::string> wanted;
  for (const Option& option : options())
    wanted.insert(std::string(option.variable) + "=" + option.fallback);
  EXPECT_EQ(sample_lines(), wanted);
}

TEST(Options, AreAllInTheHelpWithFlagAndDefault) {
  const std::string help = help_text();
  for (const Option& option : options()) {
    const std::string flag = flag_of(option.variable) + " " + placeholder(option.kind);
    const std::string fallback = option.fallback;
    const std::string variable =
        option.variable + (fallback.empty() ? "\n" : "=" + fallback + "\n");
    EXPECT_NE(help.find(flag + " "), std::string::npos) << flag;
    EXPECT_NE(help.find(variable), std::string::npos) << variable;
  }
}

TEST(Options, AreAllInTheDocuments) {
  const std::string document = file_text("docs/configuration.md");
  for (const Option& option : options()) {
    const std::string cell = std::string("`") + option.variable + "`";
    const std::string fallback = option.fallback;
    const std::string shown = fallback.empty() ? cell : cell + " | `" + fallback + "`";
    EXPECT_NE(document.find("| " + shown), std::string::npos) << shown;
  }
}

/// The names below "environment:" in the compose file.
std::set<std::string> compose_names() {
  std::istringstream compose(file_text("docker/docker-compose.yml"));
  std::set<std::string> names;
  bool inside = false;
  for (std::string line; std::getline(compose, line);) {
    const std::size_t indent = std::min(line.find_first_not_of(' '), line.size());
    inside = line == "    environment:" || (inside && indent > 4);
    if (inside && indent == 6) names.insert(line.substr(indent, line.find(':') - indent));
  }
  return names;
}

TEST(Options, AreHandedOnByComposeButForWhatTheContainerSettles) {
  std::set<std::string> wanted;
  for (const Option& option : options()) wanted.insert(option.variable);
  for (const char* own : {"ENGINE",
                          "DOCKER",
                          "DOCKER_HOST",
                          "DOCKER_CONTEXT",
                          "DOCKER_CERT_PATH",
                          "STATE_DIR",
                          "AUDIT_LOG",
                          "DB_SOCKET",
                          "DB_ROLE",
                          "DB_NAME",
                          "DB_PASSWORD",
                          "KUBE_CONTEXT",
                          "KUBE_NAMESPACE",
                          "KUBE_CPU_REQUEST",
                          "KUBE_NODE_SELECTOR",
                          "KUBE_TOLERATIONS",
                          "KUBE_PRIORITY_CLASS",
                          "KUBE_PULL_SECRETS",
                          "KUBE_LABELS",
                          "DATA_VOLUME"}) {
    wanted.erase(own);
  }
  EXPECT_EQ(compose_names(), wanted);
}

TEST(Options, HaveUniqueNamesAndFullEntries) {
  std::set<std::string> names;
  for (const Option& option : options()) {
    EXPECT_TRUE(names.insert(option.variable).second) << option.variable;
    EXPECT_TRUE(std::string_view(option.help).ends_with('.')) << option.variable;
    EXPECT_NE(std::string_view(option.allowed), "") << option.variable;
  }
}

TEST(Options, HelpFitsATerminal) {
  std::istringstream help(help_text());
  for (std::string line; std::getline(help, line);) EXPECT_LE(line.size(), 88U) << line;
}

}  // namespace
}  // namespace omcp_r::app
