// The whole floor on a fake engine, with several "processes" on one state folder: each fact lost,
// torn, late or foreign, at each moment of a sandbox's life.

#include "omcp_r/sandbox/sandboxes.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "fakes/fake_engine.hpp"
#include "omcp_r/base/background.hpp"
#include "omcp_r/sandbox/kept_results.hpp"
#include "omcp_r/sandbox/state.hpp"
#include "support.hpp"

namespace omcp_r::sandbox {
namespace {

using namespace std::chrono_literals;
using fakes::FakeEngine;
using fakes::FakeSandbox;
using fakes::World;

ExecutionRequest request_of(std::string code, std::chrono::seconds timeout) {
  ExecutionRequest request;
  request.code = std::move(code);
  request.timeout = timeout;
  return request;
}

fakes::Faults breaking() {
  fakes::Faults faults;
  faults.breaks_after = 0;
  return faults;
}

fakes::Faults stalling() {
  fakes::Faults faults;
  faults.read_stalls = true;
  return faults;
}

fakes::Faults flooding() {
  fakes::Faults faults;
  faults.floods = engine::Stream::kOut;
  return faults;
}

/// A server process. Its death is what the kernel makes of it: locks and streams are let go.
struct Server {
  Server(const asio::any_io_executor& executor, const std::shared_ptr<World>& world,
         const Settings& settings)
      : engine(world), sandboxes(executor, engine, settings) {}
  FakeEngine engine;
  Sandboxes sandboxes;
};

class Floor : public testing::Test {
 protected:
  Floor() {
    std::string name = (std::filesystem::temp_directory_path() / "omcp-floor-XXXXXX").string();
    top_ = ::mkdtemp(name.data());
    settings_.state_dir = top_ + "/state";
    settings_.scope = "me";
    settings_.image = "r:4";
    settings_.warm_pool = 0;
    settings_.memory_bytes = 512ULL << 20U;
  }
  ~Floor() override {
    for (const auto& server : servers_) {
      server->sandboxes.stop();
    }
    EXPECT_TRUE(run_until(io_, [] { return background_work().empty(); }))
        << background_work().front();
    std::error_code ignored;
    std::filesystem::remove_all(top_, ignored);
  }

  Server& server() {
    servers_.push_back(std::make_unique<Server>(io_.get_executor(), world_, settings_));
    return *servers_.back();
  }
  void kill(Server& server) {
    server.sandboxes.stop();
    for (int i = 0; i < 50; ++i) {
      io_.restart();
      io_.poll();
    }
  }
  std::string create(Server& server) {
    CreateRequest request;
    const auto made = wait(server.sandboxes.create(std::move(request)));
    EXPECT_TRUE(made) << made.error().message;
    return made ? made->id : "";
  }
  template <class T>
  T wait(asio::awaitable<T> work) {
    return run_sync(io_, std::move(work));
  }
  bool until(const std::function<bool()>& condition) { return run_until(io_, condition); }
  /// Lets the clock run on, in steps that the loop sees.
  void pass(std::chrono::seconds time) {
    for (auto left = time; left > 0s; left -= 1s) {
      Clock::advance(1s);
      for (int i = 0; i < 20; ++i) {
        io_.restart();
        io_.run_one_for(1ms);
      }
    }
  }
  Result<ExecutionPtr> execute(Server& server, const std::string& id, std::string code,
                               std::chrono::seconds timeout = 30s) {
    return wait(server.sandboxes.execute(id, request_of(std::move(code), timeout)));
  }
  /// The id of a run that does not end by itself, left behind by a server that died.
  std::string orphan(Server& server, const std::string& id, std::chrono::seconds timeout) {
    const auto begun = execute(server, id, "hang", timeout);
    EXPECT_TRUE(begun && until([&] { return box(id).running() == (*begun)->id; }));
    kill(server);
    return box(id).running();
  }
  /// The id of a run that the server lost with the engine, and that has ended since.
  std::string lose(Server& server, const std::string& id) {
    const auto running = execute(server, id, "hang", 1000s);
    const std::string execution = (*running)->id;
    EXPECT_TRUE(until([&] { return box(id).running() == execution; }));
    server.engine.fail("list", Error{Errc::kEngineUnavailable, "gone"});
    box(id).set_faults(breaking());
    EXPECT_TRUE(until([&] { return (*running)->done; }));
    EXPECT_EQ((*running)->outcome, Outcome::kEngineLost);
    box(id).set_faults({});
    box(id).finish();
    return execution;
  }
  /// Runs code to its end.
  ExecutionPtr run(Server& server, const std::string& id, const std::string& code) {
    const auto begun = execute(server, id, code);
    if (!begun) {
      ADD_FAILURE() << begun.error().message;
      return nullptr;
    }
    EXPECT_TRUE(until([&] { return (*begun)->done; }));
    return *begun;
  }
  std::vector<SandboxView> list(Server& server, bool include_ended = false) {
    auto views = wait(server.sandboxes.list(include_ended));
    EXPECT_TRUE(views) << views.error().message;
    return views ? std::move(*views) : std::vector<SandboxView>{};
  }
  static long count(FakeEngine& engine, const std::string& verb) {
    return std::count_if(engine.calls().begin(), engine.calls().end(),
                         [&](const std::string& call) { return call.starts_with(verb); });
  }
  [[nodiscard]] std::string file(const std::string& name) const {
    return settings_.state_dir + "/scope-me/" + name;
  }
  FakeSandbox& box(const std::string& id) { return world_->sandbox(id); }

