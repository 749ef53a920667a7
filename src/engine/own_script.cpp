#include "own_script.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace omcp_r::engine {
namespace {

/// Ours alone, whatever the umask: others may be meant to trust what lies there.
void make_folders(const std::filesystem::path& folder) {
  std::filesystem::path part;
  for (const auto& name : folder) {
    part /= name;
    constexpr mode_t kOurs = 0700;
    (void)::mkdir(part.c_str(), kOurs);
  }
}

}  // namespace

Result<std::string> own_script(const std::string& folder, const std::string& name,
                               const std::string& text) {
  const std::filesystem::path path = std::filesystem::path(folder) / name;
  const std::filesystem::path fresh = path.string() + "." + std::to_string(::getpid());
  std::error_code failure;
  make_folders(folder);
  {
    std::ofstream file(fresh, std::ios::trunc);
    file << "#!/bin/sh\n" << text;
    if (!file.flush()) failure = std::make_error_code(std::errc::io_error);
  }
  if (!failure) {
    std::filesystem::permissions(fresh, std::filesystem::perms::owner_all, failure);
  }
  if (!failure) std::filesystem::rename(fresh, path, failure);
  if (!failure) return path.string();
  return Error{Errc::kEngineUnavailable, path.string() +
                                             " cannot be written, which the engine's client "
                                             "needs. Correct STATE_DIR, then try again."};
}

}  // namespace omcp_r::engine
