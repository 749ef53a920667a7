#include "support/postgres.hpp"

#include <unistd.h>

#include <csignal>

namespace omcp_r::e2e {
namespace {

namespace fs = std::filesystem;

fs::path newest_programs() {
  fs::path newest;
  for (const auto& version : fs::directory_iterator{"/usr/lib/postgresql"}) {
    if (fs::exists(version.path() / "bin" / "initdb")) {
      newest = std::max(newest, version.path() / "bin");
    }
  }
  return newest;
}

constexpr const char* kHba =
    "local survey reader trust\n"
    "local all all peer\n";

void run_as_ourselves(const std::string& command) {
  if (e2e::run({"sh", "-c", command}).ending.code != 0) throw std::runtime_error(command);
}

}  // namespace

Postgres::Postgres(fs::path folder)
    : folder_(std::move(folder)), programs_(newest_programs().string()) {
  fs::create_directories(folder_ / "socket");
  if (::geteuid() == 0) {
    // It refuses to be root's.
    run_as_ourselves("chmod 755 " + folder_.parent_path().string());
    run_as_ourselves("chown -R postgres " + folder_.string());
  }
  must(programs_ + "/initdb -D data -A peer -N --no-instructions");
  write_file(folder_ / "data" / "pg_hba.conf", kHba);
  start();
  must(programs_ + "/createdb -h " + this->folder() + " survey");
  admin(
      "CREATE ROLE reader LOGIN; CREATE TABLE answers (answer int);"
      "INSERT INTO answers VALUES (42); GRANT SELECT ON answers TO reader");
}

Postgres::~Postgres() {
  if (server_) server_->kill(SIGQUIT);  // it ends at once, and cleans up
  if (server_) static_cast<void>(server_->wait(20s));
}

void Postgres::start() {
  server_ = std::make_unique<Child>(spec(programs_ + "/postgres -D data -k " + folder() +
                                         " -c listen_addresses='' -c fsync=off"));
  must("timeout 20 sh -c 'until " + programs_ + "/pg_isready -q -h " + folder() +
       "; do sleep 0.05; done'");
}

void Postgres::stop() {
  server_->kill(SIGINT);
  static_cast<void>(server_->wait(20s));
  server_.reset();
}

void Postgres::admin(const std::string& sql) const {
  must(programs_ + "/psql -q -h " + folder() + " -d survey -v ON_ERROR_STOP=1", sql + ";\n");
}

int Postgres::count(const std::string& what) const {
  const Finished done = run(programs_ + "/psql -q -A -t -h " + folder() + " -d survey",
                            "SELECT count(*) FROM " + what + ";\n");
  return done.ending.code == 0 ? std::stoi(done.output) : -1;
}

void Postgres::let_in(const std::string& line) {
  write_file(folder_ / "data" / "pg_hba.conf", line + "\n" + kHba);
  stop();
  start();
}

ChildSpec Postgres::spec(const std::string& command) const {
  Argv argv{"sh", "-c", "cd " + folder_.string() + " && exec " + command};
  if (::geteuid() == 0) {
    argv.insert(argv.begin(), {"setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups",
                               "--pdeathsig=QUIT"});
  }
  return {argv, {{{"PATH", "/usr/bin:/bin"}, {"LC_ALL", "C"}}}, "/", {}, {}};
}

Finished Postgres::run(const std::string& command, const std::string& input) const {
  return e2e::run(spec(command), input, 60s);
}

void Postgres::must(const std::string& command, const std::string& input) const {
  const Finished done = run(command, input);
  if (done.ending.code != 0) throw std::runtime_error(command + ":\n" + done.output);
}

}  // namespace omcp_r::e2e
