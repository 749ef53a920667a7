#include "support/docker.hpp"

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>

namespace omcp_r::e2e {
namespace {

// Before any test: clients and servers inherit it.
[[maybe_unused]] const bool kConfigured = [] {
  const std::filesystem::path folder = OMCP_PODMAN_FOLDER;
  if (on_podman() && std::filesystem::exists(folder)) {
    ::setenv("CONTAINERS_CONF", (folder / "containers.conf").c_str(), 0);
    ::setenv("CONTAINERS_STORAGE_CONF", (folder / "storage.conf").c_str(), 0);
  }
  return true;
}();

}  // namespace

std::string test_engine() {
  return environment_or("OMCP_TEST_ENGINE", "docker");
}

bool on_podman() {
  return test_engine() == "podman";
}

Finished try_docker(const Argv& arguments, const EngineAddress& engine) {
  Argv argv{engine.client.empty() ? test_engine() : engine.client};
  if (!engine.host.empty()) argv.insert(argv.end(), {"--host", engine.host});
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return run(argv);
}

std::string docker(const Argv& arguments, const EngineAddress& engine) {
  Finished finished = try_docker(arguments, engine);
  if (finished.ending.code != 0) {
    throw std::runtime_error("docker " + arguments.front() + ": " + to_string(finished.ending) +
                             "\n" + finished.output);
  }
  return std::move(finished.output);
}

bool own_kernel() {
  return !environment_or("RUNTIME", "").empty();
}

std::string test_image() {
  return environment_or("OMCP_TEST_IMAGE", "omcp-r-test:bookworm");
}

std::string test_image_between() {
  return environment_or("OMCP_TEST_IMAGE_BETWEEN", "omcp-r-test:trixie");
}

std::string newest_test_image() {
  return environment_or("OMCP_TEST_IMAGE_NEWEST", "omcp-r-test:newest");
}

// An engine of 20.10 may go on listing a container that it has removed (seen once in CI): whether
// it is there, inspect says.
std::vector<Container> containers_of_scope(const std::string& scope, const EngineAddress& engine) {
  const bool podman = engine.client.empty() && on_podman();
  std::istringstream lines(docker(
      {"ps", "--all", "--no-trunc", "--filter", "label=omcp-r.managed=1", "--filter",
       "label=omcp-r.scope=" + scope, "--format",
       podman ? "{{.ID}} {{index .Labels \"omcp-r.id\"}}" : "{{.ID}} {{.Label \"omcp-r.id\"}}"},
      engine));
  std::vector<Container> found;
  for (Container c; lines >> c.id;) {
    std::getline(lines, c.sandbox_id);
    c.sandbox_id = trimmed(c.sandbox_id);
    if (try_docker({"container", "inspect", c.id}, engine).ending.code == 0) found.push_back(c);
  }
  return found;
}

Json inspect_container(const std::string& id, const EngineAddress& engine) {
  return Json::parse(docker({"container", "inspect", id}, engine)).at(0);
}

}  // namespace omcp_r::e2e
