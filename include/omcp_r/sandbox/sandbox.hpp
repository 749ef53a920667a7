#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "omcp_r/base/event.hpp"
#include "omcp_r/base/result.hpp"
#include "omcp_r/database/door.hpp"
#include "omcp_r/engine/engine.hpp"
#include "omcp_r/sandbox/channel.hpp"
#include "omcp_r/sandbox/execution.hpp"
#include "omcp_r/sandbox/kept_results.hpp"
#include "omcp_r/sandbox/sandboxes.hpp"
#include "omcp_r/sandbox/settings.hpp"
#include "omcp_r/sandbox/state.hpp"

namespace omcp_r::sandbox {

/// Why a sandbox ended that nobody removed: its idle time or its lifetime was over.
inline constexpr const char* kExpired = "expired";

/// What DB_SOCKET asks for.
struct Database {
  Database(const asio::any_io_executor& executor, const Settings& settings);

  database::Check check;
  database::Door door;
};

/// What all sandboxes of this process share.
struct Shared {
  asio::any_io_executor executor;
  engine::Engine& engine;
  Settings settings;
  StateFolder folder;
  KeptResults kept;
  std::shared_ptr<Database> database;  ///< null where there is none

  /// Made under other locks than ours, or speaking another version of the wire.
  [[nodiscard]] bool is_foreign(const engine::Found& found) const;
};

/// One sandbox as this process sees it: the one owner here of its lock, its channel and its record.
///
///                      ┌── greeted ──▶ idle ──── run, call ───▶ busy ─┐
///   created ─▶ starting                 ▲ │ ▲                         │
///                      │                │ │ └───── done ──────────────┤
///                      │        greeted │ │ 10 s of quiet, wanted by  │
///                      │                │ ▼ another server, engine lost
///   found ─────────────┼──────────▶ unknown ◀─────────────────────────┘
///                      ▼                │
///       removed, expired, gone: ──▶ ending ──▶ ended
///
/// Idle and busy hold the lock and the channel, unknown has neither. In unknown R may be doing
/// anything: before it is given code it has to greet.
class Sandbox : public std::enable_shared_from_this<Sandbox> {
 public:
  /// One that the engine lists: unknown. One that is being made: starting.
  Sandbox(Shared& shared, engine::Found found, Phase phase);

  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] const std::string& id() const { return found_.identity.id; }
  [[nodiscard]] const engine::Found& found() const { return found_; }
  [[nodiscard]] SandboxView view() const;
  /// That its R was built for; "" before it has greeted.
  [[nodiscard]] const std::string& platform() const { return platform_; }
  /// Made under other locks than ours, or speaking another version of the wire.
  [[nodiscard]] bool foreign() const { return shared_.is_foreign(found_); }
  /// Whether its idle time or its lifetime is over, by what its record says.
  [[nodiscard]] bool expired() const;

  /// Starting → idle, once `created` runs: attaches and waits for R. The errors say why R did not
  /// start.
  asio::awaitable<Status> start(engine::Created created);
  /// Takes the lock of one that is being made, unless it is held: nobody else declares it gone
  /// meanwhile.
  Status hold();
  /// Closes the channel and gives the lock back.
  void let_go() { detach(); }
  /// Whether this spare, which nobody holds, was given out; asks its worker.
  asio::awaitable<Result<bool>> was_given();
  /// Keeps a spare alive, or gives it out with an idle timeout in seconds.
  asio::awaitable<Status> keep_alive();
  asio::awaitable<Status> give_out(std::int64_t idle);
  /// Marks a spare in the engine as given out, behind whatever is answered.
  static asio::awaitable<void> mark_given(std::shared_ptr<Sandbox> self);
  /// Loads packages' namespaces in a spare; those that it does not have, with blanks between them.
  asio::awaitable<Result<std::string>> preload(std::vector<std::string> packages);

  /// See Sandboxes for these.
  asio::awaitable<Result<ExecutionPtr>> execute(ExecutionRequest request);
  asio::awaitable<Result<ExecutionPtr>> collect(std::string execution_id);
  asio::awaitable<Result<ExecutionPtr>> interrupt();
  void stop(const ExecutionPtr& execution);
  asio::awaitable<Status> put(std::string path, std::string bytes);
  asio::awaitable<Status> get(std::string path, std::uint64_t limit, ByteSink sink);
  asio::awaitable<Result<FilePart>> get_part(std::string path, std::uint64_t offset,
                                             std::uint64_t most);
  asio::awaitable<Result<std::vector<FileEntry>>> files(Clock::duration patience);
  asio::awaitable<Result<SessionFacts>> session();
  asio::awaitable<Result<Surroundings>> surroundings(bool versions);
  asio::awaitable<Result<Objects>> objects();
  asio::awaitable<Result<Reading>> reading(std::string code);
  asio::awaitable<Result<Completions>> completions(std::string line);

