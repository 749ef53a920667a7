#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <map>
#include <memory>
#include <string>

#include "omcp_r/base/clock.hpp"
#include "omcp_r/base/result.hpp"
#include "omcp_r/engine/engine.hpp"
#include "omcp_r/sandbox/policy.hpp"

namespace omcp_r::sandbox {

/// The images that are being got: each once, however many wait for it.
class Pulls {
 public:
  Pulls(asio::any_io_executor executor, engine::Engine& engine)
      : executor_(std::move(executor)), engine_(engine) {}
  Pulls(const Pulls&) = delete;
  Pulls& operator=(const Pulls&) = delete;
  ~Pulls() { stop(); }

  /// Waits until the engine has it. At `deadline` Errc::kTimeout: it goes on, for who comes next.
  asio::awaitable<Status> get(std::string image, Clock::time_point deadline, PullWatch watch);
  /// Ends all of them.
  void stop();

 private:
  struct Pull;
  using PullPtr = std::shared_ptr<Pull>;
  static asio::awaitable<void> run(engine::Engine& engine, std::string image, PullPtr pull);
  PullPtr begin(const std::string& image);

  asio::any_io_executor executor_;
  engine::Engine& engine_;
  std::map<std::string, PullPtr> pulls_;
};

}  // namespace omcp_r::sandbox
