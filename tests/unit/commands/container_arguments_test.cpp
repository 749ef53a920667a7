#include "commands/container_arguments.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

namespace omcp_r::commands {
namespace {

std::string joined(const ContainerEntry& entry) {
  std::string line;
  for (const std::string& argument : container_arguments(entry)) line += argument + " ";
  return line;
}

TEST(ContainerArguments, ConfineTheServer) {
  const std::string line = joined({"image:1", "/run/d.sock", 105, {}, "1000@laptop"});
  EXPECT_TRUE(line.starts_with("run -i --rm "));
  EXPECT_TRUE(line.ends_with("-e SCOPE=1000@laptop image:1 "));
  for (const char* const part :
       {" --network none ", " --read-only ", " --cap-drop ALL ", " --pull never ", " --init ",
        " --security-opt no-new-privileges ", " --group-add 105 ",
        " -v /run/d.sock:/var/run/docker.sock ", " -v omcp-r-state:/var/lib/omcp-r-sandbox "}) {
    EXPECT_NE(line.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(line.find(" -t "), std::string::npos);
}

/// A file of the project as words with one space between them: no quotes, brackets or commas
/// around.
std::string words_of(const std::string& file) {
  std::ifstream in(std::filesystem::path(OMCP_SOURCES) / file);
  EXPECT_TRUE(in) << file;
  std::string words;
  for (std::string word; in >> word;) {
    std::erase_if(word,
                  [](char c) { return std::string_view("'\"[]{}").find(c) != std::string::npos; });
    if (word.ends_with(',')) word.pop_back();
    if (!word.empty()) words += word + " ";
  }
  return words;
}

// Who changes one of them must change all: a container locked down less than the others is a hole.
TEST(ContainerArguments, AreThoseOfEveryOtherWayToStartTheContainer) {
  std::string all;
  for (const std::string& word : confinement()) all += word + " ";
  EXPECT_NE(words_of("README.md").find("run -i --rm " + all + "--group-add "), std::string::npos);
  EXPECT_NE(words_of("cmake/packaging/mcpb/launch.js").find("run -i --rm " + all + "--group-add "),
            std::string::npos);

  const std::map<std::string, std::string> in_compose{
      {"--init", "init: true"},
      {"--pull never", "image: "},  // compose builds it
      {"--network none", "network_mode: none"},
      {"--read-only", "read_only: true"},
      {"--cap-drop ALL", "cap_drop: ALL"},
      {"--security-opt no-new-privileges", "security_opt: no-new-privileges:true"},
      {"--pids-limit 256", "pids_limit: 256"},
      {"--memory 512m", "mem_limit: 512m"},
      {"--tmpfs /tmp:mode=1777,size=64m", "tmpfs: - /tmp:mode=1777,size=64m"}};
  const std::string compose = words_of("docker/docker-compose.yml");
  const std::string registry = words_of("cmake/packaging/server.json.in");
  const std::vector<std::string> options = confinement();
  for (std::size_t i = 0; i < options.size(); ++i) {
    std::string option = options[i];
    std::string entry = "name: " + option;
    if (i + 1 < options.size() && !options[i + 1].starts_with("--")) {
      option += " " + options[++i];
      entry += " value: " + options[i];
    }
    ASSERT_TRUE(in_compose.contains(option)) << option << " has no counterpart in Compose";
    EXPECT_NE(compose.find(in_compose.at(option)), std::string::npos) << option;
    // The registry's clients pull the image when they install it.
    if (option == "--pull never") continue;
    EXPECT_NE(registry.find(entry + " "), std::string::npos) << entry;
  }
}

TEST(ContainerArguments, MountFoldersUnderTheirOwnNames) {
  const std::string line =
      joined({"i", "/s", 0, {{"DATA_DIR", "/d"}, {"OUTPUT_DIR", "/o"}, {"WARM_POOL", "0"}}, "x"});
  EXPECT_NE(line.find(" -v /d:/d:ro -e DATA_DIR=/d "), std::string::npos) << line;
  EXPECT_NE(line.find(" -v /o:/o -e OUTPUT_DIR=/o "), std::string::npos) << line;
  EXPECT_NE(line.find(" -e WARM_POOL=0 "), std::string::npos) << line;
}

TEST(ContainerArguments, AChosenScopeCounts) {
  const auto arguments = container_arguments({"i", "/s", 0, {{"SCOPE", "mine"}}, "x"});
  EXPECT_EQ(std::count(arguments.begin(), arguments.end(), "SCOPE=mine"), 1);
  EXPECT_EQ(std::count(arguments.begin(), arguments.end(), "SCOPE=x"), 0);
}

}  // namespace
}  // namespace omcp_r::commands
