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

// Where podman says the same in other words. Its private IPC is "shareable", as it is with docker
// for who may use the engine, and that one only.
void say_as_docker(Json& all) {
  Json& host = all.at("HostConfig");
  if (all.value("EffectiveCaps", Json()).empty() && all.value("BoundingCaps", Json()).empty()) {
    host["CapDrop"] = Json::array({"ALL"});
  }
  if (host.at("RestartPolicy").at("Name") == "") host["RestartPolicy"]["Name"] = "no";
  if (host.at("IpcMode") == "shareable") host["IpcMode"] = "private";
  const std::string image = all.at("Config").at("Image");
  constexpr std::string_view kHere = "localhost/";
  if (image.starts_with(kHere)) all["Config"]["Image"] = image.substr(kHere.size());
}

/// kubectl, as who may do everything in the test cluster.
Argv kubectl(const Argv& arguments) {
  Argv argv{environment_or("OMCP_TEST_KUBECTL", "kubectl"),
            "--kubeconfig=" + environment_or("OMCP_TEST_KUBE_ADMIN", "/nonexistent"),
            "--namespace=omcp-r"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

/// Docker's words in kubectl's, as far as tests of both use them.
Argv as_kubectl(const Argv& docker) {
  const std::string& verb = docker.front();
  const std::string& pod = docker.size() > 1 && verb == "exec" ? docker[1] : docker.back();
  if (verb == "exec") {
    Argv argv = kubectl({"exec", pod, "--container=r", "--"});
    argv.insert(argv.end(), docker.begin() + 2, docker.end());
    return argv;
  }
  if (verb == "rm") return kubectl({"delete", "pod", pod, "--ignore-not-found", "--wait=false"});
  if (verb == "container") return kubectl({"get", "pod", pod, "--output=json"});
  return kubectl({"version"});
}

std::vector<Container> pods_of_scope(const std::string& scope) {
  std::istringstream lines(kubernetes(
      {"get", "pods", "--selector=omcp-r.managed=1",
       "--field-selector=status.phase!=Succeeded,status.phase!=Failed",
       R"(--output=jsonpath={range .items[*]}{.metadata.name} {.metadata.annotations.omcp-r\.id} )"
       R"({.metadata.annotations.omcp-r\.scope}{"\n"}{end})"}));
  std::vector<Container> found;
  std::string of;
  for (Container pod; lines >> pod.id >> pod.sandbox_id >> of;) {
    if (of == scope) found.push_back(pod);
  }
  return found;
}

}  // namespace

std::string kubernetes(const Argv& arguments) {
  Finished finished = run(kubectl(arguments));
  if (finished.ending.code != 0) {
    throw std::runtime_error("kubectl " + arguments.front() + ": " + finished.output);
  }
  return std::move(finished.output);
}

bool on_kubernetes() {
  return test_engine() == "kubernetes";
}

std::string test_cluster() {
  return environment_or("OMCP_TEST_KUBERNETES", "");
}

std::string test_engine() {
  return environment_or("OMCP_TEST_ENGINE", "docker");
}

bool on_podman() {
  return test_engine() == "podman";
}

Finished try_docker(const Argv& arguments, const EngineAddress& engine) {
  if (engine.client.empty() && on_kubernetes()) return run(as_kubectl(arguments));
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
  if (engine.client.empty() && on_kubernetes()) return pods_of_scope(scope);
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
  Json all = Json::parse(docker({"container", "inspect", id}, engine)).at(0);
  if (engine.client.empty() && on_podman()) say_as_docker(all);
  return all;
}

}  // namespace omcp_r::e2e
