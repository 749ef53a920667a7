// Tasks as people say them, and the calls that a model makes for them: what it reads, in how many
// calls and bytes. A result that grows must be worth it: the bounds are changed on purpose only.

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

/// The text of a result as a host shows it to the model, and "[image]" for each image.
std::string shown(const Json& result) {
  std::string text;
  for (const Json& block : result.at("content")) {
    text += block.at("type") == "image"  ? "[image]"
            : block.at("type") == "text" ? block.at("text").get<std::string>()
                                         : block.at("name").get<std::string>() + "\n";
  }
  return text;
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

class Dialogues : public SandboxTest {
 public:
  /// One call of the dialogue, and what it must show; returns that.
  std::string talk(Server& server, const Json& call) {
    Json arguments = Json::object();
    for (const char* key : {"code", "wait"}) {
      if (call.contains(key)) arguments[key] = call.at(key);
    }
    if (call.contains("collect")) arguments["execution_id"] = execution_;
    const ToolResult result = server.call("execute_r_code", arguments);
    execution_ = result.result.at("_meta").at("omcp-r-sandbox/result").at("execution_id");
    const std::string text = shown(result.result);
    EXPECT_EQ(result.is_error(), call.value("fails", false)) << text;
    for (const Json& part : call.value("shows", Json::array())) {
      EXPECT_TRUE(contains(text, part.get<std::string>())) << part << " is not in:\n" << text;
    }
    EXPECT_EQ(call.value("order", text), text);
    if (!call.contains("order")) {
      EXPECT_EQ(count(text, "[image]"), call.value("images", 0U)) << text;
    }
    return text;
  }

 private:
  std::string execution_;
};

TEST_F(Dialogues, AreShortAndLeadOn) {
  const std::filesystem::path data = folder() / "study";
  std::filesystem::create_directory(data);
  write_file(data / "survey.csv", "id,group,age\n1,a,34\n2,a,47\n3,b,61\n4,b,24\n");
  Server& server = start({{{"STRUCTURED_CONTENT", ""}, {"DATA_DIR", data.string()}}, {}, true, {}});
  server.call("execute_r_code", Json{{"code", "1"}});  // names the sandbox, once
  const Json dialogues = Json::parse(read_file(corpus_folder().parent_path() / "dialogues.json"));
  EXPECT_EQ(dialogues.size(), 20U);
  for (const Json& dialogue : dialogues) {
    SCOPED_TRACE(dialogue.at("task").get<std::string>());
    std::size_t bytes = 0;
    for (const Json& call : dialogue.at("calls")) bytes += talk(server, call).size();
    EXPECT_LE(bytes, dialogue.at("bytes").get<std::size_t>());
  }
  const Json all = server.call("list_sandboxes").data().at("sandboxes");
  for (const Json& one : all) Sandbox(server, one.at("id")).remove(true);
}

}  // namespace
}  // namespace omcp_r::e2e
