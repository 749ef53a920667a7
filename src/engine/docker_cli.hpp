#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dialect.hpp"
#include "omcp_r/base/result.hpp"
#include "omcp_r/engine/docker_engine.hpp"
#include "omcp_r/process/command_runner.hpp"
#include "patient_client.hpp"
#include "ssh_link.hpp"

namespace omcp_r::engine {

/// What a client gets beside its arguments, which everybody sees.
struct ClientInput {
  ClientInput() = default;  // an aggregate is destroyed twice where gcc 12 awaits with one

  std::string text{};                              ///< on its standard input
  std::map<std::string, std::string> variables{};  ///< in its environment
};

/// Runs the client, docker or podman: finds it, gives it its environment, and turns failures into
/// Errors. Where the engine refuses the client's API version and names another, calls again with
/// that one and keeps to it: clients up to 20.10 are too old for Engine 29 otherwise.
class DockerCli final : public PatientClient {
 public:
  using Arguments = std::vector<std::string>;

  DockerCli(EngineConfig config, std::unique_ptr<process::CommandRunner> runner);

  /// How the client's words differ. With ENGINE=auto the first call finds out which one it is, and
  /// the next as long as neither is there; then that is kept.
  asio::awaitable<const Dialect*> dialect();

  /// Runs `docker arguments…`; an exit status other than 0 is an Error, told from stderr.
  asio::awaitable<Result<process::Exit>> call(Arguments arguments, Limit limit);

  /// The same for what must not stop halfway when this process is killed; `input` is for
  /// the client alone.
  asio::awaitable<Result<process::Exit>> call_through(Arguments arguments, Limit limit,
                                                      ClientInput input = {});

  /// The same, but any exit status is a result. An Error means: no client, no answer in time, or
  /// kEngineUnavailable before that where the engine answers nothing else either.
  asio::awaitable<Result<process::Exit>> run(Arguments arguments, Limit limit,
                                             bool outlives_us = false, ClientInput input = {});

  /// The same for what takes long and tells how it goes. An exit status other than 0 is an Error
  /// with the last words of that: what other programs print there, or registries, is not taken for
  /// docker's own.
  asio::awaitable<Result<process::Exit>> follow(Arguments arguments, Limit limit, Watcher watcher);

  /// `docker pull`, with its progress.
  asio::awaitable<Status> pull(std::string image, Watcher watcher);

  /// What went wrong, from the client's words, with what this server's own container lacks where it
  /// runs in one.
  [[nodiscard]] Error error_of(const std::string& action, std::string_view words) const;

  /// Short calls from now on go through it.
  void share(std::unique_ptr<SshLink> link) { link_ = std::move(link); }

  /// How to start `docker arguments…` by other means. Only short calls go through the shared
  /// connection: what streams would hold them up, and what outlives us must outlive that, too.
  Result<process::Launch> launch(Arguments arguments, bool short_call = false);

 private:
  Result<std::string> client();
  [[nodiscard]] Error in_words(Error error) const;
  [[nodiscard]] Result<process::Exit> told(const std::string& action,
                                           Result<process::Exit> exit) const;
  asio::awaitable<Answer> ask(Limit limit) override;
  [[nodiscard]] bool is_there(const process::Exit& exit) const;
  asio::awaitable<Result<process::Exit>> run_patiently(Arguments arguments, Limit limit,
                                                       bool outlives_us, ClientInput input);
  asio::awaitable<Result<process::Exit>> run_once(Arguments arguments, Limit limit,
                                                  bool outlives_us, ClientInput input,
                                                  Watcher watcher = {});

  EngineConfig config_;
  const Dialect* dialect_;
  bool settled_;
  std::unique_ptr<process::CommandRunner> runner_;
  std::unique_ptr<SshLink> link_;
  std::string client_;       ///< where it was found; "" before the first use
  std::string api_version_;  ///< that the engine asked for; "" leaves it to the client
};

/// "docker image inspect": the words of a call before its options and operands.
std::string action_of(const DockerCli::Arguments& arguments, std::string_view program = "docker");

}  // namespace omcp_r::engine
