#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "omcp_r/base/result.hpp"
#include "omcp_r/engine/kubernetes_engine.hpp"
#include "omcp_r/process/command_runner.hpp"
#include "patient_client.hpp"

namespace omcp_r::engine {

/// Runs kubectl in the configured context and namespace: finds it, and turns failures into Errors.
class Kubectl final : public PatientClient {
 public:
  using Arguments = std::vector<std::string>;

  Kubectl(const KubernetesConfig& config, std::unique_ptr<process::CommandRunner> runner);

  /// Runs `kubectl arguments…`; an exit status other than 0 is an Error, told from stderr.
  asio::awaitable<Result<process::Exit>> call(Arguments arguments, Limit limit);

  /// The same, but any exit status is a result, such as that of a program in a pod.
  asio::awaitable<Result<process::Exit>> try_call(Arguments arguments, Limit limit);

  /// The same as call() for what must not stop halfway when this process is killed, with its
  /// standard input.
  asio::awaitable<Result<process::Exit>> call_through(Arguments arguments, Limit limit,
                                                      std::string input);

  /// Runs what goes on until `watcher` has seen enough; that is no Error, and nor is any exit
  /// status.
  asio::awaitable<Result<process::Exit>> watch(Arguments arguments, Limit limit, Watcher watcher);

  /// How to start `kubectl arguments…` by other means.
  Result<process::Launch> launch(Arguments arguments);

  [[nodiscard]] const std::string& name_space() const { return name_space_; }

 private:
  Result<std::string> client();
  asio::awaitable<Answer> ask(Limit limit) override;
  asio::awaitable<Result<process::Exit>> run(Arguments arguments, process::Command command);
  asio::awaitable<Result<process::Exit>> run_once(Arguments arguments, process::Command command);
  static Result<process::Exit> told(const std::string& action, Result<process::Exit> exit);

  std::string wanted_;
  std::string context_;
  std::string name_space_;
  std::unique_ptr<process::CommandRunner> runner_;
  std::string client_;  ///< where it was found; "" before the first use
};

}  // namespace omcp_r::engine
