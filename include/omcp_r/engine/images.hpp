#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "omcp_r/base/result.hpp"
#include "omcp_r/engine/docker_engine.hpp"

namespace omcp_r::engine {

/// The label of an image that was made for sandboxes; its value says of what.
inline constexpr const char* kImageLabel = "omcp-r.image";

/// An image that the engine has.
struct Image {
  std::string name;
  std::string digest;
  std::uint64_t bytes = 0;
  std::int64_t created = 0;  ///< seconds since the epoch; 0 where it is not told
  std::string recipe;        ///< what kImageLabel says; "" where it has no such label
};

/// An image to be built.
struct Build {
  std::string folder;   ///< of this machine; holds the Dockerfile, and is all that it can copy from
  std::string name;     ///< of the result
  std::string network;  ///< that the build uses
  bool fresh = false;   ///< nothing of earlier builds is taken
};

/// The images of an engine: those that sandboxes run, and how people get them. Each call that
/// reaches out has the time that it takes; cancelling it ends it.
class Images {
 public:
  Images() = default;
  Images(const Images&) = delete;
  Images& operator=(const Images&) = delete;
  virtual ~Images() = default;

  /// Errc::kImageNotFound where the engine has none of that name.
  virtual asio::awaitable<Result<Image>> find(std::string name) = 0;
  /// Those with kImageLabel and a name.
  virtual asio::awaitable<Result<std::vector<Image>>> made_here() = 0;
  /// What a shell script prints in a throw-away container of an image, as root and with `network`.
  /// For images that a person has named, not for code of a model. A missing image is pulled.
  virtual asio::awaitable<Result<std::string>> ask(std::string image, std::string script,
                                                   std::string network, Watcher watcher) = 0;
  /// Proxies of this process's environment are passed on, and stay out of the image.
  virtual asio::awaitable<Status> build(Build build, Watcher watcher) = 0;
  /// Gives an image another name in place of the one that it has.
  virtual asio::awaitable<Status> rename(std::string from, std::string to) = 0;
};

/// Those of the engine behind the docker command line.
std::unique_ptr<Images> make_docker_images(asio::any_io_executor executor, EngineConfig config);

}  // namespace omcp_r::engine