  asio::io_context io_;
  std::shared_ptr<World> world_ = std::make_shared<World>(io_.get_executor());
  Settings settings_;
  std::string top_;
  std::vector<std::unique_ptr<Server>> servers_;
};

// --- the ordinary life ---------------------------------------------------------------------------

TEST_F(Floor, CreatesRunsListsAndRemoves) {
  Server& a = server();
  const std::string id = create(a);
  EXPECT_EQ(run(a, id, "print hello")->transcript.text(), "hello\n");
  const auto views = list(a);
  ASSERT_EQ(views.size(), 1U);
  EXPECT_EQ(views[0].id, id);
  EXPECT_EQ(views[0].phase, Phase::kIdle);
  EXPECT_EQ(views[0].executions, 1U);
  EXPECT_EQ(views[0].r_version, "4.2.2");
  EXPECT_TRUE(wait(a.sandboxes.remove(id, false)));
  EXPECT_TRUE(list(a).empty());
  EXPECT_EQ(execute(a, id, "1").error().code, Errc::kEnded);
  EXPECT_TRUE(wait(a.sandboxes.remove(id, false))) << "removing what has ended is success";
}

TEST_F(Floor, NothingIsTouchedBeforeTheFirstUse) {
  Server& a = server();
  spawn(io_.get_executor(), "reaper", a.sandboxes.reap());
  pass(200s);
  EXPECT_TRUE(a.engine.calls().empty());
  EXPECT_FALSE(std::filesystem::exists(settings_.state_dir));
}

TEST_F(Floor, AnImageThatIsMissingIsGotWhereThatIsWanted) {
  Server& a = server();
  world_->missing_images = {"r:4"};
  CreateRequest without;
  const auto refused = wait(a.sandboxes.create(std::move(without)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kImageNotFound);
  EXPECT_EQ(count(a.engine, "pull"), 0);

  CreateRequest wanted;
  wanted.pull = true;
  ASSERT_TRUE(wait(a.sandboxes.create(std::move(wanted))));
  EXPECT_EQ(list(a).size(), 1U);

  world_->missing_images = {"r:4"};
  settings_.pull_missing = true;
  Server& b = server();
  EXPECT_FALSE(create(b).empty());
  EXPECT_EQ(count(b.engine, "pull r:4"), 1);
}

TEST_F(Floor, AnImageIsGotOnceForAllWhoWaitAndNoneWaitsForEver) {
  settings_.pull_missing = true;
  settings_.execution_wait = 5s;
  Server& a = server();
  world_->missing_images = {"r:4"};
  a.engine.hold("pull");
  auto own = start(io_, a.sandboxes.own());
  auto own_too = start(io_, a.sandboxes.own());
  ASSERT_TRUE(until([&] { return a.engine.held("pull") == 1; }));
  pass(6s);
  ASSERT_TRUE(until([&] { return own->has_value() && own_too->has_value(); }));
  for (const auto& late : {own, own_too}) {
    ASSERT_FALSE(**late);
    EXPECT_EQ((*late)->error().code, Errc::kTimeout);
    EXPECT_NE((*late)->error().message.find("still being got"), std::string::npos);
  }
  std::string heard;
  PullWatch watch;
  watch.on_line = [&heard](const std::string& line) { heard += line + ";"; };
  auto next = start(io_, a.sandboxes.own(watch));
  a.engine.release("pull");
  ASSERT_TRUE(until([&] { return next->has_value(); }));
  EXPECT_TRUE(**next) << (*next)->error().message;
  EXPECT_EQ(count(a.engine, "pull"), 1);
}

TEST_F(Floor, WhoNoLongerWantsAnImageEndsItWhereHeIsAlone) {
  Server& a = server();
  world_->missing_images = {"r:4"};
  a.engine.hold("pull");
  bool wanted = true;
  CreateRequest request;
  request.pull = true;
  request.watch.wanted = [&wanted] { return wanted; };
  request.watch.ends_it = true;
  auto made = start(io_, a.sandboxes.create(std::move(request)));
  ASSERT_TRUE(until([&] { return a.engine.held("pull") == 1; }));
  wanted = false;
  ASSERT_TRUE(until([&] { return made->has_value(); }));
  ASSERT_FALSE(**made);
  EXPECT_EQ((*made)->error().code, Errc::kEnded);
  a.engine.release("pull");
}

TEST_F(Floor, AnImageThatCannotBeGotLeavesNoSandboxAndIsNotTriedForEver) {
  Server& a = server();
  settings_.pull_missing = true;
  Server& b = server();
  world_->missing_images = {"r:4"};
  b.engine.fail("pull", Error{Errc::kImageNotFound, "no such image"});
  CreateRequest request;
  const auto made = wait(b.sandboxes.create(std::move(request)));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message, "no such image");
  EXPECT_EQ(count(b.engine, "pull"), 1);
  EXPECT_TRUE(list(a).empty());
}

TEST_F(Floor, OutcomesAreWhatTheWorkerSaid) {
  Server& a = server();
  const std::string id = create(a);
  EXPECT_EQ(run(a, id, "error")->outcome, Outcome::kError);
  const ExecutionPtr quit = run(a, id, "quit");
  EXPECT_EQ(quit->outcome, Outcome::kQuit);
  EXPECT_TRUE(quit->session_restarted);
  const ExecutionPtr crash = run(a, id, "crash");
  EXPECT_EQ(crash->outcome, Outcome::kCrashed);
  EXPECT_TRUE(crash->session_restarted);
  EXPECT_EQ(run(a, id, "print on")->transcript.text(), "on\n");
}

TEST_F(Floor, ShortCallsTakeTurnsAndAreNeverBusyToEachOther) {
  Server& a = server();
  const std::string id = create(a);
  std::vector<Later<Status>> puts;
  for (int i = 0; i < 20; ++i) {
    puts.push_back(start(io_, a.sandboxes.put(id, "f" + std::to_string(i), "text")));
  }
  const auto begun = execute(a, id, "print between");
  ASSERT_TRUE(begun) << begun.error().message;
  EXPECT_TRUE(until([&] {
    return std::all_of(puts.begin(), puts.end(), [](const auto& put) { return put->has_value(); });
  }));
  int refused = 0;
  for (const auto& put : puts) {
    refused += put->value() ? 0 : 1;
  }
  EXPECT_EQ(refused, 0);
  EXPECT_EQ(box(id).files.size(), 20U);
}

TEST_F(Floor, WhatWasMeantForASessionThatDiedUnheardRunsInNoOther) {
  Server& a = server();
  const std::string id = create(a);
  run(a, id, "first");
  box(id).code.clear();
  box(id).session = 2;
  const ExecutionPtr lost = run(a, id, "second");
  EXPECT_EQ(lost->outcome, Outcome::kUnknown);
  EXPECT_TRUE(box(id).code.empty());
  const ExecutionPtr told = run(a, id, "third");
  EXPECT_EQ(told->outcome, Outcome::kOk);
  ASSERT_EQ(told->dropped.size(), 1U);
  EXPECT_NE(told->dropped[0].find("a new session was started"), std::string::npos);
}

TEST_F(Floor, FilesGoInAndOutWhole) {
  Server& a = server();
  const std::string id = create(a);
  const std::string bytes = std::string(700'000, 'x') + std::string("\0\x02OM2\x03", 6);
  EXPECT_TRUE(wait(a.sandboxes.put(id, "data.bin", bytes)));
  EXPECT_EQ(box(id).files.at("data.bin"), bytes);
  std::string read;
  std::size_t largest = 0;
  const ByteSink sink = [&](std::string_view slice) {
    read += slice;
    largest = std::max(largest, slice.size());
    return Status{Ok{}};
  };
  ASSERT_TRUE(wait(a.sandboxes.get(id, "data.bin", 1'000'000, sink)));
  EXPECT_TRUE(read == bytes);
  EXPECT_LE(largest, wire::kSlice);
  EXPECT_FALSE(wait(a.sandboxes.get(id, "data.bin", 1000, sink)));
}

// --- stopping
// -------------------------------------------------------------------------------------

TEST_F(Floor, ARunIsInterruptedAtItsLimit) {
  Server& a = server();
  const std::string id = create(a);
  const auto begun = execute(a, id, "hang", 10s);
  ASSERT_TRUE(begun);
  pass(9s);
  EXPECT_FALSE((*begun)->done);
  EXPECT_EQ(count(a.engine, "interrupt"), 0);
  pass(2s);
  EXPECT_TRUE(until([&] { return (*begun)->done; }));
  EXPECT_EQ((*begun)->outcome, Outcome::kTimedOut);
  EXPECT_FALSE((*begun)->session_restarted);
  EXPECT_EQ(run(a, id, "print on")->transcript.text(), "on\n");
}

TEST_F(Floor, OneThatIgnoresInterruptsIsKilledAndTheSessionStartsAnew) {
  Server& a = server();
  const std::string id = create(a);
  box(id).ignores_interrupts = true;
  const auto begun = execute(a, id, "hang", 5s);
  ASSERT_TRUE(begun);
  pass(20s);
  EXPECT_TRUE(until([&] { return (*begun)->done; }));
  EXPECT_EQ((*begun)->outcome, Outcome::kTimedOut);
  EXPECT_TRUE((*begun)->session_restarted);
  EXPECT_GE(count(a.engine, "kill_session"), 1);
  EXPECT_EQ(run(a, id, "print on")->transcript.text(), "on\n");
}

TEST_F(Floor, OneThatSurvivesEvenThatLosesItsSandbox) {
  Server& a = server();
  const std::string id = create(a);
  box(id).ignores_interrupts = true;
  for (int i = 0; i < 5; ++i) {
    a.engine.fail("kill_session", Error{Errc::kInternal, "no"});
  }
  const auto begun = execute(a, id, "hang", 5s);
  ASSERT_TRUE(begun);
  pass(30s);
  EXPECT_TRUE(until([&] { return (*begun)->done; }));
  EXPECT_EQ((*begun)->outcome, Outcome::kSandboxEnded);
  EXPECT_TRUE(box(id).ended());
}

TEST_F(Floor, AnInterruptStopsTheRunAndKeepsItsOutput) {
  Server& a = server();
  const std::string id = create(a);
  box(id).plays["x"].prints = "so far\n";
  box(id).plays["x"].hangs = true;
  const auto begun = execute(a, id, "x");
  const auto stopped = wait(a.sandboxes.interrupt(id));
  ASSERT_TRUE(stopped && *stopped);
  EXPECT_EQ((*stopped)->outcome, Outcome::kInterrupted);
  EXPECT_EQ((*stopped)->transcript.text(), "so far\n");
  EXPECT_EQ(*wait(a.sandboxes.interrupt(id)), nullptr) << "nothing runs";
}

// --- after a crash
// --------------------------------------------------------------------------------

// Seen: the second call of B skipped the greeting, queued behind the orphan, and its own time limit
// interrupted the orphan.
TEST_F(Floor, WhatADeadServerLeftAtWorkIsNeitherQueuedBehindNorStoppedByANewcomer) {
  Server& a = server();
  const std::string id = create(a);
  const std::string left = orphan(a, id, 1000s);
  Server& b = server();
  for (int i = 0; i < 3; ++i) {
    const auto later = start(io_, b.sandboxes.execute(id, request_of("print mine", 1s)));
    pass(4s);
    ASSERT_TRUE(until([&] { return later->has_value(); }));
    ASSERT_FALSE(later->value());
    EXPECT_EQ(later->value().error().code, Errc::kBusy);
    EXPECT_NE(later->value().error().message.find(left), std::string::npos);
  }
  pass(60s);
  EXPECT_EQ(count(b.engine, "interrupt") + count(b.engine, "kill"), 0);
  EXPECT_EQ(box(id).running(), left);
  const auto collected = wait(b.sandboxes.collect(id, left));
  ASSERT_TRUE(collected);
  EXPECT_FALSE((*collected)->done);
  box(id).finish();
  EXPECT_TRUE(until([&] { return (*collected)->done; }));
  EXPECT_EQ((*collected)->outcome, Outcome::kOk);
  EXPECT_TRUE((*collected)->joined_late);
  EXPECT_EQ(run(b, id, "print mine")->transcript.text(), "mine\n");
}

// Seen: collecting an unknown execution_id interrupted the orphan after 30 s.
TEST_F(Floor, CollectingAnUnknownExecutionStopsNothing) {
  Server& a = server();
  const std::string id = create(a);
  const std::string left = orphan(a, id, 1000s);
  Server& b = server();
  const auto later = start(io_, b.sandboxes.collect(id, "ffffffffffffffff"));
  pass(90s);
  ASSERT_TRUE(until([&] { return later->has_value(); }));
  EXPECT_FALSE(later->value());
  EXPECT_EQ(count(b.engine, "interrupt") + count(b.engine, "kill"), 0);
  EXPECT_EQ(box(id).running(), left);
  box(id).finish();
  pass(2s);
  const auto unknown = wait(b.sandboxes.collect(id, "ffffffffffffffff"));
  ASSERT_TRUE(unknown);
  EXPECT_TRUE(until([&] { return (*unknown)->done; }));
  EXPECT_EQ((*unknown)->outcome, Outcome::kUnknown);
}

TEST_F(Floor, AnOrphansOwnLimitStillStopsIt) {
  Server& a = server();
  const std::string id = create(a);
  const std::string left = orphan(a, id, 20s);
  Server& b = server();
  const auto later = start(io_, b.sandboxes.collect(id, left));
  pass(5s);
  ASSERT_TRUE(until([&] { return later->has_value(); }));
  ASSERT_TRUE(later->value());
  const ExecutionPtr watched = *later->value();
  pass(30s);
  EXPECT_TRUE(until([&] { return watched->done; }));
  EXPECT_EQ(watched->outcome, Outcome::kTimedOut);
}

TEST_F(Floor, AnInterruptThatAUserAsksForStopsAnOrphan) {
  Server& a = server();
  const std::string id = create(a);
  orphan(a, id, 1000s);
  Server& b = server();
  const auto stopped = start(io_, b.sandboxes.interrupt(id));
  pass(5s);
  ASSERT_TRUE(until([&] { return stopped->has_value(); }));
  ASSERT_TRUE(stopped->value() && *stopped->value());
  EXPECT_EQ((*stopped->value())->outcome, Outcome::kInterrupted);
}

TEST_F(Floor, WhatEndedWhileNobodyListenedIsCollected) {
  Server& a = server();
  const std::string id = create(a);
  const std::string left = orphan(a, id, 1000s);
  box(id).finish();
  Server& b = server();
  const auto collected = wait(b.sandboxes.collect(id, left));
  ASSERT_TRUE(collected);
  EXPECT_TRUE(until([&] { return (*collected)->done; }));
  EXPECT_EQ((*collected)->outcome, Outcome::kOk);
  EXPECT_TRUE((*collected)->joined_late);
}

TEST_F(Floor, MarksOfTheProtocolNeverShowUpInOutput) {
  Server& a = server();
  const std::string id = create(a);
  const std::string left = orphan(a, id, 1000s);
  Server& b = server();
  const auto later = start(io_, b.sandboxes.collect(id, left));
  pass(4s);
  ASSERT_TRUE(until([&] { return later->has_value(); }));
  box(id).mark('B', left);
  box(id).write_transcript("late text\n");
  box(id).mark('E', "0123456789abcdef");
  box(id).finish();
  ASSERT_TRUE(until([&] { return (*later->value())->done; }));
  EXPECT_EQ((*later->value())->transcript.text(), "late text\n");
}

// --- locks ---------------------------------------------------------------------------------------

TEST_F(Floor, AnIdleHolderYieldsToWhoAsks) {
  Server& a = server();
  const std::string id = create(a);
  run(a, id, "print a");
  EXPECT_EQ(box(id).attached(), 1U);
  Server& b = server();
  EXPECT_EQ(run(b, id, "print b")->transcript.text(), "b\n");
  EXPECT_EQ(box(id).attached(), 1U);
  EXPECT_EQ(run(a, id, "print a again")->transcript.text(), "a again\n");
}

TEST_F(Floor, AnIdleHolderDetachesByItselfAfterAWhileOfQuiet) {
  Server& a = server();
  const std::string id = create(a);
  run(a, id, "print a");
  pass(5s);
  EXPECT_EQ(box(id).attached(), 1U);
  pass(8s);
  EXPECT_TRUE(until([&] { return box(id).attached() == 0; }));
  EXPECT_EQ(run(a, id, "print b")->transcript.text(), "b\n");
}

TEST_F(Floor, OneThatIsNotQuietStaysAttachedAndUnread) {
  Server& a = server();
  const std::string id = create(a);
  run(a, id, "print a");
  for (int i = 0; i < 20; ++i) {
    box(id).write_transcript("from the background\n");
    pass(1s);
  }
  EXPECT_EQ(box(id).attached(), 1U);
}

TEST_F(Floor, WhileOneServerRunsCodeTheOtherIsToldAndDisturbsNothing) {
  Server& a = server();
  const std::string id = create(a);
  const auto running = execute(a, id, "hang", 1000s);
  Server& b = server();
  EXPECT_EQ(execute(b, id, "1").error().code, Errc::kBusy);
  EXPECT_EQ(list(b)[0].phase, Phase::kBusy);
  EXPECT_EQ(wait(b.sandboxes.remove(id, false)).error().code, Errc::kBusy);
  EXPECT_EQ(box(id).attached(), 1U);
  box(id).finish();
  EXPECT_TRUE(until([&] { return (*running)->done; }));
  EXPECT_EQ((*running)->outcome, Outcome::kOk);
}

TEST_F(Floor, ALockThatCannotBeOpenedIsAnErrorAndNotBusy) {
  Server& a = server();
  const std::string id = create(a);
  kill(a);
  std::filesystem::remove(file(id + ".lock"));
  std::filesystem::create_directory(file(id + ".lock"));
  Server& b = server();
  const auto refused = execute(b, id, "1");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kInternal);
  EXPECT_NE(refused.error().message.find("STATE_DIR"), std::string::npos);
}

// --- the list
// --------------------------------------------------------------------------------------

// Seen, five times of five: the list took the engine's answer, then read newer files, and declared
// dead what was given out in between.
TEST_F(Floor, AListThatIsSlowDeclaresNobodyDead) {
  Server& a = server();
  Server& b = server();
  const std::string before = create(a);
  a.engine.hold("list");
  const auto slow = start(io_, a.sandboxes.list(true));
  ASSERT_TRUE(until([&] { return a.engine.held("list") == 1; }));
  const std::string meanwhile = create(b);
  a.engine.release("list");
  ASSERT_TRUE(until([&] { return slow->has_value(); }));
  for (const SandboxView& view : *slow->value()) {
    EXPECT_NE(view.phase, Phase::kEnded) << view.id;
  }
  EXPECT_EQ(run(b, meanwhile, "print lives")->transcript.text(), "lives\n");
  EXPECT_EQ(run(a, before, "print lives")->transcript.text(), "lives\n");
  EXPECT_EQ(list(a).size(), 2U);
}

TEST_F(Floor, AListThatIsStaleDeclaresNobodyDead) {
  Server& a = server();
  Server& b = server();
  create(a);
  b.engine.switches().list_time_late = 5s;
  const std::string fresh = create(a);
  for (int i = 0; i < 3; ++i) {
    list(b);
  }
  EXPECT_FALSE(std::filesystem::exists(file(fresh + ".end")));
  EXPECT_EQ(run(a, fresh, "print lives")->transcript.text(), "lives\n");
}

TEST_F(Floor, TheListSurvivesTheLossOfTheStateFolder) {
  Server& a = server();
  const std::string id = create(a);
  std::filesystem::remove_all(settings_.state_dir);
  pass(3s);  // what was seen before is told no longer
  const auto views = list(a);
  ASSERT_EQ(views.size(), 1U);
  EXPECT_EQ(views[0].id, id);
  EXPECT_EQ(run(a, id, "print lives")->transcript.text(), "lives\n");
}

TEST_F(Floor, WhatAnotherServerMadeIsToldInFull) {
  Server& a = server();
  const std::string id = create(a);
  Server& b = server();
  const auto views = list(b);
  ASSERT_EQ(views.size(), 1U);
  EXPECT_EQ(views[0].memory_bytes, 512ULL << 20U);
  EXPECT_EQ(views[0].image, "r:4");
  EXPECT_EQ(views[0].r_version, "4.2.2");
  EXPECT_FALSE(views[0].image_digest.empty());
}

TEST_F(Floor, ATornRecordCostsNothingButWhatItSaid) {
  Server& a = server();
  const std::string id = create(a);
  kill(a);
  std::ofstream{file(id + ".rec"), std::ios::trunc} << "torn";
  Server& b = server();
  const auto views = list(b);
  ASSERT_EQ(views.size(), 1U);
  EXPECT_EQ(views[0].image, "r:4");
  EXPECT_EQ(run(b, id, "print lives")->transcript.text(), "lives\n");
  EXPECT_EQ(list(b)[0].executions, 1U);
}

// A record made anew had no beginning of its own: the sandbox was as old as the machine is awake.
TEST_F(Floor, ALostRecordDoesNotMakeASandboxOld) {
  settings_.max_lifetime = 3600s;
  Clock::advance(2 * 3600s);  // the machine has been awake for longer than that
  Server& a = server();
  const std::string id = create(a);
  kill(a);
  std::filesystem::remove(file(id + ".rec"));
  Server& b = server();
  EXPECT_EQ(run(b, id, "print lives")->transcript.text(), "lives\n");
  const auto views = list(b);
  ASSERT_EQ(views.size(), 1U);
  EXPECT_GT(views[0].expires_at, Clock::wall() + 200);
  EXPECT_FALSE(box(id).ended());
}

TEST_F(Floor, OneThatEndedByItselfIsToldAsEndedWithItsReason) {
  Server& a = server();
  const std::string id = create(a);
  box(id).end("idle");
  EXPECT_TRUE(until([&] { return box(id).attached() == 0; }));
  pass(3s);  // what was seen before is told no longer
  EXPECT_TRUE(list(a).empty());
  const auto all = list(a, true);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].phase, Phase::kEnded);
}

