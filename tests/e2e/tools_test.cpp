// What the four tools answer: the published fields, exit codes and error codes.

#include <regex>

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

class Tools : public SandboxTest {
 public:
  static void expect_time(const Json& value) {
    ASSERT_TRUE(value.is_string()) << value;
    const std::regex rfc3339(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z)");
    EXPECT_TRUE(std::regex_match(value.get<std::string>(), rfc3339)) << value;
  }

  static void expect_refusal(const ToolResult& result, const std::string& code) {
    EXPECT_TRUE(result.is_error()) << result;
    EXPECT_FALSE(result.success()) << result;
    EXPECT_EQ(result.error_code(), code) << result;
    EXPECT_FALSE(result.error_message().empty()) << result;
    EXPECT_TRUE(result.data().at("error").at("retryable").is_boolean()) << result;
    EXPECT_TRUE(contains(result.text(), result.error_message())) << result;
  }
};

TEST_F(Tools, CreateTellsWhatWasMadeAndForHowLong) {
  const ToolResult made = server().call("create_sandbox", Json{{"timeout", 60}});
  EXPECT_FALSE(made.is_error()) << made;
  const Json& data = made.data();
  EXPECT_EQ(data.at("success"), true);
  EXPECT_FALSE(data.at("sandbox_id").get<std::string>().empty());
  expect_time(data.at("created_at"));
  expect_time(data.at("last_used"));
  expect_time(data.at("expires_at"));
  EXPECT_EQ(data.at("image"), test_image());
  EXPECT_TRUE(
      std::regex_match(data.at("r_version").get<std::string>(), std::regex(R"(\d\.\d+\.\d+)")));
  EXPECT_TRUE(contains(made.text(), data.at("sandbox_id").get<std::string>())) << made;
}

TEST_F(Tools, ListShowsEverySandboxWithItsState) {
  const Sandbox a = sandbox();
  const Sandbox b = sandbox();
  a.run("1");
  const ToolResult listed = server().call("list_sandboxes");
  EXPECT_EQ(listed.data().at("success"), true);
  EXPECT_EQ(listed.data().at("count"), 2);
  ASSERT_EQ(listed.data().at("sandboxes").size(), 2U);
  for (const Json& item : listed.data().at("sandboxes")) {
    EXPECT_TRUE(item.at("id") == a.id() || item.at("id") == b.id()) << item;
    EXPECT_EQ(item.at("state"), "idle") << item;
    expect_time(item.at("created_at"));
    expect_time(item.at("last_used"));
    expect_time(item.at("expires_at"));
    EXPECT_TRUE(contains(listed.text(), item.at("id").get<std::string>()));
  }
}

TEST_F(Tools, ListIsEmptyAtFirstAndAfterTheLastIsRemoved) {
  EXPECT_EQ(server().call("list_sandboxes").data().at("count"), 0);
  const Sandbox box = sandbox();
  EXPECT_EQ(server().call("list_sandboxes").data().at("count"), 1);
  EXPECT_TRUE(box.remove().success());
  const Json data = server().call("list_sandboxes").data();
  EXPECT_EQ(data.at("count"), 0);
  EXPECT_EQ(data.at("sandboxes"), Json::array());
}

TEST_F(Tools, ListShowsTheRecentlyEndedWithTheReasonWhenAsked) {
  const Sandbox box = sandbox();
  box.remove();
  for (const Json& yes : {Json(true), Json("true")}) {
    const ToolResult listed = server().call("list_sandboxes", Json{{"include_inactive", yes}});
    ASSERT_EQ(listed.data().at("sandboxes").size(), 1U) << listed;
    const Json& item = listed.data().at("sandboxes").at(0);
    EXPECT_EQ(item.at("id"), box.id());
    EXPECT_NE(item.at("state"), "idle");
    EXPECT_TRUE(contains(item.dump(), "remove")) << item;
  }
}

TEST_F(Tools, RemoveRemovesTheContainerAndSaysSo) {
  const Sandbox box = sandbox();
  EXPECT_EQ(containers().size(), 1U);
  const ToolResult removed = box.remove();
  EXPECT_TRUE(removed.success()) << removed;
  EXPECT_FALSE(removed.data().at("message").get<std::string>().empty());
  EXPECT_TRUE(box.run("1").tells_that_sandbox_is_gone());
  EXPECT_TRUE(eventually([this] { return containers().empty(); }, 10s));
  const ToolResult again = box.remove();
  EXPECT_TRUE(again.success() || again.tells_that_sandbox_is_gone()) << again;
}

