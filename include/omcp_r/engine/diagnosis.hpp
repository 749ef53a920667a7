#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace omcp_r::engine {

/// A program that an engine is made of.
struct Component {
  std::string name;     ///< "runc", "containerd"…
  std::string version;  ///< as its makers number it
  std::string build;    ///< a commit, or the number of who packaged it
};

/// What an engine tells of itself, for who looks for what is wrong. "", 0 and nullopt are what it
/// does not tell.
struct Diagnosis {
  std::string client_version;
  std::string version;
  std::string api_version;
  std::vector<Component> components;
  std::string system;  ///< of its machine
  std::string kernel;
  std::uint64_t memory_bytes = 0;
  int processors = 0;
  std::string cgroup_version;  ///< "1" or "2"
  std::string cgroup_driver;
  /// Which limits it can put in force.
  std::optional<bool> limits_memory;
  std::optional<bool> limits_swap;
  std::optional<bool> limits_cpus;
  std::optional<bool> limits_processes;
  std::string default_runtime;
  std::vector<std::string> runtimes;
  /// What guards containers, such as "seccomp" or "apparmor", with its profile. "rootless" and
  /// "userns" stand here, too.
  std::optional<std::map<std::string, std::string>> guards;
  std::vector<std::string> warnings;  ///< its own
};

/// A published way out of a container.
struct Escape {
  const char* component;
  const char* name;
  std::vector<const char*> mended;  ///< the first version that is, of each branch, in order
  const char* source;
};

/// Those that a component is too old for; nullopt where its version cannot be read. Who packages a
/// component may have mended an older version without another number.
std::optional<std::vector<const Escape*>> escapes_of(const Component& component);

}  // namespace omcp_r::engine