// --- removal
// -----------------------------------------------------------------------------------------

TEST_F(Floor, ARemovalByForceDuringARunIsToldAsARemoval) {
  Server& a = server();
  const std::string id = create(a);
  const auto running = execute(a, id, "hang", 100s);
  EXPECT_EQ(wait(a.sandboxes.remove(id, false)).error().code, Errc::kBusy);
  EXPECT_TRUE(wait(a.sandboxes.remove(id, true)));
  EXPECT_TRUE(until([&] { return (*running)->done; }));
  EXPECT_EQ((*running)->outcome, Outcome::kSandboxEnded);
  EXPECT_EQ(list(a, true)[0].end_reason, "removed");
}

TEST_F(Floor, AnotherServersForceIsToldAsARemovalToo) {
  Server& a = server();
  const std::string id = create(a);
  const auto running = execute(a, id, "hang", 100s);
  Server& b = server();
  EXPECT_TRUE(wait(b.sandboxes.remove(id, true)));
  EXPECT_TRUE(until([&] { return (*running)->done; }));
  EXPECT_EQ((*running)->outcome, Outcome::kSandboxEnded);
  EXPECT_EQ(list(a, true)[0].end_reason, "removed");
}

TEST_F(Floor, WhatCouldNotBeRemovedIsNotListedKeepsItsPlaceAndIsTriedAgain) {
  settings_.max_sandboxes = 1;
  Server& a = server();
  const std::string id = create(a);
  a.engine.fail("remove", Error{Errc::kEngineUnavailable, "no"});
  EXPECT_TRUE(wait(a.sandboxes.remove(id, false))) << "it is settled that it ends";
  ASSERT_TRUE(until([&] { return count(a.engine, "remove") == 1; }));
  a.engine.hold("remove");
  EXPECT_TRUE(list(a).empty());
  CreateRequest request;
  const auto full = start(io_, a.sandboxes.create(request));
  for (int i = 0; i < 10 && !full->has_value(); ++i) {
    pass(1s);
  }
  ASSERT_TRUE(full->has_value());
  EXPECT_EQ(full->value().error().code, Errc::kLimitReached);
  EXPECT_FALSE(box(id).ended());
  a.engine.release("remove");
  EXPECT_TRUE(until([&] { return box(id).ended(); }));
  EXPECT_TRUE(wait(a.sandboxes.create(request)));
}

