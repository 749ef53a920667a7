#include "omcp_r/sandbox/state.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "omcp_r/base/text.hpp"

namespace omcp_r::sandbox {
namespace {

class State : public testing::Test {
 protected:
  State() {
    std::string name = (std::filesystem::temp_directory_path() / "omcp-state-XXXXXX").string();
    top_ = ::mkdtemp(name.data());
  }
  ~State() override {
    std::error_code ignored;
    std::filesystem::remove_all(top_, ignored);
  }
  /// A server of its own on the same folder.
  [[nodiscard]] StateFolder server() const {
    StateFolder folder{path()};
    EXPECT_TRUE(folder.prepare());
    return folder;
  }
  [[nodiscard]] std::string path() const { return top_ + "/state/scope-me"; }
  [[nodiscard]] std::string file(const std::string& name) const { return path() + "/" + name; }

  std::string top_;
  std::string id_ = random_uuid();
};

Record some_record() {
  Record record;
  record.created_at = 1'800'000'000.125;
  record.idle = 300;
  record.lifetime = 86'400;
  record.used_at = 1'800'000'001.5;
  record.used_awake = 123'456;
  record.boot = boot_id();
  record.running = "00112233445566aa";
  record.begun_awake = 77;
  record.limit = 30;
  record.executions = 5;
  record.r_version = "4.2.2";
  return record;
}

TEST_F(State, ServersOfOneFolderAgreeOnItsDomain) {
  EXPECT_EQ(server().domain(), server().domain());
  EXPECT_TRUE(is_sandbox_id(server().domain()));
}

TEST_F(State, ADomainTornByACrashIsMadeAnew) {
  const std::string before = server().domain();
  std::ofstream{file("domain")} << before.substr(0, 10);
  EXPECT_TRUE(is_sandbox_id(server().domain()));
}

TEST_F(State, AFolderDeletedUnderAServerIsMadeAnewWithItsDomain) {
  StateFolder folder = server();
  const std::string before = folder.domain();
  std::filesystem::remove_all(top_ + "/state");
  EXPECT_TRUE(folder.ids().empty());
  EXPECT_TRUE(folder.prepare());
  EXPECT_EQ(folder.domain(), before);
  EXPECT_TRUE(folder.write(id_, some_record()));
  EXPECT_EQ(folder.ids(), std::vector<std::string>{id_});
}

TEST_F(State, AFolderThatOthersMayWriteToOrThatIsALinkIsRefusedWithAdvice) {
  static_cast<void>(server());
  ::chmod(path().c_str(), 0777);
  StateFolder open{path()};
  const Status refused = open.prepare();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("STATE_DIR"), std::string::npos);
  ::chmod(path().c_str(), 0700);
  std::filesystem::create_directory_symlink(path(), top_ + "/state/scope-link");
  StateFolder link{top_ + "/state/scope-link"};
  EXPECT_FALSE(link.prepare());
}

TEST_F(State, AFolderOfSomebodyElseIsRefused) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "only root can make one";
  }
  static_cast<void>(server());
  ASSERT_EQ(::chown(path().c_str(), 12'345, 12'345), 0);
  StateFolder folder{path()};
  EXPECT_FALSE(folder.prepare());
}

TEST_F(State, ARecordIsReadAsItWasWritten) {
  StateFolder folder = server();
  const Record written = some_record();
  ASSERT_TRUE(*folder.publish(id_, written));
  EXPECT_EQ(std::filesystem::file_size(file(id_ + ".rec")), 512U);
  const auto read = server().read(id_);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->created_at, written.created_at);
  EXPECT_EQ(read->idle, 300);
  EXPECT_EQ(read->used_at, written.used_at);
  EXPECT_EQ(read->used_awake, written.used_awake);
  EXPECT_EQ(read->boot, written.boot);
  EXPECT_EQ(read->running, written.running);
  EXPECT_EQ(read->limit, 30);
  EXPECT_EQ(read->executions, 5U);
  EXPECT_EQ(read->r_version, "4.2.2");
  EXPECT_FALSE(read->starting);
}

TEST_F(State, TheFirstToPublishWins) {
  StateFolder first = server();
  StateFolder second = server();
  EXPECT_TRUE(*first.publish(id_, some_record()));
  Record other = some_record();
  other.idle = 1;
  EXPECT_FALSE(*second.publish(id_, other));
  EXPECT_EQ(second.read(id_)->idle, 300);
}

TEST_F(State, ATornOrForeignRecordIsNoRecordAndIsLeftAlone) {
  StateFolder folder = server();
  ASSERT_TRUE(*folder.publish(id_, some_record()));
  for (const std::string& text : {std::string{}, std::string(512, ' '), std::string(100, 'x'),
                                  std::string("{\"id\":\"an older version\"}")}) {
    std::ofstream{file(id_ + ".rec"), std::ios::trunc} << text;
    EXPECT_FALSE(folder.read(id_));
    std::ifstream stream{file(id_ + ".rec")};
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>{stream}, {}), text);
  }
}

