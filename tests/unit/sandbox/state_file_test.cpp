#include "omcp_r/sandbox/state_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "omcp_r/base/text.hpp"

namespace omcp_r::sandbox {
namespace {

class StateDirectory : public testing::Test {
 protected:
  void SetUp() override {
    path_ = (std::filesystem::temp_directory_path() / ("omcp-state-" + random_uuid())).string();
    ASSERT_TRUE(make_state_directory(path_));
  }
  void TearDown() override { std::filesystem::remove_all(path_); }

  std::string path_;
  std::string id_ = random_uuid();
};

TEST_F(StateDirectory, IsForThisUserOnly) {
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
}

TEST_F(StateDirectory, StateComesBackAsItWasWritten) {
  auto file = StateFile::open(path_, id_, true);
  ASSERT_TRUE(file);
  State state;
  state.id = id_;
  state.image = "r:1";
  state.idle = 77;
  state.running = "e";
  state.starting = true;
  file->write(state);
  state.image = "r";  // shorter: nothing of the longer text may be left
  file->write(state);
  const auto again = StateFile::open(path_, id_, false);
  ASSERT_TRUE(again);
  const State read = again->read();
  EXPECT_EQ(read.image, "r");
  EXPECT_EQ(read.idle, 77);
  EXPECT_EQ(read.running, "e");
  EXPECT_TRUE(read.starting);
  EXPECT_EQ(state_ids(path_), std::vector<std::string>{id_});
}

TEST_F(StateDirectory, TheLockKeepsASecondHolderOutUntilItIsLetGo) {
  auto first = StateFile::open(path_, id_, true);
  auto second = StateFile::open(path_, id_, true);
  ASSERT_TRUE(first && second);
  EXPECT_TRUE(first->try_lock());
  EXPECT_FALSE(second->try_lock());
  first->unlock();
  EXPECT_TRUE(second->try_lock());
}

TEST_F(StateDirectory, TornOrForeignTextIsAnEmptyState) {
  std::ofstream{path_ + "/" + id_ + ".json"} << R"({"id": "x", "idle": "many", "cpus)";
  const auto file = StateFile::open(path_, id_, false);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->read().id, "");
}

TEST_F(StateDirectory, AmendingLeavesTheTimeOfLastUse) {
  auto file = StateFile::open(path_, id_, true);
  ASSERT_TRUE(file);
  std::filesystem::last_write_time(
      path_ + "/" + id_ + ".json",
      std::filesystem::file_time_type::clock::now() - std::chrono::hours{1});
  const double before = file->last_used();
  file->amend(State{});
  EXPECT_DOUBLE_EQ(file->last_used(), before);
  file->write(State{});
  EXPECT_GT(file->last_used(), before + 3000);
}

TEST_F(StateDirectory, OnlyOneProcessCountsAndCreatesAtATime) {
  auto held = CreationLock::try_acquire(path_);
  ASSERT_TRUE(held);
  EXPECT_FALSE(CreationLock::try_acquire(path_));
  held.reset();
  EXPECT_TRUE(CreationLock::try_acquire(path_));
}

TEST(SandboxId, IsAUuidAndNothingElse) {
  EXPECT_TRUE(is_sandbox_id(random_uuid()));
  for (const char* bad : {"", "../../etc/passwd", "123", "g0000000-0000-4000-8000-000000000000",
                          "00000000-0000-4000-8000-00000000000/", "--help"}) {
    EXPECT_FALSE(is_sandbox_id(bad)) << bad;
  }
}

}  // namespace
}  // namespace omcp_r::sandbox