TEST_F(Floor, ARemovalIsAnsweredBeforeTheEngineIsDoneWithIt) {
  Server& a = server();
  const std::string id = create(a);
  a.engine.hold("remove");
  EXPECT_TRUE(wait(a.sandboxes.remove(id, false)));
  EXPECT_EQ(a.engine.held("remove"), 1) << "but it has been asked";
  EXPECT_TRUE(list(a).empty());
  EXPECT_EQ(execute(a, id, "1").error().code, Errc::kEnded);
  EXPECT_TRUE(wait(a.sandboxes.remove(id, false))) << "once more";
  a.engine.release("remove");
  EXPECT_TRUE(until([&] { return box(id).ended(); }));
  EXPECT_EQ(list(a, true)[0].end_reason, "removed");
}

TEST_F(Floor, ThePlaceOfWhatIsBeingRemovedIsWaitedFor) {
  settings_.max_sandboxes = 1;
  Server& a = server();
  const std::string id = create(a);
  a.engine.hold("remove");
  ASSERT_TRUE(wait(a.sandboxes.remove(id, false)));
  Server& b = server();
  b.engine.hold("remove");
  CreateRequest request;
  const auto making = start(io_, b.sandboxes.create(request));
  pass(2s);
  EXPECT_FALSE(making->has_value());
  a.engine.release("remove");
  b.engine.release("remove");
  ASSERT_TRUE(until([&] { return making->has_value(); }));
  EXPECT_TRUE(making->value());
}

TEST_F(Floor, AListIsAnsweredFromWhatWasSeenAMomentBefore) {
  Server& a = server();
  const std::string id = create(a);
  EXPECT_EQ(list(a).size(), 1U);
  pass(1s);
  a.engine.hold("list");
  EXPECT_EQ(list(a).size(), 1U);
  const std::string later = create(server());
  EXPECT_EQ(list(a).size(), 2U) << "with what was made since";
  ASSERT_TRUE(until([&] { return a.engine.held("list") == 1; })) << "it is looked at anew";
  pass(2s);
  const auto older = start(io_, a.sandboxes.list(false));
  const auto all = start(io_, a.sandboxes.list(true));
  pass(1s);
  EXPECT_FALSE(older->has_value() || all->has_value());
  a.engine.release("list");
  ASSERT_TRUE(until([&] { return older->has_value() && all->has_value(); }));
  EXPECT_EQ(older->value()->size(), 2U);
}

TEST_F(Floor, NoListIsAnsweredFromAFailure) {
  Server& a = server();
  const std::string id = create(a);
  a.engine.fail("list", Error{Errc::kEngineUnavailable, "gone"});
  EXPECT_FALSE(wait(a.sandboxes.list(true)));
  EXPECT_EQ(list(a).size(), 1U);
}

TEST_F(Floor, ACreationAsksWhoIsThereOnlyWhereWhatIsKnownLeavesNoRoom) {
  settings_.max_sandboxes = 2;
  Server& a = server();
  create(a);
  const auto asked = count(a.engine, "list");
  const std::string second = create(a);
  EXPECT_EQ(count(a.engine, "list"), asked);
  CreateRequest request;
  EXPECT_EQ(wait(a.sandboxes.create(request)).error().code, Errc::kLimitReached);
  EXPECT_GT(count(a.engine, "list"), asked);
  // What another server has ended meanwhile is no longer counted.
  Server& b = server();
  EXPECT_TRUE(wait(b.sandboxes.remove(second, true)));
  create(a);
}

TEST_F(Floor, OneThatIsBeingMadeCanBeRemoved) {
  Server& a = server();
  a.engine.hold("create");
  CreateRequest request;
  const auto making = start(io_, a.sandboxes.create(request));
  ASSERT_TRUE(until([&] { return a.engine.held("create") == 1; }));
  const auto views = list(a);
  ASSERT_EQ(views.size(), 1U);
  EXPECT_EQ(views[0].phase, Phase::kStarting);
  EXPECT_TRUE(wait(a.sandboxes.remove(views[0].id, true)));
  a.engine.release("create");
  ASSERT_TRUE(until([&] { return making->has_value(); }));
  EXPECT_FALSE(making->value());
  EXPECT_TRUE(box(views[0].id).ended());
}

// Its client is gone, or will never be told: nobody knows its name.
TEST_F(Floor, OneWhoseMakerDiedBeforeItAnsweredIsRemoved) {
  settings_.max_sandboxes = 1;
  Server& a = server();
  a.engine.hold("open");
  CreateRequest request;
  const auto making = start(io_, a.sandboxes.create(request));
  ASSERT_TRUE(until([&] { return a.engine.held("open") == 1; }));
  const std::string id = world_->sandboxes.begin()->first;
  Server& b = server();
  EXPECT_EQ(list(b).size(), 1U) << "it is being made";
  b.sandboxes.stop();
  kill(a);
  Server& c = server();
  EXPECT_TRUE(list(c).empty());
  EXPECT_TRUE(until([&] { return box(id).ended(); }));
  create(c);
}

// --- the count
// ----------------------------------------------------------------------------------------

// Seen: 184 wrong answers about a lock, after 101 s.
TEST_F(Floor, AThousandCreatesAtOnceAreEachAnsweredRightly) {
  settings_.max_sandboxes = 10;
  Server& a = server();
  Server& b = server();
  a.engine.hold("list");
  b.engine.hold("list");
  std::vector<Later<Result<SandboxView>>> all;
  for (int i = 0; i < 500; ++i) {
    CreateRequest request;
    all.push_back(start(io_, a.sandboxes.create(request)));
    all.push_back(start(io_, b.sandboxes.create(request)));
  }
  ASSERT_TRUE(until([&] { return a.engine.held("list") + b.engine.held("list") > 0; }));
  io_.restart();
  io_.poll();
  const std::filesystem::directory_iterator files{settings_.state_dir + "/scope-me"};
  EXPECT_LE(std::distance(begin(files), end(files)), 10) << "each count reads all of them";
  a.engine.release("list");
  b.engine.release("list");
  ASSERT_TRUE(until([&] {
    return std::all_of(all.begin(), all.end(), [](const auto& one) { return one->has_value(); });
  }));
  long made = 0;
  long full = 0;
  for (const auto& one : all) {
    made += one->value() ? 1 : 0;
    full += !one->value() && one->value().error().code == Errc::kLimitReached ? 1 : 0;
  }
  EXPECT_EQ(made, 10);
  EXPECT_EQ(full, 990);
  EXPECT_LE(count(a.engine, "list"), 30) << "callers that come together share an answer";
}

