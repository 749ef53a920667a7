#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "omcp_r/engine/engine.hpp"

namespace omcp_r::process {
class CommandRunner;
}

namespace omcp_r::engine {

/// How to reach the engine through its command line.
struct EngineConfig {
  std::string kind = "docker";  ///< docker, podman, or auto: docker where it answers, else podman
  std::string docker;       ///< path or name of the client; "" looks in PATH and the usual places
  std::string docker_host;  ///< DOCKER_HOST for the client; "" leaves environment and context alone
  std::string docker_context;  ///< DOCKER_CONTEXT for the client; "" as above
  std::string certificates;    ///< a folder; the engine at tcp:// is spoken to with TLS by these
  bool in_container = false;   ///< this server runs in a container itself, beside its sandboxes
  std::string own_container;   ///< the id of that; "" where it is not known
  std::string folder;          ///< of ours alone; podman's clients need a program that is there
  std::string own_output;      ///< what this server writes to, held to the same as what is shared
  std::chrono::milliseconds call_limit{20'000};    ///< of every call but create
  std::chrono::milliseconds create_limit{60'000};  ///< of create, which may load a cold image
};

/// The id of the container that a process is in, from the text of its mountinfo file (proc(5)); ""
/// where it does not tell.
std::string own_container_id(std::string_view mountinfo);

/// The engine behind the command line of docker or podman. Nothing is looked for or called before
/// the first use: a missing docker is Errc::kEngineUnavailable with advice in the answer of that
/// use.
///
/// open() returns when the client has been started; docker does not say when it is attached, and
/// what the sandbox writes until then is lost. Two things hold: what is written through an
/// Attachment is delivered once it is attached, and every answer to that comes back through it. So
/// write a greeting, and ignore all that comes before its answer. That includes the client's own
/// complaints, which arrive as Stream::kErr (an unknown or ended sandbox is such a line, then the
/// end). Bytes that the client printed to kErr before some bytes to kOut are delivered before them.
/// A read() that has completed has taken its bytes: give it to one reading coroutine, and do not
/// race it against a timer with ||, which drops the loser's value.
std::unique_ptr<Engine> make_docker_engine(asio::any_io_executor executor, EngineConfig config);

/// The same with another way to run commands; open() still starts a real client.
std::unique_ptr<Engine> make_docker_engine(asio::any_io_executor executor, EngineConfig config,
                                           std::unique_ptr<process::CommandRunner> runner);

}  // namespace omcp_r::engine
