#include "omcp_r/tools/output_folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace omcp_r::tools {
namespace {

constexpr int kMaxCopies = 1000;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> parts;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= path.size(); ++i) {
    if (i == path.size() || path[i] == '/') {
      parts.push_back(path.substr(start, i - start));
      start = i + 1;
    }
  }
  return parts;
}

Error system_error(const std::string& what) {
  return Error{Errc::kInternal, what + ": " + std::strerror(errno)};
}

/// The folder `name` in `parent`, made where it is missing; never through a link.
Descriptor enter(const Descriptor& parent, const std::string& name) {
  ::mkdirat(parent.get(), name.c_str(), 0755);
  return Descriptor{
      ::openat(parent.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
}

std::string numbered(const std::string& name, int n) {
  if (n == 0) {
    return name;
  }
  const auto dot = name.rfind('.');
  const std::string number = "-" + std::to_string(n);
  return dot == std::string::npos || dot == 0 ? name + number
                                              : name.substr(0, dot) + number + name.substr(dot);
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno != EINTR) {
      return false;
    }
    bytes.remove_prefix(n > 0 ? static_cast<std::size_t>(n) : 0);
  }
  return true;
}

}  // namespace

Result<std::string> save_new_file(const std::string& folder, const std::string& relative,
                                  std::string_view bytes) {
  std::vector<std::string> parts = split(relative);
  for (const std::string& part : parts) {
    if (part.empty() || part == "." || part == ".." || part.find('\0') != std::string::npos) {
      return Error{Errc::kInvalidArgument, "not a path below the output folder: " + relative};
    }
  }
  ::mkdir(folder.c_str(), 0755);
  Descriptor at{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
  std::string path = folder;
  const std::string name = parts.back();
  parts.pop_back();
  for (const std::string& part : parts) {
    if (at.get() >= 0) {
      at = enter(at, part);
    }
    path += "/" + part;
  }
  if (at.get() < 0) {
    return system_error("cannot write to " + path);
  }
  for (int n = 0; n < kMaxCopies; ++n) {
    const std::string candidate = numbered(name, n);
    const Descriptor file{::openat(at.get(), candidate.c_str(),
                                   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644)};
    if (file.get() < 0 && errno == EEXIST) {
      continue;
    }
    std::string written = path;
    written.append("/").append(candidate);
    if (file.get() < 0 || !write_all(file.get(), bytes)) {
      return system_error("cannot write " + written);
    }
    return written;
  }
  return Error{Errc::kInternal, "too many files named " + name + " in " + path};
}

}  // namespace omcp_r::tools
