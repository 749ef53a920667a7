#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "commands/doctor_checks.hpp"
#include "omcp_r/app/values.hpp"

// What the settings say, and the folders that they name.

namespace omcp_r::commands::checks {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLittle = 64ULL << 20U;

Findings files_read(const Facts& facts) {
  if (facts.config.env_files.empty()) return {ok("none: all comes from elsewhere")};
  Findings found;
  for (const std::string& file : facts.config.env_files) found.push_back(of(file, ok("read")));
  return found;
}

Findings given(const Facts& facts) {
  Findings found;
  for (const app::Origin& origin : facts.config.origins) {
    if (!origin.by_default) {
      found.push_back(of(origin.variable, ok(origin.value + "  (" + origin.source + ")")));
    }
  }
  if (found.empty()) found.push_back(ok("all have their defaults"));
  return found;
}

Findings warned_of(const Facts& facts) {
  Findings found;
  for (const std::string& text : facts.config.warnings) {
    found.push_back(warning(text, "Correct it there: --print-config shows what is in force."));
  }
  return found;
}

// --- folders -------------------------------------------------------------------------------------

std::string size_of(std::uint64_t bytes) {
  constexpr std::uint64_t kMegabyte = 1ULL << 20U;
  return std::to_string(bytes / kMegabyte) + " MB";
}

std::string mode_text(const struct stat& status) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%04o", status.st_mode & 07777U);
  return text.data();
}

/// "PATH, of user 1000, mode 0700, 900 MB free"
std::string description(const std::string& folder, const struct stat& status, std::uint64_t free) {
  return folder + ", of user " + std::to_string(status.st_uid) + ", mode " + mode_text(status) +
         ", " + size_of(free) + " free";
}

/// Of a folder that is written to: that it can be, and has room.
Finding writable_folder(const std::string& folder, const char* setting) {
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0) {
    return failure(folder + ": " + std::strerror(errno),
                   std::string("Set ") + setting + " to a folder that this user can write to.");
  }
  std::error_code failed;
  const std::uintmax_t free = fs::space(folder, failed).available;
  const std::string found = description(folder, status, failed ? 0 : free);
  if (!S_ISDIR(status.st_mode) || ::access(folder.c_str(), R_OK | W_OK | X_OK) != 0) {
    return failure(found + ": user " + std::to_string(::geteuid()) + " cannot write to it",
                   std::string("Set ") + setting + " to a folder that this user can write to.");
  }
  if (!failed && free < kLittle) return warning(found, "Free some space on its file system.");
  return ok(found);
}

Finding state_folder(const Facts& facts) {
  const std::string& folder = facts.config.sandbox.state_dir;
  struct stat status {};
  if (::lstat(folder.c_str(), &status) != 0 && errno == ENOENT) {
    return ok(folder + " is not there yet: the first sandbox makes it");
  }
  Finding finding = writable_folder(folder, "STATE_DIR");
  const bool foreign = status.st_uid != ::geteuid();
  const bool open = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  if (foreign || open || !S_ISDIR(status.st_mode)) {
    const char* const wrong = foreign ? ": it belongs to another user"
                              : open  ? ": other users can write to it"
                                      : ": it is not a folder, or a link to one";
    return failure(finding.found + wrong, "Set STATE_DIR to a folder of your own with mode 0700.");
  }
  return finding;
}

Finding output_folder(const Facts& facts) {
  const std::string& folder = facts.config.sandbox.output_dir;
  if (folder.empty()) return ok("not set: files stay in their sandbox");
  return writable_folder(folder, "OUTPUT_DIR");
}

Finding data_folder(const Facts& facts) {
  const std::string& folder = facts.config.sandbox.data_dir;
  if (folder.empty()) return ok("not set: sandboxes see no folder of this machine");
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0 || ::access(folder.c_str(), R_OK | X_OK) != 0) {
    return failure(folder + ": " + std::strerror(errno),
                   "Set DATA_DIR to a folder that this user can read.");
  }
  return ok(folder + ", of user " + std::to_string(status.st_uid) + ", mode " + mode_text(status));
}

}  // namespace

const Group& settings_group() {
  static const Group kGroup{"settings",
                            "Settings",
                            nullptr,
                            nullptr,
                            {{"files", "Files read", files_read},
                             {"given", "Settings", given},
                             {"warnings", "Warning", warned_of}}};
  return kGroup;
}

const Group& folders_group() {
  static const Group kGroup{"folders",
                            "Folders",
                            nullptr,
                            nullptr,
                            {{"state", "STATE_DIR", state_folder},
                             {"output", "OUTPUT_DIR", output_folder},
                             {"data", "DATA_DIR", data_folder}}};
  return kGroup;
}

}  // namespace omcp_r::commands::checks
