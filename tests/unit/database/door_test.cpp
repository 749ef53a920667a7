#include "omcp_r/database/door.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <filesystem>

namespace omcp_r::database {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using namespace std::string_literals;
using Protocol = asio::local::stream_protocol;

/// A server that records what comes and answers as it is told.
class FakePostgres {
 public:
  FakePostgres(asio::io_context& io, const fs::path& folder)
      : acceptor_(io, Protocol::endpoint{(folder / ".s.PGSQL.5433").string()}), socket_(io) {
    acceptor_.async_accept(socket_, [](const auto&) {});
  }

  std::string received() {
    std::string bytes(1000, '\0');
    socket_.non_blocking(true);
    boost::system::error_code ignored;
    bytes.resize(socket_.read_some(asio::buffer(bytes), ignored));
    return bytes;
  }
  void say(const std::string& bytes) { asio::write(socket_, asio::buffer(bytes)); }
  void hang_up() { socket_.close(); }

 private:
  Protocol::acceptor acceptor_;
  Protocol::socket socket_;
};

class DoorTest : public testing::Test {
 protected:
  DoorTest() { fs::create_directories(folder_); }
  ~DoorTest() override {
    turn();
    fs::remove_all(folder_);
  }

  void turn() {
    io_.restart();
    io_.run_for(50ms);
  }
  /// Where code would connect to.
  Protocol::socket enter(const std::string& bytes) {
    Protocol::socket code{io_};
    code.connect(Protocol::endpoint{(folder_ / "door" / ".s.PGSQL.5432").string()});
    asio::write(code, asio::buffer(bytes));
    turn();
    return code;
  }
  static std::string heard(Protocol::socket& code) {
    std::string bytes(1000, '\0');
    code.non_blocking(true);
    boost::system::error_code ignored;
    bytes.resize(code.read_some(asio::buffer(bytes), ignored));
    return bytes;
  }

  asio::io_context io_;
  fs::path folder_ = fs::temp_directory_path() / ("door." + std::to_string(::getpid()));
  Access access_{folder_.string(), "reader", "survey", ""};
  const std::string hello_ = "\0\0\0\x15\0\3\0\0user\0reader\0\0"s;
  const std::string sent_ = "\0\0\0\x25\0\3\0\0user\0reader\0database\0survey\0\0"s;
};

TEST_F(DoorTest, LeadsToTheServerAsTheRoleAlone) {
  FakePostgres postgres{io_, folder_};
  Door door{io_.get_executor(), access_, (folder_ / "door").string()};
  ASSERT_TRUE(door.open());
  turn();
  auto code = enter("\0\0\0\x08\x04\xd2\x16\x2f"s);  // may it be encrypted?
  EXPECT_EQ(heard(code), "N");
  asio::write(code, asio::buffer(hello_));
  turn();
  EXPECT_EQ(postgres.received(), sent_);
  postgres.say("R and so on");
  turn();
  EXPECT_EQ(heard(code), "R and so on");
  asio::write(code, asio::buffer("Q: 1?"s));
  turn();
  EXPECT_EQ(postgres.received(), "Q: 1?");
  postgres.say("last");
  postgres.hang_up();
  turn();
  EXPECT_EQ(heard(code), "last");
}

TEST_F(DoorTest, IsClosedToOthersAndToWhatIsNoServer) {
  FakePostgres postgres{io_, folder_};
  Door door{io_.get_executor(), access_, (folder_ / "door").string()};
  ASSERT_TRUE(door.open());
  auto other = enter("\0\0\0\x15\0\3\0\0user\0admins\0\0"s);
  EXPECT_NE(heard(other).find("of users there is only reader"), std::string::npos);
  asio::write(other, asio::buffer("Q: 1?"s));  // who says more gets no broken pipe
  auto code = enter(hello_ + "Q: 1?");
  EXPECT_EQ(postgres.received(), sent_);
  postgres.say("HTTP/1.1 400 Bad Request");
  turn();
  EXPECT_EQ(heard(code), "");
  EXPECT_EQ(postgres.received(), "");  // nothing of code's reaches it
}

TEST_F(DoorTest, SaysThatTheServerIsNotThere) {
  Door door{io_.get_executor(), access_, (folder_ / "door").string()};
  ASSERT_TRUE(door.open());
  auto code = enter(hello_);
  EXPECT_NE(heard(code).find("cannot be reached: is it running?"), std::string::npos);
}

TEST_F(DoorTest, IsOpenedAgainByAnotherWhereItsServerHasGone) {
  FakePostgres postgres{io_, folder_};
  auto first = std::make_unique<Door>(io_.get_executor(), access_, (folder_ / "door").string());
  Door second{io_.get_executor(), access_, (folder_ / "door").string()};
  ASSERT_TRUE(first->open());
  const auto made = fs::last_write_time(folder_ / "door");
  ASSERT_TRUE(second.open());
  ASSERT_TRUE(first->open());
  EXPECT_EQ(fs::last_write_time(folder_ / "door"), made);
  first.reset();
  turn();
  ASSERT_TRUE(second.open());
  auto code = enter(hello_);
  EXPECT_EQ(postgres.received(), sent_);
}

TEST_F(DoorTest, TakesNoMoreThanItCanServe) {
  Door door{io_.get_executor(), access_, (folder_ / "door").string()};
  ASSERT_TRUE(door.open());
  std::vector<Protocol::socket> silent;
  for (int i = 0; i < 32; ++i) silent.push_back(enter(""));
  auto one_more = enter("");
  EXPECT_NE(heard(one_more).find("too many connections"), std::string::npos);
  silent.clear();
  turn();
  auto code = enter(hello_);
  EXPECT_NE(heard(code).find("is it running?"), std::string::npos);
}

TEST_F(DoorTest, MayHaveALongName) {
  const fs::path deep = folder_ / std::string(120, 'x');
  fs::create_directories(deep);
  Door door{io_.get_executor(), access_, (deep / "door").string()};
  EXPECT_TRUE(door.open());
  EXPECT_TRUE(fs::is_socket(deep / "door" / ".s.PGSQL.5432"));
}

}  // namespace
}  // namespace omcp_r::database
