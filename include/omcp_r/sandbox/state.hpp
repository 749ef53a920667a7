#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "omcp_r/base/clock.hpp"
#include "omcp_r/base/result.hpp"
#include "omcp_r/base/unique_fd.hpp"

// What the servers of one user and scope must agree on, as files in one folder:
//
//   domain         a random id: who has other locks than ours cannot use our sandboxes
//   creation.lock  an flock, held while sandboxes are counted and one is entered
//   ID.rec         that the sandbox was given out, and what its holder last wrote of it
//   ID.lock        an flock: who has it may talk to the sandbox
//   ID.want        somebody asks the holder for the lock
//   ID.end         that it ended, when and why
//
// Each has one writer at a time: the first to link it (ID.rec, ID.end), or the holder of a lock.

namespace omcp_r::sandbox {

/// An flock that is held. Given back when destroyed, and by the kernel when the process dies.
using FileLock = UniqueFd;

/// The record of a sandbox: 512 bytes, written in one piece.
struct Record {
  double created_at = 0;           ///< given out, seconds since the epoch
  std::int64_t created_awake = 0;  ///< the same on Clock, in milliseconds
  std::string engine;              ///< which engine has it, as a checksum; "" is not known
  std::int64_t idle = 0;           ///< idle timeout, seconds
  std::int64_t lifetime = 0;       ///< seconds
  double used_at = 0;              ///< last use, seconds since the epoch, for people
  std::int64_t used_awake = 0;     ///< the same on Clock, in milliseconds
  std::string boot;                ///< of the machine whose Clock that is
  std::string running;             ///< the execution under way, "" for none
  std::int64_t begun_awake = 0;    ///< when it was handed over, on Clock, in milliseconds
  std::int64_t limit = 0;          ///< of that execution, seconds
  std::uint64_t executions = 0;
  std::string r_version;      ///< as it greeted
  std::uint64_t session = 0;  ///< which R greeted last, as it says
  bool starting = false;      ///< its container is being made
};

struct Ending {
  double at = 0;  ///< seconds since the epoch
  std::string reason;
};

class StateFolder {
 public:
  /// `path` is below STATE_DIR, one a scope. Nothing is touched before the first use.
  explicit StateFolder(std::string path) : path_(std::move(path)) {}

  /// Makes the folder where it is missing and finds the domain. An error where it belongs to
  /// somebody else, others may write to it, or it cannot be made: with what to do.
  Status prepare();
  [[nodiscard]] const std::string& domain() const { return domain_; }

  /// The lock of a sandbox, or "creation"; none while somebody else has it, an error where it
  /// cannot be had at all.
  Result<std::optional<FileLock>> try_lock(const std::string& name);

  /// Enters a sandbox; false when it has been entered already.
  Result<bool> publish(const std::string& id, const Record& record);
  /// For the holder of its lock only.
  Status write(const std::string& id, const Record& record);
  /// Nothing where there is no record or it cannot be read: never a reason to write one.
  [[nodiscard]] std::optional<Record> read(const std::string& id) const;

  /// Says that a sandbox ended, or is about to; the first reason stays.
  Status end(const std::string& id, const std::string& reason);
  [[nodiscard]] std::optional<Ending> ended(const std::string& id) const;

  void want(const std::string& id);
  void unwant(const std::string& id);
  [[nodiscard]] bool wanted(const std::string& id) const;

  /// All sandboxes with a record.
  [[nodiscard]] std::vector<std::string> ids() const;
  /// Those of them that nobody has ended.
  [[nodiscard]] std::vector<std::string> living() const;
  /// Drops what is known of one that ended.
  void forget(const std::string& id);
  /// Ids of which there is something here, but no record.
  [[nodiscard]] std::vector<std::string> strays() const;

 private:
  [[nodiscard]] std::string file(const std::string& id, const char* ending) const;
  Result<bool> link_new(const std::string& path, const std::string& text);

  std::string path_;
  std::string domain_;
};

/// Clock in milliseconds, comparable between the processes of one boot.
std::int64_t awake_ms();
/// Which boot of the machine this is.
const std::string& boot_id();

/// A sandbox id is a UUID; anything else is refused before it becomes part of a path or a name.
bool is_sandbox_id(const std::string& text);

}  // namespace omcp_r::sandbox
