// Files in and out, resources, the data and output folders of the host.

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

class Files : public SandboxTest {
 public:
  static Json text_file(const std::string& path, const std::string& text) {
    return Json{{"path", path}, {"text", text}};
  }
  static Json binary_file(const std::string& path, const std::string& bytes) {
    return Json{{"path", path}, {"base64", base64_encode(bytes)}};
  }
  static Json with_files(std::vector<Json> files) { return Json{{"files", std::move(files)}}; }

  static Json file_of(const ToolResult& result, const std::string& path) {
    for (const Json& file : result.data().at("files")) {
      if (file.at("path") == path) return file;
    }
    throw std::runtime_error("no file " + path + " in " + result.shown());
  }

  Json read(const std::string& uri) {
    const Json result = server().request("resources/read", Json{{"uri", uri}});
    return result.at("contents").at(0);
  }
};

TEST_F(Files, InputsAreWrittenBeforeTheCodeRuns) {
  const Sandbox box = sandbox();
  const std::string bytes("\x00\x01\xff\n\r\x1a", 6);
  EXPECT_EQ(
      box.output("readLines('a.txt'); readLines('deep/er/b.csv'); readBin('c.bin', 'raw', 99)",
                 with_files({text_file("a.txt", "Grüße\nzwei\n"),
                             text_file("deep/er/b.csv", "x,y\n"), binary_file("c.bin", bytes)})),
      "[1] \"Grüße\" \"zwei\" \n[1] \"x,y\"\n[1] 00 01 ff 0a 0d 1a\n");
}

TEST_F(Files, InputsReplaceFilesAndMayBeEmpty) {
  const Sandbox box = sandbox();
  box.run("1", with_files({text_file("a.txt", "first version, long")}));
  EXPECT_EQ(box.output(
                "file.size('a.txt', 'e', 'e2')",
                with_files({text_file("a.txt", "2nd"), text_file("e", ""), binary_file("e2", "")})),
            "[1] 3 0 0\n");
}

TEST_F(Files, OfMegabytesArriveWhole) {
  const Sandbox box = sandbox();
  std::string bytes;
  for (unsigned i = 0; i < 3'000'000; ++i) bytes += static_cast<char>(i * 2654435761U >> 13U);
  const ToolResult result = box.run("file.size('big'); unname(tools::md5sum('big'))",
                                    with_files({binary_file("big", bytes)}));
  write_file(folder() / "big", bytes);
  const std::string sum = run({"md5sum", (folder() / "big").string()}).output.substr(0, 32);
  EXPECT_EQ(result.output(), "[1] 3e+06\n[1] \"" + sum + "\"\n") << result;
}

TEST_F(Files, NoInputLeavesTheFolder) {
  const Sandbox box = sandbox();
  box.run(
      "file.symlink('/tmp', 'link'); file.symlink('/etc/passwd', 'passwd'); dir.create('folder'); "
      "file.symlink('/tmp/x', 'dangling')");
  for (const char* path : {"../escape", "/etc/escape", "/sandboxabsolute", "/sandbox/../absolute",
                           "a/../../escape", "a/../b", "./../x", "..", ".", "", "link/inside",
                           "passwd", "dangling", "folder", "a//b", "folder/", "\001x/../y"}) {
    SCOPED_TRACE(path);
    const ToolResult result = box.run("cat('ran')", with_files({text_file(path, "evil")}));
    EXPECT_TRUE(result.is_error()) << result;
    EXPECT_EQ(result.error_code(), "invalid_argument") << result;
    EXPECT_NE(result.output(), "ran") << "code must not run without its inputs";
  }
  EXPECT_EQ(box.output("list.files('/tmp', pattern = 'escape|inside|^x$')"), "character(0)\n");
}

