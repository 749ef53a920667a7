#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>

#include "omcp_r/base/clock.hpp"
#include "omcp_r/base/event.hpp"
#include "omcp_r/base/result.hpp"

namespace omcp_r::sandbox {

namespace asio = boost::asio;

/// Lets one at a time through. Shared by its owner alone: who is inside when that is gone, as at
/// the end of the program, opens nothing.
struct Gate {
  explicit Gate(const asio::any_io_executor& executor) : opened(executor) {}
  bool closed = false;
  Event opened;
};

/// Has the gate, which it opens whatever happens.
class Passage {
 public:
  explicit Passage(const std::shared_ptr<Gate>& gate) : gate_(gate) { gate->closed = true; }
  Passage(const Passage&) = delete;
  Passage& operator=(const Passage&) = delete;
  ~Passage() {
    if (const auto gate = gate_.lock()) {
      gate->closed = false;
      gate->opened.notify_all();
    }
  }

 private:
  std::weak_ptr<Gate> gate_;
};

/// Waits for `time` on Clock.
inline asio::awaitable<void> pause_for(Clock::duration time) {
  Timer timer{co_await asio::this_coro::executor, time};
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

/// For R to greet, and for it to answer a short call.
inline constexpr std::chrono::seconds kTakePatience{5};
inline constexpr std::chrono::seconds kCallPatience{10};

/// The engine, or the way to it, is gone while the sandbox may well go on.
inline Error lost_error() {
  return Error{Errc::kEngineUnavailable,
               "Neither the sandbox nor the container engine answers: the engine may hang, or the "
               "network to it be down. Try again once it is back; the sandbox is kept until its "
               "idle timeout."};
}

}  // namespace omcp_r::sandbox
