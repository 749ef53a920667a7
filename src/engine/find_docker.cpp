#include "omcp_r/engine/find_docker.hpp"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string_view>

#include "omcp_r/process/find_program.hpp"

namespace omcp_r::engine {
namespace {

/// Where installers put it; PATH of a desktop application has few of them.
constexpr std::array<std::string_view, 5> kUsualFolders{
    "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin",
    "/Applications/Docker.app/Contents/Resources/bin", "/snap/bin"};
constexpr std::array<std::string_view, 3> kUsualHomeFolders{".docker/bin", ".rd/bin",
                                                            ".orbstack/bin"};

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
    if (process::is_program(search.wanted)) {
      return search.wanted;
    }
    return Error{Errc::kEngineUnavailable, "The configured docker client, " + search.wanted +
                                               ", is not a program that can be run. Correct the "
                                               "path, or leave it out to have docker looked for."};
  }
  const std::string name = search.wanted.empty() ? search.usual : search.wanted;
  for (const std::string& folders : {search.path, usual_folders(search.home)}) {
    if (std::string found = process::find_program(name, folders); !found.empty()) {
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
