#include "omcp_r/app/folders.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "omcp_r/app/values.hpp"
#include "omcp_r/base/sharing.hpp"

namespace omcp_r::app {
namespace {

namespace fs = std::filesystem;

/// mountinfo writes blanks and backslashes as "\\040".
std::string without_octal(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view digits = text.substr(i + 1, 3);
    const bool escape = text[i] == '\\' && digits.size() == 3 &&
                        digits.find_first_not_of("01234567") == std::string_view::npos;
    out += escape
               ? static_cast<char>((digits[0] - '0') * 64 + (digits[1] - '0') * 8 + digits[2] - '0')
               : text[i];
    i += escape ? 3 : 0;
  }
  return out;
}

struct Mount {
  std::string device;
  std::string root;  ///< of its file system that is seen at `point`, with no links in it
  std::string point;
  std::string kind;  ///< of the file system
};

/// One a line, its optional fields ended by a dash: proc(5).
std::vector<Mount> mounts_in(std::string_view mountinfo) {
  std::vector<Mount> mounts;
  std::istringstream lines{std::string(mountinfo)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string id, parent, device, root, point, field, kind;
    fields >> id >> parent >> device >> root >> point;
    while (fields >> field && field != "-") {
    }
    fields >> kind;
    mounts.push_back({device, without_octal(root), without_octal(point), kind});
  }
  return mounts;
}

/// The mount that `folder` lies on; an empty one where none is told of.
Mount nearest_mount(std::string_view mountinfo, const std::string& folder) {
  Mount nearest;
  for (Mount& mount : mounts_in(mountinfo)) {
    const bool covers = is_within(folder, mount.point);
    if (covers && mount.point.size() >= nearest.point.size()) nearest = std::move(mount);
  }
  return nearest;
}

/// The path of `folder` on the file system of `mount`, which it lies on.
fs::path path_on(const Mount& mount, const std::string& folder) {
  return plain_path(fs::path(mount.root) / fs::path(folder).lexically_relative(mount.point));
}

Error refused(const std::string& what) {
  return {Errc::kInvalidArgument, what};
}

}  // namespace

Result<std::string> absolute_path(std::string_view path, const std::string& home) {
  std::string result(path);
  if (path == "~" || path.starts_with("~/")) {
    if (home.empty()) return refused("an absolute path: no home folder is known for \"~\"");
    result = home + result.substr(1);
  }
  if (!result.starts_with('/')) return refused("an absolute path, or one that begins with \"~/\"");
  return fs::path(result).lexically_normal().string();
}

std::vector<std::string> mounts_below(std::string_view mountinfo, const std::string& folder) {
  std::vector<std::string> below;
  for (const Mount& mount : mounts_in(mountinfo)) {
    if (mount.point != folder && is_within(mount.point, folder)) below.push_back(mount.point);
  }
  return below;
}

bool is_mounted(std::string_view mountinfo, const std::string& folder) {
  const Mount nearest = nearest_mount(mountinfo, folder);
  return nearest.point.size() > 1 && nearest.kind != "tmpfs";
}

Status check_mounted(std::string_view mountinfo, const std::string& folder) {
  const Mount mount = nearest_mount(mountinfo, folder);
  const fs::path real = path_on(mount, folder);
  // Of a whole file system only the engine knows where it lies, and is asked before it is shared. A
  // volume of the engine's is made for sharing.
  if (mount.root == "/" || is_within(real, "/var/lib/docker/volumes")) return Ok{};
  const auto reason = not_for_sharing(real, {});
  if (!reason) return Ok{};
  return refused("a folder made for this purpose: " + shown(folder) + " is " +
                 shown(real.string()) + " of your machine, which is never shared, since " +
                 *reason);
}

bool overlap(std::string_view mountinfo, const std::string& one, const std::string& other) {
  const auto either = [](const fs::path& a, const fs::path& b) {
    return is_within(a, b) || is_within(b, a);
  };
  std::error_code failure;
  if (either(one, other) || fs::equivalent(one, other, failure)) return true;
  const Mount a = nearest_mount(mountinfo, one);
  const Mount b = nearest_mount(mountinfo, other);
  return !a.device.empty() && a.device == b.device && either(path_on(a, one), path_on(b, other));
}

std::string own_mounts() {
  std::ostringstream text;
  text << std::ifstream("/proc/self/mountinfo").rdbuf();
  return text.str();
}

std::vector<std::string> talking_files(const std::string& folder, std::size_t most) {
  constexpr int kEntries = 20'000;
  std::vector<std::string> found;
  std::error_code failure;
  fs::recursive_directory_iterator entry{folder, fs::directory_options::skip_permission_denied,
                                         failure};
  for (int i = 0; i < kEntries && !failure && entry != fs::recursive_directory_iterator{} &&
                  found.size() < most;
       ++i, entry.increment(failure)) {
    std::error_code unreadable;
    const fs::file_type type = entry->symlink_status(unreadable).type();
    if (type == fs::file_type::socket || type == fs::file_type::fifo) {
      found.push_back(entry->path().string());
    }
  }
  return found;
}

Result<std::string> shared_folder(std::string_view path, const std::string& home, Sharing sharing) {
  const auto absolute = absolute_path(path, home);
  if (!absolute) return absolute.error();
  std::error_code failure;
  const fs::path real = fs::canonical(*absolute, failure);
  if (failure) return refused("a folder that exists: " + failure.message());
  if (!fs::is_directory(real, failure)) return refused("a folder, and is something else");
  const fs::path real_home = home.empty() ? fs::path() : fs::weakly_canonical(home, failure);
  if (const auto reason = not_for_sharing(real, real_home)) {
    return refused("a folder made for this purpose: " + shown(real.string()) +
                   " is never shared, since " + *reason);
  }
  const auto below = mounts_below(own_mounts(), real.string());
  if (sharing == Sharing::kRead && !below.empty()) {
    return refused("a folder without other file systems in it, as engines share these writable: " +
                   shown(below.front()) + " is one. Unmount it, or share a folder beside it");
  }
  const int access = sharing == Sharing::kWrite ? R_OK | W_OK | X_OK : R_OK | X_OK;
  if (::access(real.c_str(), access) != 0) {
    return refused("a folder that user " + std::to_string(::geteuid()) + " may " +
                   (sharing == Sharing::kWrite ? "write to" : "read"));
  }
  return real.string();
}

}  // namespace omcp_r::app
