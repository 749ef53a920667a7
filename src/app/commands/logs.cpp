#include "commands/logs.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "commands/floors.hpp"
#include "commands/say.hpp"
#include "commands/signals.hpp"
#include "commands/standard_output.hpp"
#include "omcp_r/app/values.hpp"
#include "omcp_r/base/clock.hpp"
#include "omcp_r/base/event.hpp"
#include "omcp_r/base/text.hpp"
#include "omcp_r/base/unique_fd.hpp"
#include "omcp_r/rpc/line_framer.hpp"

namespace omcp_r::commands {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxLine = std::size_t{64} << 10;
constexpr std::chrono::milliseconds kGlance{250};

std::string text_at(const Json& event, const char* name) {
  const auto found = event.find(name);
  return found != event.end() && found->is_string() ? found->get<std::string>() : "";
}

/// TIME EVENT NAME=VALUE...
std::string line_of(const Json& event) {
  std::string line = text_at(event, "time") + " " + text_at(event, "event");
  for (const auto& [name, value] : event.items()) {
    if (name == "time" || name == "event") continue;
    constexpr auto kReplace = Json::error_handler_t::replace;
    const std::string text =
        value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, kReplace);
    line += " " + name + "=" + text;
  }
  return line;
}

/// Of the audit log, which other processes write to.
class Logs : public std::enable_shared_from_this<Logs> {
 public:
  Logs(Floors& floors, const Words& words)
      : path_(floors.config().audit_log),
        sandbox_(words.rest.empty() ? "" : words.rest.front()),
        json_(words.has("--json")),
        signals_(std::make_shared<Signals>(floors.io())),
        tick_(floors.io().get_executor()) {}

  asio::awaitable<int> print(bool follow) {
    const std::shared_ptr<Logs> self = shared_from_this();
    if (!open()) co_return 1;
    signals_->watch([self](int /*signal*/) { self->tick_.notify_all(); });
    bool read = print_new();
    while (read && follow && !signalled() && output_.wanted()) {
      co_await tick_.wait_until(Clock::now() + kGlance);
      follow_the_name();
      read = print_new();
    }
    signals_->cancel();
    if (!output_.why().empty()) complain(output_.why());
    const bool nothing = !follow && read && printed_ == 0;
    if (nothing) {
      complain(sandbox_.empty() ? path_ + " tells of nothing yet"
                                : path_ + " tells of no sandbox " + app::shown(sandbox_));
    }
    co_return output_.why().empty() && (!nothing || sandbox_.empty()) ? 0 : 1;
  }

 private:
  bool open() {
    UniqueFd opened{::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (!opened) {
      complain("cannot read " + path_ + ": " + std::strerror(errno));
      return false;
    }
    file_ = std::move(opened);
    lines_ = rpc::LineFramer{kMaxLine};
    return true;
  }

  /// Where the log has been put aside, or cut, it goes on in what has its name now.
  void follow_the_name() {
    struct stat there {};
    struct stat ours {};
    if (::stat(path_.c_str(), &there) != 0 || ::fstat(file_.get(), &ours) != 0) return;
    const bool same = there.st_dev == ours.st_dev && there.st_ino == ours.st_ino;
    if (!same || ours.st_size < ::lseek(file_.get(), 0, SEEK_CUR)) open();
  }

  /// False where nobody wants any more.
  bool print_new() {
    std::array<char, kMaxLine> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    while (!signalled()) {
      const ssize_t n = ::read(file_.get(), bytes.data(), bytes.size());
      if (n <= 0) return true;
      lines_.push({bytes.data(), static_cast<std::size_t>(n)});
      while (const auto line = lines_.next()) {
        if (!line->too_long && !print_line(line->text)) return false;
      }
    }
    return false;
  }

  bool print_line(const std::string& text) {
    const Json event = Json::parse(text, nullptr, false);
    const bool is_event = event.is_object();
    if (!sandbox_.empty() && !(is_event && text_at(event, "sandbox").starts_with(sandbox_))) {
      return true;
    }
    ++printed_;
    return output_.write(printable(json_ || !is_event ? text : line_of(event), kMaxLine) + "\n");
  }

  std::string path_;
  std::string sandbox_;
  bool json_;
  UniqueFd file_;
  rpc::LineFramer lines_{kMaxLine};
  std::uint64_t printed_ = 0;
  StandardOutput output_;
  std::shared_ptr<Signals> signals_;
  Event tick_;
};

asio::awaitable<int> print_logs(std::shared_ptr<Logs> logs, bool follow) {
  co_return co_await logs->print(follow);
}

}  // namespace

const Usage& logs_usage() {
  static const Usage kUsageOfLogs{
      "logs",
      "[SANDBOX]",
      "Print what AUDIT_LOG tells: when sandboxes were made, what ran in them for how long, and "
      "why "
      "they ended. Of one sandbox alone by its id, or of those whose ids begin so.",
      {{"--follow", "", "Go on with what is written to it, until Ctrl-C."},
       {"--json", "", "The lines as they are."}}};
  return kUsageOfLogs;
}

int logs(const std::vector<std::string>& arguments) {
  return with_sandboxes(logs_usage(), arguments, [](Floors& floors, const Words& words) {
    if (words.rest.size() > 1) return refuse("logs takes one sandbox");
    if (floors.config().audit_log.empty()) {
      return refuse(
          "AUDIT_LOG is not set here, so nothing is recorded: set it to a file, for servers and "
          "for "
          "this command, in ~/.config/omcp-r-sandbox/.env, such as "
          "AUDIT_LOG=~/.local/state/omcp-r-sandbox/audit.log; or name the one that a server has "
          "with --audit-log FILE");
    }
    return print_logs(std::make_shared<Logs>(floors, words), words.has("--follow"));
  });
}

}  // namespace omcp_r::commands
