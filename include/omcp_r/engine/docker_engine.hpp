#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "omcp_r/engine/engine.hpp"

namespace omcp_r::process {
class CommandRunner;
}

namespace omcp_r::engine {

/// How to reach the engine through the docker command line.
struct EngineConfig {
  std::string docker;       ///< path or name of the client; "" looks in PATH and the usual places
  std::string docker_host;  ///< DOCKER_HOST for the client; "" leaves environment and context alone
  std::chrono::milliseconds call_limit{20'000};    ///< of every call but create
  std::chrono::milliseconds create_limit{60'000};  ///< of create, which may load a cold image
};

/// What differs between engines in the words of `docker run`; asked once, before the first create.
struct EngineFeatures {
  bool pull_never = true;         ///< the client knows --pull (20.10 and later)
  bool private_cgroupns = false;  ///< the engine has cgroup v2 and API 1.41, so --cgroupns works
};

/// Refuses a spec that would leave a limit out (0 is "none" to engines), or run as root. create()
/// asks this first.
Status check_isolation(const ContainerSpec& spec);

/// The arguments of `docker`, from "run" on. Pure, and the one place where isolation is decided.
std::vector<std::string> docker_run_argv(const ContainerSpec& spec, const EngineFeatures& features);

/// The engine behind the docker command line. Nothing is looked for or called before the first
/// use: a missing docker is Errc::kEngineUnavailable with advice in the answer of that use.
///
/// attach() returns when the client has been started; docker does not say when it is attached, and
/// what the container writes until then is lost. Two things hold: what is written through an
/// Attachment is delivered once it is attached, and every answer to that comes back through it. So
/// write a greeting, and ignore all that comes before its answer. That includes the client's own
/// complaints, which arrive as Stream::kErr (an unknown or ended container is such a line, then the
/// end): ask inspect() why a stream ended. Bytes that the client printed to kErr before some bytes
/// to kOut are delivered before them. A read() that has completed has taken its bytes: give it to
/// one reading coroutine, and do not race it against a timer with ||, which drops the loser's
/// value.
std::unique_ptr<Engine> make_docker_engine(asio::any_io_executor executor, EngineConfig config);

/// The same with another way to run commands; attach() still starts a real client.
std::unique_ptr<Engine> make_docker_engine(asio::any_io_executor executor, EngineConfig config,
                                           std::unique_ptr<process::CommandRunner> runner);

}  // namespace omcp_r::engine
