#include "omcp_r/sandbox/state.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/crc.hpp>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <utility>

#include "omcp_r/base/text.hpp"

namespace omcp_r::sandbox {
namespace {

constexpr std::size_t kRecordBytes = 512;
constexpr std::size_t kSeal = 10;  ///< checksum, between newlines
constexpr int kReadTries = 20;

std::uint32_t checksum(std::string_view text) {
  boost::crc_32_type crc;
  crc.process_bytes(text.data(), text.size());
  return crc.checksum();
}

Error system_error(const std::string& what) {
  return Error{Errc::kInternal, what + ": " + std::strerror(errno) +
                                    ". Set STATE_DIR to a folder that this user can write."};
}

std::string read_small(const std::string& path) {
  const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
  std::string text(kRecordBytes, '\0');
  const ssize_t n = ::pread(fd.get(), text.data(), text.size(), 0);
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return text;
}

/// Gives each field of a record to `take`, by the name that it has in the file.
template <class R, class Take>
void each_field(R& record, Take take) {
  take("created_at", record.created_at);
  take("created_awake", record.created_awake);
  take("engine", record.engine);
  take("session", record.session);
  take("idle", record.idle);
  take("lifetime", record.lifetime);
  take("used_at", record.used_at);
  take("used_awake", record.used_awake);
  take("boot", record.boot);
  take("running", record.running);
  take("begun_awake", record.begun_awake);
  take("limit", record.limit);
  take("executions", record.executions);
  take("r_version", record.r_version);
  take("starting", record.starting);
}

constexpr std::size_t kMaxText = 36;  ///< of a text in a record: so all fields fit

/// Some is what R has told: whole characters, none of which ends the line.
std::string to_word(const std::string& text) {
  return printable(text, kMaxText);
}
std::string to_word(double seconds) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3f", seconds);
  return text.data();
}
template <class Number>
std::string to_word(Number number) {
  return std::to_string(number);
}

void from_word(std::string_view word, std::string& text) {
  text = word;
}
void from_word(std::string_view word, bool& flag) {
  flag = word == "1";
}
template <class Number>
void from_word(std::string_view word, Number& number) {
  std::from_chars(word.data(), word.data() + word.size(), number);
}

std::string sealed(std::string body) {
  body.resize(kRecordBytes - kSeal, ' ');
  std::array<char, kSeal + 1> seal{};
  std::snprintf(seal.data(), seal.size(), "\n%08x\n", checksum(body));
  return body + seal.data();
}

/// "name value" lines and the checksum of them, in 512 bytes.
std::string to_text(const Record& record) {
  std::string body;
  each_field(record, [&body](const char* name, const auto& value) {
    body.append(name).append(" ").append(to_word(value)).append("\n");
  });
  return sealed(std::move(body));
}

/// Nothing where the checksum does not fit: it is being written, or was torn by a crash.
std::optional<Record> from_text(const std::string& text) {
  if (text.size() != kRecordBytes || text != sealed(text.substr(0, kRecordBytes - kSeal))) {
    return std::nullopt;
  }
  std::map<std::string_view, std::string_view> words;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const auto space = std::min(line.find(' '), line.size());
    words.emplace(line.substr(0, space), line.substr(std::min(space + 1, line.size())));
  }
  Record record;
  each_field(record, [&words](const char* name, auto& value) {
    if (const auto word = words.find(name); word != words.end()) {
      from_word(word->second, value);
    }
  });
  return record;
}

Status check_folder(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    return system_error("cannot look at the state folder " + path);
  }
  const char* wrong = nullptr;
  if (!S_ISDIR(info.st_mode)) {
    wrong = "is not a folder, or a link to one";
  } else if (info.st_uid != ::geteuid()) {
    wrong = "belongs to another user";
  } else if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    wrong = "can be written by other users";
  }
  if (wrong != nullptr) {
    return Error{Errc::kInternal, "The state folder " + path + " " + wrong +
                                      ", so what it says of sandboxes cannot be trusted. Set "
                                      "STATE_DIR to a folder of your own with mode 0700."};
  }
  return Ok{};
}

}  // namespace

std::string StateFolder::file(const std::string& id, const char* ending) const {
  return path_ + "/" + id + ending;
}

Status StateFolder::prepare() {
  std::error_code ignored;
  const std::filesystem::path parent = std::filesystem::path{path_}.parent_path();
  std::filesystem::create_directories(parent.parent_path(), ignored);
  for (const std::string& folder : {parent.string(), path_}) {
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
      return system_error("cannot make the state folder " + folder);
    }
    if (Status checked = check_folder(folder); !checked) {
      return checked;
    }
  }
  const std::string name = path_ + "/domain";
  std::string domain = read_small(name);
  if (!is_sandbox_id(domain)) {
    if (!domain.empty()) {
      ::unlink(name.c_str());  // torn by a crash
    }
    // Where the folder was deleted under us, what we made stays ours.
    const auto made = link_new(name, domain_.empty() ? random_uuid() : domain_);
    if (!made) {
      return made.error();
    }
    domain = read_small(name);
  }
  domain_ = std::move(domain);
  return Ok{};
}

