#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "omcp_r/rpc/json_text.hpp"
#include "omcp_r/rpc/line_framer.hpp"

namespace omcp_r::rpc {

/// The codes of JSON-RPC 2.0 itself.
inline constexpr int kParseError = -32700;
inline constexpr int kInvalidRequest = -32600;
inline constexpr int kMethodNotFound = -32601;
inline constexpr int kInvalidParams = -32602;
inline constexpr int kInternalError = -32603;

/// A request's id, a string or an integer, kept as its JSON text: that goes back verbatim, and 1
/// and "1" stay apart.
class Id {
 public:
  /// Nothing for what is no valid id.
  static std::optional<Id> from_json(const Json& value);
  /// `text` is what to_text() gives for a valid one.
  static Id from_text(std::string text) { return Id{std::move(text)}; }

  [[nodiscard]] const std::string& text() const { return text_; }
  bool operator==(const Id&) const = default;

 private:
  explicit Id(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// Why a request is refused.
struct Fault {
  int code = kInternalError;
  std::string message;
  Json data{};  ///< null: none
};

struct Request {
  Id id;
  std::string method;
  Json params;  ///< always an object
};

struct Notification {
  std::string method;
  Json params;  ///< an object, or empty when there was none
};

/// An answer to a request of ours.
struct Response {
  std::optional<Id> id;
  Json result{};
  Json error{};  ///< null: none
};

/// What is none of the above. Answered with the id if it has a valid one.
struct Malformed {
  Fault fault;
  std::optional<Id> id;
};

using Single = std::variant<Request, Notification, Response, Malformed>;

/// An array of messages. Its members are of any kind but arrays.
struct Batch {
  std::vector<Single> members;
};

using Message = std::variant<Request, Notification, Response, Malformed, Batch>;

/// Never fails: whatever the line holds, it is some kind of message.
Message parse_message(const Line& line);

/// The two ways in which it reads. The first is quick and takes the plain form of a request or a
/// notification only, with nothing for all else; the second takes everything. A message that both
/// take is the same.
std::optional<Message> read_plain(std::string_view text);
Message read_any(std::string_view text);

/// Lines to send. `result`, `params` and a request's id are JSON text as made by to_text().
std::string result_line(const Id& id, std::string_view result);
std::string error_line(const std::optional<Id>& id, const Fault& fault);
std::string request_line(std::string_view id, std::string_view method, std::string_view params);
std::string notification_line(std::string_view method, std::string_view params);

}  // namespace omcp_r::rpc
