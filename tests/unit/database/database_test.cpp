#include "omcp_r/database/database.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

namespace omcp_r::database {
namespace {

namespace fs = std::filesystem;

/// What psql would say.
using Psql = std::function<process::Exit(const process::Command&)>;

class FakePsql final : public process::CommandRunner {
 public:
  explicit FakePsql(Psql psql) : psql_(std::move(psql)) {}
  asio::awaitable<Result<process::Exit>> run(process::Command command) override {
    co_return psql_(command);
  }

 private:
  Psql psql_;
};

process::Exit said(const std::string& out, int code = 0, const std::string& err = "") {
  process::Exit exit;
  exit.status.code = code;
  exit.out = out;
  exit.err = err;
  return exit;
}

using namespace std::string_literals;

const std::string kNothing = "Kit's me\0Nall \\ of it\0"s;

std::string target(const process::Command& command) {
  return command.launch.argv.back();
}

class Database : public testing::Test {
 protected:
  Database() {
    fs::create_directories(folder_);
    std::ofstream{folder_ / "psql"} << "#!/bin/sh\n";
    fs::permissions(folder_ / "psql", fs::perms::owner_all);
    ::setenv("PATH", folder_.c_str(), 1);
    ::setenv("PGHOST", "elsewhere", 1);
  }
  ~Database() override {
    fs::remove_all(folder_);
    ::setenv("PATH", path_.c_str(), 1);
    ::unsetenv("PGHOST");
  }

  void listen(const std::string& name, mode_t mode = 0777) const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (folder_ / name).string().copy(address.sun_path, sizeof address.sun_path - 1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::close(fd);
    ::chmod((folder_ / name).c_str(), mode);
  }

  Status check(const Psql& psql) const {
    asio::io_context io;
    Check check{access_, std::make_unique<FakePsql>(psql)};
    Status result = Error{};
    const auto all = [&]() -> asio::awaitable<void> { result = co_await check.run(); };
    asio::co_spawn(io, all(), asio::detached);
    io.run();
    return result;
  }
  void expect_refused(const Status& result, const std::string& part) const {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::kMisconfigured);
    EXPECT_NE(result.error().message.find(part), std::string::npos) << result.error().message;
  }

  fs::path folder_ = fs::path(testing::TempDir()) / ("database." + std::to_string(::getpid()));
  std::string path_ = std::getenv("PATH");
  Access access_{folder_.string(), "it's me", "all \\ of it", ""};
};

TEST_F(Database, IsFoundByItsSocketOrByTheFolderWithIt) {
  EXPECT_FALSE(find_socket((folder_ / "none").string()));
  EXPECT_FALSE(find_socket(folder_.string()));
  listen(".s.PGSQL.5433");
  const auto place = find_socket(folder_.string());
  ASSERT_TRUE(place);
  EXPECT_EQ(place->port, "5433");
  EXPECT_EQ(place->socket, place->folder + "/.s.PGSQL.5433");
  listen(".s.PGSQL.5434");
  EXPECT_FALSE(find_socket(folder_.string()));
  EXPECT_EQ(find_socket((folder_ / ".s.PGSQL.5434").string())->port, "5434");
}

// As one that leads to the engine's would.
TEST_F(Database, IsNoOtherSocketHoweverItIsNamed) {
  listen("docker.sock");
  EXPECT_FALSE(find_socket((folder_ / "docker.sock").string()));
  fs::create_symlink("docker.sock", folder_ / ".s.PGSQL.5432");
  EXPECT_FALSE(find_socket((folder_ / ".s.PGSQL.5432").string()));
  EXPECT_FALSE(find_socket(folder_.string()));
  std::ofstream{folder_ / ".s.PGSQL.5435"} << "no socket";
  EXPECT_FALSE(find_socket((folder_ / ".s.PGSQL.5435").string()));
}

TEST_F(Database, IsAskedAsCodeWouldAskIt) {
  listen(".s.PGSQL.5432");
  access_.password = "secret";
  EXPECT_TRUE(check([&](const process::Command& command) {
    EXPECT_NE(target(command).find(" user='it\\'s me' dbname='all \\\\ of it' "),
              std::string::npos);
    EXPECT_NE(target(command).find(" passfile=/nowhere/at/all "), std::string::npos);
    EXPECT_EQ(command.launch.set_environment.at("PGPASSWORD"), "secret");
    const auto& unset = command.launch.unset_environment;
    EXPECT_NE(std::find(unset.begin(), unset.end(), "PGHOST"), unset.end());
    return said(kNothing);
  }));
}

TEST_F(Database, IsRefusedARoleOfPower) {
  listen(".s.PGSQL.5432");
  expect_refused(
      check([](const auto&) { return said(kNothing + "Rit may call lo_import(text)\0Rmore\0"s); }),
      "may do more than read and write tables: it may call lo_import(text) (and 1 more).");
}

TEST_F(Database, IsRefusedWhereNothingCanBeTold) {
  listen(".s.PGSQL.5432");
  EXPECT_TRUE(check([](const auto&) { return said(kNothing); }));
  // No program of that name but PostgreSQL's says who was asked, and where.
  expect_refused(check([](const auto&) { return said(""); }), "check that it is PostgreSQL's own");
  expect_refused(check([](const auto&) { return said("Kother\0Nall \\ of it\0"s); }),
                 "check that it is PostgreSQL's own");
  expect_refused(check([](const auto&) { return said("", 2, "psql: error: no way\nin"); }),
                 "psql: error: no way");
  expect_refused(check([](const auto&) {
                   auto exit = said("");
                   exit.timed_out = true;
                   return exit;
                 }),
                 "no answer in time");
  fs::remove(folder_ / "psql");
  expect_refused(check([](const auto&) { return said(kNothing); }), "needs psql");
}

}  // namespace
}  // namespace omcp_r::database
