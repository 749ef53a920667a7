// The tools on the sandbox floor with a fake engine.

#include <gtest/gtest.h>
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fakes/fake_engine.hpp"
#include "omcp_r/base/background.hpp"
#include "omcp_r/base/text.hpp"
#include "omcp_r/tools/sandbox_resources.hpp"
#include "omcp_r/tools/sandbox_tools.hpp"
#include "sandbox/support.hpp"

namespace omcp_r::tools {
namespace {

using namespace std::chrono_literals;
using mcp::Json;
using mcp::ToolResult;
using sandbox::run_until;

/// A call that nobody but the test cancels.
class FakeCall : public mcp::CallContext {
 public:
  [[nodiscard]] const std::string& request_name() const override { return name_; }
  [[nodiscard]] bool wants_progress() const override { return false; }
  void progress(double /*value*/, std::string /*message*/) override {}
  void log(mcp::LogLevel /*level*/, std::string /*message*/) override {}
  mcp::asio::awaitable<Result<Json>> ask(std::string /*method*/, Json /*params*/) override {
    co_return Error{Errc::kInternal, "nobody answers"};
  }
  [[nodiscard]] bool cancelled() const override { return cancelled_; }
  void on_cancel(std::function<void()> callback) override { callback_ = std::move(callback); }
  void cancel() {
    cancelled_ = true;
    if (callback_) {
      std::exchange(callback_, {})();
    }
  }

 private:
  std::string name_ = "1";
  bool cancelled_ = false;
  std::function<void()> callback_;
};

class Tools : public testing::Test {
 protected:
  Tools() {
    std::string name = (std::filesystem::temp_directory_path() / "omcp-tools-XXXXXX").string();
    top_ = ::mkdtemp(name.data());
    sandbox::Settings settings;
    settings.state_dir = top_ + "/state";
    settings.output_dir = top_ + "/out";
    std::filesystem::create_directory(settings.output_dir);
    settings.scope = "me";
    settings.warm_pool = 0;
    sandboxes_ = std::make_unique<sandbox::Sandboxes>(io_.get_executor(), engine_, settings);
    tools_ = std::make_unique<SandboxTools>(*sandboxes_);
  }
  ~Tools() override {
    sandboxes_->stop();
    EXPECT_TRUE(run_until(io_, [] { return background_work().empty(); }));
    std::error_code ignored;
    std::filesystem::remove_all(top_, ignored);
  }

  template <class T>
  T wait(mcp::asio::awaitable<T> work) {
    return sandbox::run_sync(io_, std::move(work));
  }
  ToolResult execute(const char* arguments) {
    return wait(tools_->execute(Json::parse(arguments), call_));
  }
  fakes::FakeSandbox& only() { return *world_->sandboxes.begin()->second; }
  /// A page of one grey pixel as the worker sends it.
  static std::string page(int number) {
    const std::string bytes = *base64_decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4"
        "nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==");
    return "000" + std::to_string(number) + "f" + bytes;
  }
  static std::string read(const std::string& path) {
    std::ostringstream out;
    out << std::ifstream{path}.rdbuf();
    return out.str();
  }
  static std::string text_of(const ToolResult& result) {
    std::string text;
    for (const auto& block : result.content) {
      const auto* part = std::get_if<mcp::TextContent>(&block);
      text += part != nullptr ? part->text : "";
    }
    return text;
  }