TEST_F(Floor, WhatEndedUnseenGivesItsPlaceBack) {
  settings_.max_sandboxes = 1;
  Server& a = server();
  const std::string id = create(a);
  kill(a);
  box(id).end();
  Server& b = server();
  CreateRequest request;
  EXPECT_TRUE(wait(b.sandboxes.create(request)));
}

TEST_F(Floor, AMakerThatDiesLeavesNoPlaceTaken) {
  settings_.max_sandboxes = 1;
  Server& a = server();
  StateFolder folder{settings_.state_dir + "/scope-me"};
  ASSERT_TRUE(folder.prepare());
  Record record;
  record.starting = true;
  ASSERT_TRUE(folder.publish("11111111-2222-4333-8444-555555555555", record));
  CreateRequest request;
  EXPECT_TRUE(wait(a.sandboxes.create(request)));
}

// --- starting
// -------------------------------------------------------------------------------------------

TEST_F(Floor, AFailedStartSaysWhyAndLeavesNothing) {
  Server& a = server();
  a.engine.hold("open");
  CreateRequest request;
  const auto making = start(io_, a.sandboxes.create(request));
  ASSERT_TRUE(until([&] { return a.engine.held("open") == 1; }));
  FakeSandbox& made = *world_->sandboxes.begin()->second;
  made.set_silent(true);
  a.engine.release("open");
  ASSERT_TRUE(until([&] { return made.attached() == 1; }));
  made.write_transcript("sh: 1: R: not found\n");
  made.send('S', 'x', no_id(), "127 0");
  ASSERT_TRUE(until([&] { return making->has_value(); }));
  const Error error = making->value().error();
  EXPECT_NE(error.message.find("127"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("R: not found"), std::string::npos) << error.message;
  EXPECT_TRUE(made.ended());
  EXPECT_TRUE(list(a, true).empty());
}

TEST_F(Floor, ASilentStartIsATimeOutAndNotAMissingR) {
  Server& a = server();
  a.engine.hold("open");
  CreateRequest request;
  const auto making = start(io_, a.sandboxes.create(request));
  ASSERT_TRUE(until([&] { return a.engine.held("open") == 1; }));
  FakeSandbox& made = *world_->sandboxes.begin()->second;
  made.set_silent(true);
  made.set_faults(flooding());
  a.engine.release("open");
  pass(65s);
  ASSERT_TRUE(until([&] { return making->has_value(); }));
  EXPECT_EQ(making->value().error().code, Errc::kTimeout);
  EXPECT_TRUE(made.ended());
}

TEST_F(Floor, ASandboxWithoutItsLimitsIsRefusedAndRemoved) {
  Server& a = server();
  a.engine.switches().not_in_force = {"memory"};
  CreateRequest request;
  EXPECT_EQ(wait(a.sandboxes.create(request)).error().code, Errc::kLimitsNotApplied);
  EXPECT_TRUE(world_->sandboxes.begin()->second->ended());
}

// --- spares
// --------------------------------------------------------------------------------------------

class Spares : public Floor {
 protected:
  Spares() { settings_.warm_pool = 1; }
  /// Waits until a spare is ready; its id.
  std::string spare(Server& /*server*/) {
    std::string id;
    EXPECT_TRUE(until([&] {
      for (const auto& [name, made] : world_->sandboxes) {
        if (made->found.identity.role == engine::Role::kSpare && !made->given && !made->ended() &&
            made->attached() == 1) {
          id = name;
        }
      }
      return !id.empty();
    }));
    pass(1s);
    return id;
  }
};

TEST_F(Spares, AndSandboxesGetLessMemoryByThemselvesWhereTheMachineIsSmall) {
  settings_.memory_bytes = 1ULL << 30U;
  settings_.memory_fits_machine = true;
  settings_.max_sandboxes = 10;
  Server& a = server();
  const std::string first = create(a);
  const std::string ready = spare(a);
  EXPECT_EQ(create(a), ready) << "a spare is what is asked for";
  for (const std::string& id : {first, ready}) {
    EXPECT_EQ(box(id).found.memory_bytes, 819ULL << 20U);
  }
}

// Seen: one begun beside it took 9 s in place of 1, since both started an R on the same cores.
TEST_F(Spares, OneThatIsBeingMadeIsWaitedFor) {
  Server& a = server();
  CreateRequest request;
  const auto first = start(io_, a.sandboxes.create(request));
  ASSERT_TRUE(until([&] { return count(a.engine, "create") == 1; }));
  a.engine.hold("create");
  ASSERT_TRUE(until([&] { return first->has_value() && a.engine.held("create") == 1; }));
  const auto second = start(io_, a.sandboxes.create(request));
  pass(2s);
  EXPECT_FALSE(second->has_value());
  EXPECT_EQ(a.engine.held("create"), 1) << "none was begun beside it";
  a.engine.release("create");
  ASSERT_TRUE(until([&] { return second->has_value(); }));
  ASSERT_TRUE(second->value());
  EXPECT_EQ(box((**second)->id).found.identity.role, engine::Role::kSpare);
}

// They would take the processors from who waits for a first result.
TEST_F(Spares, AreNotBegunBesideAFirstResult) {
  Server& a = server();
  const std::string first = create(a);
  EXPECT_EQ(run(a, first, "print 1")->transcript.text(), "1\n");
  EXPECT_EQ(count(a.engine, "create"), 1);
  pass(2s);
  EXPECT_TRUE(until([&] { return count(a.engine, "create") == 2; }));
}

TEST_F(Spares, AreAsManyAsWereAskedForAndReplacedWhenTaken) {
  settings_.warm_pool = 3;
  Server& a = server();
  create(a);
  const auto spares = [&] {
    return std::count_if(world_->sandboxes.begin(), world_->sandboxes.end(), [](const auto& one) {
      const auto& made = *one.second;
      return made.found.identity.role == engine::Role::kSpare && !made.given && !made.ended();
    });
  };
  pass(5s);
  EXPECT_TRUE(until([&] { return spares() == 3; }));
  pass(5s);
  EXPECT_EQ(count(a.engine, "create"), 4);
  create(a);
  create(a);
  EXPECT_EQ(count(a.engine, "create"), 4) << "both were spares";
  pass(5s);
  EXPECT_TRUE(until([&] { return spares() == 3; }));
}

TEST_F(Spares, EndOnceNothingHasBeenInUseForTheIdleTime) {
  settings_.idle_timeout = 20s;
  Server& a = server();
  spawn(io_.get_executor(), "reaper", a.sandboxes.reap());
  const std::string used = create(a);
  const std::string ready = spare(a);
  pass(15s);
  run(a, used, "print 1");
  pass(15s);
  EXPECT_FALSE(box(ready).ended());
  pass(15s);
  EXPECT_TRUE(until([&] { return box(ready).ended(); }));
  pass(5s);
  EXPECT_EQ(count(a.engine, "create"), 2) << "no other was made";
}

TEST_F(Spares, AreReplacedBeforeTheyAreOld) {
  settings_.idle_timeout = 60s;
  settings_.max_lifetime = 60s;
  Server& a = server();
  spawn(io_.get_executor(), "reaper", a.sandboxes.reap());
  create(a);
  const std::string old = spare(a);
  pass(40s);
  EXPECT_TRUE(until([&] { return box(old).ended(); }));
  EXPECT_NE(spare(a), old);
}

TEST_F(Spares, HaveLoadedWhatTheSettingNames) {
  settings_.preload = {"ggplot2", "data.table"};
  Server& a = server();
  const std::string first = create(a);
  EXPECT_EQ(box(first).preloaded, "");
  EXPECT_EQ(box(spare(a)).preloaded, "ggplot2 data.table");
}

// A package may be asking a network that is not there.
TEST_F(Spares, WhosePackagesDoNotLoadHoldNobodyUpAndAreMadeWithoutThem) {
  settings_.preload = {"ggplot2"};
  world_->preload_hangs = true;
  Server& a = server();
  create(a);
  pass(2s);
  const auto loading = [&]() -> FakeSandbox* {
    for (const auto& [name, made] : world_->sandboxes) {
      if (!made->preloaded.empty()) {
        return made.get();
      }
    }
    return nullptr;
  };
  ASSERT_TRUE(until([&] { return loading() != nullptr; }));
  CreateRequest request;
  const auto second = start(io_, a.sandboxes.create(request));
  pass(3s);
  ASSERT_TRUE(until([&] { return second->has_value(); }))
      << "it is not waited for as one that starts";
  ASSERT_TRUE(second->value());
  EXPECT_FALSE(loading()->ended());
  pass(60s);
  ASSERT_TRUE(until([&] { return loading()->ended(); }));
  world_->preload_hangs = false;
  EXPECT_EQ(box(spare(a)).preloaded, "");
}

// Seen: an engine that renames a container while it removes it keeps it, dead, for minutes.
TEST_F(Spares, TheirMarkIsMadeBeforeTheyAreRemoved) {
  Server& a = server();
  create(a);
  spare(a);
  a.engine.hold("mark_given");
  const std::string given = create(a);
  EXPECT_EQ(count(a.engine, "mark_given"), 0) << "not beside a first result";
  pass(1s);
  ASSERT_TRUE(until([&] { return a.engine.held("mark_given") == 1; }));
  EXPECT_TRUE(wait(a.sandboxes.remove(given, false)));
  pass(1s);
  EXPECT_EQ(count(a.engine, "remove"), 0);
  a.engine.release("mark_given");
  EXPECT_TRUE(until([&] { return box(given).ended(); }));
}

TEST_F(Spares, AreInNoListAndNoCountUntilTheyAreGivenOut) {
  settings_.max_sandboxes = 2;
  Server& a = server();
  create(a);
  const std::string ready = spare(a);
  EXPECT_EQ(list(a).size(), 1U);
  Server& b = server();
  EXPECT_EQ(list(b).size(), 1U);
  EXPECT_EQ(create(a), ready);
  EXPECT_EQ(list(b).size(), 2U);
  EXPECT_EQ(count(a.engine, "create"), 2 + (world_->sandboxes.size() > 2 ? 1 : 0));
  EXPECT_EQ(run(a, ready, "print spare")->transcript.text(), "spare\n");
  EXPECT_EQ(box(ready).idle, 300);
}

TEST_F(Spares, TheirAgeDoesNotCountAgainstTheSandbox) {
  Server& a = server();
  create(a);
  const std::string ready = spare(a);
  pass(20s);
  ASSERT_EQ(create(a), ready);
  const auto view = a.sandboxes.look_up(ready);
  ASSERT_TRUE(view);
  EXPECT_NEAR(view->created_at, Clock::wall(), 5);
  EXPECT_NEAR(view->expires_at, Clock::wall() + 300, 5);
}

// A server died between telling the worker and publishing the record: nobody knows but the worker.
TEST_F(Spares, OneThatWasGivenOutUnseenIsFoundByAskingIt) {
  Server& a = server();
  create(a);
  const std::string ready = spare(a);
  kill(a);
  box(ready).given = true;
  box(ready).idle = 77;
  settings_.warm_pool = 0;
  Server& b = server();
  const auto views = list(b);
  ASSERT_EQ(views.size(), 2U);
  EXPECT_EQ(run(b, ready, "print found")->transcript.text(), "found\n");
  const auto view = b.sandboxes.look_up(ready);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->idle, 77);
}

