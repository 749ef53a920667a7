#pragma once

#include <boost/asio/awaitable.hpp>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "omcp_r/base/result.hpp"
#include "omcp_r/engine/diagnosis.hpp"

namespace omcp_r::engine {

namespace asio = boost::asio;

/// The engine's own name of one sandbox. Nothing above this floor reads it.
struct Handle {
  std::string id;
  auto operator<=>(const Handle&) const = default;
};

/// A folder of the engine's machine made visible in the sandbox, always read-only.
struct Folder {
  std::string source;
  std::string target;
};

/// What isolates a sandbox, as far as it may differ between sandboxes. No network, a read-only
/// root, no capabilities, no new privileges, no swap and a log of nothing are no choice and
/// therefore no fields. Every default is safe; no value means "unlimited", and 0 is refused.
struct Isolation {
  std::uint64_t memory_bytes = 512ULL << 20U;        ///< memory, its files included
  double cpus = 1.0;                                 ///< cores
  int processes = 128;                               ///< processes and threads at once
  int open_files = 1024;                             ///< of one process
  std::uint64_t work_bytes = 128ULL << 20U;          ///< of /sandbox, which is in memory
  std::uint64_t tmp_bytes = 64ULL << 20U;            ///< of /tmp, which is in memory
  std::uint64_t shared_memory_bytes = 32ULL << 20U;  ///< of /dev/shm; 0 is none at all
  std::uint64_t file_bytes = 128ULL << 20U;          ///< of the largest file
  std::string user = "65532:65532";                  ///< numeric uid:gid, never 0
  std::vector<Folder> folders;                       ///< nothing of the machine unless named
  /// Which system calls may be made: "default", as listed in src/engine/seccomp.json, "engine", the
  /// engine's own choice, or the path of a profile.
  std::string system_calls = "default";
  std::string runtime;    ///< "" is the engine's own; else runsc, kata…
  bool exec_tmp = false;  ///< what lies in /tmp may be run and loaded
};

/// Whether a sandbox was made for a caller or kept ready for one.
enum class Role { kSandbox, kSpare };

/// What is written on a sandbox when it is created, and never changes.
struct Identity {
  std::string id;                 ///< ours, a UUID
  std::string scope;              ///< whose it is
  std::string domain;             ///< the state folder whose locks guard it
  Role role = Role::kSandbox;     ///< as born; see Found::given
  std::int64_t idle = 300;        ///< idle timeout it was born with, seconds
  std::int64_t lifetime = 86400;  ///< longest life, seconds
  int protocol = 0;               ///< version of the worker's protocol
};

/// A sandbox to be created.
struct Spec {
  Identity identity;
  std::string image;
  std::vector<std::string> program;  ///< argv of its first process
  std::map<std::string, std::string> environment;
  std::map<std::string, std::string> secrets;  ///< the same, in nobody's list of processes
  Isolation isolation;
};

/// A sandbox that was created and started.
struct Created {
  Handle handle;
  std::string image_digest;               ///< of the image that it runs
  std::vector<std::string> not_in_force;  ///< limits that the engine did not apply, in words
};

/// A sandbox as the engine lists it.
struct Found {
  Handle handle;
  Identity identity;
  bool given = false;    ///< mark_given() has been called on this spare; best effort
  bool running = false;  ///< false: created and never started, ending, or dead
  /// That it has ended and is only kept, and why; "" where it ended as it was to.
  std::optional<std::string> ended;
  std::int64_t since = 0;  ///< when it was created, seconds since the epoch
  std::string image;
  std::string image_digest;
  std::uint64_t memory_bytes = 0;
  double cpus = 0;
};

/// What the engine says of itself.
struct About {
  std::string id;  ///< which engine it is; "" where it does not say
  std::string version;
  std::uint64_t memory_bytes = 0;  ///< of its machine; 0 where it does not say
};

enum class Stream { kOut, kErr };

/// Who looks at something long.
struct Watcher {
  std::function<void(std::string_view bytes)> on_output{};  ///< what the client prints, as it comes
  std::function<bool()> wanted{};  ///< asked several times a second; false ends it
};

/// Bytes that a sandbox wrote.
struct Chunk {
  Stream stream = Stream::kOut;
  std::string bytes;
};

/// The standard streams of a running sandbox. Destroying it detaches; the sandbox goes on.
class Attachment {
 public:
  Attachment() = default;
  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;
  virtual ~Attachment() = default;

  /// Writes all of `bytes` to the sandbox's standard input. One writer at a time.
  virtual asio::awaitable<Status> write(std::string bytes) = 0;

  /// The next bytes of either stream, at most 64 KiB; nullopt at the end (sandbox ended, engine
  /// gone, or closed). One reader at a time; not reading holds the sandbox's writers back.
  virtual asio::awaitable<std::optional<Chunk>> read() = 0;

  /// Detaches now; a pending read ends with nullopt, a pending write with an error. Never blocks.
  virtual void close() = 0;
};

/// A container engine. Every call has a deadline of its own and answers Errc::kEngineUnavailable
/// with advice when the engine cannot be reached, Errc::kNotFound for a sandbox that is not there.
class Engine {
 public:
  Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  virtual ~Engine() = default;

  virtual asio::awaitable<Result<About>> about() = 0;

  /// Creates and starts a sandbox and reads back what isolates it. On failure nothing of it is
  /// left, or what is left is removed in the background.
  virtual asio::awaitable<Result<Created>> create(Spec spec) = 0;

  /// All sandboxes of `scope`, running or not, spares included.
  virtual asio::awaitable<Result<std::vector<Found>>> list(std::string scope) = 0;

  /// Attaches to the standard streams of a running sandbox. What it writes until then is lost.
  virtual asio::awaitable<Result<std::unique_ptr<Attachment>>> open(Handle handle) = 0;

  /// Interrupts what R and all that it started are doing.
  virtual asio::awaitable<Status> interrupt(Handle handle) = 0;

  /// Kills R and all that it started; a new session starts in the same sandbox.
  virtual asio::awaitable<Status> kill_session(Handle handle) = 0;

  /// Ends and removes it, whatever its state; goes on even if this process dies meanwhile. One that
  /// is not there is success.
  virtual asio::awaitable<Status> remove(Handle handle) = 0;

  /// Leaves a durable mark on a spare that it is in use now. An engine without such marks answers
  /// Ok.
  virtual asio::awaitable<Status> mark_given(Handle handle) = 0;

  /// The digest of an image on the engine; Errc::kImageNotFound where it has none of that name.
  virtual asio::awaitable<Result<std::string>> image(std::string name) = 0;

  /// Gets an image from where its name says; takes the time that it takes, up to an hour.
  virtual asio::awaitable<Status> pull(std::string name, Watcher watcher) = 0;

  /// All that it tells of itself; nothing, from an engine that cannot be asked.
  virtual asio::awaitable<Result<Diagnosis>> diagnose() { co_return Diagnosis{}; }

  /// Whether it answers anything at all, within a few seconds: for who has waited in vain.
  virtual asio::awaitable<bool> answers() { co_return true; }

  /// Where it is, as a URL; "" where that is not known.
  virtual asio::awaitable<std::string> address() { co_return ""; }

  /// How the engine's machine names a path of ours; as it is where that is the same, or not known.
  [[nodiscard]] virtual std::string outside(std::string path) const { return path; }
};

}  // namespace omcp_r::engine