  boost::asio::io_context io_;
  std::shared_ptr<fakes::World> world_ = std::make_shared<fakes::World>(io_.get_executor());
  fakes::FakeEngine engine_{world_};
  std::string top_;
  std::unique_ptr<sandbox::Sandboxes> sandboxes_;
  std::unique_ptr<SandboxTools> tools_;
  FakeCall call_;
};

TEST_F(Tools, WithoutASandboxTheServersOwnIsUsedAndNamed) {
  const ToolResult first = execute(R"({"code": "print hello"})");
  const std::string id = first.structured["sandbox_id"];
  EXPECT_EQ(text_of(first), "hello\n[sandbox: " + id + "]\n");
  const ToolResult second = execute(R"({"code": "print again"})");
  EXPECT_EQ(second.structured["sandbox_id"], id);
  EXPECT_EQ(world_->sandboxes.size(), 1U);
  const std::string by_id = R"({"sandbox_id": ")" + id + R"(", "code": "print by id"})";
  EXPECT_EQ(text_of(execute(by_id.c_str())), "by id\n");
}

TEST_F(Tools, ItsRunsAreCollectedAndInterruptedWithoutItsIdToo) {
  const ToolResult running = execute(R"({"code": "hang", "wait": 0})");
  EXPECT_EQ(running.structured["status"], "running");
  const std::string collect =
      R"({"wait": 0, "execution_id": )" + running.structured["execution_id"].dump() + "}";
  EXPECT_EQ(execute(collect.c_str()).structured["status"], "running");
  const ToolResult stopped = execute(R"({"interrupt": true})");
  EXPECT_EQ(stopped.structured["exit_code"], 130);
  EXPECT_EQ(stopped.structured["execution_id"], running.structured["execution_id"]);
}

TEST_F(Tools, CodeIsUnfencedAndFilesArePutFirst) {
  const ToolResult result = execute(
      R"({"code": "```r\nprint x\n```", "files": [{"path": "/sandbox/d/a.txt", "text": "given"}]})");
  EXPECT_FALSE(result.is_error) << text_of(result);
  EXPECT_EQ(only().files.at("d/a.txt"), "given");
  EXPECT_EQ(only().code, std::vector<std::string>{"print x\n"});
}

TEST_F(Tools, AnExecutionThatNobodyKnowsIsAnError) {
  execute(R"({"code": "1"})");
  const ToolResult result = execute(R"({"execution_id": "no-such-execution"})");
  EXPECT_TRUE(result.is_error);
  EXPECT_EQ(result.structured["error"]["code"], "execution_not_found");
}

TEST_F(Tools, TheSandboxOfACancelledCreationIsRemovedAgain) {
  engine_.hold("create");
  const auto made = sandbox::start(io_, tools_->create(Json::object(), call_));
  ASSERT_TRUE(run_until(io_, [&] { return engine_.held("create") > 0; }));
  call_.cancel();
  engine_.release("create");
  ASSERT_TRUE(run_until(io_, [&] { return made->has_value(); }));
  EXPECT_TRUE(only().ended());
  FakeCall call;
  EXPECT_EQ(wait(tools_->list(Json::object(), call)).structured["count"], 0);
}

TEST_F(Tools, FilesAreSavedOnTheHost) {
  fakes::Play play;
  play.report = R"({"status": "ok", "files": [{"path": "d/a.csv", "size": 3},
                                              {"path": "gone", "size": 1}]})";
  world_->plays["make"] = play;
  execute(R"({"code": "1", "files": [{"path": "d/a.csv", "text": "x,y"}]})");
  const ToolResult result = execute(R"({"code": "make"})");
  const Json& files = result.structured["files"];
  ASSERT_EQ(files.size(), 2U);
  EXPECT_TRUE(std::filesystem::exists(files[0]["saved_as"].get<std::string>()));
  EXPECT_FALSE(files[1]["save_error"].get<std::string>().empty());
  const std::string id = result.structured["sandbox_id"];
  EXPECT_NE(text_of(result).find("[Saved on the host: " + top_ + "/out/" + id + " (1 file)]"),
            std::string::npos);
  EXPECT_NE(text_of(result).find("[Not saved on the host: gone. "), std::string::npos)
      << text_of(result);
}

TEST_F(Tools, WhatIsSavedIsToldAsTheEnginesMachineNamesIt) {
  engine_.switches().outside = "/machine";
  fakes::Play play;
  play.report = R"({"status": "ok", "files": [{"path": "a.csv", "size": 3}]})";
  world_->plays["make"] = play;
  execute(R"({"code": "1", "files": [{"path": "a.csv", "text": "x,y"}]})");
  const ToolResult result = execute(R"({"code": "make"})");
  const std::string place =
      "/machine" + top_ + "/out/" + std::string(result.structured["sandbox_id"]);
  EXPECT_EQ(result.structured["files"][0]["saved_as"], place + "/a.csv");
  EXPECT_NE(text_of(result).find("[Saved on the host: " + place + " "), std::string::npos)
      << text_of(result);
}

