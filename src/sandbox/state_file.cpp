#include "omcp_r/sandbox/state_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <utility>

namespace omcp_r::sandbox {
namespace {

using Json = nlohmann::json;
constexpr std::size_t kMaxState = 16384;

std::string path_of(const std::string& directory, const std::string& id) {
  return directory + "/" + id + ".json";
}

std::string to_text(const State& s) {
  const Json json{{"id", s.id},
                  {"image", s.image},
                  {"image_id", s.image_id},
                  {"r_version", s.r_version},
                  {"idle", s.idle},
                  {"lifetime", s.lifetime},
                  {"created_at", s.created_at},
                  {"memory_bytes", s.memory_bytes},
                  {"cpus", s.cpus},
                  {"executions", s.executions},
                  {"starting", s.starting},
                  {"running", s.running},
                  {"running_until", s.running_until},
                  {"ended", s.ended},
                  {"ended_at", s.ended_at}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

template <class T>
void take(const Json& json, const char* key, T& out) {
  const auto it = json.find(key);
  if (it == json.end()) {
    return;
  }
  if constexpr (std::is_same_v<T, std::string>) {
    if (it->is_string()) out = it->get<T>();
  } else if constexpr (std::is_same_v<T, bool>) {
    if (it->is_boolean()) out = it->get<T>();
  } else {
    if (it->is_number()) out = it->get<T>();
  }
}

State from_text(const std::string& text) {
  State s;
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) {
    return s;  // torn by a crash: what the labels say must do
  }
  take(json, "id", s.id);
  take(json, "image", s.image);
  take(json, "image_id", s.image_id);
  take(json, "r_version", s.r_version);
  take(json, "idle", s.idle);
  take(json, "lifetime", s.lifetime);
  take(json, "created_at", s.created_at);
  take(json, "memory_bytes", s.memory_bytes);
  take(json, "cpus", s.cpus);
  take(json, "executions", s.executions);
  take(json, "starting", s.starting);
  take(json, "running", s.running);
  take(json, "running_until", s.running_until);
  take(json, "ended", s.ended);
  take(json, "ended_at", s.ended_at);
  return s;
}

}  // namespace

StateFile::StateFile(StateFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

StateFile& StateFile::operator=(StateFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

StateFile::~StateFile() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

Result<StateFile> StateFile::open(const std::string& directory, const std::string& id,
                                  bool create) {
  const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0);
  const int fd = ::open(path_of(directory, id).c_str(), flags, 0600);
  if (fd >= 0) {
    return StateFile{fd};
  }
  if (errno == ENOENT && !create) {
    return Error{Errc::kNotFound, "no state of sandbox " + id};
  }
  return Error{Errc::kInternal, "cannot open the state of a sandbox in " + directory + ": " +
                                    std::strerror(errno) +
                                    ". Set STATE_DIR to a folder that this user can write."};
}

bool StateFile::try_lock() {
  return ::flock(fd_, LOCK_EX | LOCK_NB) == 0;
}

void StateFile::unlock() {
  ::flock(fd_, LOCK_UN);
}

State StateFile::read() const {
  std::string text(kMaxState, '\0');
  const ssize_t n = ::pread(fd_, text.data(), text.size(), 0);
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return from_text(text);
}

void StateFile::write(const State& state) {
  amend(state);
  ::futimens(fd_, nullptr);
}

void StateFile::amend(const State& state) {
  struct stat before {};
  ::fstat(fd_, &before);
  const std::string text = to_text(state);
  const ssize_t written = ::pwrite(fd_, text.data(), text.size(), 0);
  if (written == static_cast<ssize_t>(text.size()) && ::ftruncate(fd_, written) == 0) {
    const std::array<timespec, 2> times{before.st_atim, before.st_mtim};
    ::futimens(fd_, times.data());
  }
}

double StateFile::last_used() const {
  struct stat info {};
  ::fstat(fd_, &info);
  return static_cast<double>(info.st_mtim.tv_sec) + static_cast<double>(info.st_mtim.tv_nsec) / 1e9;
}

std::vector<std::string> state_ids(const std::string& directory) {
  std::vector<std::string> ids;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const std::string id = entry.path().stem().string();
    if (entry.path().extension() == ".json" && is_sandbox_id(id)) {
      ids.push_back(id);
    }
  }
  return ids;
}

void remove_state(const std::string& directory, const std::string& id) {
  ::unlink(path_of(directory, id).c_str());
}

Status make_state_directory(const std::string& directory) {
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::path{directory}.parent_path();
  std::filesystem::create_directories(parent.parent_path(), error);
  ::mkdir(parent.c_str(), 0700);
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return Error{Errc::kInternal, "cannot make the state directory " + directory + ": " +
                                      std::strerror(errno) +
                                      ". Set STATE_DIR to a folder that this user can write."};
  }
  return Ok{};
}

double wall_clock() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

bool is_sandbox_id(const std::string& text) {
  if (text.size() != 36) {
    return false;
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hex = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
    if (dash ? text[i] != '-' : !hex) {
      return false;
    }
  }
  return true;
}

std::optional<CreationLock> CreationLock::try_acquire(const std::string& directory) {
  const int fd = ::open((directory + "/creation.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return std::nullopt;
  }
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    ::close(fd);
    return std::nullopt;
  }
  return CreationLock{fd};
}

CreationLock::~CreationLock() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

}  // namespace omcp_r::sandbox
