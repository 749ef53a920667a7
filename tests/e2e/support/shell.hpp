#pragma once

#include "support/fixture.hpp"

namespace omcp_r::e2e {

/// The program as a person uses it, in the world of a test.
class ShellTest : public SandboxTest {
 protected:
  /// With its log in a file where it is to be told `apart` from the output.
  [[nodiscard]] ChildSpec spec(Argv arguments, bool apart = false) const {
    arguments.insert(arguments.begin(), binary());
    return {
        arguments, environment({}), folder() / "work", apart ? log() : std::filesystem::path{}, {}};
  }
  /// The same on a terminal of its own, with changes to its environment.
  [[nodiscard]] ChildSpec on_terminal(const std::string& arguments,
                                      const Environment& changes = {}) const {
    return {{"script", "-qec", "exec " + binary() + " " + arguments, "/dev/null"},
            environment(changes),
            folder() / "work",
            {},
            {}};
  }
  /// Runs the program to its end; what it says on both its outputs comes together.
  [[nodiscard]] Finished type(const Argv& arguments, const std::string& input = "",
                              std::chrono::milliseconds limit = 120s) const {
    return e2e::run(spec(arguments), input, limit);
  }
  [[nodiscard]] std::filesystem::path log() const { return folder() / "stderr"; }
  void expect_nothing_left() const { EXPECT_TRUE(containers().empty()); }
};

}  // namespace omcp_r::e2e