TEST_F(Tools, PlotsTheScriptAndAPageAreSavedAsWell) {
  fakes::Play play;
  play.pages = {page(1), page(2)};
  play.report = R"({"status": "ok", "pages": 2, "files": [{"path": "index.html", "size": 3}]})";
  world_->plays["draw"] = play;
  execute(R"({"code": "print x", "files": [{"path": "index.html", "text": "own"}]})");
  const ToolResult first = execute(R"({"code": "draw"})");
  const std::string id = first.structured["sandbox_id"];
  const std::string box = top_ + "/out/" + id + "/";
  EXPECT_NE(text_of(first).find(box.substr(0, box.size() - 1) + " (1 file, 2 plots)"),
            std::string::npos)
      << text_of(first);
  EXPECT_TRUE(std::filesystem::exists(box + "plot-002.png"));
  EXPECT_EQ(first.structured["files"][0]["saved_as"], box + "_index.html");
  EXPECT_EQ(read(box + "_index.html"), "own");
  EXPECT_TRUE(read(box + "session.R").ends_with("print x\ndraw\n"));
  EXPECT_NE(read(box + "index.html").find("plot-002.png"), std::string::npos);
  // Those of a later server go on behind them.
  tools_ = std::make_unique<SandboxTools>(*sandboxes_);
  const std::string again = R"({"sandbox_id": ")" + id + R"(", "code": "draw"})";
  execute(again.c_str());
  EXPECT_TRUE(std::filesystem::exists(box + "plot-004.png"));
  const std::string shown = read(box + "index.html");
  EXPECT_LT(shown.find("plot-001.png"), shown.find("plot-004.png"));
  EXPECT_TRUE(read(box + "session.R").ends_with("draw\ndraw\n"));
  EXPECT_FALSE(std::filesystem::exists(box + "session-1.R"));
  EXPECT_FALSE(std::filesystem::exists(box + "index-1.html"));
}

TEST_F(Tools, WhatIsCollectedTwiceIsSavedOnce) {
  fakes::Play play;
  play.pages = {page(1)};
  play.report = R"({"status": "ok", "pages": 1, "files": [{"path": "a.csv", "size": 3}]})";
  world_->plays["draw"] = play;
  const ToolResult first =
      execute(R"({"code": "draw", "files": [{"path": "a.csv", "text": "x,y"}]})");
  const std::string collect =
      R"({"execution_id": )" + first.structured["execution_id"].dump() + "}";
  const ToolResult second = execute(collect.c_str());
  EXPECT_EQ(second.structured["files"], first.structured["files"]);
  EXPECT_NE(text_of(second).find(" (1 file, 1 plot)"), std::string::npos) << text_of(second);
  const std::string box = top_ + "/out/" + first.structured["sandbox_id"].get<std::string>() + "/";
  EXPECT_FALSE(std::filesystem::exists(box + "a-1.csv"));
  EXPECT_FALSE(std::filesystem::exists(box + "plot-002.png"));
}