TEST_F(Tools, RemoveRefusesWhileCodeIsRunningUnlessForced) {
  const Sandbox box = sandbox();
  const int running = box.start("file.create('begun'); Sys.sleep(60)", Json{{"timeout", 100}});
  wait_for_file(box, "/sandbox/begun");
  expect_refusal(box.remove(false), "sandbox_busy");
  EXPECT_EQ(containers().size(), 1U);
  EXPECT_TRUE(
      server().call("remove_sandbox", Json{{"sandbox_id", box.id()}, {"force", "true"}}).success());
  EXPECT_TRUE(eventually([this] { return containers().empty(); }, 10s));
  const ToolResult lost = server().finish_call(running);
  EXPECT_TRUE(lost.is_error()) << lost;
  EXPECT_EQ(lost.error_code(), "sandbox_ended") << lost;
}

TEST_F(Tools, ExecuteTellsOutputAndExitCode) {
  const ToolResult result = sandbox().run("x <- 20\nx + 22");
  EXPECT_FALSE(result.is_error()) << result;
  EXPECT_EQ(result.data().at("success"), true);
  EXPECT_EQ(result.data().at("status"), "done");
  EXPECT_EQ(result.data().at("output"), "[1] 42\n");
  EXPECT_EQ(result.data().at("exit_code"), 0);
  EXPECT_EQ(result.data().value("timed_out", false), false);
  EXPECT_EQ(result.data().value("truncated", false), false);
  EXPECT_TRUE(result.data().at("elapsed_ms").is_number());
  EXPECT_FALSE(result.data().at("execution_id").get<std::string>().empty());
  EXPECT_TRUE(contains(result.text(), "[1] 42")) << result;
}

TEST_F(Tools, AnRErrorIsNoProtocolErrorAndKeepsTheOutput) {
  const ToolResult result = sandbox().run("cat('before\\n'); stop('no luck')");
  EXPECT_FALSE(result.success());
  EXPECT_EQ(result.exit_code(), 1);
  EXPECT_EQ(result.error_code(), "r_error");
  EXPECT_EQ(result.error_message(), "no luck");
  EXPECT_EQ(result.output(), "before\nError: no luck\n");
  EXPECT_TRUE(contains(result.text(), "before")) << result;
  EXPECT_TRUE(contains(result.text(), "no luck")) << result;
}

TEST_F(Tools, NumbersAndBooleansMayComeAsStrings) {
  const ToolResult made = server().call(
      "create_sandbox", Json{{"timeout", "60"}, {"memory_mb", "256"}, {"cpus", "0.5"}});
  ASSERT_TRUE(made.success()) << made;
  const Sandbox box(server(), made.data().at("sandbox_id"));
  EXPECT_EQ(inspect(box).at("HostConfig").at("Memory"), 256LL << 20);
  EXPECT_TRUE(box.run("1", Json{{"timeout", "30"}, {"wait", "30"}}).success());
}

TEST_F(Tools, ExecutionsAndExpiryAreTold) {
  const Sandbox box = sandbox(Json{{"timeout", 60}});
  box.run("1");
  box.run("2");
  const Json item = server().call("list_sandboxes").data().at("sandboxes").at(0);
  EXPECT_EQ(item.at("executions"), 2) << item;
  EXPECT_GT(item.at("expires_at").get<std::string>(), item.at("last_used").get<std::string>());
}

struct Refusal {
  const char* name;
  const char* tool;
  Json arguments;
  const char* code;
  const char* named;  ///< what the message must name
};

void PrintTo(const Refusal& refusal, std::ostream* out) {
  *out << refusal.name;
}

class Refusals : public Tools, public testing::WithParamInterface<Refusal> {};

TEST_P(Refusals, SayWhatIsWrongSoThatItCanBeMended) {
  const Refusal& refusal = GetParam();
  const ToolResult result = server().call(refusal.tool, refusal.arguments);
  expect_refusal(result, refusal.code);
  EXPECT_TRUE(contains(result.error_message(), refusal.named)) << result;
}

