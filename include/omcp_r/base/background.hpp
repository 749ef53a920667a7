#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "omcp_r/base/clock.hpp"

namespace omcp_r {

namespace asio = boost::asio;

/// What the end of a piece of background work means.
enum class Work {
  kOrdinary,  ///< it may end; what it throws is logged
  kVital,     ///< the program is dead without it: when it throws, the program is ended
};

/// Runs `work` beside everything else, under `name`, from the next turn of the loop on. What it
/// throws is logged with that name. The one place of this program where a coroutine is not awaited
/// by its caller. One thread only.
///
/// Nobody else keeps alive what the work uses: give it a shared_ptr as a parameter. A
/// shared_from_this() in its body comes a turn too late.
void spawn(const asio::any_io_executor& executor, std::string name, asio::awaitable<void> work,
           Work kind = Work::kOrdinary);

/// What to do when vital work has thrown, with its name: called once. By default, or with an empty
/// function, it is std::abort().
void on_vital_failure(std::function<void(const std::string& name)> handler);

/// The names of all work under way, sorted, for logs and tests: a name that is used several times
/// stands there as often.
std::vector<std::string> background_work();

/// Returns when no more than `besides` pieces of work are under way (the caller itself may be one),
/// true, or at `deadline`, false.
asio::awaitable<bool> background_done(Clock::time_point deadline, std::size_t besides = 0);

}  // namespace omcp_r
