#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "omcp_r/base/clock.hpp"
#include "omcp_r/process/child.hpp"

namespace omcp_r::engine {

/// Where an address leads, as ssh takes it.
struct SshTarget {
  std::string destination;  ///< host, or user@host
  std::string port;         ///< "" is ssh's own choice
};

/// Of "ssh://[user@]host[:port]"; an empty destination where it is none.
SshTarget ssh_target(const std::string& address);

/// One connection that the short calls to an engine behind ssh:// share: the docker client makes
/// two or three a call otherwise, a good half second. While it is not there they make their own, as
/// the user's own configuration says.
///
/// It is ssh's master connection in a process of our own, since one that the client began by itself
/// would hold the client's streams open for longer than that lives.
class SshLink {
 public:
  /// `folder` gets a script and a socket of this process.
  SshLink(boost::asio::any_io_executor executor, const std::string& address, std::string folder);

  /// Starts the connection where it does not run; not more often than every few seconds. False
  /// where there can be none.
  bool keep_up(const std::string& path);
  /// What the environment of a client has to name then: the folder where it finds our `ssh` first,
  /// and the socket, under kVariable.
  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] const std::string& socket() const { return socket_; }
  static constexpr const char* kVariable = "OMCP_R_SSH";

 private:
  bool prepare(const std::string& ssh);

  boost::asio::any_io_executor executor_;
  SshTarget target_;
  std::string folder_;
  std::string socket_;
  std::string ssh_;  ///< the program; "" while all is not prepared
  std::shared_ptr<process::Child> master_;
  Clock::time_point started_{};
};

}  // namespace omcp_r::engine
