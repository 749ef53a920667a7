#include "omcp_r/database/database.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

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

/// A value of libpq's connection string.
std::string in_quotes(const std::string& value) {
  std::string out = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

/// What psql runs. K and N are who has been asked and where; R is each thing that the role may do
/// beyond its database, by itself or as another that it can become: inheriting rights is not asked
/// for. What a function of C's is known to do is told by its name.
constexpr const char* kScript = R"(
SELECT 'K' || session_user;
SELECT 'N' || current_database();
WITH mine AS (SELECT oid FROM pg_roles WHERE pg_has_role(session_user, oid, 'MEMBER')),
powers AS (
  SELECT oid, rolname FROM pg_roles
  WHERE rolsuper OR rolcreaterole OR rolreplication OR rolbypassrls OR rolname IN (
    'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program',
    'pg_create_subscription', 'pg_read_all_data', 'pg_write_all_data', 'pg_monitor',
    'pg_signal_backend')),
calls AS (
  SELECT p.oid, p.proname, p.prosecdef, p.proowner, l.lanname, l.lanpltrusted
  FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
  WHERE (p.prosecdef OR l.lanname IN ('c', 'internal') OR NOT l.lanpltrusted)
    AND EXISTS (SELECT FROM mine WHERE has_function_privilege(mine.oid, p.oid, 'EXECUTE')))
SELECT 'R' || CASE WHEN p.rolname = session_user
    THEN 'it is a superuser, or may create roles, replicate or bypass row-level security'
    ELSE 'it is a member of the role ' || p.rolname END
  FROM (SELECT * FROM powers ORDER BY rolname <> session_user) p
  WHERE pg_has_role(session_user, p.oid, 'MEMBER')
UNION ALL
SELECT 'Rit may call ' || oid::regprocedure FROM calls
  WHERE lanname IN ('c', 'internal') AND proname IN (
    'pg_read_file', 'pg_read_binary_file', 'pg_ls_dir', 'pg_stat_file', 'lo_import', 'lo_export',
    'pg_file_write', 'pg_file_unlink', 'pg_file_rename', 'dblink', 'dblink_connect',
    'dblink_connect_u', 'dblink_exec', 'dblink_open', 'dblink_send_query', 'http', 'http_get',
    'http_post')
UNION ALL
SELECT 'Rit may call ' || oid::regprocedure || ', which is in the untrusted language ' || lanname
  FROM calls WHERE NOT lanpltrusted AND lanname NOT IN ('c', 'internal')
UNION ALL
SELECT 'Rit may call ' || c.oid::regprocedure || ', which runs as ' || pg_get_userbyid(c.proowner)
  FROM calls c WHERE c.prosecdef
    AND EXISTS (SELECT FROM powers p WHERE pg_has_role(c.proowner, p.oid, 'MEMBER'))
UNION ALL
SELECT 'Rit may use the foreign-data wrapper ' || w.fdwname FROM pg_foreign_data_wrapper w
  WHERE EXISTS (SELECT FROM mine WHERE has_foreign_data_wrapper_privilege(mine.oid, w.oid, 'USAGE'))
UNION ALL
SELECT 'Rit may use the foreign server ' || s.srvname FROM pg_foreign_server s
  WHERE EXISTS (SELECT FROM mine WHERE has_server_privilege(mine.oid, s.oid, 'USAGE'))
UNION ALL
SELECT 'Rit may use the foreign table ' || c.oid::regclass FROM pg_class c
  WHERE c.relkind = 'f' AND EXISTS (SELECT FROM mine
    WHERE has_table_privilege(mine.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE'));
SELECT :SERVER_VERSION_NUM >= 150000 AS has_parameters \gset
\if :has_parameters
SELECT DISTINCT 'Rit may change the parameter ' || p.parname
  FROM pg_parameter_acl p, LATERAL aclexplode(p.paracl) a
  WHERE a.grantee = 0 OR a.grantee IN (
    SELECT oid FROM pg_roles WHERE pg_has_role(session_user, oid, 'MEMBER'));
\endif
)";

std::string first_line(const std::string& text) {
  return printable(text.substr(0, text.find('\n')), kShown);
}

/// Those that would change where and how psql logs in.
std::vector<std::string> own_variables() {
  std::vector<std::string> names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text{*entry};
    if (text.starts_with("PG")) names.emplace_back(text.substr(0, text.find('=')));
  }
  return names;
}

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

Check::Check(Access access, std::unique_ptr<process::CommandRunner> runner)
    : access_(std::move(access)), runner_(std::move(runner)) {}

/// Logs in as code would, with nothing of this user's but the password of the configuration.
asio::awaitable<Result<process::Exit>> Check::ask(Place place) {
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
                         "--file=-",
                         "host=" + in_quotes(place.folder) + " port=" + place.port + " user=" +
                             in_quotes(access_.role) + " dbname=" + in_quotes(access_.name) +
                             " connect_timeout=5 passfile=/nowhere/at/all client_encoding=UTF8"
                             " application_name=omcp-r-sandbox"
                             " options='-c search_path=pg_catalog -c statement_timeout=5000'"};
  command.launch.unset_environment = own_variables();
  command.input = kScript;
  if (!access_.password.empty()) command.launch.set_environment["PGPASSWORD"] = access_.password;
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

asio::awaitable<Status> Check::run() {
  auto place = find_socket(access_.socket);
  if (!place) {
    co_return place.error();
  }
  const auto told = co_await ask(*place);
  if (!told) {
    co_return told.error();
  }
  const std::string role = printable(access_.role, kShown);
  if (!told->status.success()) {
    co_return refused("PostgreSQL does not let the role " + role +
                      " in to be looked at: " + first_line(told->err) + "." + kAdvice);
  }
  const bool whole = records_of(told->out, 'K') == std::vector{access_.role} &&
                     records_of(told->out, 'N') == std::vector{access_.name};
  if (!whole) {
    co_return refused("psql does not tell what the role " + role +
                      " may do: check that it is PostgreSQL's own.");
  }
  const auto powers = records_of(told->out, 'R');
  if (!powers.empty()) {
    const std::string more =
        powers.size() > 1 ? " (and " + std::to_string(powers.size() - 1) + " more)" : "";
    co_return refused("The role " + role + " may do more than read and write tables: " +
                      printable(powers.front(), kShown) + more + "." + kAdvice);
  }
  co_return Ok{};
}

}  // namespace omcp_r::database
