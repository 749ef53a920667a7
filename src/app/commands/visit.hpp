#pragma once

#include <chrono>
#include <string>

#include "commands/floors.hpp"

namespace omcp_r::commands {

/// What came of code of ours in a sandbox that was made for it and removed behind it.
struct Visit {
  Result<sandbox::SandboxView> sandbox = Error{};
  std::string printed{};   ///< the first MiB of it
  Status ended = Error{};  ///< how the code did, where there was a sandbox
  Status removed = Error{};
};

/// Makes the sandbox that `request` describes and runs `code` there for `limit` at most. A signal
/// stops it: then signalled() holds.
asio::awaitable<Visit> visit_sandbox(Floors& floors, sandbox::CreateRequest request,
                                     std::string code, std::chrono::seconds limit);

}  // namespace omcp_r::commands
