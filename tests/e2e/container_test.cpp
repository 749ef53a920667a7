// The server in a container of its own, started as a host starts it: by the block in README.md.

#include <sys/stat.h>

#include <algorithm>

#include "support/fixture.hpp"
#include "support/second_engine.hpp"

namespace omcp_r::e2e {
namespace {

constexpr const char* kSocket = "/var/run/docker.sock";

/// The command and arguments of the entry in README.md that runs the server by docker.
Argv readme_entry() {
  const std::string readme = read_file(OMCP_README);
  constexpr std::string_view kFence = "```json\n";
  for (std::size_t at = readme.find(kFence); at != std::string::npos;
       at = readme.find(kFence, at + 1)) {
    const std::size_t begin = at + kFence.size();
    const Json block = Json::parse(readme.substr(begin, readme.find("```", begin) - begin));
    if (!block.contains("mcpServers")) continue;
    const Json& entry = block.at("mcpServers").front();
    if (!contains(entry.at("command").get<std::string>(), "docker")) continue;
    Argv argv{entry.at("command")};
    for (const Json& argument : entry.at("args")) argv.push_back(argument);
    return argv;
  }
  throw std::runtime_error("README.md has no entry that runs docker");
}

class InContainer : public SandboxTest {
 protected:
  void SetUp() override {
    SandboxTest::SetUp();
    ::mkdir((folder() / "survey").c_str(), 0755);
    ::chmod(folder().c_str(), 0755);
    write_file(folder() / "survey" / "in.txt", "from the host\n");
    volume_ = "omcp-test-" + scope();
  }
  void TearDown() override {
    SandboxTest::TearDown();
    try_docker({"volume", "rm", volume_});
  }

  /// The entry as it stands, but for what belongs to one machine: the client, the socket, Ann's
  /// folder, the names of image and volume; and with settings of the tests, as a host's user adds.
  Argv entry(const std::string& socket, Argv more = {}) const {
    Argv argv = readme_entry();
    argv.front() = engine_.client.empty() ? "docker" : engine_.client;
    if (!engine_.host.empty()) argv.insert(argv.begin() + 1, {"--host", engine_.host});
    const auto replace = [&argv](const std::string& what, const std::string& by) {
      int found = 0;
      for (std::string& argument : argv) {
        for (std::size_t at = argument.find(what); at != std::string::npos;
             at = argument.find(what, at + by.size())) {
          argument.replace(at, what.size(), by);
          ++found;
        }
      }
      EXPECT_GT(found, 0) << "README.md's entry has no " << what;
    };
    replace(std::string(kSocket) + ":" + kSocket, socket + ":" + kSocket);
    replace("omcp-r-state:", volume_ + ":");
    replace("/Users/ann/survey", (folder() / "survey").string());
    argv.pop_back();
    const Argv own{"--name", "omcp-server-" + scope(),       "-e", "SCOPE=" + scope(),
                   "-e",     "DOCKER_IMAGE=" + test_image(), "-e", "WARM_POOL=0",
                   "-e",     "STRUCTURED_CONTENT=always"};
    argv.insert(argv.end(), own.begin(), own.end());
    argv.insert(argv.end(), more.begin(), more.end());
    argv.push_back(environment_or("OMCP_TEST_SERVER_IMAGE", "omcp-r-test-server:latest"));
    return argv;
  }

  std::unique_ptr<Server> run_entry(const Argv& argv) {
    return std::make_unique<Server>(
        ChildSpec{argv, environment({}), folder() / "work", folder() / "container.log", {}});
  }

  /// An engine's socket as Docker Desktop shows it: of root and its group.
  std::string socket_of_root() {
    const std::string path = folder() / "desktop.sock";
    forwarder_ = std::make_unique<Child>(
        ChildSpec{{"socat", "-t", "600", "UNIX-LISTEN:" + path + ",fork,user=0,group=0,mode=660",
                   std::string("UNIX-CONNECT:") + kSocket},
                  {},
                  {},
                  folder() / "socat.log",
                  {}});
    EXPECT_TRUE(eventually([&path] { return std::filesystem::exists(path); }, 10s));
    return path;
  }

  void expect_gone() {
    EXPECT_EQ(trimmed(docker({"ps", "-aq", "--filter", "name=omcp-server-" + scope()}, engine_)),
              "");
  }

