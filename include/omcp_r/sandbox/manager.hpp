#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "omcp_r/base/result.hpp"
#include "omcp_r/engine/engine.hpp"
#include "omcp_r/sandbox/execution.hpp"
#include "omcp_r/sandbox/policy.hpp"
#include "omcp_r/sandbox/session.hpp"
#include "omcp_r/sandbox/settings.hpp"
#include "omcp_r/sandbox/state_file.hpp"

namespace omcp_r::sandbox {

/// What is told of a sandbox.
struct SandboxView {
  State state;
  std::string phase;      ///< starting, idle, busy or ended
  double last_used = 0;   ///< seconds since the epoch
  double expires_at = 0;  ///< when it ends if it is not used; seconds since the epoch
};

/// Creates, finds, uses and ends sandboxes. The engine is the database: any sandbox of the scope
/// can be used by its id, whichever process made it. One thread; what is chosen is chosen
/// synchronously, and looked at again after every await.
class SandboxManager {
 public:
  SandboxManager(asio::any_io_executor executor, engine::Engine& engine, Settings settings);
  SandboxManager(const SandboxManager&) = delete;
  SandboxManager& operator=(const SandboxManager&) = delete;
  ~SandboxManager();

  asio::awaitable<Result<SandboxView>> create(CreateRequest request);
  asio::awaitable<Result<std::vector<SandboxView>>> list(bool include_ended);
  /// Without `force` Errc::kBusy while code runs there. Removing what has ended is success.
  asio::awaitable<Status> remove(std::string id, bool force);

  /// Starts code; returns as soon as it was handed to R. Errc::kBusy while other code runs there.
  asio::awaitable<Result<std::shared_ptr<Execution>>> execute(std::string id,
                                                              ExecutionRequest request);
  /// An execution started earlier, by this process or by one that is gone.
  asio::awaitable<Result<std::shared_ptr<Execution>>> find_execution(std::string id,
                                                                     std::string execution_id);
  /// Stops what runs in the sandbox, by the ladder, and returns it when it has ended; null where
  /// nothing ran here.
  asio::awaitable<Result<std::shared_ptr<Execution>>> interrupt(std::string id);
  /// Stops `execution`, which this process started or adopted.
  void stop(const std::string& id, const std::shared_ptr<Execution>& execution);

  /// Asks the sandbox's worker ("put", "get", "files", "session"); Errc::kBusy while code runs.
  asio::awaitable<Result<std::string>> ask(std::string id, Fields fields);
  /// What is known of a sandbox without asking the engine.
  [[nodiscard]] std::optional<SandboxView> look_up(const std::string& id) const;

  /// Removes what has been idle too long and keeps the spares; runs until the process ends.
  asio::awaitable<void> reap();

  [[nodiscard]] const Settings& settings() const { return settings_; }

 private:
  struct Sandbox;
  using SandboxPtr = std::shared_ptr<Sandbox>;

  asio::awaitable<Result<CreationLock>> creation_lock();
  asio::awaitable<Status> reserve(State state);
  asio::awaitable<Status> launch(SandboxPtr sandbox, engine::ContainerSpec spec, State& state);
  asio::awaitable<Result<SandboxPtr>> fresh(Grant grant, State& state);
  asio::awaitable<bool> give_out(SandboxPtr spare, Grant grant);
  asio::awaitable<void> make_spare();
  asio::awaitable<void> keep_spare();
  [[nodiscard]] bool spare_serves(const Grant& grant) const;
  asio::awaitable<Result<SandboxPtr>> find(std::string id);
  asio::awaitable<Result<SandboxPtr>> adopt(std::string id);
  asio::awaitable<Status> connect(SandboxPtr sandbox);
  asio::awaitable<Status> interrupt_elsewhere(SandboxPtr sandbox);
  asio::awaitable<Status> acquire(SandboxPtr sandbox);
  asio::awaitable<void> see_through(SandboxPtr sandbox, std::shared_ptr<Execution> execution);
  asio::awaitable<void> keep_output(SandboxPtr sandbox, Execution& execution);
  asio::awaitable<void> remove_expired();
  asio::awaitable<void> sweep();
  void release(Sandbox& sandbox);
  void begin(const SandboxPtr& sandbox, const std::shared_ptr<Execution>& execution);
  void mark_gone(const std::string& id);
  void mark_ended(const std::string& id, const std::string& reason);
  [[nodiscard]] Error ended_error(const std::string& id) const;
  [[nodiscard]] Error unknown_error(const std::string& id) const;
  [[nodiscard]] SandboxView view_of(const StateFile& file, State state) const;

  asio::any_io_executor executor_;
  engine::Engine& engine_;
  Settings settings_;
  std::map<std::string, SandboxPtr> sandboxes_;
  SandboxPtr spare_;
  bool making_spare_ = false;
  bool engine_used_ = false;
};

}  // namespace omcp_r::sandbox
