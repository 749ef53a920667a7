#include "commands/container_arguments.hpp"

namespace omcp_r::commands {

std::vector<std::string> confinement() {
  return {"--init",         "--pull",
          "never",          "--network",
          "none",           "--read-only",
          "--cap-drop",     "ALL",
          "--security-opt", "no-new-privileges",
          "--pids-limit",   "256",
          "--memory",       "512m",
          "--tmpfs",        "/tmp:mode=1777,size=64m"};
}

/// Folders are mounted under their own names, so that a message names them as the person does.
std::vector<std::string> container_arguments(const ContainerEntry& entry) {
  std::vector<std::string> arguments{"run", "-i", "--rm"};
  const auto add = [&arguments](const char* flag, const std::string& value) {
    arguments.insert(arguments.end(), {flag, value});
  };
  const std::vector<std::string> confined = confinement();
  arguments.insert(arguments.end(), confined.begin(), confined.end());
  add("--group-add", std::to_string(entry.group));
  add("-v", entry.socket + ":/var/run/docker.sock");
  add("-v", "omcp-r-state:/var/lib/omcp-r-sandbox");
  for (const auto& [name, value] : entry.settings) {
    if (name == "DATA_DIR" || name == "R_LIBRARY") add("-v", value + ":" + value + ":ro");
    if (name == "OUTPUT_DIR") add("-v", value + ":" + value);
    add("-e", name + "=" + value);
  }
  if (!entry.settings.contains("SCOPE")) add("-e", "SCOPE=" + entry.scope);
  arguments.push_back(entry.image);
  return arguments;
}

}  // namespace omcp_r::commands
