#pragma once

#include <deque>
#include <memory>
#include <string>

#include "omcp_r/sandbox/manager.hpp"

namespace omcp_r::sandbox {

/// A sandbox that this process uses.
struct SandboxManager::Sandbox {
  std::string id;
  std::string container;
  StateFile file;
  std::shared_ptr<Session> session;
  std::shared_ptr<Execution> current;             ///< under way
  std::deque<std::shared_ptr<Execution>> recent;  ///< ended, the last few, for who asks late
  bool busy = false;                              ///< somebody here uses the channel
  State spare_state;                              ///< of a spare, before it has a file
};

/// Waits.
asio::awaitable<void> pause(std::chrono::milliseconds time);

inline constexpr std::size_t kRecentExecutions = 8;

}  // namespace omcp_r::sandbox