TEST_F(Files, MalformedInputsAreRefusedByName) {
  const Sandbox box = sandbox();
  for (const Json& file :
       {Json{{"path", "a"}}, Json{{"text", "x"}},
        Json{{"path", "a"}, {"text", "x"}, {"base64", "eA=="}},
        Json{{"path", "a"}, {"base64", "not base64 !!"}}, Json{{"path", 7}, {"text", "x"}},
        Json("a"), Json{{"path", "a"}, {"text", "x"}, {"mode", 7}}}) {
    SCOPED_TRACE(file.dump());
    const ToolResult result = box.run("cat('ran')", Json{{"files", Json::array({file})}});
    EXPECT_EQ(result.error_code(), "invalid_argument") << result;
  }
  EXPECT_EQ(box.run("1", Json{{"files", "a.txt"}}).error_code(), "invalid_argument");
}

TEST_F(Files, InputsTooBigForTheFolderAreAClearError) {
  const Sandbox box = sandbox(Json{{"memory_mb", 128}});
  const std::string nine_mebibytes(9U << 20U, 'x');
  ToolResult result;
  for (int i = 0; i < 6; ++i) {
    result = box.run("1", with_files({text_file("f" + std::to_string(i), nine_mebibytes)}));
    if (!result.success()) break;
  }
  EXPECT_TRUE(result.is_error());
  EXPECT_FALSE(result.error_message().empty()) << result;
  EXPECT_EQ(box.output("unlink(list.files()); cat('alive')"), "alive");
}

TEST_F(Files, MadeOrChangedOnesAreListedWithSizeTypeAndAddress) {
  const Sandbox box = sandbox();
  const ToolResult made = box.run(
      "write.csv(data.frame(a = 1:2), 'out.csv', row.names = FALSE); dir.create('d'); cat('x', "
      "file = 'd/übung 1.txt')");
  EXPECT_EQ(made.data().at("files").size(), 2U) << made;
  const Json csv = file_of(made, "out.csv");
  EXPECT_EQ(csv.at("size"), 8) << csv;
  EXPECT_EQ(csv.at("mime"), "text/csv");
  EXPECT_EQ(csv.at("uri"), "sandbox://" + box.id() + "/out.csv");
  EXPECT_EQ(read(file_of(made, "d/übung 1.txt").at("uri")).at("text"), "x");
  EXPECT_TRUE(contains(made.text(), "out.csv")) << made;
  EXPECT_EQ(box.run("1").data().at("files"), Json::array());
  const ToolResult changed = box.run("cat('more', file = 'out.csv', append = TRUE)");
  EXPECT_EQ(changed.data().at("files").size(), 1U) << changed;
}

TEST_F(Files, InputsAreNoResultsOfTheRun) {
  const ToolResult result =
      sandbox().run("cat(readLines('in.txt'))", with_files({text_file("in.txt", "given\n")}));
  EXPECT_EQ(result.data().at("files"), Json::array()) << result;
}

TEST_F(Files, LinksAndPipesAndFoldersAreNoResults) {
  const ToolResult result = sandbox().run(
      "x <- file.symlink('/etc/passwd', 'link'); dir.create('folder'); system('mkfifo pipe'); "
      "cat(1, file = 'real.txt')");
  EXPECT_EQ(result.data().at("files").size(), 1U) << result;
  EXPECT_EQ(file_of(result, "real.txt").at("size"), 1);
}

TEST_F(Files, ResourceLinksComeWhereTheRevisionHasThem) {
  const Sandbox box = sandbox();
  const ToolResult result = box.run("cat(1, file = 'a.txt')");
  bool linked = false;
  for (const Json& block : result.result.at("content")) {
    if (block.at("type") != "resource_link") continue;
    linked = true;
    EXPECT_EQ(block.at("uri"), file_of(result, "a.txt").at("uri"));
    EXPECT_FALSE(block.at("name").get<std::string>().empty());
  }
  EXPECT_TRUE(linked) << result;
  Server& old = start({{}, {}, false, {}});
  old.initialize("2024-11-05");
  const ToolResult before = box.through(old).run("cat(2, file = 'b.txt')");
  for (const Json& block : before.result.at("content"))
    EXPECT_NE(block.at("type"), "resource_link") << before;
  EXPECT_TRUE(contains(before.text(), "b.txt")) << before;
}

