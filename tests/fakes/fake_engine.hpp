#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "omcp_r/base/clock.hpp"
#include "omcp_r/base/event.hpp"
#include "omcp_r/engine/engine.hpp"

// A container engine without containers, for tests of the sandbox floor. It keeps the promises of
// engine.hpp and has none of Docker's ways: labels never change, there are no names and no signals,
// and lists may be stale. In each sandbox a worker and a supervisor speak the wire of
// sandbox/wire.hpp, with an encoder and a decoder of their own. All on one thread.
namespace omcp_r::fakes {

namespace asio = boost::asio;

/// What the worker does with a piece of code, from top to bottom.
struct Play {
  std::string prints;                         ///< on standard error, between the marks
  std::vector<std::string> warnings;          ///< JSON, sent as they happen
  std::vector<std::string> pages;             ///< PNG files
  bool hangs = false;                         ///< until finish(), an interrupt or a kill
  bool ends_sandbox = false;                  ///< instead of what follows
  std::string report = R"({"status":"ok"})";  ///< "": the next session reports that it crashed
  std::string exits;                          ///< "STATUS KILLED": then R ends, and starts anew
};

/// How the streams of a sandbox misbehave, for every attachment to it.
struct Faults {
  bool read_stalls = false;                 ///< reads never return, until close()
  bool write_stalls = false;                ///< writes never return, until close()
  std::optional<std::size_t> breaks_after;  ///< an attachment ends after so many bytes; 0: at once
  std::optional<engine::Stream> floods;     ///< bytes without end, when there is nothing else
  std::size_t piece = std::size_t{64} << 10U;  ///< the most that a read returns
};

struct FakePipes;
struct World;

/// One sandbox: its worker, its supervisor and what they write.
class FakeSandbox : public std::enable_shared_from_this<FakeSandbox> {
 public:
  FakeSandbox(const std::shared_ptr<World>& world, engine::Spec its_spec, engine::Found its_found);

  engine::Spec spec;                         ///< as it was created
  engine::Found found;                       ///< as it is listed; call World::note() after a change
  std::map<std::string, Play> plays;         ///< by code; else see World::play
  std::map<std::string, std::string> files;  ///< by path
  std::vector<std::string> code;             ///< what this session ran
  std::string preloaded;                     ///< packages, as the worker was told
  std::int64_t session = 1;                  ///< which R it is, as it greets
  std::string greeting;                      ///< "" for an honest one, else JSON
  bool given = false;                        ///< these two as the worker was told
  std::int64_t idle = 0;
  int greetings = 0;  ///< that it has had
  int uses = 0;       ///< of these, how many keep it alive
  bool ignores_interrupts = false;
  Clock::duration heartbeat = std::chrono::seconds{1};  ///< of the supervisor, while code hangs
  Clock::duration session_start{};                      ///< how long a new R takes to be up

  /// Raw bytes to everybody who is attached: hostile ones, too.
  void write_control(std::string_view bytes) { write(engine::Stream::kOut, bytes); }
  void write_transcript(std::string_view bytes) { write(engine::Stream::kErr, bytes); }
  /// Frames of the worker or supervisor (R or S) as they should be, and marks.
  void send(char writer, char type, const std::string& id, std::string_view message);
  void mark(char letter, const std::string& id);

  void set_faults(Faults faults);
  /// A silent sandbox answers nothing. What it was asked is answered when it is silent no more.
  void set_silent(bool silent);
  /// Ends the run that hangs as if its code had come to its end; with another report, if any.
  void finish(const std::string& report = "");
  /// R ends ("STATUS KILLED"), and a new one starts.
  void restart_session(const std::string& exit_words);
  /// The sandbox dies by itself; with a reason, its supervisor says so first.
  void end(const std::string& reason = "");

  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] const std::string& running() const { return run_; }  ///< id of what hangs, or ""
  [[nodiscard]] std::size_t attached() const;                        ///< how many are

 private:
  friend class FakeEngine;
  friend struct FakePipes;
  struct Request {
    char type = 0;
    std::string id;
    std::string bytes;
    bool broken = false;  ///< frames of it were lost
  };

  void write(engine::Stream stream, std::string_view bytes);
  void wake();
  void take_input(std::string_view bytes);
  bool take_frame();
  void work_soon();
  void work();
  void serve(const Request& request);
  void run(const std::string& id, const std::string& text);
  void conclude();
  void greet(const Request& request);
  void put(const Request& request);
  void get(const Request& request);
  void list_files(const Request& request);
  void interrupt();
  void kill_session();
  static asio::awaitable<void> beat(std::weak_ptr<FakeSandbox> sandbox, std::string run);
  static asio::awaitable<void> renew(std::shared_ptr<FakeSandbox> self, std::string crashed);

