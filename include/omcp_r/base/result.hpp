#pragma once

#include <string>
#include <utility>
#include <variant>

namespace omcp_r {

/// What kind of thing went wrong. The tools turn these into their stable snake_case codes.
enum class Errc {
  kInvalidArgument,
  kNotFound,           ///< no such container or sandbox
  kBusy,               ///< the sandbox runs something else
  kLimitReached,       ///< no more sandboxes allowed
  kImageNotAllowed,    ///< not on the configured list
  kImageNotFound,      ///< not on the engine
  kEngineUnavailable,  ///< docker is missing, stopped, or not ours to use
  kEnded,              ///< the sandbox has ended
  kTimeout,            ///< a deadline passed
  kLimitsNotApplied,   ///< the engine ignored a limit that we asked for
  kMisconfigured,      ///< a setting has a value that is not allowed
  kInternal,
};

/// A failure: its kind, and a sentence that says what happened and what to do next.
struct Error {
  Errc code = Errc::kInternal;
  std::string message;
};

/// Either a T or an Error. Errors travel as values because co_await is not allowed in a catch
/// block.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& operator*() { return std::get<0>(state_); }
  const T& operator*() const { return std::get<0>(state_); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }

  [[nodiscard]] const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

/// Success without a value.
struct Ok {};
using Status = Result<Ok>;

}  // namespace omcp_r
