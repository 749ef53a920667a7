#include "support/docker.hpp"

#include <sstream>
#include <stdexcept>

namespace omcp_r::e2e {

Finished try_docker(const Argv& arguments, const EngineAddress& engine) {
  Argv argv{engine.client.empty() ? "docker" : engine.client};
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
  std::istringstream lines(
      docker({"ps", "--all", "--no-trunc", "--filter", "label=omcp-r.managed=1", "--filter",
              "label=omcp-r.scope=" + scope, "--format", "{{.ID}} {{.Label \"omcp-r.id\"}}"},
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
