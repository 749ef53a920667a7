#pragma once

#include "support/fixture.hpp"

namespace omcp_r::e2e {

/// The commands that a person types.
class ShellTest : public SandboxTest {
 protected:
  /// With `apart` what it says on standard error goes to log() alone.
  [[nodiscard]] ChildSpec spec(Argv arguments, bool apart = false) const {
    arguments.insert(arguments.begin(), binary());
    return {
        arguments, environment({}), folder() / "work", apart ? log() : std::filesystem::path{}, {}};
  }
  [[nodiscard]] std::filesystem::path log() const { return folder() / "stderr"; }
  /// Runs the program to its end; what it says on both its outputs comes together.
  [[nodiscard]] Finished type(const Argv& arguments, const std::string& input = "",
                              std::chrono::milliseconds limit = 120s) const {
    return e2e::run(spec(arguments), input, limit);
  }
};

}  // namespace omcp_r::e2e
