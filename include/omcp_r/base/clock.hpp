#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <chrono>

namespace omcp_r {

/// The time that the machine has been awake (CLOCK_MONOTONIC): neither a suspended laptop nor a
/// changed date moves it. Tests move it by hand.
struct Clock {
  using duration = std::chrono::steady_clock::duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr bool is_steady = true;

  static time_point now() noexcept;
  /// Seconds since the epoch, for people and files only: never for deadlines.
  static double wall() noexcept;
  /// Tests only: makes it later by `time` from now on, for wall() and for every Timer too. A Timer
  /// that was armed before the very first call may sleep on: a test calls it with zero at its
  /// start.
  static void advance(duration time) noexcept;
};

/// How a Timer waits: for as long as it takes, but once the clock was moved by hand it looks at the
/// clock every few milliseconds.
struct ClockWait {
  static Clock::duration to_wait_duration(const Clock::duration& time);
  static Clock::duration to_wait_duration(const Clock::time_point& time);
};

using Timer = boost::asio::basic_waitable_timer<Clock, ClockWait>;

}  // namespace omcp_r