TEST_F(Files, ResourcesAreListedAndRead) {
  EXPECT_TRUE(server().initialize().at("capabilities").contains("resources"));
  const Sandbox box = sandbox();
  box.run("cat('text Grüße\\n', file = 'a.txt'); writeBin(as.raw(c(0, 255, 10)), 'b.bin')");
  const Json listed = server().request("resources/list").at("resources");
  EXPECT_TRUE(contains(listed.dump(), "sandbox://" + box.id() + "/a.txt")) << listed;
  EXPECT_TRUE(contains(listed.dump(), "sandbox://" + box.id() + "/b.bin")) << listed;
  for (const Json& resource : listed)
    EXPECT_FALSE(resource.at("name").get<std::string>().empty()) << resource;
  const Json templates = server().request("resources/templates/list").at("resourceTemplates");
  ASSERT_GE(templates.size(), 1U);
  EXPECT_TRUE(contains(templates.at(0).at("uriTemplate").get<std::string>(), "sandbox://"))
      << templates;
  EXPECT_EQ(read("sandbox://" + box.id() + "/a.txt").at("text"), "text Grüße\n");
  const Json blob = read("sandbox://" + box.id() + "/b.bin");
  EXPECT_EQ(base64_decode(blob.at("blob").get<std::string>()), std::string("\0\xff\n", 3));
  EXPECT_FALSE(blob.contains("text"));
}

TEST_F(Files, NoResourceLeavesTheFolder) {
  const Sandbox box = sandbox();
  box.run(
      "file.symlink('/etc/passwd', 'link'); file.symlink('/etc', 'etc'); system('mkfifo pipe'); "
      "dir.create('folder')");
  const std::string root = "sandbox://" + box.id();
  for (const std::string& uri :
       {root + "/../etc/passwd", root + "/%2e%2e/etc/passwd", root + "/..%2fetc/passwd",
        root + "//etc/passwd", root + "/link", root + "/etc/passwd", root + "/pipe",
        root + "/folder", root + "/", root, root + "/no-such-file", root + "/a%00b",
        std::string("sandbox://no-such/a.txt"), std::string("file:///etc/passwd"),
        std::string("sandbox://"), std::string()}) {
    SCOPED_TRACE(uri);
    const Json error = server().refused("resources/read", Json{{"uri", uri}});
    EXPECT_TRUE(error.at("code") == -32002 || error.at("code") == -32602) << error;
    EXPECT_FALSE(contains(error.dump(), "root:x"));
  }
  EXPECT_EQ(server().refused("resources/read").at("code"), -32602);
  EXPECT_EQ(box.output("cat('alive')"), "alive");
}

TEST_F(Files, AResourceOfAnySizeIsReadInParts) {
  const Sandbox box = sandbox();
  box.run(
      "set.seed(1); writeBin(as.raw(sample(0:255, 5e6, TRUE)), 'large.bin'); "
      "writeLines(rep('größer', 2e5), 'large.txt')");
  for (const char* name : {"large.bin", "large.txt"}) {
    SCOPED_TRACE(name);
    const std::string uri = "sandbox://" + box.id() + "/" + name;
    const Json first = server().request("resources/read", Json{{"uri", uri}}).at("contents");
    const Json& told = first.at(0).at("_meta").at("omcp-r-sandbox/parts");
    const int parts = told.at("parts");
    EXPECT_TRUE(
        contains(first.at(1).at("text").get<std::string>(), uri + "?part=" + std::to_string(parts)))
        << first.at(1);
    std::string all;
    for (int i = 1; i <= parts; ++i) {
      const Json part = read(uri + "?part=" + std::to_string(i));
      const bool is_text = part.contains("text");
      EXPECT_EQ(is_text, std::string(name) == "large.txt");
      all += is_text ? part.at("text").get<std::string>()
                     : base64_decode(part.at("blob").get<std::string>());
    }
    EXPECT_EQ(all.size(), told.at("size").get<std::size_t>());
    write_file(folder() / name, all);
    const std::string sum = run({"md5sum", (folder() / name).string()}).output.substr(0, 32);
    EXPECT_EQ(box.output(std::string("cat(tools::md5sum('") + name + "'))"), sum);
  }
}

