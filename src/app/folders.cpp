#include "omcp_r/app/folders.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <system_error>

#include "omcp_r/app/values.hpp"

namespace omcp_r::app {
namespace {

namespace fs = std::filesystem;

/// Not themselves; what lies in them may be shared.
constexpr std::array kNeverThemselves = {"/",    "/home",  "/root",    "/Users",   "/opt",
                                         "/srv", "/mnt",   "/usr",     "/var",     "/tmp",
                                         "/run", "/media", "/var/tmp", "/var/lib", "/var/home"};

/// Neither themselves nor anything in them.
constexpr std::array kNeverBelow = {"/bin",
                                    "/boot",
                                    "/dev",
                                    "/etc",
                                    "/lib",
                                    "/lib32",
                                    "/lib64",
                                    "/proc",
                                    "/sbin",
                                    "/sys",
                                    "/usr/bin",
                                    "/usr/lib",
                                    "/usr/sbin",
                                    "/run/docker",
                                    "/System",
                                    "/run/containerd",
                                    "/run/user",
                                    "/var/run",
                                    "/var/lib/docker",
                                    "/var/lib/containerd"};

/// The same of a drive of Windows, without its letter and in small letters.
constexpr std::array kNeverBelowOfDrive = {"/windows", "/program files", "/program files (x86)",
                                           "/programdata", "/$recycle.bin"};

/// Keys and settings, wherever they lie: in the server's container the home of who owns them is not
/// known.
constexpr std::array kPrivateNames = {
    ".ssh",     ".gnupg",  ".aws",           ".azure",
    ".config",  ".docker", ".kube",          ".local/share/keyrings",
    ".mozilla", ".netrc",  ".password-store"};

bool is_within(const fs::path& inner, const fs::path& outer) {
  const auto [end, rest] = std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end());
  return end == outer.end();
}

bool holds_keys(const fs::path& folder) {
  const std::string path = folder.string() + "/";
  return std::any_of(kPrivateNames.begin(), kPrivateNames.end(), [&path](const std::string& name) {
    return path.find("/" + name + "/") != std::string::npos;
  });
}

/// A folder of Windows as Docker Desktop's machine knows it, such as /run/desktop/mnt/host/c/Users:
/// what is behind the drive's letter, in small letters. "" of any other.
std::string behind_drive(const fs::path& folder) {
  constexpr std::string_view kDrives = "/run/desktop/mnt/host/";
  std::string path = folder.string();
  if (!path.starts_with(kDrives)) return "";
  path = path.substr(kDrives.size());
  path = path.size() > 1 && path[1] == '/' ? path.substr(1) : "/";
  for (char& c : path) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return path;
}

/// Why nobody shares this folder on purpose; `home` may be empty.
std::optional<std::string> not_for_sharing(const fs::path& folder, const fs::path& home) {
  if (const fs::path of_drive = behind_drive(folder); !of_drive.empty()) {
    const auto holds = [&](const char* name) { return is_within(of_drive, name); };
    if (of_drive == "/" || of_drive == "/users" ||
        std::any_of(kNeverBelowOfDrive.begin(), kNeverBelowOfDrive.end(), holds)) {
      return "it belongs to the system";
    }
    if (of_drive.parent_path() == "/users") return "it is a home folder";
    if ((of_drive.string() + "/").find("/appdata/") != std::string::npos) {
      return "it holds keys or settings";
    }
  }
  const auto is = [&](const char* name) { return folder == name; };
  const auto below = [&](const char* name) { return is_within(folder, name); };
  if (std::any_of(kNeverThemselves.begin(), kNeverThemselves.end(), is) ||
      std::any_of(kNeverBelow.begin(), kNeverBelow.end(), below)) {
    return "it belongs to the system";
  }
  if (const fs::path parent = folder.parent_path();
      parent == "/home" || parent == "/Users" || parent == "/var/home") {
    return "it is a home folder";
  }
  if (!home.empty() && is_within(home, folder)) return "your home folder is in it";
  if (holds_keys(folder)) return "it holds keys or settings";
  return std::nullopt;
}

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
    mounts.push_back({without_octal(root), without_octal(point), kind});
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
  const fs::path real =
      (fs::path(mount.root) / fs::path(folder).lexically_relative(mount.point)).lexically_normal();
  // A whole file system, or a volume of the engine's, which is made for sharing.
  if (mount.root == "/" || is_within(real, "/var/lib/docker/volumes")) return Ok{};
  fs::path plain = real;
  if (!plain.has_filename()) plain = plain.parent_path();
  const auto reason = not_for_sharing(plain, {});
  if (!reason) return Ok{};
  return refused("a folder made for this purpose: " + shown(folder) + " is " +
                 shown(plain.string()) + " of your machine, which is never shared, since " +
                 *reason);
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
    return refused(sharing == Sharing::kWrite ? "a folder that you may write to"
                                              : "a folder that you may read");
  }
  return real.string();
}

}  // namespace omcp_r::app
