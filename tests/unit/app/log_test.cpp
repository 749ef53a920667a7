#include "omcp_r/base/log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "temporary_folder.hpp"

namespace omcp_r {
namespace {

using app::TemporaryFolder;

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// Puts another descriptor in the place of stderr for the length of a test.
class Redirected {
 public:
  explicit Redirected(int fd) : old_(::dup(STDERR_FILENO)) { ::dup2(fd, STDERR_FILENO); }
  Redirected(const Redirected&) = delete;
  Redirected& operator=(const Redirected&) = delete;
  ~Redirected() {
    ::dup2(old_, STDERR_FILENO);
    ::close(old_);
  }

 private:
  int old_;
};

/// The read end and the write end of a pipe or a socket pair.
struct Ends {
  int read = -1;
  int write = -1;
};

Ends make_pipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe(ends.data()), 0);
  return {ends[0], ends[1]};
}

Ends make_sockets() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  return {ends[0], ends[1]};
}

/// All that is in `fd` now.
std::string drain(int fd) {
  ::fcntl(fd, F_SETFL, O_NONBLOCK);
  std::string text;
  std::array<char, 65536> part{};
  for (ssize_t got = 0; (got = ::read(fd, part.data(), part.size())) > 0;) {
    text.append(part.data(), static_cast<std::size_t>(got));
  }
  return text;
}

/// What `write` sends to stderr, as lines.
template <class Write>
std::vector<std::string> written(Write write) {
  const Ends ends = make_pipe();
  {
    const Redirected redirected(ends.write);
    write();
  }
  ::close(ends.write);
  const std::string text = drain(ends.read);
  ::close(ends.read);
  return lines_of(text);
}

// What an engine or user code said: no line of its own, no colour, no other order of reading.
TEST(Log, WhatComesFromOutsideIsEscaped) {
  const std::string nasty =
      "a\nb\x1B[2Jc\xC2\x9B"
      "d\xE2\x80\xAE"
      "e\xE2\x80\xA8"
      "f\x7Fg \xC3\xA9";
  for (const auto format : {log::Format::kText, log::Format::kJson}) {
    ASSERT_TRUE(log::init(log::Level::kInfo, format));
    const auto lines = written([&] { log::warning(nasty, {{"said", nasty}}); });
    ASSERT_EQ(lines.size(), 1U);
    for (const char* raw : {"\x1B", "\xC2\x9B", "\xE2\x80\xAE", "\xE2\x80\xA8", "\x7F"}) {
      EXPECT_EQ(lines[0].find(raw), std::string::npos) << lines[0];
    }
    EXPECT_NE(lines[0].find("\xC3\xA9"), std::string::npos) << "letters stay what they are";
    if (format == log::Format::kJson) {
      EXPECT_EQ(nlohmann::json::parse(lines[0]).at("said"), nasty);
    }
  }
}

TEST(Log, WritesTextForPeople) {
  ASSERT_TRUE(log::init(log::Level::kInfo, log::Format::kText));
  const std::string id = "sb-1";
  const auto lines = written([&] {
    log::info("sandbox created", {{"sandbox", id}, {"image", "a b"}, {"ms", 12}, {"warm", true}});
    log::debug("hidden");
    log::warning("two\nlines \x1b[31m");
  });
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].substr(24),
            " info: sandbox created sandbox=sb-1 image=\"a b\" ms=12 warm=true");
  EXPECT_EQ(lines[0][10], 'T');
  EXPECT_EQ(lines[0][23], 'Z');
  EXPECT_EQ(lines[1].substr(24), " warning: two\\nlines \\u001b[31m");
}

TEST(Log, WritesJsonThatHoldsAnyBytes) {
  ASSERT_TRUE(log::init(log::Level::kDebug, log::Format::kJson));
  const auto lines = written([&] {
    log::error("quote \" \\ \n \xff", {{"code", "\x01 %v {} \xC3"}, {"cpus", 0.5}, {"n", -3}});
    log::debug("shown");
  });
  ASSERT_EQ(lines.size(), 2U);
  const auto line = nlohmann::json::parse(lines[0]);
  EXPECT_EQ(line["level"], "error");
  EXPECT_EQ(line["message"], "quote \" \\ \n \xEF\xBF\xBD");
  EXPECT_EQ(line["code"], "\x01 %v {} \xEF\xBF\xBD");
  EXPECT_EQ(line["cpus"], 0.5);
  EXPECT_EQ(line["n"], -3);
  EXPECT_EQ(line["time"].get<std::string>().size(), 24U);
}