// Seen before: 4 % of all reads under a writer came out empty.
TEST_F(State, ReadersUnderAWriterSeeWholeRecordsOnly) {
  StateFolder folder = server();
  ASSERT_TRUE(*folder.publish(id_, some_record()));
  std::atomic<bool> over{false};
  std::thread writer{[&] {
    Record record = some_record();
    while (!over) {
      record.executions += 1'000'003;
      record.running = record.running.empty() ? "00112233445566aa" : "";
      EXPECT_TRUE(folder.write(id_, record));
    }
  }};
  StateFolder reader = server();
  int missing = 0;
  for (int i = 0; i < 20'000; ++i) {
    missing += reader.read(id_) ? 0 : 1;
  }
  over = true;
  writer.join();
  EXPECT_EQ(missing, 0);
}

TEST_F(State, ALockKeepsEverybodyElseOutUntilItIsGivenBack) {
  StateFolder first = server();
  StateFolder second = server();
  {
    const auto lock = first.try_lock(id_);
    ASSERT_TRUE(lock && *lock);
    const auto other = second.try_lock(id_);
    ASSERT_TRUE(other);
    EXPECT_FALSE(*other);
  }
  const auto lock = second.try_lock(id_);
  EXPECT_TRUE(lock && *lock);
}

TEST_F(State, ALockThatCannotBeOpenedIsAnErrorAndNotHeld) {
  StateFolder folder = server();
  std::filesystem::create_directory(file(id_ + ".lock"));
  EXPECT_FALSE(folder.try_lock(id_));
}

TEST_F(State, ALockOnAFileThatWasTakenAwayLocksNothing) {
  StateFolder folder = server();
  const auto held = folder.try_lock(id_);
  ASSERT_TRUE(held && *held);
  std::filesystem::remove(file(id_ + ".lock"));
  const auto fresh = server().try_lock(id_);
  EXPECT_TRUE(fresh && *fresh);
}

TEST_F(State, TheFirstReasonOfAnEndStays) {
  StateFolder folder = server();
  EXPECT_FALSE(folder.ended(id_));
  EXPECT_TRUE(folder.end(id_, "removed"));
  EXPECT_TRUE(server().end(id_, "its container is gone"));
  EXPECT_EQ(server().ended(id_)->reason, "removed");
  EXPECT_GT(server().ended(id_)->at, 1e9);
}

TEST_F(State, WhoWantsTheLockIsSeenUntilItIsTakenBack) {
  StateFolder folder = server();
  EXPECT_FALSE(folder.wanted(id_));
  server().want(id_);
  EXPECT_TRUE(folder.wanted(id_));
  folder.unwant(id_);
  EXPECT_FALSE(folder.wanted(id_));
}

// What R has told of itself is among it.
TEST_F(State, TextsInARecordAreWholeCharactersOnOneLine) {
  StateFolder folder = server();
  Record record = some_record();
  record.r_version =
      "x\nrunning 1" + std::string(20, '\xC3') + "\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9";
  record.running = "";
  ASSERT_TRUE(*folder.publish(id_, record));
  const auto read = folder.read(id_);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->r_version, printable(record.r_version, 36));
  EXPECT_EQ(read->running, "");
}

TEST_F(State, WhatHasEndedDoesNotLive) {
  StateFolder folder = server();
  ASSERT_TRUE(*folder.publish(id_, some_record()));
  EXPECT_EQ(folder.living(), std::vector<std::string>{id_});
  EXPECT_TRUE(folder.end(id_, "removed"));
  EXPECT_TRUE(folder.living().empty());
  EXPECT_EQ(folder.ids(), std::vector<std::string>{id_});
}

TEST_F(State, WhatIsForgottenLeavesNothing) {
  StateFolder folder = server();
  ASSERT_TRUE(*folder.publish(id_, some_record()));
  EXPECT_TRUE(folder.end(id_, "removed"));
  folder.forget(id_);
  EXPECT_TRUE(folder.ids().empty());
  EXPECT_FALSE(folder.ended(id_));
  EXPECT_FALSE(std::filesystem::exists(file(id_ + ".lock")));
}

TEST_F(State, WhatSomebodyUsesIsNotForgotten) {
  StateFolder folder = server();
  ASSERT_TRUE(*folder.publish(id_, some_record()));
  const auto lock = server().try_lock(id_);
  folder.forget(id_);
  EXPECT_TRUE(folder.read(id_));
}

TEST_F(State, AFullDiskIsAnErrorWithAdvice) {
  StateFolder folder{"/dev/full/state/scope-me"};
  const Status refused = folder.prepare();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("STATE_DIR"), std::string::npos);
}

}  // namespace
}  // namespace omcp_r::sandbox
