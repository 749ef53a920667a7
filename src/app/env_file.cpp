#include "omcp_r/app/env_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <utility>

#include "omcp_r/app/values.hpp"
#include "omcp_r/base/unique_fd.hpp"

namespace omcp_r::app {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxBytes = std::size_t{1} << 20;

Error cannot_read(const std::string& path, const char* why) {
  return {Errc::kInvalidArgument, "cannot read " + path + ": " + why};
}

/// O_NONBLOCK: a named pipe in that place must not stop the start.
Result<std::string> read_file(const std::string& path) {
  const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (!file) return cannot_read(path, std::strerror(errno));
  std::string text(kMaxBytes + 1, '\0');
  std::size_t size = 0;
  ssize_t got = 0;
  while (size < text.size() && (got = ::read(file.get(), &text[size], text.size() - size)) > 0) {
    size += static_cast<std::size_t>(got);
  }
  if (got < 0) return cannot_read(path, std::strerror(errno));
  if (size > kMaxBytes) return cannot_read(path, "it is longer than 1 MiB");
  text.resize(size);
  return text;
}

/// Reads `path` if it is a regular file of ours or of root. A folder named .env, as Python makes
/// them, is none.
std::optional<EnvFile> read_found(const std::string& path, const Surroundings& surroundings,
                                  std::vector<std::string>& warnings) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  if (status.st_uid != surroundings.uid && status.st_uid != 0) {
    warnings.push_back(path + " belongs to another user and is not read; if it is meant, name it " +
                       "with --env-file");
    return std::nullopt;
  }
  auto text = read_file(path);
  if (text) return EnvFile{path, std::move(*text), false};
  warnings.push_back(text.error().message);
  return std::nullopt;
}

}  // namespace

Result<EnvFile> named_env_file(const std::string& path, const Surroundings& surroundings) {
  fs::path full = path;
  if (path.starts_with("~/")) {
    full = surroundings.home + path.substr(1);
  } else if (full.is_relative()) {
    full = surroundings.working_directory / full;
  }
  auto text = read_file(full.lexically_normal().string());
  if (!text) return Error{Errc::kInvalidArgument, "--env-file: " + text.error().message};
  return EnvFile{full.lexically_normal().string(), std::move(*text), true};
}

std::string settings_file(const Surroundings& surroundings) {
  const std::string configured = surroundings.variable("XDG_CONFIG_HOME").value_or("");
  if (configured.starts_with('/')) return configured + "/omcp-r-sandbox/.env";
  return surroundings.home.empty() ? "" : surroundings.home + "/.config/omcp-r-sandbox/.env";
}

std::vector<EnvFile> find_env_files(const Surroundings& surroundings,
                                    std::vector<std::string>& warnings) {
  std::vector<EnvFile> files;
  const std::string own = settings_file(surroundings);
  if (auto file = own.empty() ? std::nullopt : read_found(own, surroundings, warnings)) {
    file->trusted = true;
    files.push_back(std::move(*file));
  }
  for (fs::path folder = surroundings.working_directory; folder.is_absolute();
       folder = folder.parent_path()) {
    const std::string path = (folder / ".env").string();
    auto file = path == own ? std::nullopt : read_found(path, surroundings, warnings);
    if (file) files.push_back(std::move(*file));
    if (file || path == own || folder == folder.parent_path()) break;
  }
  return files;
}

}  // namespace omcp_r::app