INSTANTIATE_TEST_SUITE_P(
    Table, Refusals,
    testing::Values(
        Refusal{"UnknownArgument", "create_sandbox", Json{{"tiemout", 3}}, "invalid_argument",
                "tiemout"},
        Refusal{"UnknownArgumentOfList", "list_sandboxes", Json{{"all", true}}, "invalid_argument",
                "all"},
        Refusal{"NoCode", "execute_r_code", Json{{"sandbox_id", "x"}}, "invalid_argument", "code"},
        Refusal{"NothingToRemove", "remove_sandbox", Json::object(), "invalid_argument",
                "sandbox_id"},
        Refusal{"CodeIsANumber", "execute_r_code", Json{{"sandbox_id", "x"}, {"code", 7}},
                "invalid_argument", "code"},
        Refusal{"TimeoutIsAWord", "create_sandbox", Json{{"timeout", "soon"}}, "invalid_argument",
                "timeout"},
        Refusal{"TimeoutIsNegative", "create_sandbox", Json{{"timeout", -1}}, "invalid_argument",
                "timeout"},
        Refusal{"MemoryAboveTheMaximum", "create_sandbox", Json{{"memory_mb", 1000000}},
                "invalid_argument", "memory_mb"},
        Refusal{"CpusAboveTheMaximum", "create_sandbox", Json{{"cpus", 999}}, "invalid_argument",
                "cpus"},
        Refusal{"ForceIsAList", "remove_sandbox",
                Json{{"sandbox_id", "x"}, {"force", Json::array()}}, "invalid_argument", "force"},
        Refusal{"ImageNotAllowed", "create_sandbox", Json{{"image", "evil:latest"}},
                "image_not_allowed", "evil:latest"},
        Refusal{"NoSuchSandbox", "execute_r_code", Json{{"sandbox_id", "no-such"}, {"code", "1"}},
                "sandbox_not_found", "no-such"},
        Refusal{"NoSuchSandboxToRemove", "remove_sandbox", Json{{"sandbox_id", "no-such"}},
                "sandbox_not_found", "no-such"},
        Refusal{"IdLikeAnOption", "remove_sandbox", Json{{"sandbox_id", "--force"}},
                "sandbox_not_found", ""},
        Refusal{"IdLikeAPath", "execute_r_code", Json{{"sandbox_id", "../../etc"}, {"code", "1"}},
                "sandbox_not_found", ""}),
    [](const auto& refusal) { return refusal.param.name; });

TEST_F(Tools, AnImageThatIsNotThereIsToldWithAdvice) {
  Server& other = start({{{"DOCKER_IMAGE", "omcp-r-test:never-made"}}, {}, true, {}});
  const ToolResult result = other.call("create_sandbox");
  expect_refusal(result, "image_not_found");
  const std::string pull = on_podman() ? "podman pull docker.io/library/" : "docker pull ";
  EXPECT_TRUE(contains(result.error_message(), pull + "omcp-r-test:never-made")) << result;
  EXPECT_TRUE(containers().empty());
}

TEST_F(Tools, AllowedImagesCanBeAskedFor) {
  Server& other = start({{{"ALLOWED_IMAGES", newest_test_image()}}, {}, true, {}});
  const Sandbox box = create(other, Json{{"image", newest_test_image()}});
  EXPECT_EQ(inspect(box).at("Config").at("Image"), newest_test_image());
  EXPECT_EQ(box.output("cat(R.version$major)").substr(0, 1), "4");
}

TEST_F(Tools, TheMaximumNumberIsKeptPendingCreationsIncluded) {
  Server& other = start({{{"MAX_SANDBOXES", "2"}}, {}, true, {}});
  std::vector<int> calls;
  for (int i = 0; i < 5; ++i) calls.push_back(other.send_call("create_sandbox"));
  int made = 0;
  for (const int id : calls) {
    const ToolResult result = other.finish_call(id);
    if (result.success()) {
      ++made;
    } else {
      expect_refusal(result, "max_sandboxes_reached");
      EXPECT_TRUE(contains(result.error_message(), "2")) << result;
    }
  }
  EXPECT_EQ(made, 2);
  EXPECT_EQ(containers().size(), 2U);
}

TEST_F(Tools, ARemovedSandboxGivesItsPlaceBack) {
  Server& other = start({{{"MAX_SANDBOXES", "1"}}, {}, true, {}});
  for (int i = 0; i < 3; ++i) {
    const Sandbox box = create(other);
    expect_refusal(other.call("create_sandbox"), "max_sandboxes_reached");
    EXPECT_TRUE(box.remove().success());
  }
}

