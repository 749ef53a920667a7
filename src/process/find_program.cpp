#include "omcp_r/process/find_program.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>

namespace omcp_r::process {

bool is_program(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

std::string find_program(const std::string& name, std::string_view path) {
  if (name.empty()) {
    return {};
  }
  if (name.front() == '/') {
    return is_program(name) ? name : std::string{};
  }
  while (!path.empty()) {
    const std::size_t end = std::min(path.find(':'), path.size());
    std::string candidate = std::string{path.substr(0, end)} + "/" + name;
    if (path.front() == '/' && is_program(candidate)) {
      return candidate;
    }
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return {};
}

}  // namespace omcp_r::process
