#include "omcp_r/engine/find_docker.hpp"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string_view>

namespace omcp_r::engine {
namespace {

/// Where installers put it; PATH of a desktop application has few of them.
constexpr std::array<std::string_view, 5> kUsualFolders{
    "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin",
    "/Applications/Docker.app/Contents/Resources/bin", "/snap/bin"};
constexpr std::array<std::string_view, 3> kUsualHomeFolders{".docker/bin", ".rd/bin",
                                                            ".orbstack/bin"};

bool is_program(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

/// Empty and relative entries of PATH would make the result depend on the working directory.
std::string find_in_path(const std::string& name, std::string_view path) {
  while (!path.empty()) {
    const auto end = path.find(':');
    const std::string_view folder = path.substr(0, end);
    path = end == std::string_view::npos ? std::string_view{} : path.substr(end + 1);
    std::string candidate = std::string{folder} + "/" + name;
    if (folder.substr(0, 1) == "/" && is_program(candidate)) {
      return candidate;
    }
  }
  return {};
}

std::string usual_folders(const std::string& home) {
  std::string result;
  for (const std::string_view folder : kUsualFolders) {
    result.append(folder).append(":");
  }
  for (const std::string_view folder : kUsualHomeFolders) {
    result.append(home).append("/").append(folder).append(":");
  }
  return result;
}

}  // namespace

Result<std::string> find_docker(const DockerSearch& search) {
  if (search.wanted.find('/') != std::string::npos) {
    if (is_program(search.wanted)) {
      return search.wanted;
    }
    return Error{Errc::kEngineUnavailable, "The configured docker client, " + search.wanted +
                                               ", is not a program that can be run. Correct the "
                                               "path, or leave it out to have docker looked for."};
  }
  const std::string name = search.wanted.empty() ? "docker" : search.wanted;
  for (const std::string& folders : {search.path, usual_folders(search.home)}) {
    if (std::string found = find_in_path(name, folders); !found.empty()) {
      return found;
    }
  }
  return Error{Errc::kEngineUnavailable,
               "The client \"" + name +
                   "\" was found neither in PATH nor in the usual places. Install Docker "
                   "(https://docs.docker.com/get-docker/) and start it, then try again; this "
                   "server needs no restart."};
}

std::string home_directory() {
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    return home;
  }
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found);
  return found != nullptr && found->pw_dir != nullptr ? found->pw_dir : "";
}

}  // namespace omcp_r::engine
