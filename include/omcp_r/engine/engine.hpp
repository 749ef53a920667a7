#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "omcp_r/base/result.hpp"

namespace omcp_r::engine {

namespace asio = boost::asio;

using Labels = std::map<std::string, std::string>;

/// A read-only folder of the host made visible in the container.
struct BindMount {
  std::string source;
  std::string target;
};

/// Everything that differs between containers. The isolation itself (no network, read-only root,
/// no capabilities…) is not a choice and therefore no member: see docker_run_argv().
struct ContainerSpec {
  std::string name;
  Labels labels;
  std::string image;
  std::vector<std::string> command;  ///< argv in the container; replaces the image's entrypoint
  std::map<std::string, std::string> environment;
  std::string user;                ///< numeric "uid:gid"
  std::uint64_t memory_bytes = 0;  ///< memory, and memory plus swap
  double cpus = 1.0;
  int pids = 128;
  std::uint64_t file_bytes = 0;   ///< largest file (ulimit fsize)
  std::uint64_t tmp_bytes = 0;    ///< size of the tmpfs at /tmp
  std::uint64_t work_bytes = 0;   ///< size of the tmpfs at /sandbox
  std::uint64_t shm_bytes = 0;    ///< size of the private /dev/shm
  std::vector<BindMount> mounts;  ///< always read-only
  std::string runtime;            ///< "" is the engine's default; else runsc, kata…
};

/// A container as the engine lists it.
struct ContainerInfo {
  std::string id;  ///< full id
  std::string name;
  std::string image;
  Labels labels;
  bool running = false;
  std::int64_t created_at = 0;  ///< seconds since the epoch
};

/// The limits that really hold, as the engine tells after creation; -1 or 0 where none holds.
struct AppliedLimits {
  std::int64_t memory_bytes = 0;
  std::int64_t memory_swap_bytes = 0;
  double cpus = 0;
  std::int64_t pids = 0;
};

/// What inspecting one container tells.
struct ContainerState {
  bool running = false;
  int exit_code = 0;
  bool oom_killed = false;
  std::string image_id;  ///< digest of the image that it runs
  Labels labels;
  AppliedLimits limits;
};

/// An image on the engine.
struct ImageInfo {
  std::string id;                         ///< sha256:… of the image's configuration
  std::vector<std::string> repo_digests;  ///< name@sha256:… where it came from a registry
};

enum class Stream { kOut, kErr };

/// Bytes that a container wrote.
struct Chunk {
  Stream stream = Stream::kOut;
  std::string bytes;
};

/// One attached stream of a running container. Destroying it detaches; the container goes on.
class Attachment {
 public:
  Attachment() = default;
  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;
  virtual ~Attachment() = default;

  /// Writes all of `bytes` to the container's standard input. One writer at a time.
  virtual asio::awaitable<Status> write(std::string bytes) = 0;

  /// The next bytes of either stream, at most 64 KiB; nullopt at the end (container ended, engine
  /// gone, or closed). One reader at a time; not reading holds the container's writers back.
  virtual asio::awaitable<std::optional<Chunk>> read() = 0;

  /// Detaches now; a pending read ends with nullopt. Never blocks.
  virtual void close() = 0;
};

/// A container engine. Every call has a deadline of its own and answers Errc::kEngineUnavailable
/// with advice when the engine cannot be reached, Errc::kNotFound for a container that is not
/// there.
class Engine {
 public:
  Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  virtual ~Engine() = default;

  /// Creates and starts a container; returns its full id. The caller removes it by name if this
  /// fails with a timeout, since it may have been made all the same.
  virtual asio::awaitable<Result<std::string>> create(ContainerSpec spec) = 0;
  virtual asio::awaitable<Result<std::unique_ptr<Attachment>>> attach(std::string id_or_name) = 0;
  /// Sends a signal by name ("INT", "TERM", "USR1") to the container's first process.
  virtual asio::awaitable<Status> signal(std::string id_or_name, std::string signal) = 0;
  virtual asio::awaitable<Status> rename(std::string id_or_name, std::string new_name) = 0;
  /// Kills and removes, whatever the state. A container that is not there is success.
  virtual asio::awaitable<Status> remove(std::string id_or_name) = 0;
  /// All containers, running or not, that carry every one of `labels`.
  virtual asio::awaitable<Result<std::vector<ContainerInfo>>> list(Labels labels) = 0;
  virtual asio::awaitable<Result<ContainerState>> inspect(std::string id_or_name) = 0;
  /// Errc::kImageNotFound where the engine has no such image.
  virtual asio::awaitable<Result<ImageInfo>> image(std::string name) = 0;
};

}  // namespace omcp_r::engine