TEST_F(Spares, OneWhoseMakerDiedIsAskedAndNeverRemovedForThat) {
  Server& a = server();
  create(a);
  const std::string ready = spare(a);
  kill(a);
  settings_.warm_pool = 0;
  Server& b = server();
  const int uses = box(ready).uses;
  const int greetings = box(ready).greetings;
  EXPECT_EQ(list(b).size(), 1U);
  EXPECT_EQ(list(b).size(), 1U);
  EXPECT_EQ(box(ready).uses, uses) << "being looked at would keep it alive";
  EXPECT_EQ(box(ready).greetings, greetings + 1) << "its answer is for good";
  EXPECT_FALSE(box(ready).ended());
  EXPECT_EQ(count(b.engine, "remove"), 0);
}

TEST_F(Spares, OneThatDoesNotAnswerIsReplacedByANewSandbox) {
  Server& a = server();
  create(a);
  const std::string ready = spare(a);
  box(ready).set_silent(true);
  CreateRequest request;
  const auto making = start(io_, a.sandboxes.create(request));
  pass(8s);
  ASSERT_TRUE(until([&] { return making->has_value(); }));
  ASSERT_TRUE(making->value());
  EXPECT_NE((*making->value()).id, ready);
  EXPECT_TRUE(until([&] { return box(ready).ended(); }));
}

// --- foreign
// --------------------------------------------------------------------------------------------

TEST_F(Floor, ASandboxOfOtherLocksOrAnotherVersionIsListedAndRemovedByForceOnly) {
  Server& a = server();
  for (const bool other_domain : {true, false}) {
    const std::string id = create(a);
    kill(a);
    if (other_domain) {
      box(id).found.identity.domain = "99999999-2222-4333-8444-555555555555";
    } else {
      box(id).found.identity.protocol = 1;
    }
    world_->note();
    Server& b = server();
    const auto views = list(b);
    ASSERT_EQ(views.size(), 1U);
    EXPECT_TRUE(views[0].foreign);
    const auto refused = execute(b, id, "1");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::kInvalidArgument);
    EXPECT_EQ(wait(b.sandboxes.remove(id, false)).error().code, Errc::kBusy);
    EXPECT_TRUE(wait(b.sandboxes.remove(id, true)));
    EXPECT_TRUE(box(id).ended());
  }
}

// --- an engine that is lost
// ---------------------------------------------------------------------------------

TEST_F(Floor, AStreamThatBreaksIsTakenUpAgain) {
  Server& a = server();
  const std::string id = create(a);
  const auto running = execute(a, id, "hang", 1000s);
  ASSERT_TRUE(until([&] { return box(id).running() == (*running)->id; }));
  box(id).set_faults(breaking());
  ASSERT_TRUE(until([&] { return box(id).attached() == 0 || (*running)->done; }));
  box(id).set_faults({});
  EXPECT_TRUE(until([&] { return box(id).attached() == 1; }));
  box(id).finish();
  EXPECT_TRUE(until([&] { return (*running)->done; }));
  EXPECT_EQ((*running)->outcome, Outcome::kOk);
  EXPECT_TRUE((*running)->joined_late);
}

TEST_F(Floor, AnEngineThatIsGoneForAWhileLosesNoRun) {
  Server& a = server();
  const std::string id = create(a);
  const std::string execution = lose(a, id);
  Server& b = server();
  const auto collected = wait(b.sandboxes.collect(id, execution));
  ASSERT_TRUE(collected) << collected.error().message;
  EXPECT_TRUE(until([&] { return (*collected)->done; }));
  EXPECT_EQ((*collected)->outcome, Outcome::kOk);
}

TEST_F(Floor, AStreamThatFallsSilentIsLookedInto) {
  Server& a = server();
  const std::string id = create(a);
  const auto running = execute(a, id, "hang", 1000s);
  box(id).heartbeat = 1000s;
  box(id).set_faults(stalling());
  pass(5s);
  const long opened = count(a.engine, "open");
  box(id).set_faults({});
  pass(40s);
  EXPECT_GT(count(a.engine, "open"), opened);
  box(id).finish();
  EXPECT_TRUE(until([&] { return (*running)->done; }));
}

// What a network that is cut looks like: nothing comes, and nothing ends.
TEST_F(Floor, ARunBehindALostLinkEndsForWhoWaitsAndIsCollectedOnceItIsBack) {
  Server& a = server();
  const std::string id = create(a);
  const auto running = execute(a, id, "hang", 1000s);
  ASSERT_TRUE(until([&] { return box(id).running() == (*running)->id; }));
  box(id).set_faults(stalling());
  a.engine.switches().answers = false;
  pass(14s);
  ASSERT_TRUE((*running)->done);
  EXPECT_EQ((*running)->outcome, Outcome::kEngineLost);
  box(id).set_faults({});
  a.engine.switches().answers = true;
  box(id).finish();
  const auto collected = wait(a.sandboxes.collect(id, (*running)->id));
  ASSERT_TRUE(collected) << collected.error().message;
  EXPECT_TRUE(until([&] { return (*collected)->done; }));
  EXPECT_EQ((*collected)->outcome, Outcome::kOk);
}

TEST_F(Floor, ASilentRunGoesOnWhereTheEngineAnswers) {
  Server& a = server();
  const std::string id = create(a);
  const auto running = execute(a, id, "hang", 1000s);
  ASSERT_TRUE(until([&] { return box(id).running() == (*running)->id; }));
  box(id).set_silent(true);
  pass(25s);
  EXPECT_FALSE((*running)->done);
  EXPECT_GT(count(a.engine, "answers"), 1);
  EXPECT_EQ(count(a.engine, "open"), 1);
  box(id).set_silent(false);
  box(id).finish();
  EXPECT_TRUE(until([&] { return (*running)->done; }));
  EXPECT_EQ((*running)->outcome, Outcome::kOk);
}

TEST_F(Floor, NoEngineIsAskedBesideACallThatIsAnswered) {
  Server& a = server();
  const std::string id = create(a);
  run(a, id, "print a");
  pass(9s);
  run(a, id, "print b");
  EXPECT_EQ(count(a.engine, "answers"), 0);
}

