#include "commands/replace_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

#include "omcp_r/base/unique_fd.hpp"

namespace omcp_r::commands {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBackup = ".bak-";
constexpr const char* kSomebodyElse = "somebody else has changed it in the meantime: try again";

Error cannot(const char* what, const std::string& path, const char* why) {
  return {Errc::kInternal, std::string("cannot ") + what + " " + path + ": " + why};
}
Error failed(const char* what, const std::string& path) {
  return cannot(what, path, std::strerror(errno));
}

/// Where the links of a path lead to; that must be there unless the path itself is not.
Result<std::string> behind_links(const std::string& path) {
  std::error_code failure;
  if (!fs::is_symlink(path, failure)) return path;
  const fs::path real = fs::canonical(path, failure);
  if (failure) return cannot("follow", path, "it is a link that leads nowhere");
  return real.string();
}

/// A file beside `path` that is there only until it is renamed.
class Temporary {
 public:
  explicit Temporary(const std::string& path) : name_(path + ".tmp-XXXXXX") {
    fd_ = UniqueFd{::mkostemp(name_.data(), O_CLOEXEC)};
    if (!fd_) name_.clear();
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    if (!name_.empty()) ::unlink(name_.c_str());
  }

  /// As `like`, as far as we may.
  Status fill(std::string_view text, const struct stat* like) {
    if (!fd_) return failed("make a file", "there");
    for (std::string_view left = text; !left.empty();) {
      const ssize_t written = ::write(fd_.get(), left.data(), left.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return failed("write", name_);
      left.remove_prefix(static_cast<std::size_t>(written));
    }
    if (like != nullptr) {
      // Another's file, which we may write to but not give away, becomes ours.
      [[maybe_unused]] const int refused = ::fchown(fd_.get(), like->st_uid, like->st_gid);
      if (::fchmod(fd_.get(), like->st_mode & 07777) != 0) return failed("set the mode of", name_);
    }
    return ::fsync(fd_.get()) == 0 ? Status{Ok{}} : failed("write", name_);
  }

  Status move_to(const std::string& path, bool fresh) {
    const unsigned flags = fresh ? RENAME_NOREPLACE : 0;
    int result = ::renameat2(AT_FDCWD, name_.c_str(), AT_FDCWD, path.c_str(), flags);
    // Not all file systems know the flag.
    if (result != 0 && errno == EINVAL) result = ::rename(name_.c_str(), path.c_str());
    if (result != 0 && errno == EEXIST) return cannot("make", path, kSomebodyElse);
    if (result != 0) return failed("replace", path);
    name_.clear();
    return Ok{};
  }

 private:
  std::string name_;
  UniqueFd fd_;
};

/// So that the rename survives a loss of power. Not all file systems can.
void sync_folder(const std::string& folder) {
  const UniqueFd fd{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (fd) ::fsync(fd.get());
}

std::string folder_of(const std::string& path) {
  const std::string folder = fs::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

/// Makes the folder of a new file, which is to be as `like` says then. Root (sudo -E) works in the
/// home of somebody else: what it makes there belongs to whom the nearest folder does.
Status make_folders(const std::string& folder, struct stat& like) {
  std::vector<fs::path> missing;
  fs::path there = folder;
  while (::stat(there.c_str(), &like) != 0 && there.has_relative_path()) {
    missing.push_back(there);
    there = there.parent_path();
  }
  std::error_code failure;
  fs::create_directories(folder, failure);
  if (failure) return cannot("make the folder of", folder, failure.message().c_str());
  for (const fs::path& made : missing) {
    const UniqueFd fd{::open(made.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (!fd || ::geteuid() != 0) continue;
    [[maybe_unused]] const int refused = ::fchown(fd.get(), like.st_uid, like.st_gid);
  }
  like.st_mode = 0600;
  return Ok{};
}

/// One that is there gives way unless the file is to be a fresh one.
Status write_file(const std::string& path, std::string_view text, const struct stat* like,
                  bool fresh) {
  Temporary temporary{path};
  const Status filled = temporary.fill(text, like);
  if (!filled) return cannot("write", path, filled.error().message.c_str());
  Status moved = temporary.move_to(path, fresh);
  if (moved) sync_folder(folder_of(path));
  return moved;
}

std::string time_stamp() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::localtime_r(&now, &parts);
  std::string text(32, '\0');
  text.resize(std::strftime(text.data(), text.size(), "%Y%m%d-%H%M%S", &parts));
  return text;
}

/// A backup never takes the place of another one.
Result<std::string> back_up_as(const std::string& path, std::string_view text,
                               const struct stat& like) {
  const std::string name = path + kBackup + time_stamp();
  std::string free = name;
  for (int i = 2; ::access(free.c_str(), F_OK) == 0; ++i) free = name + "-" + std::to_string(i);
  const Status written = write_file(free, text, &like, true);
  return written ? Result<std::string>{free} : written.error();
}

Status check_unchanged(const std::string& path, const std::string& before) {
  const auto now = read_text(path);
  if (!now) return now.error();
  return *now == before ? Status{Ok{}} : cannot("replace", path, kSomebodyElse);
}

/// Hosts lock nothing, and not every file system can.
Result<UniqueFd> locked(const std::string& path) {
  constexpr int kTries = 100;
  constexpr std::chrono::milliseconds kPause{50};
  UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  for (int i = 0; file && i < kTries; ++i) {
    if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return file;
    std::this_thread::sleep_for(kPause);
  }
  if (!file) return failed("read", path);
  return cannot("change", path, "another program keeps it locked");
}

/// Two of us take turns at a file: from the look whether it is still `before` until the lock goes,
/// each is alone.
Result<UniqueFd> take_turn(const std::string& path, const std::string& before) {
  auto lock = locked(path);
  if (!lock) return lock;
  const Status unchanged = check_unchanged(path, before);
  if (!unchanged) return unchanged.error();
  return lock;
}

}  // namespace

/// O_NONBLOCK: a named pipe in that place must not stop us.
Result<std::optional<std::string>> read_text(const std::string& path) {
  const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (!file && (errno == ENOENT || errno == ENOTDIR)) return std::optional<std::string>();
  if (!file) return failed("read", path);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return failed("read", path);
  if (!S_ISREG(status.st_mode)) return cannot("read", path, "it is not a regular file");
  std::string text(kMaxFileBytes + 1, '\0');
  std::size_t size = 0;
  ssize_t got = 0;
  while (size < text.size() && (got = ::read(file.get(), &text[size], text.size() - size)) > 0) {
    size += static_cast<std::size_t>(got);
  }
  if (got < 0) return failed("read", path);
  if (size > kMaxFileBytes) return cannot("read", path, "it is longer than 16 MiB");
  text.resize(size);
  return std::optional(std::move(text));
}

Result<std::string> replace_file(const std::string& path, const std::optional<std::string>& before,
                                 std::string_view text) {
  const auto real = behind_links(path);
  if (!real) return real.error();
  struct stat status {};
  std::string backup;
  UniqueFd lock;
  if (before) {
    auto turn = take_turn(*real, *before);
    if (!turn) return turn.error();
    lock = std::move(*turn);
    if (::stat(real->c_str(), &status) != 0) return failed("look at", *real);
    auto made = back_up_as(*real, *before, status);
    if (!made) return made;
    backup = std::move(*made);
  } else {
    const Status made = make_folders(folder_of(*real), status);
    if (!made) return made.error();
    if (::access(real->c_str(), F_OK) == 0) {
      return cannot("make", *real, kSomebodyElse);
    }
  }
  const bool keeps_owner = before || ::geteuid() == 0;
  const Status written = write_file(*real, text, keeps_owner ? &status : nullptr, !before);
  if (written) return backup;
  if (!backup.empty()) ::unlink(backup.c_str());
  return written.error();
}

Status check_folder(const std::string& path) {
  const auto real = behind_links(path);
  if (!real) return real.error();
  fs::path there = folder_of(*real);
  while (::access(there.c_str(), F_OK) != 0 && there.has_relative_path())
    there = there.parent_path();
  return ::access(there.c_str(), W_OK | X_OK) == 0 ? Status{Ok{}}
                                                   : failed("make a file in", there.string());
}

Status remove_file(const std::string& path, const std::string& before) {
  const auto real = behind_links(path);
  if (!real) return real.error();
  const auto turn = take_turn(*real, before);
  if (!turn) return turn.error();
  return ::unlink(real->c_str()) == 0 ? Status{Ok{}} : failed("remove", *real);
}

Result<std::string> back_up(const std::string& path, std::string_view text) {
  const auto real = behind_links(path);
  if (!real) return real.error();
  struct stat status {};
  if (::stat(real->c_str(), &status) != 0) return failed("look at", *real);
  return back_up_as(*real, text, status);
}

Status put_back(const std::string& backup) {
  const std::string path = backup.substr(0, backup.rfind(kBackup));
  return ::rename(backup.c_str(), path.c_str()) == 0 ? Status{Ok{}} : failed("put back", path);
}

Status drop(const std::string& backup) {
  return ::unlink(backup.c_str()) == 0 ? Status{Ok{}} : failed("remove", backup);
}

bool is_backup(const std::string& entry, const std::string& path) {
  return entry.starts_with(fs::path(path).filename().string() + kBackup);
}

std::vector<std::string> backups_of(const std::string& path) {
  constexpr std::size_t kMost = 64;
  const auto real = behind_links(path);
  std::vector<std::string> found;
  if (!real) return found;
  std::error_code failure;
  for (fs::directory_iterator entry{folder_of(*real), failure}, end; !failure && entry != end;
       entry.increment(failure)) {
    if (is_backup(entry->path().filename().string(), *real)) {
      found.push_back(entry->path().string());
    }
  }
  std::sort(found.rbegin(), found.rend());
  found.resize(std::min(found.size(), kMost));
  return found;
}

}  // namespace omcp_r::commands