TEST_F(Tools, CreateTellsWhatIsInstalledAndWhatTheDataAre) {
  std::filesystem::create_directories(folder() / "study" / "raw");
  write_file(folder() / "study" / "survey 2024.csv", "a\n1\n");
  const std::string data = (folder() / "study").string();
  Server& usual = start({{{"DATA_DIR", data}}, {}, true, {}});
  const ToolResult made = usual.call("create_sandbox");
  EXPECT_TRUE(contains(made.text(), "data.table, ")) << made;
  EXPECT_TRUE(
      contains(made.text(), data + " of the user's machine, read-only: raw/, survey 2024.csv"))
      << made;
  const std::string id = made.data().at("sandbox_id");
  const Json read =
      usual.request("resources/read", Json{{"uri", "sandbox://" + id + "/.packages"}});
  const std::string packages = read.at("contents").at(0).at("text");
  EXPECT_TRUE(std::regex_search(packages, std::regex(R"(\nggplot2 \d[0-9.]+\n)"))) << packages;
  EXPECT_TRUE(std::regex_search(packages, std::regex(R"(\nstats \d[0-9.]+\n)"))) << packages;
  EXPECT_TRUE(Sandbox(usual, id).remove().success());
}

TEST_F(Tools, VariablesAreToldAndNothingOfTheirsIsRun) {
  const Sandbox box = sandbox();
  const auto objects = [&] {
    const Json read =
        server().request("resources/read", Json{{"uri", "sandbox://" + box.id() + "/.objects"}});
    return Json::parse(read.at("contents").at(0).at("text").get<std::string>());
  };
  EXPECT_TRUE(objects().at("objects").empty());
  box.output(
      "x <- 1:10; d <- iris; m <- matrix(0, 2, 3); f <- function(a, b = 2) a; e <- new.env();"
      "`my name` <- 'text'; .hidden <- 1; n <- NULL;"
      // What would run code of theirs, had it its way.
      "o <- structure(list(1), class = 'trap'); t <- structure(new.env(), class = 'trap');"
      "dim.trap <- length.trap <- format.trap <- print.trap <- function(x, ...) repeat {};"
      "makeActiveBinding('a', function() repeat {}, globalenv())");
  std::map<std::string, Json> by_name;
  const Json told = objects();
  for (const Json& one : told.at("objects")) by_name[one.at("name")] = one;
  EXPECT_FALSE(by_name.contains(".hidden"));
  EXPECT_EQ(by_name.at("x").at("class"), "integer");
  EXPECT_EQ(by_name.at("d").at("dim"), "150 x 5");
  EXPECT_EQ(by_name.at("d").at("line"), "data.frame [150 x 5]");
  EXPECT_EQ(by_name.at("x").at("bytes"), 40);
  EXPECT_EQ(by_name.at("m").at("class"), "matrix, array");
  EXPECT_EQ(by_name.at("f").at("line"), "function (a, b = 2)");
  EXPECT_EQ(by_name.at("e").at("class"), "environment");
  EXPECT_EQ(by_name.at("my name").at("line"), "text");
  EXPECT_EQ(by_name.at("a").at("class"), "active binding");
  EXPECT_EQ(by_name.at("o").at("class"), "trap");
  EXPECT_EQ(by_name.at("t").at("class"), "trap");
  EXPECT_EQ(by_name.at("n").at("line"), "NULL");
  EXPECT_EQ(box.output("length(ls())"), "[1] 14\n");  // and all is as it was
}

TEST_F(Tools, LookingAtVariablesCostsTheSessionNothing) {
  const Sandbox box = sandbox();
  // What looks small and is not: shared, not yet made, or code of theirs.
  box.output(
      "x <- 1; for (i in 1:60) x <- list(x, x); keep <- 42; z <- as.character(1:14e6);"
      "m <- quote(expr = ); delayedAssign('lazy', repeat {});"
      "registerS3method('format', 'numeric', function(x, ...) { called <<- 1; 'forged' })");
  const Json read =
      server().request("resources/read", Json{{"uri", "sandbox://" + box.id() + "/.objects"}});
  const Json told = Json::parse(read.at("contents").at(0).at("text").get<std::string>());
  std::map<std::string, Json> by_name;
  for (const Json& one : told.at("objects")) by_name[one.at("name")] = one;
  EXPECT_EQ(by_name.at("keep").at("line"), "42");
  EXPECT_EQ(by_name.at("x").at("line"), "list [2]");
  EXPECT_EQ(by_name.at("m").at("class"), "");
  EXPECT_EQ(told.value("left_out", 0), static_cast<int>(6 - by_name.size())) << told;
  EXPECT_EQ(box.output("keep; exists('called')"), "[1] 42\n[1] FALSE\n");
}

