// A PostgreSQL of this machine that sandboxes may talk to: a real one, of the test's own.

#include <array>

#include "support/postgres.hpp"

namespace omcp_r::e2e {
namespace {

class DatabaseTest : public SandboxTest {
 protected:
  Server& with(const Postgres& postgres, const Environment& more = {}) {
    Environment all{{"DB_SOCKET", postgres.folder()}, {"DB_ROLE", "reader"}, {"DB_NAME", "survey"}};
    for (const auto& [name, value] : more) all[name] = value;
    return start({all, {}, true, {}});
  }
  void expect_refused(Server& server, const std::string& part) {
    expect_refused_beside(server, part);
    EXPECT_TRUE(containers().empty());
  }
  /// The same where other sandboxes are.
  static void expect_refused_beside(Server& server, const std::string& part) {
    const ToolResult refused = server.call("create_sandbox");
    EXPECT_EQ(refused.error_code(), "configuration_invalid") << refused.shown();
    EXPECT_TRUE(contains(refused.shown(), part)) << refused.shown();
  }
};

/// Logs in by what the environment says and asks; no image of these tests has a client.
constexpr const char* kAsk = R"R(code <- r"---(
    use IO::Socket::UNIX;
    my ($user, $query) = @ARGV;
    my $s = IO::Socket::UNIX->new("$ENV{PGHOST}/.s.PGSQL.$ENV{PGPORT}") or die "no way: $!";
    my $hello = pack("N", 196608) . "user\0$user\0database\0$ENV{PGDATABASE}\0\0";
    print $s pack("N", 4 + length $hello) . $hello;
    print $s "Q" . pack("N", 5 + length $query) . $query . "\0";
    print $s "X" . pack("N", 4);
    local $/; my $all = <$s>; $all =~ s/[^ -~]+/ /g; print $all;)---"
ask <- function(query, user = Sys.getenv('PGUSER')) {
  system2('perl', c('-e', shQuote(code), user, shQuote(query)), stdout = TRUE)
}
)R";

TEST_F(DatabaseTest, IsThereForCodeAsItsRoleAlone) {
  Postgres postgres{folder() / "postgres"};
  postgres.let_in("local all all trust");  // whom the server would let in does not matter
  Server& server = with(postgres);
  const Sandbox box = create(server);
  const std::string answer = box.output(std::string(kAsk) + "ask('SELECT answer FROM answers')");
  EXPECT_TRUE(contains(answer, "42")) << answer;
  const std::string written = box.output("ask('DELETE FROM answers')");
  EXPECT_TRUE(contains(written, "permission denied")) << written;
  const std::string other = box.output("ask('SELECT 1', 'postgres')");
  EXPECT_TRUE(contains(other, "of users there is only reader")) << other;
  EXPECT_EQ(box.output("file.remove('/db/.s.PGSQL.5432') |> suppressWarnings()"), "[1] FALSE\n");
  EXPECT_TRUE(contains(server.request("tools/list").dump(), "RPostgreSQL::PostgreSQL()"));
}

TEST_F(DatabaseTest, IsThereAgainAfterARestartOfEither) {
  Postgres postgres{folder() / "postgres"};
  Server& first = with(postgres);
  const Sandbox box = create(first);
  const std::string ask = std::string(kAsk) + "ask('SELECT answer FROM answers')";
  postgres.stop();
  EXPECT_TRUE(contains(box.output(ask), "is it running?"));
  expect_refused_beside(first, "Ask the user to start");
  postgres.start();
  EXPECT_TRUE(contains(box.output(ask), "42"));
  first.kill(SIGKILL);
  EXPECT_TRUE(contains(box.through(with(postgres)).output(ask), "42"));
}

// Each would keep its place at the server for as long as its query takes.
TEST_F(DatabaseTest, WhoHasGoneLeavesNoQueryBehind) {
  Postgres postgres{folder() / "postgres"};
  Server& server = with(postgres);
  const Sandbox box = create(server);
  box.output(
      std::string(kAsk) +
      "for (i in 1:5) suppressWarnings(system2('timeout', c('1', 'perl', '-e', shQuote(code),"
      "'reader', shQuote('SELECT pg_sleep(1000)'))))");
  EXPECT_TRUE(eventually(
      [&] { return postgres.count("pg_stat_activity WHERE usename = 'reader'") == 0; }, 20s));
  server.send_call("execute_r_code", box.arguments("ask('SELECT pg_sleep(1000)')"));
  EXPECT_TRUE(eventually(
      [&] { return postgres.count("pg_stat_activity WHERE usename = 'reader'") == 1; }, 20s));
  server.close_input();
  EXPECT_EQ(server.wait_for_end().code, 0);
  EXPECT_TRUE(eventually(
      [&] { return postgres.count("pg_stat_activity WHERE usename = 'reader'") == 0; }, 20s));
}

TEST_F(DatabaseTest, IsRefusedToARoleOfPower) {
  const Postgres postgres{folder() / "postgres"};
  Server& server = with(postgres);
  const std::vector<std::array<std::string, 3>> cases{
      {"ALTER ROLE reader SUPERUSER", "ALTER ROLE reader NOSUPERUSER", "it is a superuser"},
      {"ALTER ROLE reader CREATEROLE", "ALTER ROLE reader NOCREATEROLE", "create roles"},
      {"ALTER ROLE reader BYPASSRLS", "ALTER ROLE reader NOBYPASSRLS", "bypass row-level security"},
      {"ALTER ROLE reader REPLICATION", "ALTER ROLE reader NOREPLICATION", "replicate"},
      {"ALTER ROLE reader SUPERUSER; CREATE ROLE weak; ALTER ROLE reader SET role = weak",
       "ALTER ROLE reader NOSUPERUSER; ALTER ROLE reader RESET role", "it is a superuser"},
      {"ALTER ROLE reader NOINHERIT; GRANT weak TO reader; GRANT pg_execute_server_program TO weak",
       "REVOKE weak FROM reader", "member of the role pg_execute_server_program"},
      {"GRANT EXECUTE ON FUNCTION pg_read_file(text) TO PUBLIC",
       "REVOKE EXECUTE ON FUNCTION pg_read_file(text) FROM PUBLIC", "may call pg_read_file(text)"},
      {"GRANT pg_read_all_data TO reader", "REVOKE pg_read_all_data FROM reader",
       "pg_read_all_data"},
      {"CREATE ROLE rewinder; ALTER ROLE reader NOINHERIT; GRANT rewinder TO reader;"
       "GRANT EXECUTE ON FUNCTION pg_read_binary_file(text) TO rewinder",
       "REVOKE rewinder FROM reader", "may call pg_read_binary_file(text)"},
      {"CREATE FUNCTION f(text) RETURNS text SECURITY DEFINER LANGUAGE sql AS "
       "'SELECT pg_read_file($1)'",
       "DROP FUNCTION f", "may call public.f(text), which runs as "},
      {"CREATE EXTENSION postgres_fdw; CREATE SERVER loop FOREIGN DATA WRAPPER postgres_fdw;"
       "GRANT USAGE ON FOREIGN SERVER loop TO reader",
       "DROP EXTENSION postgres_fdw CASCADE", "may use the foreign server loop"},
      {"GRANT ALTER SYSTEM ON PARAMETER archive_command TO reader",
       "REVOKE ALTER SYSTEM ON PARAMETER archive_command FROM reader",
       "may change the parameter archive_command"},
      {"CREATE EXTENSION dblink", "DROP EXTENSION dblink", "may call "},
      {"CREATE EXTENSION file_fdw; GRANT USAGE ON FOREIGN DATA WRAPPER file_fdw TO reader",
       "DROP EXTENSION file_fdw CASCADE", "foreign-data wrapper file_fdw"},
      {"CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;"
       "CREATE FOREIGN TABLE users (line text) SERVER files OPTIONS (filename '/etc/passwd');"
       "GRANT SELECT ON users TO reader",
       "DROP EXTENSION file_fdw CASCADE", "may use the foreign table public.users"},
  };
  for (const auto& [done, undone, told] : cases) {
    postgres.admin(done);
    expect_refused(server, told);
    postgres.admin(undone);
  }
  create(server);
}

TEST_F(DatabaseTest, GetsAPasswordThatNobodyElseSees) {
  Postgres postgres{folder() / "postgres"};
  postgres.let_in("local survey reader scram-sha-256");
  postgres.admin("ALTER ROLE reader PASSWORD 'open sesame'");
  expect_refused(with(postgres), "no password supplied");
  Server& server = with(postgres, {{"DB_PASSWORD", "open sesame"}});
  const Sandbox box = create(server);
  EXPECT_EQ(box.output("Sys.getenv('PGPASSWORD')"), "[1] \"open sesame\"\n");
  const ChildSpec spec{{binary(), "--print-config"},
                       environment({{"DB_PASSWORD", "open sesame"}}),
                       folder() / "work",
                       {},
                       {}};
  const Finished config = run(spec, {}, 20s);
  EXPECT_TRUE(contains(config.output, "DB_PASSWORD=(set)")) << config.output;
  EXPECT_FALSE(contains(config.output, "sesame"));
}

}  // namespace
}  // namespace omcp_r::e2e
