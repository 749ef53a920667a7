#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "omcp_r/base/result.hpp"

namespace omcp_r::sandbox {

/// What the processes of one user share about one sandbox, beside the labels on its container.
struct State {
  std::string id;
  std::string image;
  std::string image_id;
  std::string r_version;
  std::int64_t idle = 0;      ///< seconds
  std::int64_t lifetime = 0;  ///< seconds
  double created_at = 0;      ///< seconds since the epoch
  std::uint64_t memory_bytes = 0;
  double cpus = 0;
  std::uint64_t executions = 0;
  bool starting = false;     ///< its container is being made
  std::string running;       ///< the execution under way, "" for none
  double running_until = 0;  ///< its limit, seconds since the epoch
  std::string ended;         ///< why it ended, "" while it lives
  double ended_at = 0;
};

/// The file of one sandbox in the state directory: its flock says that an execution is under way in
/// some process, its mtime when the sandbox was last used, its text the State.
class StateFile {
 public:
  StateFile() = default;
  StateFile(StateFile&& other) noexcept;
  StateFile& operator=(StateFile&& other) noexcept;
  StateFile(const StateFile&) = delete;
  StateFile& operator=(const StateFile&) = delete;
  ~StateFile();

  /// Opens, and makes where it is missing and `create` says so. Errc::kNotFound, or kInternal with
  /// the reason.
  static Result<StateFile> open(const std::string& directory, const std::string& id, bool create);

  /// Takes the lock if nobody has it. Never waits; also false when another process has it.
  bool try_lock();
  void unlock();

  [[nodiscard]] State read() const;
  /// Replaces the text; sets the mtime to now as every change is a use.
  void write(const State& state);
  /// Replaces the text but leaves the time of last use as it is.
  void amend(const State& state);
  [[nodiscard]] double last_used() const;  ///< seconds since the epoch

 private:
  explicit StateFile(int fd) : fd_(fd) {}
  int fd_ = -1;
};

/// The ids of all sandboxes that have a file in `directory`.
std::vector<std::string> state_ids(const std::string& directory);
void remove_state(const std::string& directory, const std::string& id);

/// Makes the directory and its parents, for this user only.
Status make_state_directory(const std::string& directory);

/// Now, in seconds since the epoch.
double wall_clock();

/// A sandbox id is a UUID; anything else is refused before it becomes part of a path or a name.
bool is_sandbox_id(const std::string& text);

/// Held while sandboxes are counted and a new one is entered, across processes.
class CreationLock {
 public:
  CreationLock(CreationLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  CreationLock(const CreationLock&) = delete;
  CreationLock& operator=(const CreationLock&) = delete;
  CreationLock& operator=(CreationLock&&) = delete;
  ~CreationLock();
  /// nullopt while another process holds it.
  static std::optional<CreationLock> try_acquire(const std::string& directory);

 private:
  explicit CreationLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace omcp_r::sandbox