// A file that is whole from the moment at which it is there; false when it was there before.
Result<bool> StateFolder::link_new(const std::string& path, const std::string& text) {
  const std::string draft = path + "." + random_uuid();
  const UniqueFd fd{::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (!fd) {
    return system_error("cannot write in the state folder " + path_);
  }
  const bool written =
      ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int write_error = errno;
  const bool linked = written && ::link(draft.c_str(), path.c_str()) == 0;
  const int link_error = written ? errno : write_error;
  ::unlink(draft.c_str());
  if (!linked && !(written && link_error == EEXIST)) {
    errno = link_error;
    return system_error("cannot write in the state folder " + path_);
  }
  return linked;
}

Result<std::optional<FileLock>> StateFolder::try_lock(const std::string& name) {
  const std::string path = file(name, ".lock");
  for (;;) {
    FileLock lock{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!lock) {
      return system_error("cannot open the lock " + path);
    }
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) {
        return std::optional<FileLock>{};
      }
      return system_error("cannot lock " + path);
    }
    // Whoever forgets a sandbox takes its lock away: then this one locks nothing.
    struct stat mine {};
    struct stat there {};
    if (::fstat(lock.get(), &mine) == 0 && ::stat(path.c_str(), &there) == 0 &&
        mine.st_ino == there.st_ino && mine.st_dev == there.st_dev) {
      return std::optional<FileLock>{std::move(lock)};
    }
  }
}

Result<bool> StateFolder::publish(const std::string& id, const Record& record) {
  return link_new(file(id, ".rec"), to_text(record));
}

Status StateFolder::write(const std::string& id, const Record& record) {
  const std::string text = to_text(record);
  const UniqueFd fd{::open(file(id, ".rec").c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW)};
  if (!fd && errno == ENOENT) {
    const auto published = publish(id, record);  // the folder was deleted
    return published ? Status{Ok{}} : Status{published.error()};
  }
  const bool written =
      ::pwrite(fd.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()) &&
      ::ftruncate(fd.get(), static_cast<off_t>(text.size())) == 0;
  return written ? Status{Ok{}} : Status{system_error("cannot write the record of sandbox " + id)};
}

std::optional<Record> StateFolder::read(const std::string& id) const {
  for (int i = 0; i < kReadTries; ++i) {
    const std::string text = read_small(file(id, ".rec"));
    auto record = from_text(text);
    if (record || text.empty()) {
      return record;
    }
  }
  return std::nullopt;
}

Status StateFolder::end(const std::string& id, const std::string& reason) {
  std::array<char, 32> when{};
  std::snprintf(when.data(), when.size(), "%.3f ", Clock::wall());
  const auto made = link_new(file(id, ".end"), when.data() + reason + "\n");
  return made ? Status{Ok{}} : Status{made.error()};
}

std::optional<Ending> StateFolder::ended(const std::string& id) const {
  const std::string path = file(id, ".end");
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    return std::nullopt;
  }
  const std::string text = read_small(path);
  const auto space = text.find(' ');
  Ending ending{static_cast<double>(info.st_mtim.tv_sec), "unknown"};
  if (space == std::string::npos) {
    return ending;  // torn by a crash: that it is there says enough
  }
  std::from_chars(text.data(), text.data() + space, ending.at);
  ending.reason = text.substr(space + 1, text.find('\n') - space - 1);
  return ending;
}

void StateFolder::want(const std::string& id) {
  const UniqueFd made{::open(file(id, ".want").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
}

void StateFolder::unwant(const std::string& id) {
  ::unlink(file(id, ".want").c_str());
}

bool StateFolder::wanted(const std::string& id) const {
  return ::access(file(id, ".want").c_str(), F_OK) == 0;
}

namespace {

/// The ids with which names in `path` begin that end with `ending`; "" is any.
std::set<std::string> ids_in(const std::string& path, std::string_view ending) {
  std::set<std::string> ids;
  std::error_code error;
  std::filesystem::directory_iterator entry{path, error};
  for (; !error && entry != std::filesystem::directory_iterator{}; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const std::string id = name.substr(0, name.find('.'));
    if (is_sandbox_id(id) && (ending.empty() || name == id + std::string{ending})) {
      ids.insert(id);
    }
  }
  return ids;
}

}  // namespace

std::vector<std::string> StateFolder::ids() const {
  const std::set<std::string> ids = ids_in(path_, ".rec");
  return {ids.begin(), ids.end()};
}

std::vector<std::string> StateFolder::living() const {
  std::set<std::string> ids = ids_in(path_, ".rec");
  for (const std::string& id : ids_in(path_, ".end")) {
    ids.erase(id);
  }
  return {ids.begin(), ids.end()};
}

std::vector<std::string> StateFolder::strays() const {
  std::set<std::string> ids = ids_in(path_, "");
  for (const std::string& id : ids_in(path_, ".rec")) {
    ids.erase(id);
  }
  return {ids.begin(), ids.end()};
}

void StateFolder::forget(const std::string& id) {
  const auto lock = try_lock(id);
  if (!lock || !*lock) {
    return;
  }
  for (const char* ending : {".rec", ".want", ".end", ".lock"}) {
    ::unlink(file(id, ending).c_str());
  }
  // What a server that died was about to link.
  std::error_code error;
  std::filesystem::directory_iterator entry{path_, error};
  for (; !error && entry != std::filesystem::directory_iterator{}; entry.increment(error)) {
    if (entry->path().filename().string().starts_with(id + ".")) {
      ::unlink(entry->path().c_str());
    }
  }
}

std::int64_t awake_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now().time_since_epoch())
      .count();
}

const std::string& boot_id() {
  static const std::string kBoot = [] {
    std::ifstream file{"/proc/sys/kernel/random/boot_id"};
    std::string id;
    std::getline(file, id);
    return id;
  }();
  return kBoot;
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

}  // namespace omcp_r::sandbox
