#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

#include "omcp_r/base/result.hpp"
#include "omcp_r/process/command_runner.hpp"

namespace omcp_r::database {

namespace asio = boost::asio;

/// A PostgreSQL server of this machine that sandboxes may talk to, and as whom.
struct Access {
  std::string socket;    ///< of the server, or the folder with it; "" is no access at all
  std::string role;      ///< that code is to log in as
  std::string name;      ///< of the database
  std::string password;  ///< of the role; "" where the server asks for none
};

/// Where a server listens, with no links in its path.
struct Place {
  std::string socket;  ///< ".../.s.PGSQL.5432"
  std::string folder;
  std::string port;
};

/// The socket that `path` names, or the only one in the folder that it is. Errc::kMisconfigured
/// says what is there in its place.
Result<Place> find_socket(const std::string& path);

/// Whether the role may do no more than its database holds: some roles read the files of the
/// server's machine, run programs there or open connections. Asked by psql, which must be on this
/// machine. Errc::kMisconfigured says what the role may do, or why nothing can be told.
class Check {
 public:
  Check(Access access, std::unique_ptr<process::CommandRunner> runner);

  /// Takes some tenths of a second, and ten seconds at most.
  asio::awaitable<Status> run();

 private:
  asio::awaitable<Result<process::Exit>> ask(Place place);

  Access access_;
  std::unique_ptr<process::CommandRunner> runner_;
};

}  // namespace omcp_r::database