TEST(Log, ALineIsValidAndFitsAPipeHoweverLongItsValues) {
  ASSERT_TRUE(log::init(log::Level::kInfo, log::Format::kJson));
  const std::string large(100000, '\x01');
  const auto lines = written([&] {
    log::info(large, {{"a", large}, {"b", large}, {"c", large}, {"d", large}, {"e", large}});
  });
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_LT(lines[0].size(), 4096U);
  EXPECT_TRUE(nlohmann::json::accept(lines[0]));
}

class LogFull : public testing::TestWithParam<Ends (*)()> {};

TEST_P(LogFull, NeverWaitsForAReaderAndCountsWhatIsLost) {
  ASSERT_TRUE(log::init(log::Level::kInfo, log::Format::kJson));
  const Ends ends = GetParam()();
  {
    const Redirected redirected(ends.write);
    const std::string text(500, 'x');
    for (int i = 0; i < 5000; ++i) log::info(text, {{"i", i}});  // far more than either holds
    const auto first = lines_of(drain(ends.read));
    for (const auto& line : first) EXPECT_TRUE(nlohmann::json::accept(line)) << line;
    log::info("again");
    const auto second = lines_of(drain(ends.read));
    ASSERT_EQ(second.size(), 2U);
    const auto note = nlohmann::json::parse(second[0]);
    EXPECT_EQ(note["lines"].get<std::size_t>() + first.size(), 5000U);
    EXPECT_EQ(nlohmann::json::parse(second[1])["message"], "again");
  }
  ::close(ends.read);
  ::close(ends.write);
}

INSTANTIATE_TEST_SUITE_P(PipeAndSocket, LogFull, testing::Values(make_pipe, make_sockets),
                         [](const auto& test) { return test.index == 0 ? "Pipe" : "Socket"; });

TEST(Log, LivesOnWithoutAReaderAndWithoutStderr) {
  ASSERT_TRUE(log::init(log::Level::kInfo, log::Format::kText));
  for (const auto make : {make_pipe, make_sockets}) {
    const Ends ends = make();
    ::close(ends.read);
    const Redirected redirected(ends.write);
    ::close(ends.write);
    log::info("nobody reads this");
  }
  const Redirected redirected(STDERR_FILENO);
  ::close(STDERR_FILENO);
  log::info("nor this");
}

TEST(Log, LeavesTheFlagsOfStderrAlone) {
  const Ends ends = make_pipe();
  {
    const Redirected redirected(ends.write);
    ASSERT_TRUE(log::init(log::Level::kInfo, log::Format::kText));
    log::info("line");
    EXPECT_EQ(::fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0);
  }
  ::close(ends.read);
  ::close(ends.write);
}

TEST(AuditLog, IsAppendedToAndPrivate) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/audit.log";
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(log::init(log::Level::kError, log::Format::kText, path));
    log::audit("sandbox_created", {{"sandbox", "sb\n1"}, {"memory", 512}});
  }
  ASSERT_TRUE(log::init(log::Level::kInfo, log::Format::kText));
  log::audit("not recorded");
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  const auto lines = lines_of(text.str());
  ASSERT_EQ(lines.size(), 2U);
  const auto line = nlohmann::json::parse(lines[1]);
  EXPECT_EQ(line["event"], "sandbox_created");
  EXPECT_EQ(line["sandbox"], "sb\n1");
  EXPECT_EQ(line["memory"], 512);
  EXPECT_TRUE(line.contains("time"));
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(AuditLog, RefusesWhatCannotBeAppendedTo) {
  const TemporaryFolder folder;
  const std::string fifo = folder.path() + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  for (const std::string& path : {folder.path(), fifo, folder.path() + "/none/audit.log"}) {
    const Status status = log::init(log::Level::kInfo, log::Format::kText, path);
    ASSERT_FALSE(status.ok()) << path;
    EXPECT_EQ(status.error().message.substr(0, 2), "a ");  // behind "AUDIT_LOG must be"
  }
}

}  // namespace
}  // namespace omcp_r
