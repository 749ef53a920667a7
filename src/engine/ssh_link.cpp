#include "ssh_link.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <random>
#include <utility>
#include <vector>

#include "omcp_r/base/log.hpp"
#include "omcp_r/base/unique_fd.hpp"
#include "omcp_r/process/find_program.hpp"
#include "own_script.hpp"

namespace omcp_r::engine {
namespace {

constexpr std::string_view kScheme = "ssh://";
/// What ssh adds to a socket's name before it has it, and what a name may have; see unix(7).
constexpr std::size_t kLongestSocket = 107 - 17;
constexpr std::chrono::seconds kBetweenStarts{5};
/// Beyond which a connection that is not there yet will not be.
constexpr std::chrono::seconds kLogin{15};

/// ssh expands, and splits, some of what is left.
bool is_plain(std::string_view path) {
  return path.find_first_of("%$`\"'\\ \t\n:") == std::string_view::npos;
}

/// Whether nobody listens there any more.
bool is_left_behind(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  std::copy(path.begin(), path.end(), std::begin(address.sun_path));
  const UniqueFd probe{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
         errno == ECONNREFUSED;
}

/// Sockets of processes that were killed.
void sweep(const std::filesystem::path& folder) {
  std::error_code failure;
  std::vector<std::filesystem::path> found;
  for (std::filesystem::directory_iterator entry(folder, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    if (entry->is_socket(failure) && is_left_behind(entry->path().string()))
      found.push_back(entry->path());
  }
  for (const auto& path : found) std::filesystem::remove(path, failure);
}

bool is_ours_alone(const std::string& folder) {
  struct stat status {};
  return ::lstat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
         status.st_uid == ::geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

std::string socket_name() {
  constexpr unsigned kNames = 0xffff;
  return std::to_string(::getpid()) + "-" + std::to_string(std::random_device{}() & kNames);
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
    : executor_(std::move(executor)), target_(ssh_target(address)), folder_(std::move(folder)) {
  socket_ = folder_ + "/" + socket_name();
  if (!is_plain(socket_) || socket_.size() > kLongestSocket) {
    log::info("each call makes an ssh connection of its own, since STATE_DIR is no name for one",
              {{"folder", folder_}});
    socket_.clear();
  }
}

bool SshLink::prepare(const std::string& ssh) {
  if (!is_plain(ssh) || ssh.empty() || target_.destination.empty()) return false;
  // While the connection is not there, what the user's own configuration says counts.
  const std::string shared{kVariable};
  const auto script =
      own_script(folder_, "ssh",
                 "[ -S \"$" + shared + "\" ] || exec \"" + ssh + "\" \"$@\"\nexec \"" + ssh +
                     "\" -o ControlMaster=no -o ControlPath=\"$" + shared + "\" \"$@\"\n");
  const bool usable = script && is_ours_alone(folder_) && ::access(script->c_str(), X_OK) == 0;
  if (!usable) {
    log::warning(
        "no ssh connection can be shared: STATE_DIR must be this user's alone, and let "
        "programs be run",
        {{"folder", folder_}});
    socket_.clear();
    return false;
  }
  sweep(folder_);
  ssh_ = ssh;
  return true;
}

bool SshLink::keep_up(const std::string& path) {
  if (socket_.empty()) return false;
  if (ssh_.empty() && !prepare(process::find_program("ssh", path))) return false;
  const auto now = Clock::now();
  std::error_code failure;
  const bool runs = master_ && !master_->exit_status();
  const bool stuck = now > started_ + kLogin && !std::filesystem::exists(socket_, failure);
  if ((runs && !stuck) || now < started_ + kBetweenStarts) return true;
  if (master_) log::info("the shared ssh connection has ended and is made anew");
  started_ = now;
  process::Launch launch;
  launch.argv = {ssh_, "-N", "-T", "-q", "-o", "ControlMaster=yes", "-o", "ControlPath=" + socket_,
                 "-o", "ControlPersist=no", "-o", "BatchMode=yes", "-o", "ClearAllForwardings=yes",
                 "-o", "ConnectTimeout=10",
                 // A lost link is noticed within six seconds, and what goes through it ends then.
                 "-o", "ServerAliveInterval=2", "-o", "ServerAliveCountMax=2"};
  if (!target_.port.empty()) launch.argv.insert(launch.argv.end(), {"-p", target_.port});
  launch.argv.insert(launch.argv.end(), {"--", target_.destination});
  master_.reset();
  std::filesystem::remove(socket_, failure);  // of one that was killed
  auto started = process::Child::spawn(executor_, launch);
  if (started) master_ = std::move(*started);
  return true;
}

}  // namespace omcp_r::engine
