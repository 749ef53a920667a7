#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "omcp_r/base/clock.hpp"
#include "omcp_r/base/event.hpp"
#include "omcp_r/process/launch.hpp"

namespace omcp_r::engine {

namespace asio = boost::asio;

/// The command line of an engine, whose calls are waited for as long as the engine answers anything
/// at all: behind a lost link, or an engine that hangs, a client waits for ever. A slow engine is
/// no reason to end a call: it still says that it is there.
class PatientClient : public std::enable_shared_from_this<PatientClient> {
 public:
  using Limit = std::chrono::milliseconds;

  PatientClient() = default;
  PatientClient(const PatientClient&) = delete;
  PatientClient& operator=(const PatientClient&) = delete;
  virtual ~PatientClient() = default;

  /// Whether it answers within a few seconds. One question serves all who ask meanwhile.
  asio::awaitable<bool> answers();

 protected:
  /// A variable of our environment; "" where it is not set.
  static std::string variable(const char* name);
  /// Gives a client what our own environment lacks; its PATH. Through HOME contexts, kubeconfig and
  /// credentials are found, through PATH ssh and the programs that get credentials.
  static std::string complete_environment(process::Launch& launch);

  /// What came of a question. That no client could be started says nothing of the engine.
  enum class Answer { kThere, kSilent, kNotAsked };

  /// A call for whose answer somebody waits.
  struct Wait {
    Clock::time_point begun;
    Clock::time_point ask_at;  ///< whether the engine answers
  };
  using WaitPtr = std::shared_ptr<Wait>;

  [[nodiscard]] WaitPtr begin_wait() const;
  /// For process::Command::wanted.
  bool worth_waiting(Wait& wait, const asio::any_io_executor& executor);
  /// Whether the engine was asked meanwhile, had no answer, and has not been heard since.
  [[nodiscard]] bool in_vain(const Wait& wait) const { return silent_since_ >= wait.begun; }
  /// The engine has answered something.
  void heard();

  /// Asks the engine for the least that it can say. A refusal is an answer.
  virtual asio::awaitable<Answer> ask(Limit limit) = 0;

 private:
  struct Question {
    explicit Question(const asio::any_io_executor& executor) : answered(executor) {}
    bool done = false;
    bool there = true;
    Event answered;
  };
  static asio::awaitable<void> ask_beside(std::shared_ptr<PatientClient> self);

  std::shared_ptr<Question> question_;  ///< under way
  Clock::time_point heard_at_{};
  Clock::time_point silent_since_{};  ///< when it was asked in vain; 0 while it answers
};

}  // namespace omcp_r::engine
