#include "commands/container_arguments.hpp"

#include <gtest/gtest.h>

#include <algorithm>

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
        " --security-opt no-new-privileges ", " --pids-limit 256 ", " --memory 512m ",
        " --tmpfs /tmp:mode=1777,size=64m ", " --group-add 105 ",
        " -v /run/d.sock:/var/run/docker.sock ", " -v omcp-r-state:/var/lib/omcp-r-sandbox "}) {
    EXPECT_NE(line.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(line.find(" -t "), std::string::npos);
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
