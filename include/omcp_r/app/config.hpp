#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "omcp_r/base/log.hpp"
#include "omcp_r/base/result.hpp"
#include "omcp_r/sandbox/settings.hpp"

namespace omcp_r::app {

/// Which cluster, and what pods get there: KUBE_…
struct ClusterSettings {
  std::string context;  ///< "" is the kubeconfig's current one
  std::string name_space = "omcp-r";
  double cpu_request = 0.1;
  std::vector<std::string> node_selector;  ///< "name=value"
  std::vector<std::string> tolerations;    ///< "key=value:effect"
  std::string priority_class;
  std::vector<std::string> pull_secrets;
  std::vector<std::string> labels;  ///< "name=value"
};

/// Which engine, and how it is reached.
struct EngineSettings {
  std::string kind = "docker";  ///< ENGINE
  ClusterSettings cluster;
  std::string docker;          ///< DOCKER: a name or an absolute path; "" is to look for docker
  std::string docker_host;     ///< DOCKER_HOST; "" leaves it to the docker command
  std::string docker_context;  ///< DOCKER_CONTEXT, in its place
  std::string certificates;    ///< DOCKER_CERT_PATH; "" is no TLS
  bool in_container = false;   ///< this process is in the server image (docker/Dockerfile)
};

/// Where the effective value of one option comes from.
struct Origin {
  std::string variable;
  std::string value;
  std::string source;      ///< "default", "environment", "--flag" or "file:line"
  bool by_default = true;  ///< nobody chose it
};

/// All that the program can be told.
struct Config {
  sandbox::Settings sandbox;
  EngineSettings engine;
  log::Level log_level = log::Level::kInfo;
  log::Format log_format = log::Format::kText;
  std::string audit_log;               ///< AUDIT_LOG, a file; "" is none
  std::vector<std::string> env_files;  ///< the .env files that were read; the last counts most
  std::vector<std::string> warnings;   ///< to be logged once logging is set up
  std::vector<Origin> origins;         ///< one for each option, in the order of the table
  /// --help, --version, --print-config: write this to stdout and exit with 0.
  std::optional<std::string> print;
};

/// What the configuration looks at besides its arguments, so that tests can make it up.
struct Surroundings {
  std::function<std::optional<std::string>(const std::string&)> variable;  ///< like getenv
  std::string working_directory;
  std::string home;  ///< $HOME, else the home folder of the user database; "" is none
  std::string host_name;
  uid_t uid = 0;
  bool in_container = false;  ///< the server image says so by OMCP_R_CONTAINER
  std::string commands{};     ///< for --help: lines on what the program does besides serving
};

/// The surroundings of this process.
Surroundings process_surroundings();

/// Reads flags, environment, the .env that lies about, the user's own and the defaults, in that
/// order of precedence; see Found for what may come from where. An error's message is for stderr
/// and names file, line, value and what is allowed; the program then exits with 2. Creates nothing.
Result<Config> load_config(int argc, const char* const* argv,
                           const Surroundings& surroundings = process_surroundings());

}  // namespace omcp_r::app
