#include "omcp_r/base/sharing.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace omcp_r {
namespace {

namespace fs = std::filesystem;

/// What Docker Desktop's machine calls folders of macOS, such as /host_mnt/Users, and of Windows,
/// such as /run/desktop/mnt/host/c/Users.
constexpr const char* kMac = "/host_mnt";
constexpr std::string_view kDrives = "/run/desktop/mnt/host/";

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

bool holds_keys(const fs::path& folder) {
  const std::string path = folder.string() + "/";
  return std::any_of(kPrivateNames.begin(), kPrivateNames.end(), [&path](const std::string& name) {
    return path.find("/" + name + "/") != std::string::npos;
  });
}

/// A folder of Windows as Docker Desktop's machine knows it, such as /run/desktop/mnt/host/c/Users:
/// what is behind the drive's letter, in small letters. "" of any other.
std::string behind_drive(const fs::path& folder) {
  std::string path = folder.string();
  if (!path.starts_with(kDrives)) return "";
  path = path.substr(kDrives.size());
  path = path.size() > 1 && path[1] == '/' ? path.substr(1) : "/";
  for (char& c : path) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return path;
}

std::optional<std::string> reason_against(const fs::path& folder, const fs::path& home) {
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
  if (!home.empty() && is_within(home, folder)) {
    return home == folder ? "it is your home folder" : "your home folder is in it";
  }
  if (holds_keys(folder)) return "it holds keys or settings";
  return std::nullopt;
}

}  // namespace

bool is_within(const fs::path& inner, const fs::path& outer) {
  const auto [end, rest] = std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end());
  return end == outer.end();
}

fs::path plain_path(const fs::path& path) {
  fs::path plain = path.lexically_normal();
  return plain.has_filename() ? plain : plain.parent_path();
}

std::optional<std::string> not_for_sharing(const fs::path& folder, const fs::path& home) {
  const bool of_mac = is_within(folder, kMac);
  return reason_against(of_mac ? plain_path("/" / folder.lexically_relative(kMac)) : folder, home);
}

std::string name_for_person(const std::string& path) {
  if (path.starts_with(std::string{kMac} + "/")) return path.substr(std::string{kMac}.size());
  if (!path.starts_with(kDrives) || path.size() <= kDrives.size()) return path;
  const std::string drive = path.substr(kDrives.size());
  if (drive.size() > 1 && drive[1] != '/') return path;
  const char letter = drive[0];
  const bool small = letter >= 'a' && letter <= 'z';
  return std::string(1, small ? static_cast<char>(letter - 'a' + 'A') : letter) + ":" +
         (drive.size() > 1 ? drive.substr(1) : "/");
}

}  // namespace omcp_r
