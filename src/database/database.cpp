#include "omcp_r/database/database.hpp"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "omcp_r/base/text.hpp"
#include "omcp_r/process/find_program.hpp"

namespace omcp_r::database {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kShown = 200;
constexpr std::string_view kPrefix = ".s.PGSQL.";
constexpr const char* kAdvice = " Ask the user: docs/data.md says how such a role is made.";

Error refused(const std::string& what) {
  return Error{Errc::kMisconfigured, what};
}

bool is_a_socket(const fs::path& path) {
  std::error_code failure;
  return fs::is_socket(path, failure);
}

bool is_name(const std::string& name) {
  return name.starts_with(kPrefix) && name.size() > kPrefix.size() &&
         name.find_first_not_of("0123456789", kPrefix.size()) == std::string::npos;
}

std::vector<fs::path> sockets_in(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code failure;
  for (fs::directory_iterator entry{folder, failure}; !failure && entry != fs::directory_iterator{};
       entry.increment(failure)) {
    if (is_name(entry->path().filename().string()) && is_a_socket(entry->path())) {
      found.push_back(entry->path());
    }
  }
  return found;
}

/// Whether the sandboxes' user may write to the socket, which connecting asks for.
bool may_connect(const std::string& socket, const std::string& user) {
  struct stat status {};
  if (::stat(socket.c_str(), &status) != 0) return false;
  const std::size_t colon = std::min(user.find(':'), user.size());
  const bool owner = user.substr(0, colon) == std::to_string(status.st_uid);
  const bool group = user.substr(std::min(colon + 1, user.size())) == std::to_string(status.st_gid);
  return (status.st_mode & (owner ? S_IWUSR : group ? S_IWGRP : S_IWOTH)) != 0;
}

/// The name that this machine knows a user by; "" for none.
std::string name_of(const std::string& uid) {
  uid_t number = 0;
  std::from_chars(uid.data(), uid.data() + uid.size(), number);
  std::array<char, 16384> room{};
  passwd entry{};
  passwd* found = nullptr;
  const int failure = ::getpwuid_r(number, &entry, room.data(), room.size(), &found);
  if (failure != 0) return "unknown";
  return found == nullptr ? "" : found->pw_name;
}

/// A value of libpq's connection string.
std::string in_quotes(const std::string& value) {
  std::string out = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

/// Of the role that has logged in, which code can always become again: R, and what it may do beyond
/// its database; of others, D and the name of one that may; of databases, B and a name.
constexpr const char* kQuery = R"(
WITH powers AS (
  SELECT oid, rolname FROM pg_roles
  WHERE rolsuper OR rolcreaterole OR rolreplication OR rolname IN ('pg_read_server_files',
    'pg_write_server_files', 'pg_execute_server_program', 'pg_create_subscription'))
SELECT 'R' || CASE WHEN p.rolname = session_user
    THEN 'it is a superuser, or may create roles or replicate'
    ELSE 'it is a member of the role ' || p.rolname END
  FROM (SELECT * FROM powers ORDER BY rolname <> session_user) p
  WHERE pg_has_role(session_user, p.oid, 'MEMBER')
UNION ALL
SELECT 'Rit may call ' || p.oid::regprocedure FROM pg_proc p
  WHERE p.proname IN ('pg_read_file', 'pg_read_binary_file', 'pg_ls_dir', 'pg_stat_file',
    'lo_import', 'lo_export', 'pg_file_write', 'pg_file_unlink', 'pg_file_rename',
    'dblink', 'dblink_connect', 'dblink_connect_u', 'dblink_exec', 'dblink_open',
    'dblink_send_query', 'http', 'http_get', 'http_post')
    AND has_function_privilege(session_user, p.oid, 'EXECUTE')
UNION ALL
SELECT 'Rit may use the foreign-data wrapper ' || fdwname FROM pg_foreign_data_wrapper
  WHERE has_foreign_data_wrapper_privilege(session_user, oid, 'USAGE')
UNION ALL
SELECT 'D' || r.rolname FROM pg_roles r
  WHERE r.rolcanlogin AND r.rolname <> session_user
    AND EXISTS (SELECT FROM powers p WHERE pg_has_role(r.oid, p.oid, 'MEMBER'))
UNION ALL
SELECT 'B' || datname FROM pg_database WHERE datallowconn AND datname IN ('postgres', 'template1')
)";

/// Those that would change where and how psql logs in.
std::vector<std::string> own_variables() {
  std::vector<std::string> names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text{*entry};
    if (text.starts_with("PG")) names.emplace_back(text.substr(0, text.find('=')));
  }
  return names;
}

