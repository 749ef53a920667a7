#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "omcp_r/base/clock.hpp"
#include "omcp_r/base/event.hpp"
#include "omcp_r/base/result.hpp"
#include "omcp_r/engine/engine.hpp"
#include "omcp_r/sandbox/execution.hpp"
#include "omcp_r/sandbox/wire.hpp"

namespace omcp_r::sandbox {

/// How much of what one sandbox sends is taken. What is over is dropped, and told in
/// Execution::dropped.
struct Budget {
  std::uint64_t output = 1ULL << 30U;         ///< transcript and frames of one execution, bytes
  std::uint64_t idle = 1ULL << 20U;           ///< the same between executions; then reading stops
  std::size_t plots = 20;                     ///< of one execution
  std::size_t plot = 530'000;                 ///< bytes of one
  std::size_t plot_bytes = 2'000'000;         ///< of all of them together
  std::size_t pages_looked_at = 80;           ///< whether they are pictures; one may come again
  std::size_t places = 2'000;                 ///< of pages in the transcript, one page's may change
  std::size_t answer = std::size_t{2} << 20;  ///< of one call
};

/// What the sandbox has said of the execution under way and of itself.
struct Heard {
  bool begun = false;     ///< R has begun with it
  bool ended = false;     ///< its end mark has been seen: nothing more of its output will come
  bool reported = false;  ///< its report, or that nothing is known of it
  bool exited = false;    ///< R has ended
  bool killed = false;    ///< since somebody asked the supervisor for that, or a limit had passed
  bool renewed = false;   ///< and a new session is up
  int exit_status = 0;
  unsigned interrupts = 0;          ///< that the supervisor has passed on, since the beginning
  std::string ending;               ///< why the sandbox says that it ends; "" while it does not
  Clock::time_point last{};         ///< when anything came
  Clock::time_point reported_at{};  ///< these two as their names say
  Clock::time_point exited_at{};
};

/// The one owner of the bytes that a sandbox sends: it meters them, reads them, and drops what is
/// over budget or is not what it should be. Every byte is hostile, in content, amount, time and
/// depth. Work is linear in the bytes, and no turn of the loop works through more than one chunk of
/// 64 KiB and one message. At most one execution and any number of calls at a time. Shared by its
/// reader, its writer and its owner; all on the loop's thread.
class Channel : public std::enable_shared_from_this<Channel> {
 public:
  Channel(asio::any_io_executor executor, std::unique_ptr<engine::Attachment> attachment,
          Budget budget);

  /// Starts reading and writing; to be called once.
  void start();
  /// Ends both; calls under way answer kEnded.
  void close();
  /// Ends both, since the engine does not answer: calls under way answer kEngineUnavailable.
  void give_up();
  [[nodiscard]] bool given_up() const { return given_up_; }
  /// Neither closed nor at the end of the stream.
  [[nodiscard]] bool open() const { return !ended_; }

  /// What the worker says when it is greeted, as it does once it is free. Errc::kBusy where it has
  /// not by `deadline`, kEnded when the stream ended. The first two set what the name says, where
  /// given.
  struct Hello {
    std::optional<std::int64_t> idle;  ///< the idle timeout from now on, seconds
    bool given = false;                ///< this spare is given out
    bool quiet = false;  ///< it is looked at, which is no use of it: it lives no longer
  };
  asio::awaitable<Result<Greeting>> greet(Hello hello, Clock::time_point deadline);

  /// Hands `request` to R as `execution`, whose output and results are taken from now on.
  void run(const ExecutionPtr& execution, const ExecutionRequest& request);
  /// Takes what comes of an execution that another process started.
  void collect(const ExecutionPtr& execution);
  /// Nothing more is taken of it.
  void drop_execution();

