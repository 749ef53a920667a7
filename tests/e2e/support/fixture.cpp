#include "support/fixture.hpp"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGKILL

#include <algorithm>
#include <random>
#include <stdexcept>

namespace omcp_r::e2e {
namespace {

std::string new_scope() {
  std::random_device random;
  return "e2e-" + std::to_string(random()) + std::to_string(random());
}

void pass_through(Environment& environment, const char* name) {
  const std::string value = environment_or(name, "");
  if (!value.empty()) environment[name] = value;
}

std::string command_line(const std::filesystem::path& process) {
  std::string line = read_file(process / "cmdline");
  std::replace(line.begin(), line.end(), '\0', ' ');
  return trimmed(line);
}

}  // namespace

ServerTest::ServerTest() : scope_(new_scope()) {
  std::filesystem::create_directory(folder() / "home");
  std::filesystem::create_directory(folder() / "work");
}

Environment ServerTest::environment(const Environment& changes) const {
  // Tests are programs: they read typed fields.
  Environment result{{"PATH", environment_or("PATH", "/usr/local/bin:/usr/bin:/bin")},
                     {"STRUCTURED_CONTENT", "always"},
                     {"HOME", folder() / "home"},
                     {"SCOPE", scope_},
                     {"STATE_DIR", folder() / "state"},
                     {"DOCKER_IMAGE", test_image()},
                     {"ENGINE", test_engine()},
                     {"WARM_POOL", "0"},
                     {"SANDBOX_TIMEOUT", "240"}};
  for (const char* name :
       {"CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "DOCKER_HOST", "DOCKER_CONTEXT", "RUNTIME",
        "OMCP_TEST_RUN", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"}) {
    pass_through(result, name);
  }
  if (on_kubernetes()) {
    result["DOCKER"] = environment_or("OMCP_TEST_KUBECTL", "kubectl");
    result["KUBECONFIG"] = environment_or("OMCP_TEST_KUBECONFIG", "/nonexistent");
  }
  for (const auto& [name, value] : changes) result[name] = value;
  return result;
}

std::string ServerTest::client_without(const std::string& flag, const std::string& instead) const {
  const std::filesystem::path client = folder() / "docker-without";
  write_file(client, "#!/bin/bash\nargs=()\nfor a; do\n  if [[ $a != " + flag +
                         "* ]]; then args+=(\"$a\")\n  elif [[ -n '" + instead +
                         "' ]]; then args+=('" + instead + "'); fi\ndone\nexec " + test_engine() +
                         " \"${args[@]}\"\n");
  std::filesystem::permissions(client, std::filesystem::perms::owner_all);
  return client;
}

Server& ServerTest::start(const Start& how) {
  Argv argv{binary()};
  argv.insert(argv.end(), how.arguments.begin(), how.arguments.end());
  const auto log = folder() / ("server-" + std::to_string(servers_.size()) + ".log");
  const ChildSpec spec{argv, environment(how.environment), folder() / "work", log, how.input};
  servers_.push_back(std::make_unique<Server>(spec));
  if (how.handshake && how.input.empty()) servers_.back()->initialize();
  return *servers_.back();
}

Server& ServerTest::server() {
  return servers_.empty() ? start() : *servers_.front();
}

void ServerTest::TearDown() {
  for (const auto& server : servers_) {
    if (!server->running()) continue;
    server->close_input();
    const Ending ending = server->wait_for_end(10s * time_factor());
    EXPECT_EQ(ending.code, 0) << to_string(ending) << "\n" << server->log();
  }
  if (HasFailure()) {
    for (const auto& server : servers_) ADD_FAILURE() << "log of a server:\n" << server->log();
  }
}

Json Sandbox::arguments(const std::string& code, Json more) const {
  Json all{{"sandbox_id", id_}, {"code", code}};
  all.update(more);
  return all;
}

ToolResult Sandbox::run(const std::string& code, Json more) const {
  return server_->finish_call(start(code, std::move(more)));
}

int Sandbox::start(const std::string& code, Json more, Json meta) const {
  return server_->send_call("execute_r_code", arguments(code, std::move(more)), std::move(meta));
}

std::string Sandbox::output(const std::string& code, Json more) const {
  const ToolResult result = run(code, std::move(more));
  if (!result.success()) throw std::runtime_error("failed: " + code + "\n" + result.shown());
  return result.output();
}

ToolResult Sandbox::remove(bool force) const {
  return server_->call("remove_sandbox", Json{{"sandbox_id", id_}, {"force", force}});
}

Sandbox SandboxTest::sandbox(const Json& arguments) {
  return create(server(), arguments);
}

Sandbox SandboxTest::create(Server& server, const Json& arguments) {
  const ToolResult result = server.call("create_sandbox", arguments);
  if (!result.success()) throw std::runtime_error("create_sandbox failed: " + result.shown());
  return {server, result.data().at("sandbox_id").get<std::string>()};
}

std::vector<Container> SandboxTest::containers() const {
  return containers_of_scope(scope(), engine_);
}

std::string SandboxTest::container(const Sandbox& sandbox) const {
  for (const Container& c : containers()) {
    if (c.sandbox_id == sandbox.id()) return c.id;
  }
  return "";
}

Json SandboxTest::inspect(const Sandbox& sandbox) const {
  return inspect_container(container(sandbox), engine_);
}

std::string SandboxTest::look(const Sandbox& sandbox, const std::string& command) const {
  return docker({"exec", container(sandbox), "sh", "-c", command}, engine_);
}

void SandboxTest::wait_for_file(const Sandbox& sandbox, const std::string& path) const {
  const std::string id = container(sandbox);
  const bool came = eventually(
      [&] {
        return try_docker({"exec", id, "test", "-e", path}, engine_).ending.code == 0;
      },
      30s);
  if (!came) throw std::runtime_error("the code has not come as far as making " + path);
}

void SandboxTest::SetUp() {
  if (on_kubernetes()) {
    if (test_cluster() != network()) GTEST_SKIP() << "for a cluster whose network is " << network();
    return;
  }
  const Finished version = try_docker({"version"});
  ASSERT_EQ(version.ending.code, 0) << "these tests need an engine:\n" << version.output;
  const Finished image = try_docker({"image", "inspect", "--format", "{{.Id}}", test_image()});
  ASSERT_EQ(image.ending.code, 0) << "these tests need the image that OMCP_TEST_IMAGE names:\n"
                                  << image.output;
}

void SandboxTest::TearDown() {
  ServerTest::TearDown();
  if (IsSkipped()) return;
  check_containers();
  const bool gone = eventually([this] { return helpers().empty(); }, 5s);
  EXPECT_TRUE(gone) << "left running: " << testing::PrintToString(helpers());
}

void SandboxTest::check_containers() {
  std::set<std::string> known;
  for (const auto& server : servers())
    known.insert(server->created().begin(), server->created().end());
  for (const auto& server : servers()) {
    for (const std::string& id : server->removed()) known.erase(id);
  }
  // What was removed goes behind the answer, be it that its server has ended since.
  eventually(
      [&] {
        const auto left = containers();
        return std::all_of(left.begin(), left.end(), [&](const Container& c) {
          return spares_allowed_ || known.contains(c.sandbox_id);
        });
      },
      30s);
  for (const Container& c : containers()) {
    EXPECT_TRUE(spares_allowed_ || known.count(c.sandbox_id) == 1)
        << "a container is left that the test did not mean to leave: " << c.sandbox_id;
    try_docker({"rm", "--force", "--volumes", c.id}, engine_);
  }
}

std::vector<std::string> SandboxTest::helpers() const {
  const std::string mark = '\0' + ("SCOPE=" + scope()) + '\0';
  std::vector<std::string> found;
  processes([&](const std::filesystem::path& process) {
    const std::string line = command_line(process);
    const bool ours =
        contains('\0' + read_file(process / "environ"), mark) || contains(line, scope());
    if (ours && !contains(line, binary())) found.push_back(line);
    return false;
  });
  return found;
}

}  // namespace omcp_r::e2e