std::string first_line(const std::string& text) {
  return printable(text.substr(0, text.find('\n')), kShown);
}

/// Of a superuser who has been let in: how many rules let anyone in by that name. None means that
/// it was by "peer", which lets in the user who runs this and not the one of a sandbox.
constexpr const char* kTrustQuery = R"(
SELECT count(*) FROM pg_hba_file_rules
WHERE type = 'local' AND auth_method = 'trust'
  AND EXISTS (SELECT FROM unnest(user_name) AS u
              WHERE u IN ('all', session_user) OR u ~ '^[+/@]')
)";

std::vector<std::string> records_of(const std::string& text, char kind) {
  std::vector<std::string> found;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\0', at), text.size());
    if (end > at && text[at] == kind) found.push_back(text.substr(at + 1, end - at - 1));
    at = end + 1;
  }
  return found;
}

}  // namespace

Result<Place> find_socket(const std::string& path) {
  const auto no = [&path](const std::string& why) {
    return refused("DB_SOCKET=" + printable(path, kShown) + " " + why);
  };
  std::error_code failure;
  fs::path socket = fs::canonical(path, failure);
  if (failure) {
    return no("is not there (" + failure.message() + "). Ask the user to start PostgreSQL.");
  }
  if (fs::is_directory(socket, failure)) {
    const auto all = sockets_in(socket);
    if (all.size() != 1) {
      return no(all.empty() ? "has no socket of PostgreSQL in it. Ask the user to start that."
                            : "has several sockets of PostgreSQL in it. Ask the user to name one.");
    }
    socket = fs::canonical(all.front(), failure);
  }
  const std::string name = socket.filename().string();
  if (failure || !is_a_socket(socket) || !is_name(name)) {
    return no("is no socket of PostgreSQL, whose names are as " + std::string(kPrefix) + "5432.");
  }
  return Place{socket.string(), socket.parent_path().string(), name.substr(kPrefix.size())};
}

Check::Check(Access access, std::string user, std::unique_ptr<process::CommandRunner> runner)
    : access_(std::move(access)), user_(std::move(user)), runner_(std::move(runner)) {}

/// Logs in as code would, with nothing of this user's but the password of the configuration.
asio::awaitable<Result<process::Exit>> Check::ask(Place place, std::string role,
                                                  std::string database, std::string query,
                                                  std::string password) {
  constexpr const char* kUsual = "/usr/local/bin:/usr/bin:/bin";
  const char* const path = std::getenv("PATH");
  const std::string program = process::find_program("psql", path != nullptr ? path : kUsual);
  if (program.empty()) {
    co_return refused(
        "DB_SOCKET needs psql on this machine, which looks at what the role may do, and it is not "
        "in PATH. Ask the user to install it (Debian: postgresql-client).");
  }
  process::Command command;
  command.launch.argv = {program,
                         "--no-psqlrc",
                         "--no-password",
                         "--no-align",
                         "--tuples-only",
                         "--quiet",
                         "--record-separator-zero",
                         "--set=ON_ERROR_STOP=1",
                         "--command=" + query,
                         "host=" + in_quotes(place.folder) + " port=" + place.port +
                             " user=" + in_quotes(role) + " dbname=" + in_quotes(database) +
                             " connect_timeout=5 passfile=/nowhere/at/all client_encoding=UTF8"
                             " application_name=omcp-r-sandbox"
                             " options='-c search_path=pg_catalog -c statement_timeout=5000'"};
  command.launch.unset_environment = own_variables();
  if (!password.empty()) command.launch.set_environment["PGPASSWORD"] = password;
  constexpr std::chrono::seconds kLongest{10};
  command.time_limit = kLongest;
  auto exit = co_await runner_->run(std::move(command));
  if (!exit) {
    co_return refused("psql did not start: " + exit.error().message);
  }
  if (exit->timed_out || exit->truncated || exit->status.signal != 0) {
    co_return refused("The PostgreSQL of DB_SOCKET gave no answer in time. Try again.");
  }
  co_return exit;
}

