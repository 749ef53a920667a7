#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <utility>

#include "fakes/fake_engine.hpp"

namespace omcp_r::fakes {

/// The streams of one attachment. Lives as long as a read or write that is under way.
struct FakePipes {
  explicit FakePipes(std::shared_ptr<FakeSandbox> its_sandbox)
      : sandbox(std::move(its_sandbox)), changed(sandbox->executor_) {}

  static asio::awaitable<std::optional<engine::Chunk>> read(std::shared_ptr<FakePipes> self);
  static asio::awaitable<Status> write(std::shared_ptr<FakePipes> self, std::string bytes);
  [[nodiscard]] const Faults& faults() const { return sandbox->faults_; }
  [[nodiscard]] bool broken() const;
  std::optional<engine::Chunk> take();

  std::shared_ptr<FakeSandbox> sandbox;
  std::deque<engine::Chunk> queue;  ///< what was written since it attached and not read yet
  std::size_t delivered = 0;        ///< bytes
  bool closed = false;
  Event changed;
};

}  // namespace omcp_r::fakes
