#include "omcp_r/base/log.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "omcp_r/base/text.hpp"
#include "omcp_r/base/unique_fd.hpp"

namespace omcp_r::log {
namespace {

// A pipe that poll() calls writable takes this many bytes at once without blocking (PIPE_BUF), so
// no line is longer, its frame (time, level, end of line) included.
constexpr std::size_t kLineBytes = 4096;
constexpr std::size_t kFrameBytes = 96;
constexpr std::size_t kMessageBytes = 2048;
constexpr std::size_t kValueBytes = 1024;

std::string json_string(std::string_view text) {
  constexpr auto kReplace = nlohmann::json::error_handler_t::replace;
  return escape_in_json(nlohmann::json(text).dump(-1, ' ', false, kReplace));
}

/// `text` as a JSON string of at most `limit` bytes. What is too long is cut, and ends in "...".
std::string quoted(std::string_view text, std::size_t limit) {
  std::string result = json_string(text);
  for (std::size_t size = std::min(text.size(), limit); result.size() > limit; size /= 2) {
    result = json_string(std::string(text.substr(0, size)) + "...");
  }
  return result;
}

/// Text that needs no quotes in a text line.
bool is_plain(std::string_view text) {
  const auto plain = [](unsigned char c) { return c > ' ' && c < 0x7f && c != '"' && c != '='; };
  return !text.empty() && std::all_of(text.begin(), text.end(), plain);
}

std::string value_text(const Field& field, bool json, std::size_t limit) {
  if (const auto* text = std::get_if<std::string_view>(&field.value)) {
    const bool as_is = !json && text->size() <= limit && is_plain(*text);
    return as_is ? std::string(*text) : quoted(*text, limit);
  }
  if (const auto* flag = std::get_if<bool>(&field.value)) return *flag ? "true" : "false";
  if (const auto* real = std::get_if<double>(&field.value)) return nlohmann::json(*real).dump();
  return std::to_string(std::get<std::int64_t>(field.value));
}

std::string json_members(std::string_view message, Fields fields) {
  std::string line = "\"message\":" + quoted(message, kMessageBytes);
  for (const Field& field : fields) {
    const std::string member =
        "," + quoted(field.name, kValueBytes) + ":" + value_text(field, true, kValueBytes);
    if (line.size() + member.size() > kLineBytes - kFrameBytes) break;
    line += member;
  }
  return line + "}";
}

std::string text_line(std::string_view message, Fields fields) {
  std::string line = quoted(message, kMessageBytes);
  line = line.substr(1, line.size() - 2);  // escaped, so that a message stays one line
  for (const Field& field : fields) {
    std::string member = " ";
    member.append(field.name).append("=").append(value_text(field, false, kValueBytes));
    if (line.size() + member.size() > kLineBytes - kFrameBytes) break;
    line += member;
  }
  return line;
}

/// Writes to descriptor 2 without ever waiting for its reader.
///
/// A host that does not read our stderr fills its pipe, and a plain write would then stop the whole
/// server. O_NONBLOCK is no way out: it belongs to the file description, which we share with the
/// host, a terminal, or even stdout. So: a socket is sent to with MSG_DONTWAIT; anything else is
/// written to only when poll() says so, and by no more than a pipe then takes at once. What remains
/// is that another process fills the same pipe between the two calls.
class StderrSink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    if (lost_ > 0) {
      spdlog::details::log_msg note = message;
      const std::string text = note_(lost_);
      note.payload = text;
      note.level = spdlog::level::warn;
      spdlog::memory_buf_t note_line;
      formatter_->format(note, note_line);
      if (!write(note_line)) {
        ++lost_;
        return;
      }
      lost_ = 0;
    }
    if (!write(line)) ++lost_;
  }

  void flush_() override {}

