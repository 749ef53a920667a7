#include "patient_client.hpp"

#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdlib>

#include "omcp_r/base/background.hpp"
#include "omcp_r/engine/find_docker.hpp"

namespace omcp_r::engine {
namespace {

/// After which it is asked whether the engine is there at all.
constexpr PatientClient::Limit kUnanswered{7'000};
constexpr PatientClient::Limit kAnswerTime{6'000};
/// For so long after a question in vain the next call has it asked at once.
constexpr PatientClient::Limit kMistrust{15'000};

constexpr const char* kPlainPath = "/usr/local/bin:/usr/bin:/bin";

}  // namespace

std::string PatientClient::variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::string PatientClient::complete_environment(process::Launch& launch) {
  if (variable("HOME").empty()) {
    launch.set_environment["HOME"] = home_directory();
  }
  std::string programs = variable("PATH");
  if (programs.empty()) {
    programs = kPlainPath;
    launch.set_environment["PATH"] = programs;
  }
  return programs;
}

PatientClient::WaitPtr PatientClient::begin_wait() const {
  const auto now = Clock::now();
  const bool silent = silent_since_ != Clock::time_point{} && now < silent_since_ + kMistrust;
  return std::make_shared<Wait>(Wait{now, silent ? now : now + kUnanswered});
}

bool PatientClient::worth_waiting(Wait& wait, const asio::any_io_executor& executor) {
  if (in_vain(wait)) {
    return false;
  }
  if (!question_ && Clock::now() >= wait.ask_at) {
    wait.ask_at = Clock::now() + kUnanswered;
    spawn(executor, "question whether the engine answers", ask_beside(shared_from_this()));
  }
  return true;
}

void PatientClient::heard() {
  heard_at_ = Clock::now();
  silent_since_ = {};
}

asio::awaitable<void> PatientClient::ask_beside(std::shared_ptr<PatientClient> self) {
  (void)co_await self->answers();
}

asio::awaitable<bool> PatientClient::answers() {
  const std::shared_ptr<PatientClient> self = shared_from_this();
  if (const std::shared_ptr<Question> asked = question_) {
    while (!asked->done) {
      co_await asked->answered.wait();
    }
    co_return asked->there;
  }
  const auto asked = std::make_shared<Question>(co_await asio::this_coro::executor);
  question_ = asked;
  const auto begun = Clock::now();
  const Answer answer = co_await ask(kAnswerTime);
  asked->there = answer != Answer::kSilent || heard_at_ > begun;
  if (answer == Answer::kThere) {
    heard();
  } else if (!asked->there) {
    silent_since_ = begun;
  }
  asked->done = true;
  question_.reset();
  asked->answered.notify_all();
  co_return asked->there;
}

}  // namespace omcp_r::engine
