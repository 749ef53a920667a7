#pragma once

#include <memory>
#include <string>

#include "support/docker.hpp"

namespace omcp_r::e2e {

/// What an engine is made of.
struct EngineProgram {
  std::filesystem::path folder = {};  ///< with dockerd and its like; empty: this machine's
  Environment environment = {};       ///< added to the test's own
  bool rootless = false;              ///< in a user namespace of nobody's, as a person starts it
  std::string configuration = {};     ///< a daemon.json
  Argv arguments = {};                ///< more of dockerd's
};

/// A Docker engine of the test's own, in its own folders and network namespace, so that it can be
/// stopped, hung and started again. Needs root.
class SecondEngine {
 public:
  explicit SecondEngine(std::filesystem::path folder, EngineProgram program = {});
  SecondEngine(const SecondEngine&) = delete;
  SecondEngine& operator=(const SecondEngine&) = delete;
  ~SecondEngine();

  [[nodiscard]] EngineAddress address() const;
  void start();
  void stop();
  /// Ends it as a crash would; start() brings another one up on what it left.
  void kill();
  void hang();
  void go_on();
  /// Goes on where it hangs, starts where it has ended.
  void come_back();
  /// Copies an image from the engine of the other tests.
  void load(const std::string& image);
  /// The process that has its network namespace.
  [[nodiscard]] pid_t daemon() const;

 private:
  void signal(int number) const;

  std::filesystem::path folder_;
  EngineProgram program_;
  std::unique_ptr<Child> child_;
};

}  // namespace omcp_r::e2e
