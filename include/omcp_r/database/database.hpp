#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

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

/// Whether code of `user` ("65532:65532") may do no more there than one role may: whoever can talk
/// to a server can try to log in as any role, and some roles read the files of the server's machine
/// and run programs there. Asked of the server by psql, which must be on this machine. Refused, as
/// Errc::kMisconfigured, are a role that has such power, a server that lets code in as one that
/// has, and all that cannot be told.
class Check {
 public:
  Check(Access access, std::string user, std::unique_ptr<process::CommandRunner> runner);

  /// Takes some tenths of a second. The place is what was asked.
  asio::awaitable<Result<Place>> run();

 private:
  asio::awaitable<Result<process::Exit>> ask(Place place, std::string role, std::string database,
                                             std::string query, std::string password);
  asio::awaitable<Result<bool>> is_open(Place place, std::string role, std::string database);
  asio::awaitable<Status> try_roles(Place place, std::vector<std::string> roles,
                                    std::vector<std::string> databases);

  Access access_;
  std::string user_;
  std::unique_ptr<process::CommandRunner> runner_;
};

}  // namespace omcp_r::database