  void use(const EngineAddress& engine) {
    engine_ = engine;
    use_engine(engine);
  }

  EngineAddress engine_;

 private:
  std::string volume_;
  std::unique_ptr<Child> forwarder_;
};

/// Two servers one after the other, as when a host is started anew; R, its state and the person's
/// data are there for both.
void expect_to_work(const std::function<std::unique_ptr<Server>()>& start) {
  std::string id;
  {
    const auto server = start();
    server->initialize();
    const Sandbox box = SandboxTest::create(*server);
    id = box.id();
    EXPECT_EQ(box.output("x <- 6 * 7; readLines('/data/in.txt')"), "[1] \"from the host\"\n");
    EXPECT_EQ(box.run("plot(1:3)").images().size(), 1U);
    server->close_input();
    EXPECT_EQ(server->wait_for_end(30s).code, 0);
  }
  const auto server = start();
  server->initialize();
  const Sandbox again(*server, id);
  EXPECT_EQ(again.output("x"), "[1] 42\n");
  EXPECT_TRUE(again.remove().success());
  server->close_input();
  EXPECT_EQ(server->wait_for_end(30s).code, 0);
}

TEST_F(InContainer, TheEntryOfTheReadmeWorksWithASocketLikeDockerDesktops) {
  const std::string socket = socket_of_root();
  expect_to_work([&] { return run_entry(entry(socket)); });
  expect_gone();
}

// What the install command writes into a host's file, started as that host does.
TEST_F(InContainer, TheEntryThatInstallWritesWorks) {
  const std::filesystem::path home = folder() / "home";
  std::filesystem::create_directories(home / ".cursor");
  Argv install{"env",     "HOME=" + home.string(),
               binary(),  "install",
               "cursor",  "--container",
               "--image", environment_or("OMCP_TEST_SERVER_IMAGE", "omcp-r-test-server:latest"),
               "--env",   "SCOPE=" + scope(),
               "--env",   "DOCKER_IMAGE=" + test_image(),
               "--env",   "WARM_POOL=0",
               "--env",   "STRUCTURED_CONTENT=always",
               "--env",   "DATA_DIR=" + (folder() / "survey").string()};
  const Finished installed = run(install);
  ASSERT_EQ(installed.ending.code, 0) << installed.output;
  const Json file = Json::parse(read_file(home / ".cursor" / "mcp.json"));
  const Json& entry = file.at("mcpServers").at("omcp-r-sandbox");
  Argv argv{"env"};
  const Json variables = entry.value("env", Json::object());
  for (const auto& [name, value] : variables.items()) {
    argv.push_back(name + "=" + value.get<std::string>());
  }
  argv.push_back(entry.at("command"));
  for (const Json& argument : entry.at("args")) argv.push_back(argument);
  // A volume of the test's own in place of the person's, and a name to see it gone by.
  const auto state = std::find(argv.begin(), argv.end(), "omcp-r-state:/var/lib/omcp-r-sandbox");
  ASSERT_NE(state, argv.end());
  *state = "omcp-test-" + scope() + ":/var/lib/omcp-r-sandbox";
  const Argv name{"--name", "omcp-server-" + scope()};
  argv.insert(std::find(argv.begin(), argv.end(), "run") + 1, name.begin(), name.end());
  expect_to_work([&] { return run_entry(argv); });
  expect_gone();
}

TEST_F(InContainer, TheSocketsGroupIsToldWhereItIsAnother) {
  struct stat socket {};
  ASSERT_EQ(::stat(kSocket, &socket), 0);
  ASSERT_NE(socket.st_gid, 0U) << "this engine's socket is root's";
  const std::string option = "--group-add " + std::to_string(socket.st_gid);
  {
    const auto server = run_entry(entry(kSocket));
    server->initialize();
    const ToolResult refused = server->call("create_sandbox");
    EXPECT_EQ(refused.error_code(), "engine_unavailable") << refused;
    EXPECT_TRUE(contains(refused.error_message(), option)) << refused;
    server->close_input();
    EXPECT_EQ(server->wait_for_end(30s).code, 0);
  }
  const Argv group{"--group-add", std::to_string(socket.st_gid)};
  expect_to_work([&] { return run_entry(entry(kSocket, group)); });
  expect_gone();
}

TEST_F(InContainer, AFolderThatIsMountedElsewhereIsTheSameFolder) {
  const Argv elsewhere{"-v", (folder() / "survey").string() + ":/elsewhere:ro", "-e",
                       "DATA_DIR=/elsewhere"};
  const std::string socket = socket_of_root();
  expect_to_work([&] { return run_entry(entry(socket, elsewhere)); });
}

TEST_F(InContainer, WhatIsSavedIsToldByItsNameOutside) {
  const std::filesystem::path out = folder() / "results";
  std::filesystem::create_directory(out);
  std::filesystem::permissions(out, std::filesystem::perms::all);
  const auto server =
      run_entry(entry(socket_of_root(), {"-v", out.string() + ":/o", "-e", "OUTPUT_DIR=/o"}));
  server->initialize();
  const Sandbox box = SandboxTest::create(*server);
  const ToolResult made = box.run("cat('one', file = 'a.txt')");
  EXPECT_TRUE(contains(made.text(), "Saved on the host: " + (out / box.id()).string())) << made;
  const std::string saved = made.data().at("files").at(0).at("saved_as");
  EXPECT_EQ(read_file(saved), "one") << made;
  std::filesystem::permissions(out / box.id(), std::filesystem::perms::owner_read);
  const ToolResult refused = box.run("cat('two', file = 'b.txt')");
  EXPECT_TRUE(contains(refused.text(), "to " + (out / box.id()).string())) << refused;
  std::filesystem::permissions(out / box.id(), std::filesystem::perms::owner_all);
  EXPECT_TRUE(box.remove().success());
  server->close_input();
  EXPECT_EQ(server->wait_for_end(30s).code, 0);
}

// It sees that one's /etc/hostname, by which Docker's containers know themselves.
TEST_F(InContainer, ThatHasTheNetworkOfAnotherIsNotTakenForThatOne) {
  const std::filesystem::path out = folder() / "results";
  std::filesystem::create_directory(out);
  std::filesystem::permissions(out, std::filesystem::perms::all);
  const std::string other = "omcp-other-" + scope();
  docker({"run", "--detach", "--rm", "--network", "none", "--name", other, "-v",
          (folder() / "survey").string() + ":/o", test_image(), "sleep", "120"});
  Argv argv = entry(socket_of_root(), {"-v", out.string() + ":/o", "-e", "OUTPUT_DIR=/o"});
  *(std::find(argv.begin(), argv.end(), "--network") + 1) = "container:" + other;
  const auto server = run_entry(argv);
  server->initialize();
  const ToolResult refused = server->call("create_sandbox");
  EXPECT_EQ(refused.error_code(), "configuration_invalid") << refused;
  EXPECT_TRUE(contains(refused.error_message(), "--network container:NAME")) << refused;
  server->close_input();
  server->wait_for_end(30s);
  docker({"rm", "--force", other});
}

TEST_F(InContainer, AFolderThatIsNotMountedIsRefusedWithTheOptionToAdd) {
  const std::string socket = socket_of_root();
  for (const char* folder : {"/nonexistent/mine", "/tmp"}) {
    const auto server = run_entry(entry(socket, {"-e", std::string("OUTPUT_DIR=") + folder}));
    server->initialize();
    const ToolResult refused = server->call("create_sandbox");
    EXPECT_EQ(refused.error_code(), "configuration_invalid") << refused;
    EXPECT_TRUE(contains(refused.error_message(), "OUTPUT_DIR")) << refused;
    if (folder != std::string("/tmp")) {
      const std::string option = std::string("-v ") + folder + ":" + folder;
      EXPECT_TRUE(contains(refused.error_message(), option)) << refused;
    }
    server->close_input();
    EXPECT_EQ(server->wait_for_end(30s).code, 2);
  }
  expect_gone();
}

// The server sees the folder behind the link only, and knows no home.
TEST_F(InContainer, ALinkToKeysIsRefusedAsTheyAre) {
  std::filesystem::create_directory(folder() / ".ssh");
  std::filesystem::create_symlink(folder() / ".ssh", folder() / "docs");
  std::filesystem::create_symlink("/etc", folder() / "more");
  const std::string socket = socket_of_root();
  for (const char* name : {".ssh", "docs", "more"}) {
    const std::string path = folder() / name;
    const auto server =
        run_entry(entry(socket, {"-v", path + ":" + path + ":ro", "-e", "DATA_DIR=" + path}));
    server->initialize();
    const ToolResult refused = server->call("create_sandbox");
    EXPECT_EQ(refused.error_code(), "configuration_invalid") << refused;
    EXPECT_TRUE(contains(refused.error_message(), "never shared")) << refused;
    server->close_input();
    EXPECT_EQ(server->wait_for_end(30s).code, 2);
  }
}

// What it starts must not be left, and its sandboxes must live on.
TEST_F(InContainer, ThatIsKilledLeavesItsSandboxesAndNothingElse) {
  const std::string socket = socket_of_root();
  auto server = run_entry(entry(socket));
  server->initialize();
  const std::string id = create(*server).id();
  docker({"kill", "omcp-server-" + scope()});
  server->wait_for_end(30s);
  EXPECT_TRUE(eventually(
      [this] {
        return trimmed(docker({"ps", "-aq", "--filter", "name=omcp-server-" + scope()})).empty();
      },
      20s));
  server = run_entry(entry(socket));
  server->initialize();
  EXPECT_TRUE(Sandbox(*server, id).remove().success());
  server->close_input();
  EXPECT_EQ(server->wait_for_end(30s).code, 0);
}

TEST_F(InContainer, OnTheNewestEngine) {
  const std::string programs = environment_or("OMCP_TEST_ENGINE_NEWEST", "");
  ASSERT_NE(programs, "") << "OMCP_TEST_ENGINE_NEWEST names the folder of its programs";
  SecondEngine second(folder() / "engine", {programs, {{"DOCKER_MIN_API_VERSION", "1.44"}}});
  second.load(test_image());
  second.load(environment_or("OMCP_TEST_SERVER_IMAGE", "omcp-r-test-server:latest"));
  use(second.address());
  const std::string socket = second.address().host.substr(std::string("unix://").size());
  struct stat entry_of_socket {};
  ASSERT_EQ(::stat(socket.c_str(), &entry_of_socket), 0);
  const Argv group{"--group-add", std::to_string(entry_of_socket.st_gid)};
  expect_to_work([&] { return run_entry(entry(socket, group)); });
  expect_gone();
  use({});
}

/// What stands between `before` and the next space or full stop.
std::string word_after(const std::string& text, const std::string& before) {
  const std::size_t at = text.find(before);
  if (at == std::string::npos) return "";
  const std::size_t begin = at + before.size();
  return text.substr(begin, text.find_first_of(" .", begin) - begin);
}

// With version 1 of cgroups it cannot limit anything, and says that it does.
TEST_F(InContainer, OnARootlessEngine) {
  const Finished may = run({"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                            "unshare", "--user", "--map-root-user", "true"});
  if (may.ending.code != 0)
    GTEST_SKIP() << "this kernel lets nobody make namespaces: " << may.output;
  const std::string image = environment_or("OMCP_TEST_SERVER_IMAGE", "omcp-r-test-server:latest");
  SecondEngine second(folder() / "engine", {{}, {}, true});
  second.load(test_image());
  second.load(image);
  use(second.address());
  const std::string socket = second.address().host.substr(std::string("unix://").size());
  const auto create_with = [&](const Argv& more) {
    const auto server = run_entry(entry(socket, more));
    server->initialize();
    const ToolResult result = server->call("create_sandbox");
    server->close_input();
    EXPECT_EQ(server->wait_for_end(30s).code, 0);
    return result;
  };
  const ToolResult unreachable = create_with({});
  EXPECT_EQ(unreachable.error_code(), "engine_unavailable") << unreachable;
  const std::string group = word_after(unreachable.error_message(), "--group-add ");
  ASSERT_NE(group, "") << unreachable;
  const ToolResult unlimited = create_with({"--group-add", group});
  EXPECT_EQ(unlimited.error_code(), "limits_not_applied") << unlimited;
  EXPECT_TRUE(contains(unlimited.error_message(), "memory, CPU, processes")) << unlimited;
  EXPECT_TRUE(contains(unlimited.error_message(), "rootful")) << unlimited;
  EXPECT_EQ(trimmed(docker({"ps", "-aq"}, engine_)), "");
  expect_gone();
  use({});
}

}  // namespace
}  // namespace omcp_r::e2e
