#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "omcp_r/base/result.hpp"
#include "omcp_r/database/database.hpp"

// The first messages of a connection: PostgreSQL's manual, "Message Formats". Numbers are
// big-endian, and lengths count themselves.

namespace omcp_r::database {

constexpr std::size_t kHeadBytes = 8;       ///< length and code
constexpr std::size_t kMostBytes = 10'000;  ///< that the server takes as well
constexpr std::uint32_t kEncryption = 80877103;
constexpr std::uint32_t kGssEncryption = 80877104;
constexpr std::uint32_t kCancel = 80877102;

std::uint32_t number_at(std::string_view bytes, std::size_t at);

/// The startup message that is sent in place of one: as the role and in the database of `access`.
/// What asks for others, or to copy the server, is an Error.
Result<std::string> startup_for(std::uint32_t code, std::string_view parameters,
                                const Access& access);

/// Finds what a query can be cancelled by, in what a server says until it is ready.
class KeyFinder {
 public:
  void take(std::string_view bytes);
  /// The message that cancels; "" where the server has given no key yet.
  [[nodiscard]] std::string cancellation() const;

 private:
  std::string held_;      ///< of the message under way
  std::size_t skip_ = 0;  ///< bytes of one that is of no interest
  std::string key_;
  bool done_ = false;
};

/// How a server refuses a connection.
std::string refusal(std::string_view sqlstate, std::string_view message);

}  // namespace omcp_r::database
