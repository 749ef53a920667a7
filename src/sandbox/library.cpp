#include "library.hpp"

#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>

#include "omcp_r/base/text.hpp"

namespace omcp_r::sandbox {
namespace {

namespace fs = std::filesystem;

/// "4.5" of "4.5.0": packages serve all versions of one series.
std::string series(const std::string& version) {
  return version.substr(0, version.find('.', version.find('.') + 1));
}

/// What a package was built for: "R 4.5.0; x86_64-pc-linux-gnu; 2026-01-01 10:00:00 UTC; unix", the
/// platform being empty where nothing was compiled.
struct Built {
  std::string version;  ///< "" where it does not say: it is no installed package
  std::string platform;
};

Built built_of(const fs::path& package) {
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
    const bool other_version = !built.version.empty() && series(built.version) != series(r_version);
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
                     "image (DOCKER_IMAGE)."};
  }
  if (failure) {
    return Error{Errc::kMisconfigured, "R_LIBRARY=" + printable(folder, kShown) +
                                           " cannot be read: " + failure.message() + "."};
  }
  return Ok{};
}

}  // namespace omcp_r::sandbox