/// What in `value` is not as `schema` says; "" where all is. Knows what our schemas use.
std::string breach_of(const Json& value, const Json& schema, const std::string& where) {
  const std::map<std::string, bool> is{
      {"null", value.is_null()},     {"boolean", value.is_boolean()},
      {"string", value.is_string()}, {"integer", value.is_number_integer()},
      {"number", value.is_number()}, {"array", value.is_array()},
      {"object", value.is_object()},
  };
  const Json types =
      schema.at("type").is_array() ? schema.at("type") : Json::array({schema.at("type")});
  if (std::none_of(types.begin(), types.end(), [&](const Json& type) { return is.at(type); })) {
    return where + " is no " + types.dump();
  }
  const Json allowed = schema.value("enum", Json::array({value}));
  if (std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
    return where + " is none of " + allowed.dump();
  }
  std::string wrong;
  for (const Json& name : schema.value("required", Json::array())) {
    wrong += value.contains(name.get<std::string>()) ? "" : where + " lacks " + name.dump();
  }
  const Json properties = schema.value("properties", Json::object());
  for (std::size_t i = 0; value.is_array() && schema.contains("items") && i < value.size(); ++i) {
    wrong += breach_of(value.at(i), schema.at("items"), where + "[]");
  }
  for (auto item = value.begin(); value.is_object() && item != value.end(); ++item) {
    wrong += properties.contains(item.key())
                 ? breach_of(item.value(), properties.at(item.key()), where + "." + item.key())
                 : where + " has " + item.key() + ", which nothing describes";
  }
  return wrong;
}

TEST_F(Tools, StructuredContentIsAsItsSchemaSays) {
  const Sandbox box = sandbox();
  const Json listed = server().request("tools/list");
  Json schema;
  for (const Json& tool : listed.at("tools")) {
    if (tool.at("name") == "execute_r_code") schema = tool.at("outputSchema");
  }
  for (const char* code :
       {"1 + 1", "head(mtcars); plot(1); writeLines('x', 'x.txt')",
        "f <- function() stop('no')\nf()", "warning('careful'); as.integer('x')", "1 +",
        "matrix(1:4, 2)", "quit(status = 3)", "system('sleep 300', wait = FALSE); list(1)",
        "data.table::data.table(a = NA, b = 'x')"}) {
    EXPECT_EQ(breach_of(box.run(code).data(), schema, "result"), "") << code;
  }
  const ToolResult running = box.run("Sys.sleep(60)", Json{{"wait", 0}});
  EXPECT_EQ(breach_of(running.data(), schema, "result"), "") << running;
  box.run("", Json{{"interrupt", true}});
}

TEST_F(Tools, ByDefaultAResultIsTextAndImagesAlone) {
  Server& usual = start({{{"STRUCTURED_CONTENT", ""}}, {}, true, {}});
  const Sandbox box = create(usual);
  const ToolResult sum = box.run("1 + 1");
  EXPECT_FALSE(sum.result.contains("structuredContent")) << sum;
  EXPECT_EQ(sum.result.at("content"), (Json{{{"type", "text"}, {"text", "[1] 2\n"}}})) << sum;
  const Json typed = sum.result.at("_meta").at("omcp-r-sandbox/result");
  EXPECT_EQ(typed.at("exit_code"), 0) << sum;
  EXPECT_EQ(typed.at("sandbox_id"), box.id()) << sum;
  const ToolResult wrong = box.run("f <- function(x) stop('boom ', x)\n\nf(3)");
  EXPECT_TRUE(wrong.is_error()) << wrong;
  EXPECT_FALSE(wrong.result.contains("structuredContent")) << wrong;
  EXPECT_EQ(wrong.text(), "Error in f(3) : boom 3\n\n[At line 3 of the code]\n\n") << wrong;
  EXPECT_EQ(wrong.result.at("_meta").at("omcp-r-sandbox/result").at("error").at("line"), 3);
}

