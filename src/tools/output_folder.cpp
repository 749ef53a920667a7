#include "omcp_r/tools/output_folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <optional>
#include <utility>

#include "omcp_r/base/text.hpp"
#include "omcp_r/sandbox/state.hpp"

namespace omcp_r::tools {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxTries = 1000;
constexpr std::uint64_t kMaxDepth = 32;
// As in linux/fs.h. The calls themselves are made by number: not every C library has a function.
constexpr unsigned kNoReplace = 1;
constexpr unsigned kExchange = 2;

Error system_error(const std::string& what) {
  return Error{Errc::kInternal, what + ": " + std::strerror(errno)};
}

Error full(const std::string& what, std::uint64_t bytes, const std::string& remedy) {
  return Error{Errc::kLimitReached,
               what + " " + std::to_string(bytes >> 20U) + " MiB are kept on the host. " + remedy};
}

std::string numbered(const std::string& name, int n) {
  const auto dot = name.rfind('.');
  const std::string number = "-" + std::to_string(n);
  return dot == std::string::npos || dot == 0 ? name + number
                                              : name.substr(0, dot) + number + name.substr(dot);
}

/// S_IFREG, S_IFDIR and so on, of a link S_IFLNK; 0 where nothing has that name.
mode_t kind_of(int folder, const std::string& name) {
  struct stat info {};
  return ::fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 ? info.st_mode & S_IFMT
                                                                          : 0;
}

bool rename_in(int folder, const std::string& from, const std::string& to, unsigned how) {
  return ::syscall(SYS_renameat2, folder, from.c_str(), folder, to.c_str(), how) == 0;
}

/// Network and shared file systems may know no such renaming.
bool unknown_there() {
  return errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP;
}

/// Renames unless `to` is there: then errno is EEXIST.
bool rename_new(int folder, const std::string& from, const std::string& to) {
  if (rename_in(folder, from, to, kNoReplace)) {
    return true;
  }
  if (!unknown_there()) {
    return false;
  }
  if (kind_of(folder, to) != 0) {
    errno = EEXIST;
    return false;
  }
  return ::renameat(folder, from.c_str(), folder, to.c_str()) == 0;
}

/// A number of `name` that is free: the first, where none below it is missing. There may be
/// thousands, so not each is looked at.
int free_number(int folder, const std::string& name) {
  int used = 0;
  int free = 1;
  while (free < (1 << 24) && kind_of(folder, numbered(name, free)) != 0) {
    used = free;
    free *= 2;
  }
  while (free - used > 1) {
    const int middle = used + (free - used) / 2;
    (kind_of(folder, numbered(name, middle)) != 0 ? used : free) = middle;
  }
  return free;
}

/// Gives `from` a free number of `name`; returns the new name, or "" with errno set.
std::string move_aside(int folder, const std::string& from, const std::string& name) {
  const int first = free_number(folder, name);
  errno = EEXIST;
  for (int n = first; n < first + kMaxTries && errno == EEXIST; ++n) {
    if (rename_new(folder, from, numbered(name, n))) {
      return numbered(name, n);
    }
  }
  return "";
}

/// Whether a folder `name` was made in `parent`. A plain file of that name is moved aside.
bool make_folder(int parent, const std::string& name) {
  if (kind_of(parent, name) == S_IFREG) {
    move_aside(parent, name, name);
  }
  return ::mkdirat(parent, name.c_str(), 0755) == 0;
}

/// The folder `name` in `parent`; never through a link.
UniqueFd enter(const UniqueFd& parent, const std::string& name) {
  return UniqueFd{
      ::openat(parent.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
}

/// Gives `from` the name `name`. What has that name gets a number, a link as the link that it is;
/// where that cannot be, all stays as it was. At no moment is there nothing of that name, but on
/// file systems that cannot exchange two names.
bool take_name(int folder, const std::string& from, const std::string& name) {
  if (rename_new(folder, from, name)) {
    return true;
  }
  if (errno != EEXIST) {
    return false;
  }
  // Exchanged first, so that whatever has the name at that moment is moved, and nothing is lost.
  if (rename_in(folder, from, name, kExchange)) {
    const bool moved = !move_aside(folder, from, name).empty();
    const int why = errno;
    if (!moved) {
      rename_in(folder, from, name, kExchange);
    }
    errno = why;
    return moved;
  }
  return unknown_there() && !move_aside(folder, name, name).empty() &&
         rename_new(folder, from, name);
}

/// The size of a plain file that begins with `mark`.
std::optional<std::uint64_t> size_of_marked(int folder, const std::string& name,
                                            std::string_view mark) {
  const UniqueFd file{
      ::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
  struct stat info {};
  if (mark.empty() || !file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return std::nullopt;
  }
  std::string begin(mark.size(), '\0');
  const bool whole =
      ::pread(file.get(), begin.data(), begin.size(), 0) == static_cast<ssize_t>(mark.size());
  return whole && begin == mark ? std::optional{static_cast<std::uint64_t>(info.st_size)}
                                : std::nullopt;
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

/// What lies below `folder`, through no link; counting ends where it is more than `most` entries.
OutputAmount usage_of(const fs::path& folder, std::uint64_t most) {
  OutputAmount usage;
  std::error_code error;
  fs::recursive_directory_iterator entry{folder, fs::directory_options::skip_permission_denied,
                                         error};
  const fs::recursive_directory_iterator end;
  for (; !error && entry != end && usage.entries <= most; entry.increment(error)) {
    struct stat info {};
    ++usage.entries;
    if (::lstat(entry->path().c_str(), &info) == 0 && S_ISREG(info.st_mode)) {
      usage.bytes += static_cast<std::uint64_t>(info.st_size);
    }
  }
  return usage;
}

}  // namespace

OutputLimits output_limits(std::uint64_t all) {
  OutputLimits limits;
  limits.all = all;
  limits.sandbox = all / 4;
  limits.call = all / 16;
  limits.sandbox_entries = limits.entries / 4;
  return limits;
}

std::string harmless_name(std::string_view name) {
  std::string out = printable(name, 255);
  if (out.starts_with('.') || out.starts_with('-')) {
    out[0] = '_';
  }
  return out;
}

OutputFolder::OutputFolder(std::string path, std::string sandbox_id, OutputUsage& usage,
                           const OutputLimits& limits)
    : path_(std::move(path)), sandbox_id_(std::move(sandbox_id)), limits_(limits), usage_(usage) {
  if (usage_.users++ == 0) {
    count();
  }
}

OutputFolder::~OutputFolder() {
  --usage_.users;
}

void OutputFolder::count() {
  usage_.all = {};
  usage_.of_sandbox.clear();
  std::error_code error;
  fs::directory_iterator entry{path_, error};
  for (; !error && entry != fs::directory_iterator{}; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (sandbox::is_sandbox_id(name)) {
      OutputAmount amount = usage_of(entry->path(), limits_.entries);
      ++amount.entries;
      usage_.all.entries += amount.entries;
      usage_.all.bytes += amount.bytes;
      usage_.of_sandbox[name] = amount;
    }
  }
}

void OutputFolder::note(const OutputAmount& amount) {
  for (OutputAmount* const of : {&usage_.all, &usage_.of_sandbox[sandbox_id_]}) {
    of->entries += amount.entries;
    of->bytes += amount.bytes;
  }
}

/// What is gone. Others may have removed files since they were counted.
void OutputFolder::note_gone(const OutputAmount& amount) {
  for (OutputAmount* const of : {&usage_.all, &usage_.of_sandbox[sandbox_id_]}) {
    of->entries -= std::min(of->entries, amount.entries);
    of->bytes -= std::min(of->bytes, amount.bytes);
  }
}

Status OutputFolder::check_entries(bool own) {
  const std::uint64_t room = own ? limits_.own_entries : 0;
  if (usage_.of_sandbox[sandbox_id_].entries > limits_.sandbox_entries + room) {
    return Error{Errc::kLimitReached,
                 "Of one sandbox at most " + std::to_string(limits_.sandbox_entries) +
                     " files are kept on the host. Move files of it out of OUTPUT_DIR."};
  }
  if (usage_.all.entries > limits_.entries + room) {
    return Error{Errc::kLimitReached, "OUTPUT_DIR holds " + std::to_string(limits_.entries) +
                                          " files of sandboxes. Move old ones out of it."};
  }
  return Ok{};
}

Status OutputFolder::take(int fd, std::uint64_t bytes) {
  if (call_ + bytes > limits_.call) {
    return full("Of one call at most", limits_.call,
                "The file is in /sandbox: read it from there.");
  }
  if (usage_.of_sandbox[sandbox_id_].bytes + bytes > limits_.sandbox) {
    return full("Of one sandbox at most", limits_.sandbox, "Move files of it out of OUTPUT_DIR.");
  }
  if (usage_.all.bytes + bytes > limits_.all) {
    return full("Of all sandboxes at most", limits_.all, "Move old ones out of OUTPUT_DIR.");
  }
  struct statvfs disk {};
  if (::fstatvfs(fd, &disk) == 0 &&
      static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize < limits_.free_space + bytes) {
    return Error{Errc::kLimitReached, "The disk of OUTPUT_DIR is nearly full: the last " +
                                          std::to_string(limits_.free_space >> 20U) +
                                          " MiB are left free. Make room there."};
  }
  call_ += bytes;
  note({.entries = 0, .bytes = bytes});
  return Ok{};
}

Result<OutputFile> OutputFolder::create(const std::string& relative, bool own) {
  if (!is_plain_path(relative)) {
    return Error{Errc::kInvalidArgument,
                 "not a path below the output folder: " + printable(relative, 200)};
  }
  const fs::path wanted = fs::path{sandbox_id_} / relative;
  const auto parts = static_cast<std::uint64_t>(std::distance(wanted.begin(), wanted.end()) - 1);
  if (parts > kMaxDepth) {
    return Error{Errc::kLimitReached, "Files more than " + std::to_string(kMaxDepth) +
                                          " folders deep are not kept on the host."};
  }
  const std::string name = harmless_name(wanted.filename().string());
  ::mkdir(path_.c_str(), 0755);
  UniqueFd at{::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
  std::string path = path_;
  std::uint64_t made = 0;
  for (const fs::path& part : wanted.parent_path()) {
    const std::string folder = harmless_name(part.string());
    path += "/" + folder;
    made += at && make_folder(at.get(), folder) ? 1 : 0;
    at = at ? enter(at, folder) : UniqueFd{};
  }
  if (!at) {
    return system_error("cannot write to " + path);
  }
  // No name that R gives a file begins with a dot here: see harmless_name().
  const std::string unfinished = ".omcp-" + random_uuid() + ".part";
  UniqueFd file{::openat(at.get(), unfinished.c_str(),
                         O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644)};
  if (!file) {
    return system_error("cannot write to " + path);
  }
  note({.entries = made + 1, .bytes = 0});
  OutputFile::Names names{unfinished, name, path};
  // Undone with the file, folders included, where that is one too many.
  OutputFile made_file{std::move(at), std::move(file), std::move(names), *this};
  if (Status room = check_entries(own); !room) {
    return room.error();
  }
  return made_file;
}

Result<std::string> OutputFolder::save(const std::string& relative, std::string_view bytes) {
  auto file = create(relative, true);
  if (!file) {
    return file.error();
  }
  const Status written = file->write(bytes);
  return written ? file->keep() : Result<std::string>{written.error()};
}

OutputFile::OutputFile(UniqueFd folder, UniqueFd file, Names names, OutputFolder& owner)
    : folder_(std::move(folder)), file_(std::move(file)), names_(std::move(names)), owner_(owner) {}

OutputFile::~OutputFile() {
  if (!file_) {
    return;
  }
  ::unlinkat(folder_.get(), names_.unfinished.c_str(), 0);
  owner_.call_ -= bytes_;
  owner_.note_gone({.entries = 1, .bytes = bytes_});
  for (fs::path at{names_.folder}; at.string().size() > owner_.path_.size();
       at = at.parent_path()) {
    if (::rmdir(at.c_str()) != 0) {
      break;
    }
    owner_.note_gone({.entries = 1, .bytes = 0});
  }
}

Status OutputFile::write(std::string_view bytes) {
  if (Status taken = owner_.take(file_.get(), bytes.size()); !taken) {
    return taken;
  }
  bytes_ += bytes.size();
  return write_all(file_.get(), bytes) ? Status{Ok{}}
                                       : Status{system_error("cannot write " + path())};
}

Result<std::string> OutputFile::keep_over(std::string_view mark) {
  const auto replaced = size_of_marked(folder_.get(), names_.name, mark);
  if (!replaced) {
    return keep();
  }
  if (::renameat(folder_.get(), names_.unfinished.c_str(), folder_.get(), names_.name.c_str()) !=
      0) {
    return system_error("cannot name the file " + path());
  }
  file_ = UniqueFd{};
  owner_.note_gone({.entries = 1, .bytes = *replaced});
  return path();
}

Result<std::string> OutputFile::keep() {
  const int folder = folder_.get();
  // Neither a folder with all that is in it nor what this very call has put there is an earlier
  // version of the file: it is told where they are.
  const bool gives_way = kind_of(folder, names_.name) == S_IFDIR || owner_.kept_.contains(path());
  std::string name = names_.name;
  if (gives_way) {
    name = move_aside(folder, names_.unfinished, name);
  } else if (!take_name(folder, names_.unfinished, name)) {
    name = "";
  }
  if (name.empty()) {
    return system_error("cannot name the file " + path());
  }
  names_.name = name;
  owner_.kept_.insert(path());
  file_ = UniqueFd{};
  return path();
}

}  // namespace omcp_r::tools
