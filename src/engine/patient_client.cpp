#include "patient_client.hpp"

#include <boost/asio/use_awaitable.hpp>

#include "omcp_r/base/background.hpp"

namespace omcp_r::engine {
namespace {

/// After which it is asked whether the engine is there at all.
constexpr PatientClient::Limit kUnanswered{7'000};
constexpr PatientClient::Limit kAnswerTime{6'000};

}  // namespace

PatientClient::WaitPtr PatientClient::begin_wait() const {
  const auto now = Clock::now();
  const bool silent = silent_since_ != Clock::time_point{};
  return std::make_shared<Wait>(Wait{now, silent ? now : now + kUnanswered});
}

bool PatientClient::worth_waiting(Wait& wait, const asio::any_io_executor& executor) {
  if (in_vain(wait)) {
    return false;
  }
  if (asking_ == 0 && Clock::now() >= wait.ask_at) {
    wait.ask_at = Clock::now() + kUnanswered;
    spawn(executor, "question whether the engine answers", ask_beside(shared_from_this()));
  }
  return true;
}

asio::awaitable<void> PatientClient::ask_beside(std::shared_ptr<PatientClient> self) {
  (void)co_await self->answers();
}

asio::awaitable<bool> PatientClient::answers() {
  const std::shared_ptr<PatientClient> self = shared_from_this();
  const auto asked = Clock::now();
  ++asking_;
  const bool there = co_await ask(kAnswerTime);
  --asking_;
  silent_since_ = there ? Clock::time_point{} : asked;
  co_return there;
}

}  // namespace omcp_r::engine