TEST_F(Floor, CallsBehindALostLinkAreToldSo) {
  Server& a = server();
  const std::string id = create(a);
  for (const bool attached : {true, false}) {
    SCOPED_TRACE(attached ? "attached" : "let go");
    a.engine.switches().answers = true;
    box(id).set_faults({});
    run(a, id, "print a");
    if (!attached) {
      pass(12s);
    }
    ASSERT_EQ(box(id).attached(), attached ? 1U : 0U);
    box(id).set_faults(stalling());
    a.engine.switches().answers = false;
    const auto putting = start(io_, a.sandboxes.put(id, "a", "text"));
    pass(14s);
    ASSERT_TRUE(putting->has_value());
    EXPECT_EQ((**putting).error().code, Errc::kEngineUnavailable) << (**putting).error().message;
  }
}

// Seen: the server died of it.
TEST_F(Spares, OneWhoseStreamHasEndedIsReplaced) {
  Server& a = server();
  create(a);
  for (const bool kept : {true, false}) {
    const std::string ready = spare(a);
    ASSERT_NE(ready, "");
    box(ready).end();
    pass(kept ? 61s : 1s);
    EXPECT_NE(create(a), ready);
  }
}

TEST_F(Floor, WhatTheEngineOnlyKeepsIsGoneForItsReason) {
  Server& a = server();
  const std::string id = create(a);
  const std::string quiet = create(a);
  box(id).found.ended = "Evicted: The node was low on memory.";
  box(quiet).found.ended = "";
  box(id).end();
  box(quiet).end();
  pass(3s);
  EXPECT_EQ(list(a).size(), 0U);
  const auto ended = wait(a.sandboxes.list(true));
  ASSERT_TRUE(ended);
  for (const SandboxView& one : *ended) {
    EXPECT_EQ(one.phase, Phase::kEnded);
    EXPECT_EQ(one.end_reason, one.id == id ? "Evicted: The node was low on memory." : "unknown");
  }
  EXPECT_TRUE(until([&] { return count(a.engine, "remove") == 2; }));
}

// Where the engine answers everything else, what runs there may have kept the kill from acting: it
// can in a cluster's pods.
TEST_F(Floor, AKillThatWasNotAnsweredForRemovesOnlyWhereTheEngineAnswers) {
  Server& a = server();
  for (const bool answers : {false, true}) {
    SCOPED_TRACE(answers);
    const std::string id = create(a);
    const auto before = count(a.engine, "kill_session");
    box(id).ignores_interrupts = true;
    a.engine.switches().answers = answers;
    for (int i = 0; i < 3; ++i) {
      a.engine.fail("kill_session", Error{Errc::kEngineUnavailable, "lost"});
    }
    const auto running = execute(a, id, "hang", 1s);
    ASSERT_TRUE(running);
    for (int i = 0; i < 30 && !(*running)->done; ++i) {
      pass(1s);
    }
    EXPECT_TRUE((*running)->done);
    EXPECT_EQ(box(id).ended(), answers);
    EXPECT_EQ(count(a.engine, "kill_session") - before, answers ? 2 : 4);
  }
}

TEST_F(Floor, AStartBehindALostLinkIsToldSo) {
  Server& a = server();
  a.engine.hold("open");
  CreateRequest request;
  const auto making = start(io_, a.sandboxes.create(request));
  ASSERT_TRUE(until([&] { return a.engine.held("open") == 1; }));
  const std::string id = world_->sandboxes.begin()->first;
  box(id).set_faults(stalling());
  a.engine.switches().answers = false;
  a.engine.hold("remove");
  a.engine.release("open");
  pass(14s);
  ASSERT_TRUE(making->has_value());
  EXPECT_EQ((**making).error().code, Errc::kEngineUnavailable) << (**making).error().message;
  a.engine.release("remove");
}

TEST_F(Spares, OneBehindALostLinkIsFollowedByNoOther) {
  Server& a = server();
  create(a);
  const std::string ready = spare(a);
  const long created = count(a.engine, "create");
  box(ready).set_faults(stalling());
  a.engine.switches().answers = false;
  CreateRequest request;
  const auto making = start(io_, a.sandboxes.create(request));
  pass(8s);
  ASSERT_TRUE(making->has_value());
  EXPECT_EQ((**making).error().code, Errc::kEngineUnavailable);
  EXPECT_EQ(count(a.engine, "create"), created);
  EXPECT_TRUE(until([&] { return box(ready).ended(); }));
}

// --- expiry
// ------------------------------------------------------------------------------------------------

TEST_F(Floor, WhatHasBeenIdleTooLongIsEndedAndWhatIsUsedIsNot) {
  settings_.idle_timeout = 60s;
  Server& a = server();
  spawn(io_.get_executor(), "reaper", a.sandboxes.reap());
  const std::string idle = create(a);
  const std::string busy = create(a);
  const auto running = execute(a, busy, "hang", 1000s);
  pass(50s);
  EXPECT_EQ(list(a).size(), 2U);
  pass(25s);
  EXPECT_TRUE(until([&] { return box(idle).ended(); }));
  EXPECT_FALSE(box(busy).ended());
  const auto all = list(a, true);
  const auto ended = std::find_if(all.begin(), all.end(),
                                  [&](const SandboxView& view) { return view.id == idle; });
  ASSERT_NE(ended, all.end());
  EXPECT_EQ(ended->end_reason, "expired");
  box(busy).finish();
  EXPECT_TRUE(until([&] { return (*running)->done; }));
}

// --- this server's own
// -----------------------------------------------------------------------------------------

TEST_F(Floor, ItsOwnSandboxIsMadeOnceAndAgainWhenItHasEnded) {
  Server& a = server();
  const auto one = start(io_, a.sandboxes.own());
  const auto two = start(io_, a.sandboxes.own());
  ASSERT_TRUE(until([&] { return one->has_value() && two->has_value(); }));
  ASSERT_TRUE(one->value() && two->value());
  EXPECT_EQ(*one->value(), *two->value());
  EXPECT_EQ(count(a.engine, "create"), 1);
  EXPECT_TRUE(wait(a.sandboxes.remove(*one->value(), true)));
  const auto next = wait(a.sandboxes.own());
  ASSERT_TRUE(next);
  EXPECT_NE(*next, *one->value());
}

// --- bounds
// ------------------------------------------------------------------------------------------------

TEST_F(Floor, ASilentSandboxDoesNotHoldTheFilesOfTheOthers) {
  Server& a = server();
  const std::string speaks = create(a);
  const std::string silent = create(a);
  EXPECT_TRUE(wait(a.sandboxes.put(speaks, "a.txt", "a")));
  box(silent).set_silent(true);
  const auto files = start(io_, a.sandboxes.files());
  pass(3s);
  ASSERT_TRUE(until([&] { return files->has_value(); }));
  ASSERT_TRUE(files->value());
  ASSERT_EQ((*files->value()).size(), 1U);
  EXPECT_EQ((*files->value())[0].id, speaks);
}

