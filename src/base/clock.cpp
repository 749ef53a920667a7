#include "omcp_r/base/clock.hpp"

#include <algorithm>
#include <atomic>

namespace omcp_r {
namespace {

constexpr std::chrono::milliseconds kLookAgain{2};

// By how much tests have moved the clock; atomic because tests may have threads.
std::atomic<Clock::rep> offset{0};
std::atomic<bool> moved_by_hand{false};

}  // namespace

Clock::time_point Clock::now() noexcept {
  return std::chrono::steady_clock::now() + duration{offset.load(std::memory_order_relaxed)};
}

double Clock::wall() noexcept {
  const auto real = std::chrono::system_clock::now().time_since_epoch();
  const duration moved{offset.load(std::memory_order_relaxed)};
  return std::chrono::duration<double>{real}.count() + std::chrono::duration<double>{moved}.count();
}

void Clock::advance(duration time) noexcept {
  offset.fetch_add(time.count(), std::memory_order_relaxed);
  moved_by_hand.store(true, std::memory_order_relaxed);
}

Clock::duration ClockWait::to_wait_duration(const Clock::duration& time) {
  return moved_by_hand.load(std::memory_order_relaxed) ? std::min<Clock::duration>(time, kLookAgain)
                                                       : time;
}

Clock::duration ClockWait::to_wait_duration(const Clock::time_point& time) {
  return to_wait_duration(time - Clock::now());
}

}  // namespace omcp_r
