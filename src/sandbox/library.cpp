#include "omcp_r/sandbox/library.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>

#include "omcp_r/base/text.hpp"

namespace omcp_r::sandbox {
namespace {

namespace fs = std::filesystem;

/// What a package was built for: "R 4.5.0; x86_64-pc-linux-gnu; 2026-01-01 10:00:00 UTC; unix", the
/// platform being empty where nothing was compiled.
struct Built {
  std::string version;  ///< "" where it does not say: it is no installed package
  std::string platform;
};

Built built_of(const fs::path& package) {
  std::error_code failure;
  if (!fs::is_regular_file(package / "DESCRIPTION", failure)) return {};  // a pipe would hold us
  constexpr std::size_t kMost = std::size_t{64} << 10;
  std::ifstream file{package / "DESCRIPTION", std::ios::binary};
  std::string text(kMost, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  constexpr std::string_view kField = "\nBuilt: R ";
  const std::size_t at = text.find(kField);
  if (at == std::string::npos) return {};
  std::string line = text.substr(at + kField.size());
  line.resize(line.find('\n') == std::string::npos ? line.size() : line.find('\n'));
  const std::size_t first = line.find(';');
  if (first == std::string::npos) return {line, ""};
  const std::size_t second = line.find(';', first + 1);
  std::string platform = line.substr(first + 1, second - first - 1);
  platform.erase(0, platform.find_first_not_of(' '));
  return {line.substr(0, first), platform};
}

}  // namespace

std::string r_series(const std::string& version) {
  return version.substr(0, version.find('.', version.find('.') + 1));
}

Status check_library(const std::string& folder, const std::string& r_version,
                     const std::string& platform) {
  constexpr int kMostPackages = 5000;
  constexpr std::size_t kShown = 100;
  int seen = 0;
  std::error_code failure;
  fs::directory_iterator entry{folder, failure};
  for (; !failure && entry != fs::directory_iterator{} && ++seen <= kMostPackages;
       entry.increment(failure)) {
    const Built built = built_of(entry->path());
    const bool other_version =
        !built.version.empty() && r_series(built.version) != r_series(r_version);
    const bool other_platform =
        !built.platform.empty() && !platform.empty() && built.platform != platform;
    if (!other_version && !other_platform) continue;
    return Error{Errc::kMisconfigured,
                 "R_LIBRARY=" + printable(folder, kShown) + ": the package " +
                     printable(entry->path().filename().string(), kShown) +
                     " there was built for R " + printable(built.version, kShown) +
                     (built.platform.empty() ? "" : " on " + printable(built.platform, kShown)) +
                     ", and the image has R " + r_version +
                     (platform.empty() ? "" : " on " + platform) +
                     ". Ask the user for a library that was installed with that R, or for another "
                     "image."};
  }
  if (failure) {
    return Error{Errc::kMisconfigured, "R_LIBRARY=" + printable(folder, kShown) +
                                           " cannot be read: " + failure.message() + "."};
  }
  return Ok{};
}

Status check_readable(const std::string& folder, const std::string& user) {
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0) {
    return Ok{};  // the engine says more
  }
  const std::size_t colon = std::min(user.find(':'), user.size());
  const bool owner = user.substr(0, colon) == std::to_string(status.st_uid);
  const bool group = user.substr(std::min(colon + 1, user.size())) == std::to_string(status.st_gid);
  const mode_t needed = owner ? S_IRUSR | S_IXUSR : (group ? S_IRGRP | S_IXGRP : S_IROTH | S_IXOTH);
  if ((status.st_mode & needed) == needed) {
    return Ok{};
  }
  constexpr std::size_t kShown = 100;
  return Error{Errc::kMisconfigured, "R_LIBRARY=" + printable(folder, kShown) +
                                         " cannot be read by user " + user +
                                         ", as whom R runs. Ask the user for: chmod -R o+rX " +
                                         printable(folder, kShown)};
}

}  // namespace omcp_r::sandbox