TEST_F(Files, TheSessionSoFarIsAScriptThatRuns) {
  const Sandbox box = sandbox();
  box.run("set.seed(1); x <- rnorm(3)");
  box.run("before <- 3; stop('this one failed')\nnever <- 1");
  box.run("größe <- 'ü'\nmean(x)");
  const std::string script = read("sandbox://" + box.id() + "/.session.R").at("text");
  for (const char* part : {"set.seed(1); x <- rnorm(3)", "größe <- 'ü'\nmean(x)",
                           "sha256:", "C.UTF-8", "UTC", "R version"}) {
    EXPECT_TRUE(contains(script, part)) << part << "\n" << script;
  }
  const Sandbox fresh = sandbox();
  const std::string first = box.output("print(x, digits = 15)");
  fresh.run("source('session.R')", with_files({text_file("session.R", script)}));
  EXPECT_EQ(fresh.output("before"), "[1] 3\n") << script;
  EXPECT_EQ(fresh.output("print(x, digits = 15)"), first);
}

TEST_F(Files, TheDataFolderIsThereReadOnly) {
  std::filesystem::create_directories(folder() / "data" / "sub");
  write_file(folder() / "data" / "table.csv", "a,b\n1,2\n");
  write_file(folder() / "data" / "sub" / "x", "deep");
  std::filesystem::permissions(folder(), std::filesystem::perms(0755));
  Server& with_data = start({{{"DATA_DIR", folder() / "data"}}, {}, true, {}});
  const Sandbox box = create(with_data);
  EXPECT_EQ(box.output("read.csv('/data/table.csv')$b; list.files('/data', recursive = TRUE)"),
            "[1] 2\n[1] \"sub/x\"     \"table.csv\"\n");
  EXPECT_EQ(
      box.output("suppressWarnings(c(file.create('/data/new'), file.create('/data/table.csv'), "
                 "unlink('/data/table.csv') == 0 && !file.exists('/data/table.csv')))"),
      "[1] FALSE FALSE FALSE\n");
  EXPECT_EQ(read_file(folder() / "data" / "table.csv"), "a,b\n1,2\n");
  const Json mounts = inspect(box).at("Mounts");
  ASSERT_EQ(mounts.size(), 1U);
  EXPECT_EQ(mounts.at(0).at("RW"), false);
}

TEST_F(Files, ResultsAreAlsoWrittenUnderTheOutputFolderAndEarlierVersionsAreKept) {
  std::filesystem::create_directory(folder() / "out");
  Server& with_output = start({{{"OUTPUT_DIR", folder() / "out"}}, {}, true, {}});
  const Sandbox box = create(with_output);
  const ToolResult first =
      box.run("cat('one', file = 'a.txt'); dir.create('d'); cat('two', file = 'd/b.txt')");
  EXPECT_TRUE(contains(first.text(), (folder() / "out").string())) << first;
  const std::string saved = file_of(first, "a.txt").at("saved_as");
  EXPECT_EQ(read_file(saved), "one");
  EXPECT_EQ(saved.rfind((folder() / "out").string() + "/", 0), 0U) << saved;
  EXPECT_EQ(read_file(file_of(first, "d/b.txt").at("saved_as").get<std::string>()), "two");
  const ToolResult second = box.run("cat('changed', file = 'a.txt')");
  EXPECT_EQ(file_of(second, "a.txt").at("saved_as"), saved);
  EXPECT_EQ(read_file(saved), "changed");
  EXPECT_EQ(read_file(std::filesystem::path{saved}.parent_path() / "a-1.txt"), "one")
      << "the earlier version is gone";
}