TEST_F(Tools, FilesThatAreNeverDeliveredHoldACallOnceOnly) {
  fakes::Play play;
  play.report = R"({"status": "ok", "files": [)";
  for (int i = 0; i < 900; ++i) {
    play.report +=
        (i > 0 ? "," : "") + std::string(R"({"path": "f)") + std::to_string(i) + R"(", "size": 1})";
  }
  play.report += "]}";
  world_->plays["lie"] = play;
  execute(R"({"code": "1"})");
  const Json arguments = Json::parse(R"({"code": "lie", "wait": 5})");
  const auto later = sandbox::start(io_, tools_->execute(arguments, call_));
  ASSERT_TRUE(run_until(io_, [&] { return !only().code.empty() && only().code.back() == "lie"; }));
  only().set_silent(true);
  const auto began = Clock::now();
  while (!later->has_value() && Clock::now() < began + 600s) {
    Clock::advance(1s);
    io_.restart();
    io_.run_for(5ms);
  }
  ASSERT_TRUE(later->has_value());
  EXPECT_LT(Clock::now(), began + 60s);
  EXPECT_NE(text_of(**later).find("files were not saved on the host"), std::string::npos)
      << text_of(**later);
}

TEST_F(Tools, WhatChangesTheListOfResourcesSaysSo) {
  fakes::Play play;
  play.report = R"({"status": "ok", "files": [{"path": "a.csv", "size": 3}]})";
  world_->plays["make"] = play;
  EXPECT_TRUE(execute(R"({"code": "print x"})").resources_changed) << "a sandbox was made";
  EXPECT_FALSE(execute(R"({"code": "print x"})").resources_changed);
  EXPECT_TRUE(execute(R"({"code": "make"})").resources_changed);
  EXPECT_TRUE(
      execute(R"({"code": "print x", "files": [{"path": "b", "text": ""}]})").resources_changed);
  const ToolResult made = wait(tools_->create(Json::object(), call_));
  EXPECT_TRUE(made.resources_changed);
  EXPECT_FALSE(wait(tools_->list(Json::object(), call_)).resources_changed);
  Json arguments = Json::object();
  arguments["sandbox_id"] = made.structured["sandbox_id"];
  EXPECT_TRUE(wait(tools_->remove(arguments, call_)).resources_changed);
}

TEST_F(Tools, ALargeFileIsReadInParts) {
  const std::string id = execute(R"({"code": "print x"})").structured["sandbox_id"];
  std::string bytes;
  for (int i = 0; bytes.size() < 2'000'000; ++i) {
    bytes += std::to_string(i) + "\n";
  }
  only().files["a?b.txt"] = bytes;
  SandboxResources resources{*sandboxes_};
  const std::string uri = resource_uri(id, "a?b.txt");
  std::string all;
  for (const char* query : {"", "?part=2", "?part=3"}) {
    const auto part = wait(resources.read(uri + query));
    ASSERT_TRUE(part) << part.error().message;
    EXPECT_TRUE(part->is_text);
    EXPECT_EQ(part->meta["omcp-r-sandbox/parts"]["parts"], 3) << part->meta;
    EXPECT_EQ(part->remark.empty(), *query != '\0');
    all += part->bytes;
  }
  EXPECT_TRUE(all == bytes);
  const auto first = wait(resources.read(uri + "?part=1"));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->bytes.size(), 700'000U);
  EXPECT_EQ(first->remark, "Part 1 of 3 of a file of " + std::to_string(bytes.size()) +
                               " bytes. The others are " + uri + "?part=2 to " + uri + "?part=3.");
  for (const char* query : {"?part=4", "?part=0", "?part=", "?part=-1", "?part=1x", "?", "?x=1",
                            "?part=99999999999999999999", "?part=18446744073709551615"}) {
    const auto none = wait(resources.read(uri + query));
    ASSERT_FALSE(none) << query;
    EXPECT_EQ(none.error().code, Errc::kNotFound) << query;
  }
  only().files["small"] = "x";
  const auto whole = wait(resources.read(resource_uri(id, "small")));
  ASSERT_TRUE(whole);
  EXPECT_TRUE(whole->meta.is_null() && whole->remark.empty());
  EXPECT_EQ(resources.templates().at(1).uri_template, "sandbox://{sandbox_id}/{+path}{?part}");
}

TEST_F(Tools, ResourcesAreListedAndRead) {
  const ToolResult made =
      execute(R"({"code": "print x", "files": [{"path": "a b.txt", "text": "given"}]})");
  const std::string id = made.structured["sandbox_id"];
  SandboxResources resources{*sandboxes_};
  const auto list = wait(resources.list());
  ASSERT_TRUE(list) << list.error().message;
  ASSERT_EQ(list->size(), 4U);
  EXPECT_EQ(list->at(1).uri, "sandbox://" + id + "/.packages");
  EXPECT_EQ(list->at(3).uri, "sandbox://" + id + "/a%20b.txt");
  const auto contents = wait(resources.read(list->at(3).uri));
  ASSERT_TRUE(contents) << contents.error().message;
  EXPECT_EQ(contents->bytes, "given");
  EXPECT_TRUE(contents->is_text);
  for (const std::string& uri :
       {"sandbox://" + id + "/../etc/passwd", "sandbox://" + id + "/a%00b",
        "sandbox://" + id + "/none", "sandbox://" + id, std::string{"file:///etc/passwd"},
        std::string{"sandbox://"}, std::string{}, std::string{"sandbox://no-such/a"}}) {
    const auto none = wait(resources.read(uri));
    ASSERT_FALSE(none) << uri;
    EXPECT_EQ(none.error().code, Errc::kNotFound) << uri;
  }
}

}  // namespace
}  // namespace omcp_r::tools
