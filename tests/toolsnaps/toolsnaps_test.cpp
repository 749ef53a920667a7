// The published surface: what tools/list says is a checked-in file per tool, changed on purpose
// only. UPDATE_TOOLSNAPS=1 writes the files anew; a missing file is a failure.

#include <regex>

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

class ToolSnaps : public ServerTest {
 public:
  /// As a user's first start shows it: nothing configured.
  Json tools() {
    const ChildSpec bare{{binary()},
                         Environment{{"HOME", folder() / "home"}},
                         folder() / "work",
                         folder() / "server.log",
                         {}};
    Server server(bare);
    server.initialize();
    Json listed = server.request("tools/list");
    bytes_ = listed.dump().size();
    server.close_input();
    EXPECT_EQ(server.wait_for_end().code, 0);
    return listed.at("tools");
  }

  std::size_t bytes_ = 0;
};

TEST_F(ToolSnaps, EqualTheCheckedInFiles) {
  const bool update = environment_or("UPDATE_TOOLSNAPS", "") == "1";
  std::set<std::string> names;
  for (const Json& tool : tools()) {
    const std::string name = tool.at("name");
    names.insert(name + ".json");
    const std::filesystem::path path = std::filesystem::path(OMCP_SNAPSHOTS) / (name + ".json");
    const std::string present = tool.dump(2) + "\n";
    if (update) write_file(path, present);
    ASSERT_TRUE(std::filesystem::exists(path)) << "UPDATE_TOOLSNAPS=1 writes it";
    EXPECT_EQ(present, read_file(path)) << "a change on purpose is written by UPDATE_TOOLSNAPS=1";
  }
  for (const auto& entry : std::filesystem::directory_iterator(OMCP_SNAPSHOTS)) {
    if (entry.path().extension() != ".json") continue;
    EXPECT_EQ(names.count(entry.path().filename()), 1U) << entry.path().filename();
  }
}

TEST_F(ToolSnaps, AreSmallEnoughToBeReadAtEveryStart) {
  tools();
  EXPECT_LT(bytes_, 6500U);
}

TEST_F(ToolSnaps, NameTheFourToolsAndEachOnce) {
  std::set<std::string> names;
  for (const Json& tool : tools()) {
    const std::string name = tool.at("name");
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_TRUE(std::regex_match(name, std::regex("[a-z][a-z_]{0,63}"))) << name;
  }
  const std::set<std::string> expected{"create_sandbox", "execute_r_code", "list_sandboxes",
                                       "remove_sandbox"};
  EXPECT_EQ(names, expected);
}

TEST_F(ToolSnaps, HavePlainObjectSchemas) {
  for (const Json& tool : tools()) {
    for (const char* which : {"inputSchema", "outputSchema"}) {
      SCOPED_TRACE(tool.at("name").get<std::string>() + " " + which);
      if (which == std::string{"outputSchema"} && tool.at("name") == "execute_r_code") {
        EXPECT_FALSE(tool.contains(which)) << "hosts would show that in place of the text";
        continue;
      }
      const Json& schema = tool.at(which);
      EXPECT_EQ(schema.at("type"), "object");
      for (const char* combinator : {"anyOf", "oneOf", "allOf", "not"}) {
        EXPECT_FALSE(schema.contains(combinator)) << "some hosts refuse the whole list";
      }
      for (const Json& name : schema.value("required", Json::array())) {
        EXPECT_TRUE(schema.at("properties").contains(name.get<std::string>())) << name;
      }
    }
  }
}

TEST_F(ToolSnaps, HaveDescriptionsTitlesAndAllFourAnnotations) {
  for (const Json& tool : tools()) {
    SCOPED_TRACE(tool.at("name").get<std::string>());
    EXPECT_GT(tool.at("description").get<std::string>().size(), 20U);
    EXPECT_FALSE(tool.at("title").get<std::string>().empty());
    for (const char* hint :
         {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}) {
      EXPECT_TRUE(tool.at("annotations").at(hint).is_boolean()) << hint;
    }
  }
}

}  // namespace
}  // namespace omcp_r::e2e
