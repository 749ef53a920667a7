#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/child.hpp"

namespace omcp_r::e2e {

using Json = nlohmann::ordered_json;

/// Which engine, and the client that speaks to it; "" are those that the environment names.
struct EngineAddress {
  std::string host = {};  ///< of docker only
  std::string client = {};
};

/// OMCP_TEST_ENGINE: "podman" runs the tests on podman, configured and with the images that
/// tests/engines.sh has left in build/podman. Both clients have the same words as far as tests use
/// them.
std::string test_engine();
bool on_podman();
/// "kubernetes" runs them on the cluster of tests/kubernetes/run.sh, and skips them where there is
/// none. Its network is "closed", or "open"; "" is no cluster.
bool on_kubernetes();
std::string test_cluster();
/// Runs kubectl as the cluster's administrator, in the namespace of the sandboxes.
std::string kubernetes(const Argv& arguments);

/// Runs the engine's client; returns its output, throws what it said when it failed.
std::string docker(const Argv& arguments, const EngineAddress& engine = {});
Finished try_docker(const Argv& arguments, const EngineAddress& engine = {});

/// Whether the servers of the tests use a runtime with a kernel of its own (RUNTIME=runsc).
bool own_kernel();
std::string test_image();          ///< OMCP_TEST_IMAGE
std::string test_image_between();  ///< OMCP_TEST_IMAGE_BETWEEN
std::string newest_test_image();   ///< OMCP_TEST_IMAGE_NEWEST

/// A container of the server under test, in whatever state.
struct Container {
  std::string id;
  std::string sandbox_id;
};

std::vector<Container> containers_of_scope(const std::string& scope,
                                           const EngineAddress& engine = {});
Json inspect_container(const std::string& id, const EngineAddress& engine = {});

}  // namespace omcp_r::e2e
