#include "ssh_link.hpp"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill is POSIX
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <utility>

#include "omcp_r/base/log.hpp"
#include "omcp_r/process/find_program.hpp"
#include "own_script.hpp"

namespace omcp_r::engine {
namespace {

constexpr std::string_view kScheme = "ssh://";
/// What ssh adds to a socket's name before it has it, and what a name may have; see unix(7).
constexpr std::size_t kLongestSocket = 107 - 17;
constexpr std::chrono::seconds kBetweenStarts{5};

/// ssh expands, and splits, some of what is left.
bool is_plain(std::string_view path) {
  return path.find_first_of("%$\"'\\ \t\n:") == std::string_view::npos;
}

/// Sockets of processes that were killed.
void sweep(const std::filesystem::path& folder) {
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failure)) {
    const std::string name = entry.path().filename().string();
    pid_t pid = 0;
    const auto read = std::from_chars(name.data(), name.data() + name.size(), pid);
    const bool whole = read.ec == std::errc{} && read.ptr == name.data() + name.size();
    if (whole && ::kill(pid, 0) != 0 && errno == ESRCH) {
      std::filesystem::remove(entry.path(), failure);
    }
  }
}

}  // namespace

SshTarget ssh_target(const std::string& address) {
  SshTarget target;
  if (!address.starts_with(kScheme)) return target;
  std::string place = address.substr(kScheme.size());
  place.resize(std::min(place.find('/'), place.size()));
  // "[::1]:22" and "host:22", but not "::1".
  const std::size_t bracket = place.rfind(']');
  const std::size_t colon = place.rfind(':');
  const bool has_port =
      colon != std::string::npos && (bracket == std::string::npos || colon > bracket);
  if (has_port) {
    target.port = place.substr(colon + 1);
    place.resize(colon);
  }
  const std::size_t open = place.find('[');
  if (open != std::string::npos && place.ends_with(']')) {
    place = place.substr(0, open) + place.substr(open + 1, place.size() - open - 2);
  }
  target.destination = place;
  return target;
}

SshLink::SshLink(boost::asio::any_io_executor executor, const std::string& address,
                 std::string folder)
    : executor_(std::move(executor)), target_(ssh_target(address)) {
  const std::string socket = folder + "/" + std::to_string(::getpid());
  if (target_.destination.empty() || !is_plain(socket) || socket.size() > kLongestSocket) {
    log::info("each call makes an ssh connection of its own, since STATE_DIR is no name for one",
              {{"folder", folder}});
    return;
  }
  folder_ = std::move(folder);
  socket_ = socket;
}

bool SshLink::prepare(const std::string& ssh) {
  if (!is_plain(ssh) || ssh.empty()) return false;
  // A socket that is not there, or does not answer, is passed over.
  const auto script = own_script(folder_, "ssh",
                                 "exec \"" + ssh + "\" -o ControlMaster=no -o ControlPath=\"$" +
                                     std::string{kVariable} + "\" \"$@\"\n");
  if (!script) {
    log::warning("no ssh connection can be shared", {{"reason", script.error().message}});
    return false;
  }
  std::error_code failure;
  std::filesystem::permissions(folder_, std::filesystem::perms::owner_all, failure);
  sweep(folder_);
  ssh_ = ssh;
  return !failure;
}

void SshLink::keep_up(const std::string& path) {
  const bool runs = master_ && !master_->exit_status();
  if (folder_.empty() || runs || Clock::now() < started_ + kBetweenStarts) return;
  started_ = Clock::now();
  if (ssh_.empty() && !prepare(process::find_program("ssh", path))) return;
  process::Launch launch;
  launch.argv = {ssh_, "-N", "-T", "-q", "-o", "ControlMaster=yes", "-o", "ControlPath=" + socket_,
                 "-o", "ControlPersist=no", "-o", "BatchMode=yes",
                 // A lost link is noticed within six seconds, and what goes through it ends then.
                 "-o", "ServerAliveInterval=2", "-o", "ServerAliveCountMax=2"};
  if (!target_.port.empty()) launch.argv.insert(launch.argv.end(), {"-p", target_.port});
  launch.argv.insert(launch.argv.end(), {"--", target_.destination});
  std::error_code failure;
  std::filesystem::remove(socket_, failure);  // of one that was killed
  auto started = process::Child::spawn(executor_, launch);
  if (started) master_ = std::move(*started);
}

}  // namespace omcp_r::engine