TEST_F(Tools, TheOwnSandboxIsNamedOnceAndAgainWhenItIsAnother) {
  Server& usual = server();
  const Json one{{"code", "x <- 1; x"}};
  const ToolResult first = usual.call("execute_r_code", one);
  const std::string id = first.data().at("sandbox_id");
  EXPECT_TRUE(contains(first.text(), id)) << first;
  EXPECT_EQ(usual.call("execute_r_code", one).text(), "[1] 1\n\n");
  EXPECT_TRUE(Sandbox(usual, id).remove().success());
  const ToolResult other = usual.call("execute_r_code", one);
  EXPECT_TRUE(contains(other.text(), "A new session was started")) << other;
  EXPECT_TRUE(Sandbox(usual, other.data().at("sandbox_id")).remove().success());
}

TEST_F(Tools, ResultsHaveNoStructureAtRevisionsWithoutIt) {
  Server& old = start({{}, {}, false, {}});
  old.initialize("2024-11-05");
  const Json made =
      old.request("tools/call", Json{{"name", "create_sandbox"}, {"arguments", Json::object()}});
  EXPECT_FALSE(made.contains("structuredContent")) << made;
  Server& present = start();
  const Json all = present.call("list_sandboxes").data().at("sandboxes");
  ASSERT_EQ(all.size(), 1U);
  const std::string id = all.at(0).at("id");
  EXPECT_TRUE(contains(made.dump(), id)) << "the text is complete without it: " << made;
  EXPECT_TRUE(Sandbox(present, id).remove().success());
}

TEST_F(Tools, ASpareKeptReadyIsHandedOutAndNoSpareOutlivesItsDeadline) {
  allow_spares();
  Server& ready =
      start({{{"WARM_POOL", "1"}, {"SANDBOX_TIMEOUT", "4"}, {"MAX_SANDBOXES", "3"}}, {}, true, {}});
  ready.call("list_sandboxes");
  const Sandbox box = create(ready);
  EXPECT_EQ(box.output("1 + 1"), "[1] 2\n");
  EXPECT_EQ(ready.call("list_sandboxes").data().at("count"), 1)
      << "a spare is no sandbox of the user";
  ready.kill(9);
  EXPECT_EQ(ready.wait_for_end().signal, 9);
  EXPECT_TRUE(eventually([this] { return containers().empty(); }, 60s));
}

TEST_F(Tools, ASpareHasLoadedWhatPreloadNames) {
  allow_spares();
  Server& ready = start({{{"WARM_POOL", "1"}, {"PRELOAD", "parallel,nobody9"}}, {}, true, {}});
  create(ready);
  const Sandbox spare = create(ready);
  EXPECT_EQ(spare.output("'parallel' %in% loadedNamespaces()\n'package:parallel' %in% search()"),
            "[1] TRUE\n[1] FALSE\n");
  EXPECT_EQ(spare.output("library(parallel); detectCores() > 0"), "[1] TRUE\n");
  EXPECT_TRUE(eventually([&] { return contains(ready.log(), "packages=nobody9"); }, 10s))
      << ready.log();
}

class OwnSandbox : public SandboxTest {};

TEST_F(OwnSandbox, CodeWithoutASandboxRunsInTheServersOwnAndTheResultNamesIt) {
  const ToolResult first = server().call("execute_r_code", Json{{"code", "x <- 41; x"}});
  EXPECT_EQ(first.output(), "[1] 41\n") << first;
  const std::string id = first.data().at("sandbox_id");
  EXPECT_TRUE(contains(first.text(), id)) << first;
  EXPECT_EQ(server().call("execute_r_code", Json{{"code", "x + 1"}}).output(), "[1] 42\n");
  EXPECT_EQ(server().call("list_sandboxes").data().at("count"), 1);
  EXPECT_TRUE(server().call("remove_sandbox", Json{{"sandbox_id", id}}).success());
  const ToolResult anew = server().call("execute_r_code", Json{{"code", "exists('x')"}});
  EXPECT_EQ(anew.output(), "[1] FALSE\n") << anew;
  EXPECT_NE(anew.data().at("sandbox_id"), id);
  server().call("remove_sandbox", Json{{"sandbox_id", anew.data().at("sandbox_id")}});
}

}  // namespace
}  // namespace omcp_r::e2e