TEST_F(Files, PlotsTheScriptAndAPageAreWrittenUnderTheOutputFolder) {
  std::filesystem::create_directory(folder() / "out");
  Server& with_output = start({{{"OUTPUT_DIR", folder() / "out"}}, {}, true, {}});
  const Sandbox box = create(with_output);
  const auto home = folder() / "out" / box.id();
  const ToolResult first = box.run("plot(1); plot(2); cat('x', file = 'index.html')");
  EXPECT_TRUE(contains(first.text(), home.string() + " (1 file, 2 plots)")) << first;
  box.run("y <- 1; stop('no')");
  box.run("plot(3)");
  for (const char* name : {"plot-001.png", "plot-002.png", "plot-003.png"}) {
    EXPECT_EQ(read_file(home / name).substr(1, 3), "PNG") << name;
  }
  EXPECT_EQ(read_file(home / "_index.html"), "x");
  const std::string script = read_file(home / "session.R");
  EXPECT_TRUE(contains(script, "\ny <- 1;\n# The following failed:\n# stop('no')\nplot(3)\n"))
      << script;
  const std::string page = read_file(home / "index.html");
  EXPECT_LT(page.find("plot-001.png"), page.find("plot-003.png"));
  EXPECT_TRUE(contains(page, "href=\"_index.html\"")) << page;
  EXPECT_TRUE(contains(page, "default-src 'none'")) << page;
  for (const auto& entry : std::filesystem::directory_iterator(home)) {
    EXPECT_NE(entry.path().filename().string().front(), '.') << entry;
  }
}

// Seen: R that had died between two calls took the code of its session with it.
TEST_F(Files, TheCodeOfASessionThatDiedIsKept) {
  std::filesystem::create_directory(folder() / "out");
  Server& with_output = start({{{"OUTPUT_DIR", folder() / "out"}}, {}, true, {}});
  const Sandbox box = create(with_output);
  const auto home = folder() / "out" / box.id();
  box.run("important <- 1; cat(Sys.getpid())");
  box.run("system(sprintf('(sleep 0.3; kill -9 %d) >/dev/null 2>&1 &', Sys.getpid()))");
  ASSERT_TRUE(eventually([&] { return box.run("exists('important')").output() == "[1] FALSE\n"; },
                         std::chrono::seconds(20)));
  EXPECT_TRUE(contains(read_file(home / "session-1.R"), "important <- 1"));
  EXPECT_FALSE(contains(read_file(home / "session.R"), "important <- 1"));
}

TEST_F(Files, WhatIsNotSavedOnTheHostIsToldInTheText) {
  std::filesystem::create_directory(folder() / "out");
  Server& with_output =
      start({{{"OUTPUT_DIR", folder() / "out"}, {"OUTPUT_MAX_SIZE", "1m"}}, {}, true, {}});
  const ToolResult result =
      create(with_output).run("writeLines('1', 'small'); writeLines(strrep('x', 2e5), 'large')");
  EXPECT_TRUE(contains(result.text(), "[Not saved on the host: large. ")) << result;
  EXPECT_TRUE(contains(result.text(), "(1 file)")) << result;
}

TEST_F(Files, AChangeOfTheResourcesIsTold) {
  const std::string method = "notifications/resources/list_changed";
  Server& own = start({{}, {}, true, {}});
  const Sandbox box = create(own);
  EXPECT_TRUE(own.wait_for_notification(method, std::chrono::seconds(5)));
  const auto told = own.notifications(method).size();
  box.run("1");
  EXPECT_EQ(own.notifications(method).size(), told);
  box.run("cat(1, file = 'a.txt')");
  EXPECT_EQ(own.notifications(method).size(), told + 1);
}

TEST_F(Files, NothingIsWrittenOutsideTheOutputFolder) {
  std::filesystem::create_directory(folder() / "out");
  Server& with_output = start({{{"OUTPUT_DIR", folder() / "out"}}, {}, true, {}});
  const Sandbox box = create(with_output);
  box.run("cat(1, file = 'first.txt')");
  // A link on the host where results of this sandbox go must not be followed.
  std::filesystem::create_directory(folder() / "elsewhere");
  for (const auto& entry : std::filesystem::directory_iterator(folder() / "out")) {
    std::filesystem::create_directory_symlink(folder() / "elsewhere", entry.path() / "d");
  }
  box.run(
      "dir.create('d'); cat('evil', file = 'd/x.txt'); system(\"printf evil > 'nl\\nname'; printf "
      "evil > '-rf'; printf evil > '..x'\")");
  EXPECT_TRUE(std::filesystem::is_empty(folder() / "elsewhere"));
}

}  // namespace
}  // namespace omcp_r::e2e