 private:
  /// Whether all of it was taken.
  bool write(const spdlog::memory_buf_t& line) {
    const std::size_t size = std::min(line.size(), kLineBytes);
    ssize_t written = ::send(STDERR_FILENO, line.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (written < 0 && errno == ENOTSOCK) {
      pollfd descriptor{STDERR_FILENO, POLLOUT, 0};
      if (::poll(&descriptor, 1, 0) != 1 || descriptor.revents != POLLOUT) return false;
      written = ::write(STDERR_FILENO, line.data(), size);
    }
    return written == static_cast<ssize_t>(size);
  }

 public:
  /// Makes the payload that says how many lines were lost.
  explicit StderrSink(std::string (*note)(std::uint64_t)) : note_(note) {}

 private:
  std::string (*note_)(std::uint64_t);
  std::uint64_t lost_ = 0;
};

std::string lost_as_text(std::uint64_t lost) {
  return text_line("log lines lost: stderr was full", {{"lines", lost}});
}

std::string lost_as_json(std::uint64_t lost) {
  return json_members("log lines lost: stderr was full", {{"lines", lost}});
}

std::shared_ptr<spdlog::logger> make_logger(Level level, Format format) {
  const bool json = format == Format::kJson;
  auto logger = std::make_shared<spdlog::logger>(
      "omcp-r", std::make_shared<StderrSink>(json ? lost_as_json : lost_as_text));
  logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v)" : "%Y-%m-%dT%H:%M:%S.%eZ %l: %v",
      spdlog::pattern_time_type::utc));
  constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info,
                                                   spdlog::level::warn, spdlog::level::err};
  logger->set_level(kLevels[static_cast<std::size_t>(level)]);
  return logger;
}

/// What init() sets. Never destroyed: the last lines come from destructors.
struct State {
  Format format = Format::kText;
  int audit = -1;
  std::shared_ptr<spdlog::logger> logger = make_logger(Level::kInfo, Format::kText);
};

State& state() {
  static State* const instance = new State;
  return *instance;
}

void write(spdlog::level::level_enum level, std::string_view message, Fields fields) {
  State& now = state();
  if (!now.logger->should_log(level)) return;
  now.logger->log(level, now.format == Format::kJson ? json_members(message, fields)
                                                     : text_line(message, fields));
}

std::string audit_time() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const std::time_t seconds = ms / 1000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, ms % 1000);
}

/// O_NONBLOCK: a named pipe without a reader must not stop the start.
Result<int> open_audit(const std::string& path) {
  UniqueFd fd{::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600)};
  if (!fd) {
    return Error{Errc::kInvalidArgument,
                 std::string{"a file that can be made or appended to: "} + std::strerror(errno)};
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode)) return fd.release();
  return Error{Errc::kInvalidArgument, "a regular file, and is something else"};
}

}  // namespace

Status init(Level level, Format format, const std::string& audit_file) {
  State& now = state();
  int audit_fd = -1;
  if (!audit_file.empty()) {
    const Result<int> opened = open_audit(audit_file);
    if (!opened) return opened.error();
    audit_fd = *opened;
  }
  if (now.audit >= 0) ::close(now.audit);
  now.audit = audit_fd;
  now.format = format;
  now.logger = make_logger(level, format);
  spdlog::set_default_logger(now.logger);  // spdlog's own one writes to stdout
  std::signal(SIGPIPE, SIG_IGN);           // a stderr that nobody reads is no reason to die
  return Ok{};
}

bool enabled(Level level) {
  constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info,
                                                   spdlog::level::warn, spdlog::level::err};
  return state().logger->should_log(kLevels[static_cast<std::size_t>(level)]);
}

void debug(std::string_view message, Fields fields) {
  write(spdlog::level::debug, message, fields);
}

void info(std::string_view message, Fields fields) {
  write(spdlog::level::info, message, fields);
}

void warning(std::string_view message, Fields fields) {
  write(spdlog::level::warn, message, fields);
}

void error(std::string_view message, Fields fields) {
  write(spdlog::level::err, message, fields);
}

void audit(std::string_view event, Fields fields) {
  const int fd = state().audit;
  if (fd < 0) return;
  constexpr std::size_t kAnySize = std::string_view::npos;
  std::string line = "{\"time\":\"" + audit_time() + "\",\"event\":" + quoted(event, kAnySize);
  for (const Field& field : fields) {
    line += "," + quoted(field.name, kAnySize) + ":" + value_text(field, true, kAnySize);
  }
  line += "}\n";  // one write: with O_APPEND, lines of several processes do not mix
  if (::write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    error("audit line lost", {{"event", event}, {"reason", std::strerror(errno)}});
  }
}

}  // namespace omcp_r::log
