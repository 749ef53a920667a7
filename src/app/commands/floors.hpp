#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "commands/words.hpp"
#include "omcp_r/app/config.hpp"
#include "omcp_r/engine/docker_engine.hpp"
#include "omcp_r/engine/images.hpp"
#include "omcp_r/sandbox/sandboxes.hpp"

namespace omcp_r::commands {

namespace asio = boost::asio;

/// What lies below the tools of a server, and what a command works with: an engine, the sandboxes
/// on it, and the loop that they live on. Touches no engine before it is used.
class Floors {
 public:
  /// `config` must outlive it.
  explicit Floors(const app::Config& config);

  asio::io_context& io() { return io_; }
  [[nodiscard]] const app::Config& config() const { return config_; }
  engine::Engine& engine() { return *engine_; }
  sandbox::Sandboxes& sandboxes() { return *sandboxes_; }
  engine::Images& images() { return *images_; }

  /// Runs `work`, then for `farewell` at most what it has left under way. Gives what the work does,
  /// or 1 where something has failed that all depends on.
  int run(asio::awaitable<int> work, std::chrono::milliseconds farewell);

 private:
  const app::Config& config_;
  asio::io_context io_{1};
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<engine::Images> images_;
  std::unique_ptr<sandbox::Sandboxes> sandboxes_;
};

/// Sets up logging and logs what the configuration warns of. An error is for people, and tells of
/// AUDIT_LOG as of other settings that cannot be used: it is known for it only once it is opened.
Status begin_logging(const app::Config& config);

/// Where the value of an option comes from.
const app::Origin& origin_of(const app::Config& config, std::string_view variable);

/// Says why the words cannot be, and gives kUsage.
asio::awaitable<int> refuse(std::string why);

/// Reads the words behind a command's name and its configuration, and runs `work` with both. The
/// exit code: 0 for --help, kUsage for what is wrong in them, else that of the work. `work` is
/// called before the loop runs.
int with_sandboxes(const Usage& usage, const std::vector<std::string>& arguments,
                   const std::function<asio::awaitable<int>(Floors&, const Words&)>& work);

}  // namespace omcp_r::commands