  /// Calls that R answers when it is free. Errc::kInvalidArgument with the worker's reason where it
  /// refuses, kBusy at the deadline, kEnded.
  asio::awaitable<Status> put(std::string path, std::string bytes, Clock::time_point deadline);
  asio::awaitable<Status> get(std::string path, std::uint64_t limit, ByteSink sink,
                              Clock::time_point deadline);
  /// At most `most` bytes, from `offset` on.
  asio::awaitable<Result<FilePart>> get_part(std::string path, std::uint64_t offset,
                                             std::uint64_t most, Clock::time_point deadline);
  asio::awaitable<Result<std::vector<FileEntry>>> files(Clock::time_point deadline);
  asio::awaitable<Result<SessionFacts>> session(Clock::time_point deadline);
  /// Loads the namespaces of packages, given with blanks between them; those that are not there.
  asio::awaitable<Result<std::string>> preload(std::string packages, Clock::time_point deadline);
  asio::awaitable<Result<Surroundings>> surroundings(bool versions, Clock::time_point deadline);
  asio::awaitable<Result<Objects>> objects(Clock::time_point deadline);
  asio::awaitable<Result<Reading>> reading(std::string code, Clock::time_point deadline);
  asio::awaitable<Result<Completions>> completions(std::string line, Clock::time_point deadline);

  [[nodiscard]] const Heard& heard() const { return heard_; }
  /// The last that was printed outside of any execution, such as why R did not start.
  [[nodiscard]] std::string stray() const;
  /// Whether anything came within the last `time`.
  [[nodiscard]] bool quiet_for(Clock::duration time) const;
  /// It sent more between executions than is taken, and is read no more until it is used.
  [[nodiscard]] bool held_back() const;
  /// Notified when something was heard or said, and by poke().
  Event& changed() { return changed_; }
  void poke() { changed_.notify_all(); }

 private:
  struct Call {
    char type = 0;
    std::string message;
    std::optional<Result<std::string>> answer;
  };
  struct Partial {  ///< a message of the worker of which not all frames have come
    char type = 0;
    std::string id;
    std::string bytes;
    bool over = false;
  };

  static asio::awaitable<void> read_all(std::shared_ptr<Channel> self);
  static asio::awaitable<void> write_all(std::shared_ptr<Channel> self);
  [[nodiscard]] bool may_read() const;
  void digest(const engine::Chunk& chunk);
  void meter(std::size_t bytes);
  void on_transcript(std::string_view bytes);
  void on_mark(char mark, std::string_view id);
  void on_place(std::string_view id);
  void on_frame(const wire::Frame& frame);
  void on_worker(const wire::Frame& frame);
  void forget_partial();
  void on_supervisor(const wire::Frame& frame);
  void on_message(char type, std::string_view id, std::string bytes);
  void on_result(char type, std::string_view bytes);
  void on_plot(std::string_view message);
  void watch_sequence(const wire::Frame& frame);
  [[nodiscard]] bool is_current(std::string_view id) const;
  [[nodiscard]] std::size_t room_for(char type, std::string_view id) const;
  void drop(const std::string& sentence);
  void send(char type, const std::string& id, const std::string& message);
  asio::awaitable<Result<std::string>> call(char type, std::string message,
                                            Clock::time_point deadline);
  asio::awaitable<Result<FilePart>> slice(std::string path, std::uint64_t offset,
                                          std::uint64_t most, Clock::time_point deadline);
  void begin(const ExecutionPtr& execution);

  asio::any_io_executor executor_;
  std::unique_ptr<engine::Attachment> attachment_;
  Budget budget_;
  wire::FrameReader frames_;
  wire::MarkReader marks_;
  Partial partial_;
  std::map<char, std::uint32_t> sequences_;  ///< last heard, by writer
  std::uint32_t sent_ = 0;                   ///< last sequence said
  std::uint64_t session_ = 0;                ///< which R greeted last
  std::deque<std::string> outgoing_;
  std::map<std::string, Call, std::less<>> calls_;
  ExecutionPtr execution_;
  bool inside_ = false;  ///< the transcript is between the marks of the execution
  Heard heard_;
  std::uint64_t taken_ = 0;  ///< bytes of this execution, or since the last one
  std::size_t pages_ = 0;
  std::size_t places_seen_ = 0;
  std::map<unsigned, std::uint64_t> places_;  ///< of pages, by number, that may come yet
  std::string stray_;
  Event changed_;
  bool ended_ = false;
  bool given_up_ = false;
};

}  // namespace omcp_r::sandbox