  /// Ends it for `reason`. Without `force` Errc::kBusy while code runs there. An error says that
  /// the engine could not; it is tried again at every look.
  asio::awaitable<Status> end(std::string reason, bool force);
  /// The same in two steps: after the first nobody takes it for alive, and the value is whether
  /// there is something to remove; the second removes it.
  asio::awaitable<Result<bool>> begin_end(std::string reason, bool force);
  asio::awaitable<Status> finish_end(std::string reason);
  /// The engine has it no more. True where that could be settled: only who has its lock may say so.
  bool settle_gone(const std::string& why);

 private:
  struct Ladder;

  /// A quiet one is no use of it: it lives no longer for that.
  asio::awaitable<Status> take(Clock::duration patience, bool quiet = false);
  asio::awaitable<Status> connect(Clock::duration patience, bool quiet);
  asio::awaitable<Status> obtain_lock();
  asio::awaitable<Status> attach();
  asio::awaitable<Status> greet(Clock::duration patience, bool quiet);
  asio::awaitable<Result<Greeting>> hail(Channel::Hello hello, Clock::duration patience);
  void release();
  /// Releases after a call. Where R gave no answer it has to greet again: what it was asked may
  /// still be waiting.
  template <class T>
  Result<T> give_back(Result<T> answer) {
    greeted_ = greeted_ && (answer.ok() || answer.error().code != Errc::kBusy);
    release();
    return answer;
  }
  void note_greeting(const Greeting& greeting);
  void detach();
  void become_ended(const std::string& reason);
  void begin_attending();
  static asio::awaitable<void> attend(std::shared_ptr<Sandbox> self);
  void mind_silence();
  static asio::awaitable<void> ask_engine(std::shared_ptr<Sandbox> self,
                                          std::shared_ptr<Channel> channel);

  ExecutionPtr new_execution(std::string execution_id);
  [[nodiscard]] ExecutionPtr known(const std::string& execution_id) const;
  void adopt(const std::string& execution_id);
  void begin(const ExecutionPtr& execution);
  static asio::awaitable<void> see_through(std::shared_ptr<Sandbox> self, ExecutionPtr execution);
  asio::awaitable<void> watch(ExecutionPtr execution);
  [[nodiscard]] bool complete(const Execution& execution) const;
  void decide_stop(Execution& execution) const;
  [[nodiscard]] Clock::time_point next_look(const Execution& execution) const;
  asio::awaitable<void> climb(Execution& execution, Ladder& ladder);
  asio::awaitable<void> settle(const Ladder& ladder);
  asio::awaitable<bool> recover(ExecutionPtr execution, int breaks);
  static void judge(Execution& execution, const Heard& heard, bool interrupted);
  [[nodiscard]] static Outcome outcome_of(const Execution& execution, const Heard& heard,
                                          bool interrupted);
  asio::awaitable<void> keep_output(ExecutionPtr execution);
  void conclude(const ExecutionPtr& execution);
  asio::awaitable<Status> interrupt_elsewhere();
  asio::awaitable<Status> free_up();
  asio::awaitable<Status> press(bool kill);

  Record& record();
  void write_record();
  void note_use();
  [[nodiscard]] std::string end_reason() const;
  enum class Presence { kRuns, kGone, kNoAnswer };
  /// Whether the engine has it, asked now.
  asio::awaitable<Presence> presence();
  [[nodiscard]] Error busy_error() const;
  [[nodiscard]] Error ended_error() const;
  [[nodiscard]] Error start_error(const Error& error) const;

  Shared& shared_;
  engine::Found found_;
  Phase phase_;
  std::optional<FileLock> lock_;
  std::shared_ptr<Channel> channel_;
  std::optional<Record> record_;  ///< as we last wrote or read it
  std::string platform_;
  bool greeted_ = false;  ///< since it was last unknown
  bool attended_ = false;
  bool asking_ = false;          ///< whether the engine answers
  Clock::time_point waiting_{};  ///< since when its answer, or the engine's, is waited for
  bool marking_ = false;
  bool spare_ = false;         ///< born a spare and not given out
  bool given_ = false;         ///< its worker says that it was given out
  bool session_lost_ = false;  ///< R was started anew since the last run, and nobody was told
  std::string ending_;         ///< why it ends, as the last channel heard
  ExecutionPtr execution_;     ///< under way
  std::deque<ExecutionPtr> recent_;
  Event changed_;
};

/// What the engine and the state folder tell of a sandbox.
SandboxView make_view(const engine::Found& found, const std::optional<Record>& record,
                      const std::optional<Ending>& ending);

}  // namespace omcp_r::sandbox
