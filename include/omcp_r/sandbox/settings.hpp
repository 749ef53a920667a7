#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "omcp_r/database/database.hpp"

namespace omcp_r::sandbox {

/// What the configuration says of sandboxes. The defaults are the published ones; the table in
/// src/app/options.cpp names the variable and the bounds of each.
struct Settings {
  std::chrono::seconds idle_timeout{300};            ///< SANDBOX_TIMEOUT
  std::chrono::seconds max_lifetime{86400};          ///< SANDBOX_MAX_LIFETIME
  int max_sandboxes = 10;                            ///< MAX_SANDBOXES
  std::string image = "rocker/r-ver:latest";         ///< DOCKER_IMAGE
  std::vector<std::string> allowed_images;           ///< ALLOWED_IMAGES, besides `image`
  std::uint64_t memory_bytes = 1ULL << 30;           ///< SANDBOX_MEMORY: default and maximum
  bool memory_fits_machine = false;                  ///< nobody chose it: see usual_memory()
  double cpus = 1.0;                                 ///< SANDBOX_CPUS: default and maximum
  int pids = 128;                                    ///< SANDBOX_PIDS
  std::string user = "65532:65532";                  ///< SANDBOX_USER, numeric uid:gid
  std::string runtime;                               ///< RUNTIME; "" is the engine's default
  std::string system_calls = "default";              ///< SECCOMP: see engine::Isolation
  std::chrono::seconds execution_timeout{300};       ///< EXECUTION_TIMEOUT
  std::chrono::seconds max_execution_timeout{3600};  ///< MAX_EXECUTION_TIMEOUT
  std::chrono::seconds execution_wait{45};           ///< EXECUTION_WAIT
  std::size_t max_output_chars = 20000;              ///< MAX_OUTPUT_CHARS
  bool structured_content = false;                   ///< STRUCTURED_CONTENT=always
  std::uint64_t max_output_bytes = 1ULL
                                   << 30;  ///< MAX_OUTPUT_BYTES: code that prints more is stopped
  std::string data_dir;                    ///< DATA_DIR, absolute; "" is none
  std::string data_volume;                 ///< DATA_VOLUME, of a cluster; "" is none
  std::string library;                     ///< R_LIBRARY, absolute; "" is none
  bool exec_tmp = false;                   ///< EXEC_TMP=1
  bool pull_missing = false;               ///< PULL=missing
  database::Access database;               ///< DB_SOCKET, DB_ROLE, DB_NAME, DB_PASSWORD
  std::string output_dir;                  ///< OUTPUT_DIR, absolute; "" is none
  std::uint64_t output_max_bytes = 4ULL << 30;  ///< OUTPUT_MAX_SIZE: of all sandboxes
  int warm_pool = 1;                            ///< WARM_POOL: spares kept ready
  std::vector<std::string> preload;             ///< PRELOAD: packages that a spare has loaded
  std::string scope;                            ///< SCOPE: whose sandboxes are ours
  std::string state_dir;                        ///< STATE_DIR, absolute
};

}  // namespace omcp_r::sandbox