TEST_F(Floor, KeptResultsOfAllSandboxesShareOneBudget) {
  Server& a = server();
  std::size_t held = 0;
  std::vector<ExecutionPtr> all;
  for (int i = 0; i < 6; ++i) {
    const std::string id = create(a);
    box(id).plays["much"].prints = std::string(900'000, 'x') + "\n";
    for (int j = 0; j < 8; ++j) {
      all.push_back(run(a, id, "much"));
    }
    const std::weak_ptr<Execution> last = all.back();
    const std::string execution = all.back()->id;
    all.clear();
    const auto again = wait(a.sandboxes.collect(id, execution));
    ASSERT_TRUE(again);
    held = std::max(held, (*again)->held());
  }
  EXPECT_GT(held, 900'000U) << "the newest is kept";
  EXPECT_LT(held, 2'000'000U);
}

TEST_F(Floor, AResultIsThereForWhoAsksAgain) {
  Server& a = server();
  const std::string id = create(a);
  const ExecutionPtr first = run(a, id, "print once");
  const auto again = wait(a.sandboxes.collect(id, first->id));
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, first);
}

// --- what a review found
// -----------------------------------------------------------------------------------

// Seen: a server of another engine did not find the sandbox there, and declared it gone.
TEST_F(Floor, SandboxesOfAnotherEngineAreNeitherMissedNorCounted) {
  settings_.max_sandboxes = 1;
  Server& a = server();
  const std::string id = create(a);
  kill(a);
  const auto here = std::exchange(world_, std::make_shared<World>(io_.get_executor()));
  Server& elsewhere = server();
  elsewhere.engine.switches().about.id = "another engine";
  EXPECT_TRUE(list(elsewhere, true).empty());
  CreateRequest request;
  EXPECT_TRUE(wait(elsewhere.sandboxes.create(request)));
  EXPECT_FALSE(std::filesystem::exists(file(id + ".end")));
  world_ = here;
  EXPECT_EQ(run(server(), id, "print lives")->transcript.text(), "lives\n");
}

TEST_F(Floor, TheServerThatLostARunWithTheEngineCanCollectIt) {
  Server& a = server();
  const std::string id = create(a);
  const std::string execution = lose(a, id);
  const auto collected = wait(a.sandboxes.collect(id, execution));
  ASSERT_TRUE(collected) << collected.error().message;
  EXPECT_TRUE(until([&] { return (*collected)->done; }));
  EXPECT_EQ((*collected)->outcome, Outcome::kOk);
}

// Seen: it worked, and the answer was that nothing was running.
TEST_F(Floor, AnInterruptThroughAnotherServerIsToldToBoth) {
  Server& a = server();
  const std::string id = create(a);
  const auto running = execute(a, id, "hang", 1000s);
  ASSERT_TRUE(until([&] { return box(id).running() == (*running)->id; }));
  Server& b = server();
  const auto stopped = start(io_, b.sandboxes.interrupt(id));
  pass(3s);
  ASSERT_TRUE(until([&] { return stopped->has_value() && (*running)->done; }));
  EXPECT_EQ((*running)->outcome, Outcome::kInterrupted);
  ASSERT_TRUE(stopped->value()) << stopped->value().error().message;
  ASSERT_TRUE(*stopped->value());
  EXPECT_EQ((*stopped->value())->id, (*running)->id);
}

TEST_F(Floor, AnOrphanThatHadFinishedIsNotInterruptedAfterwards) {
  Server& a = server();
  const std::string id = create(a);
  orphan(a, id, 1000s);
  box(id).finish();
  Server& b = server();
  const auto stopped = start(io_, b.sandboxes.interrupt(id));
  pass(3s);
  ASSERT_TRUE(until([&] { return stopped->has_value(); }));
  ASSERT_TRUE(stopped->value() && *stopped->value());
  EXPECT_EQ((*stopped->value())->outcome, Outcome::kOk);
  EXPECT_EQ(count(b.engine, "interrupt"), 0);
}

TEST_F(Floor, OneThatAnotherServerIsMakingIsNotToldAsEnded) {
  Server& a = server();
  a.engine.hold("create");
  CreateRequest request;
  const auto making = start(io_, a.sandboxes.create(request));
  ASSERT_TRUE(until([&] { return a.engine.held("create") == 1; }));
  Server& b = server();
  const auto views = list(b);
  ASSERT_EQ(views.size(), 1U);
  EXPECT_EQ(execute(b, views[0].id, "1").error().code, Errc::kBusy);
  EXPECT_TRUE(wait(b.sandboxes.remove(views[0].id, true)));
  a.engine.release("create");
  ASSERT_TRUE(until([&] { return making->has_value(); }));
  EXPECT_FALSE(making->value()) << "it was removed while it was made";
  EXPECT_TRUE(box(views[0].id).ended());
}

TEST_F(Floor, ATornEndIsAnEnd) {
  settings_.max_sandboxes = 1;
  Server& a = server();
  const std::string id = create(a);
  EXPECT_TRUE(wait(a.sandboxes.remove(id, true)));
  std::ofstream{file(id + ".end"), std::ios::trunc};
  Server& b = server();
  EXPECT_TRUE(list(b).empty());
  CreateRequest request;
  EXPECT_TRUE(wait(b.sandboxes.create(request)));
}

TEST_F(Floor, ASessionThatWasLostBetweenTwoRunsIsTold) {
  Server& a = server();
  const std::string id = create(a);
  run(a, id, "print 1");
  box(id).restart_session("137 0");
  pass(1s);
  const ExecutionPtr next = run(a, id, "print next");
  EXPECT_EQ(next->transcript.text(), "next\n");
  ASSERT_FALSE(next->dropped.empty());
  EXPECT_NE(next->dropped.front().find("new session"), std::string::npos);
  EXPECT_TRUE(run(a, id, "print more")->dropped.empty()) << "told once";
}

TEST_F(Floor, AWorkerCannotGiveItselfALongerLife) {
  Server& a = server();
  const std::string id = create(a);
  box(id).greeting = R"({"r_version":"4.2.2","executions":9007199254740992,"idle":80000})";
  kill(a);
  Server& b = server();
  run(b, id, "print x");
  const auto view = b.sandboxes.look_up(id);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->idle, 300);
  EXPECT_EQ(view->executions, 1U);
}

// Seen: code that the dead session had put into the request pipe ran in the fresh one, and so did a
// request that the caller had been told was lost.
TEST_F(Floor, NothingIsSaidToASessionThatIsNotUpYet) {
  Server& a = server();
  const std::string id = create(a);
  box(id).session_start = 3s;
  const auto quit = execute(a, id, "quit");
  ASSERT_TRUE(quit);
  const auto put = start(io_, a.sandboxes.put(id, "f", "text"));
  pass(6s);
  ASSERT_TRUE(until([&] { return (*quit)->done && put->has_value(); }));
  pass(2s);
  EXPECT_TRUE(wait(a.sandboxes.put(id, "g", "text")));
}

TEST_F(Floor, ARunWhoseServerDiedKeepsItsSandboxForTheIdleTimeAfterItsEnd) {
  settings_.idle_timeout = 60s;
  Server& a = server();
  const std::string id = create(a);
  orphan(a, id, 100s);
  Server& b = server();
  spawn(io_.get_executor(), "reaper", b.sandboxes.reap());
  list(b);
  pass(140s);
  box(id).finish();
  EXPECT_FALSE(box(id).ended()) << "its result would have been thrown away";
}

// By whoever lists all, makes another one, or goes on for a while.
TEST_F(Floor, WhatEndedIsForgottenAfterADay) {
  Server& a = server();
  const auto end_one = [&] {
    std::string id = create(a);
    EXPECT_TRUE(wait(a.sandboxes.remove(id, true)));
    EXPECT_TRUE(until([&] { return box(id).ended(); }));
    return id;
  };
  const auto is_kept = [&](const std::string& id) {
    return std::filesystem::exists(settings_.state_dir + "/scope-me/" + id + ".end");
  };
  const std::string listed = end_one();
  EXPECT_EQ(wait(a.sandboxes.list(true))->size(), 1U);
  Clock::advance(std::chrono::hours{25});
  EXPECT_TRUE(wait(a.sandboxes.list(true))->empty());
  EXPECT_FALSE(is_kept(listed));
  const std::string first = end_one();
  EXPECT_TRUE(is_kept(first));
  Clock::advance(std::chrono::hours{25});
  const std::string second = end_one();
  EXPECT_FALSE(is_kept(first));
  EXPECT_TRUE(is_kept(second));
  spawn(io_.get_executor(), "reaper", a.sandboxes.reap());
  Clock::advance(std::chrono::hours{25});
  pass(120s);
  EXPECT_FALSE(is_kept(second));
}

// The sweep ends overdue sandboxes and then looks for strays; an engine that was lost in between
// must not end the reaper, and with it the program.
TEST_F(Floor, TheReaperOutlivesAnEngineThatIsLostInTheMidstOfItsSweep) {
  settings_.idle_timeout = 20s;
  Server& a = server();
  create(a);
  const std::string second = create(a);
  kill(a);
  Server& b = server();
  list(b);
  pass(90s);  // both are overdue, and no server that lives knows them
  bool died = false;
  on_vital_failure([&](const std::string& /*name*/) { died = true; });
  spawn(io_.get_executor(), "reaper", b.sandboxes.reap(), Work::kVital);
  b.engine.hold("remove");
  for (int i = 0; i < 90 && b.engine.held("remove") == 0; ++i) {
    pass(1s);
  }
  ASSERT_EQ(b.engine.held("remove"), 1);
  b.engine.fail("list", Error{Errc::kEngineUnavailable, "gone"});
  const auto failed = start(io_, b.sandboxes.list(true));
  ASSERT_TRUE(until([&] { return failed->has_value(); }));
  EXPECT_FALSE(failed->value());
  for (int i = 0; i < 5; ++i) {
    b.engine.fail("list", Error{Errc::kEngineUnavailable, "gone"});
  }
  b.engine.release("remove");
  pass(10s);
  EXPECT_FALSE(died);
  on_vital_failure({});
}

TEST(Kept, WhatIsLetGoGivesItsMemoryBack) {
  asio::io_context io;
  KeptResults kept;
  std::vector<ExecutionPtr> all;
  for (int i = 0; i < 20; ++i) {
    auto execution = std::make_shared<Execution>(io.get_executor(), wire::new_id(), 50'000);
    execution->recent = true;
    execution->transcript.append(std::string(900'000, 'x'));
    execution->warnings.resize(10);
    kept.keep(execution);
    all.push_back(std::move(execution));
    EXPECT_LE(kept.held(), KeptResults::kBudget + 2'000'000);
  }
  EXPECT_TRUE(all.front()->let_go);
  EXPECT_EQ(all.front()->held(), 0U);
  EXPECT_FALSE(all.back()->let_go);
}

TEST(Kept, WhatSomebodyIsAnsweringWithIsNotLetGo) {
  asio::io_context io;
  KeptResults kept;
  std::vector<ExecutionPtr> all;
  for (int i = 0; i < 20; ++i) {
    auto execution = std::make_shared<Execution>(io.get_executor(), wire::new_id(), 50'000);
    execution->transcript.append(std::string(900'000, 'x'));
    const ExecutionPtr answering = execution;
    all.push_back(answering);
    execution->recent = true;
    kept.keep(execution);
    all.push_back(execution);
  }
  EXPECT_FALSE(all.front()->let_go);
}

}  // namespace
}  // namespace omcp_r::sandbox