  std::weak_ptr<World> world_;
  asio::any_io_executor executor_;
  Faults faults_;
  std::vector<std::weak_ptr<FakePipes>> pipes_;
  std::string input_;                           ///< written to it, and not a whole frame yet
  Request partial_;                             ///< frames of a message of which more will come
  std::uint32_t heard_ = 0;                     ///< sequence of the last frame of it
  std::deque<Request> requests_;                ///< whole, and waiting for the worker to be free
  std::map<char, std::uint32_t> sequences_;     ///< last used, by writer
  std::map<std::string, std::string> reports_;  ///< of this session, by run
  std::string run_;                             ///< what hangs
  Play play_;                                   ///< what becomes of it
  bool starting_ = false;
  bool silent_ = false;
  bool ended_ = false;
};

/// All sandboxes of an engine. Two FakeEngines of one world are two processes that see the same.
struct World : std::enable_shared_from_this<World> {
  explicit World(asio::any_io_executor its_executor);

  /// A sandbox by our id, also when it has ended; throws where there never was one.
  [[nodiscard]] FakeSandbox& sandbox(const std::string& id) const { return *sandboxes.at(id); }
  /// Notes what is true now: stale lists tell what was noted. Only for who changed a `found`.
  void note();
  /// What code does that no play names: "print X", "hang", "error", "quit", "crash"; others
  /// nothing.
  static Play play(const std::string& code);

  asio::any_io_executor executor;
  std::map<std::string, std::shared_ptr<FakeSandbox>> sandboxes;  ///< by our id
  std::map<std::string, Play> plays;                              ///< of every new sandbox
  std::set<std::string> missing_images;
  bool preload_hangs = false;
  std::vector<std::pair<Clock::time_point, std::vector<engine::Found>>> history;
};

class FakeEngine : public engine::Engine {
 public:
  explicit FakeEngine(const std::shared_ptr<World>& world)
      : state_(std::make_shared<State>(world)) {}

  [[nodiscard]] World& world() const { return *state_->world; }

  /// "create ID", "list SCOPE", "open ID"…, with our ids, in the order in which they were called.
  [[nodiscard]] std::vector<std::string>& calls() { return state_->calls; }
  /// The next call of this verb ("create", "list"…) fails; said twice, the next two.
  void fail(const std::string& verb, Error error) {
    state_->verbs[verb].errors.push_back(std::move(error));
  }
  /// Calls of this verb wait until release(). A list that was held answers with what was true when
  /// it was called; any other call acts when it is released.
  void hold(const std::string& verb) { state_->verbs[verb].held = true; }
  void release(const std::string& verb);
  [[nodiscard]] int held(const std::string& verb) { return state_->verbs[verb].waiting; }

  struct Switches {
    bool answers = true;               ///< to answers()
    bool marks_given = false;          ///< mark_given() leaves a mark
    std::size_t list_calls_late = 0;   ///< list tells what was true so many of its calls ago, or…
    Clock::duration list_time_late{};  ///< …so long before now, whichever is older
    std::vector<std::string> not_in_force;
    engine::About about{"fake", "fake 1.0", 8ULL << 30U};
    std::string outside;  ///< stands before paths of ours on the engine's machine
  };
  Switches& switches() { return state_->switches; }

  asio::awaitable<Result<engine::About>> about() override;
  asio::awaitable<Result<engine::Created>> create(engine::Spec spec) override;
  asio::awaitable<Result<std::vector<engine::Found>>> list(std::string scope) override;
  asio::awaitable<Result<std::unique_ptr<engine::Attachment>>> open(engine::Handle handle) override;
  asio::awaitable<Status> interrupt(engine::Handle handle) override;
  asio::awaitable<Status> kill_session(engine::Handle handle) override;
  asio::awaitable<Status> remove(engine::Handle handle) override;
  asio::awaitable<Status> mark_given(engine::Handle handle) override;
  asio::awaitable<Result<std::string>> image(std::string name) override;
  asio::awaitable<Status> pull(std::string name, engine::Watcher watcher) override;
  asio::awaitable<bool> answers() override;
  [[nodiscard]] std::string outside(std::string path) const override {
    return state_->switches.outside + path;
  }

 private:
  struct Verb {
    std::deque<Error> errors;
    bool held = false;
    int waiting = 0;
  };
  /// Lives as long as a call that is under way, which may be longer than the engine.
  struct State {
    explicit State(const std::shared_ptr<World>& its_world)
        : world(its_world), released(its_world->executor) {}
    std::shared_ptr<World> world;
    std::vector<std::string> calls;
    std::map<std::string, Verb> verbs;
    Switches switches;
    std::vector<std::size_t> list_calls;  ///< place in the world's history at each
    Event released;
  };
  using StatePtr = std::shared_ptr<State>;
  using Act = void (*)(State& state, FakeSandbox& sandbox);

  static asio::awaitable<Status> enter(StatePtr state, std::string verb, std::string operand);
  static std::shared_ptr<FakeSandbox> find(const State& state, const engine::Handle& handle);
  static std::vector<engine::Found> look(State& state, const std::string& scope);
  static asio::awaitable<Status> act(StatePtr state, std::string verb, engine::Handle handle,
                                     Act what);

  StatePtr state_;
};

}  // namespace omcp_r::fakes