/// Whether code could log in as that role of power.
asio::awaitable<Result<bool>> Check::is_open(Place place, std::string role, std::string database) {
  constexpr int kNotLetIn = 2;  // psql(1)
  const auto bare = co_await ask(place, role, database, kTrustQuery, "");
  if (!bare) {
    co_return bare.error();
  }
  if (bare->status.code != kNotLetIn) {
    const bool by_peer = bare->status.success() && bare->out.starts_with('0');
    co_return !by_peer;
  }
  if (access_.password.empty()) {
    co_return false;
  }
  const auto guessed = co_await ask(place, role, database, "SELECT 1", access_.password);
  if (!guessed) {
    co_return guessed.error();
  }
  co_return guessed->status.code != kNotLetIn;
}

asio::awaitable<Status> Check::try_roles(Place place, std::vector<std::string> roles,
                                         std::vector<std::string> databases) {
  for (const std::string& role : roles) {
    for (const std::string& database : databases) {
      const auto open = co_await is_open(place, role, database);
      if (!open) {
        co_return open.error();
      }
      if (*open) {
        co_return refused(
            "The PostgreSQL of DB_SOCKET lets anyone in as " + printable(role, kShown) +
            ", who may read files or run programs on its machine: code in a sandbox could. Ask the "
            "user to have its pg_hba.conf ask for a password there, or another than the role's.");
      }
    }
  }
  co_return Ok{};
}

asio::awaitable<Result<Place>> Check::run() {
  auto place = find_socket(access_.socket);
  if (!place) {
    co_return place.error();
  }
  if (!may_connect(place->socket, user_)) {
    co_return refused("The socket " + printable(place->socket, kShown) + " is not open to user " +
                      user_ +
                      ", as whom R runs. Ask the user to set unix_socket_permissions to 0777 in "
                      "postgresql.conf: pg_hba.conf says who gets in.");
  }
  // By "peer" the server lets a user in by name. What we are let in as, the probes below show.
  const std::string uid = user_.substr(0, user_.find(':'));
  const std::string name = uid == std::to_string(::geteuid()) ? "" : name_of(uid);
  if (!name.empty()) {
    co_return refused("On this machine the number of SANDBOX_USER is that of the user " +
                      printable(name, kShown) +
                      ", as whom PostgreSQL may let code in. With DB_SOCKET it must be nobody's: "
                      "ask the user to choose another.");
  }
  const auto told = co_await ask(*place, access_.role, access_.name, kQuery, access_.password);
  if (!told) {
    co_return told.error();
  }
  if (!told->status.success()) {
    co_return refused("PostgreSQL does not let the role " + printable(access_.role, kShown) +
                      " in as code in a sandbox would have to be: " + first_line(told->err) + "." +
                      kAdvice);
  }
  const auto powers = records_of(told->out, 'R');
  if (!powers.empty()) {
    co_return refused("The role " + printable(access_.role, kShown) +
                      " may do more than read and write tables: " +
                      printable(powers.front(), kShown) + "." + kAdvice);
  }
  auto databases = records_of(told->out, 'B');
  databases.insert(databases.begin(), access_.name);
  constexpr std::size_t kMostRoles = 50;
  auto roles = records_of(told->out, 'D');
  if (roles.size() > kMostRoles) {
    co_return refused(
        "The PostgreSQL of DB_SOCKET has more than 50 roles of power, too many to "
        "see whether it lets code in as one of them.");
  }
  const Status kept = co_await try_roles(*place, std::move(roles), std::move(databases));
  if (!kept) {
    co_return kept.error();
  }
  co_return std::move(*place);
}

}  // namespace omcp_r::database
