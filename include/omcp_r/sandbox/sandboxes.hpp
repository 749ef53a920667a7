#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "omcp_r/base/result.hpp"
#include "omcp_r/engine/engine.hpp"
#include "omcp_r/sandbox/execution.hpp"
#include "omcp_r/sandbox/policy.hpp"
#include "omcp_r/sandbox/report.hpp"
#include "omcp_r/sandbox/settings.hpp"

namespace omcp_r::sandbox {

class Sandbox;

/// Where a sandbox is in its life; see sandbox.hpp for the picture.
enum class Phase { kStarting, kIdle, kBusy, kUnknown, kEnding, kEnded };

const char* phase_name(Phase phase);

/// What is told of a sandbox.
struct SandboxView {
  std::string id;
  std::string image;
  std::string image_digest;
  std::string r_version;      ///< "" where it has not been greeted yet
  std::int64_t idle = 0;      ///< seconds
  std::int64_t lifetime = 0;  ///< seconds
  std::uint64_t memory_bytes = 0;
  double cpus = 0;
  std::uint64_t executions = 0;
  double created_at = 0;  ///< these in seconds since the epoch
  double last_used = 0;
  double expires_at = 0;  ///< when it ends if it is not used
  double ended_at = 0;
  std::string end_reason;  ///< of one that has ended
  Phase phase = Phase::kIdle;
  bool foreign = false;  ///< made by a server with other locks or another version: list and remove
};

/// Creates, finds, uses and ends sandboxes: what the tools see of this floor. The engine is the
/// database; any sandbox of the scope can be used by its id, whichever process made it.
class Sandboxes {
 public:
  Sandboxes(const asio::any_io_executor& executor, engine::Engine& engine,
            const Settings& settings);
  Sandboxes(const Sandboxes&) = delete;
  Sandboxes& operator=(const Sandboxes&) = delete;
  ~Sandboxes();

  asio::awaitable<Result<SandboxView>> create(CreateRequest request);
  /// The id of this server's own sandbox, made when there is none that lives.
  asio::awaitable<Result<std::string>> own(PullWatch watch = {});
  asio::awaitable<Result<std::vector<SandboxView>>> list(bool include_ended);
  /// Without `force` Errc::kBusy while code runs there. Removing what has ended is success.
  asio::awaitable<Status> remove(std::string id, bool force);

  /// Starts code; returns as soon as it was handed to R. Errc::kBusy while other code runs there.
  asio::awaitable<Result<ExecutionPtr>> execute(std::string id, ExecutionRequest request);
  /// An execution started earlier, by this process or by one that is gone.
  asio::awaitable<Result<ExecutionPtr>> collect(std::string id, std::string execution_id);
  /// Stops what runs in the sandbox, by the ladder, and returns it when it has ended; null where
  /// nothing ran here.
  asio::awaitable<Result<ExecutionPtr>> interrupt(std::string id);
  /// Stops `execution`, which this process watches.
  void stop(const std::string& id, const ExecutionPtr& execution);

  /// Files of a sandbox, by their path below /sandbox. Errc::kBusy while code runs there,
  /// kInvalidArgument with the worker's reason where it refuses.
  asio::awaitable<Status> put(std::string id, std::string path, std::string bytes);
  /// Gives the bytes to `sink`; a file of more than `limit` is refused.
  asio::awaitable<Status> get(std::string id, std::string path, std::uint64_t limit, ByteSink sink);
  /// At most `most` bytes of a file of any size, from `offset` on.
  asio::awaitable<Result<FilePart>> get_part(std::string id, std::string path, std::uint64_t offset,
                                             std::uint64_t most);

  /// What lies in /sandbox of all living sandboxes that are free to be asked: bounded in number,
  /// and no sandbox is waited for longer than a second.
  struct Listing {
    std::string id;
    std::vector<FileEntry> files;
  };
  asio::awaitable<Result<std::vector<Listing>>> files();

  asio::awaitable<Result<SessionFacts>> session(std::string id);
  /// What is installed there, and what the top of /data holds; all packages, with `versions`.
  asio::awaitable<Result<Surroundings>> surroundings(std::string id, bool versions);
  /// The variables of its session.
  asio::awaitable<Result<Objects>> objects(std::string id);
  /// For a person's prompt; neither is an execution. What lines are, and what completes one.
  asio::awaitable<Result<Reading>> reading(std::string id, std::string code);
  asio::awaitable<Result<Completions>> completions(std::string id, std::string line);
  /// What is known of a sandbox without asking the engine.
  [[nodiscard]] std::optional<SandboxView> look_up(const std::string& id) const;
  /// How the engine's machine names a path of OUTPUT_DIR, for who looks for it there.
  [[nodiscard]] std::string outside(std::string path) const;

  /// Removes what has been idle too long and keeps the spares; runs until the process ends.
  asio::awaitable<void> reap();
  /// Lets go of all sandboxes and ends what goes on in the background: for the end of the program.
  /// What runs in them goes on, for whoever collects it.
  void stop();

  [[nodiscard]] const Settings& settings() const;

 private:
  struct Parts;
  void keep_door();
  asio::awaitable<Result<SandboxView>> create_once(CreateRequest request);
  asio::awaitable<Result<std::string>> own_once(CreateRequest request);
  [[nodiscard]] bool may_pull(const Error& error, const CreateRequest& request) const;
  asio::awaitable<Status> pull(const CreateRequest& request);
  template <class T, class... Args>
  asio::awaitable<Result<T>> on(std::string id,
                                asio::awaitable<Result<T>> (Sandbox::*what)(Args...),
                                std::type_identity_t<Args>... args);

  std::unique_ptr<Parts> parts_;
};

}  // namespace omcp_r::sandbox
