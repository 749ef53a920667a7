#include <grp.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "commands/doctor_checks.hpp"

// This machine, as far as the engine is on it.

namespace omcp_r::commands::checks {
namespace {

constexpr std::string_view kUnix = "unix://";

/// Whether the engine's kernel is this one; nullopt where that is not known.
std::optional<bool> is_local(const Facts& facts) {
  utsname here{};
  if (!facts.engine || facts.engine->kernel.empty() || ::uname(&here) != 0) return std::nullopt;
  return facts.address.starts_with(kUnix) && facts.engine->kernel == here.release;
}

/// The first word of a file of the kernel's; "" where there is none.
std::string word_in(const char* path) {
  std::ifstream file{path};
  std::string word;
  file >> word;
  return word;
}

Finding elsewhere() {
  return unknown("not looked at: the engine's kernel is not known to be this machine's");
}

/// As the file says it, since getgrgid_r() would load modules of the machine's C library into the
/// static program: see passwd.cpp.
std::string group_name(gid_t gid) {
  std::array<char, 4096> room{};
  group entry{};
  group* found = nullptr;
  std::string name = std::to_string(gid);
  std::FILE* const file = std::fopen("/etc/group", "re");
  while (file != nullptr && ::fgetgrent_r(file, &entry, room.data(), room.size(), &found) == 0) {
    if (found->gr_gid == gid) {
      name = found->gr_name;
      break;
    }
  }
  if (file != nullptr) {
    std::fclose(file);
  }
  return name;
}

std::string owner_and_mode(const struct stat& status) {
  std::array<char, 16> mode{};
  std::snprintf(mode.data(), mode.size(), "%04o", status.st_mode & 07777U);
  return "of user " + std::to_string(status.st_uid) + ", group " + group_name(status.st_gid) +
         ", mode " + mode.data();
}

Finding engines_socket(const Facts& facts) {
  if (facts.address.empty()) return unknown("the engine's address is not known");
  if (facts.address.starts_with("tcp://")) {
    if (facts.config.engine.docker_host.empty()) {
      return unknown(facts.address + ": `docker context inspect` tells whether with TLS");
    }
    const char* const verify = std::getenv("DOCKER_TLS_VERIFY");
    const bool guarded =
        !facts.config.engine.certificates.empty() || (verify != nullptr && *verify != '\0');
    if (guarded) return ok(facts.address + ", with TLS");
    return warning(facts.address + " may be open to whoever reaches it",
                   "Use TLS (DOCKER_CERT_PATH) or ssh://: who may talk to an engine is as good as "
                   "root on its machine.");
  }
  if (!facts.address.starts_with(kUnix)) return ok(facts.address + " is no socket of this machine");
  const std::string path = facts.address.substr(kUnix.size());
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return failure(path + ": " + std::strerror(errno),
                   "Start Docker (Docker Desktop, or `sudo systemctl start docker`) or correct "
                   "DOCKER_HOST.");
  }
  const std::string found = path + ", " + owner_and_mode(status);
  if (!S_ISSOCK(status.st_mode)) {
    return failure(found + ": it is no socket", "Correct DOCKER_HOST.");
  }
  if ((status.st_mode & S_IWOTH) != 0) {
    return failure(found + ": every user of this machine can write to it, and so become root",
                   "sudo chmod o-rw " + path + ", and find out what made it so.");
  }
  if (::access(path.c_str(), R_OK | W_OK) != 0) {
    const std::string gid = std::to_string(status.st_gid);
    return failure(
        found + ": user " + std::to_string(::geteuid()) + " may not use it",
        facts.config.engine.in_container
            ? "Add --group-add " + gid + " to docker run, before the image's name."
            : "Add the user to its group (`sudo usermod -aG " + group_name(status.st_gid) +
                  " $USER`, then log in again), or set DOCKER_HOST to a rootless engine.");
  }
  return ok(found);
}

/// AppArmor or SELinux: what the engine says that it confines containers with, beside the kernel.
Finding security_module(const Facts& facts) {
  if (!facts.engine || !facts.engine->guards) return unknown("the engine does not tell");
  for (const char* const name : {"apparmor", "selinux"}) {
    if (facts.engine->guards->contains(name))
      return ok("the engine confines with " + std::string(name));
  }
  const std::string rest = "one guard less; the others hold without it";
  const bool here = word_in("/sys/module/apparmor/parameters/enabled") == "Y";
  if (is_local(facts).value_or(false) && here) {
    return warning("the kernel has AppArmor, and the engine does not use it: " + rest,
                   "Install apparmor (its apparmor_parser) and start the engine again. Rootless "
                   "engines cannot use it.");
  }
  return warning("neither AppArmor nor SELinux: " + rest,
                 "Where the distribution has one, switch it on.");
}

Finding ptrace_scope(const Facts& facts) {
  if (!is_local(facts).value_or(false)) return elsewhere();
  const std::string scope = word_in("/proc/sys/kernel/yama/ptrace_scope");
  if (!scope.empty() && scope != "0") return ok("kernel.yama.ptrace_scope is " + scope);
  return warning(scope.empty() ? "the kernel does not have it" : "kernel.yama.ptrace_scope is 0",
                 "Code can then disable what ends its own sandbox, which a server does later "
                 "(SECURITY.md). Where the kernel has it: sysctl -w kernel.yama.ptrace_scope=1.");
}

}  // namespace

const Group& machine_group() {
  static const Group kGroup{"machine",
                            "This machine",
                            nullptr,
                            nullptr,
                            {{"socket", "Engine's socket", engines_socket},
                             {"lsm", "AppArmor, SELinux", security_module},
                             {"yama", "Yama", ptrace_scope}}};
  return kGroup;
}

}  // namespace omcp_r::commands::checks
