#pragma once

#include <deque>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "support/child.hpp"
#include "support/docker.hpp"

namespace omcp_r::e2e {

/// What a tool answered.
struct ToolResult {
  Json result;  ///< the whole result: content, structuredContent, isError

  [[nodiscard]] const Json& data() const;  ///< structuredContent; throws where there is none
  [[nodiscard]] bool is_error() const { return result.value("isError", false); }
  [[nodiscard]] bool success() const { return data().value("success", false); }
  [[nodiscard]] std::string output() const { return data().value("output", std::string()); }
  [[nodiscard]] int exit_code() const { return data().value("exit_code", -1); }
  [[nodiscard]] std::string error_code() const;     ///< "" where there was no error
  [[nodiscard]] std::string error_message() const;  ///< "" where there was no error
  [[nodiscard]] bool tells_that_sandbox_is_gone() const;
  [[nodiscard]] std::string text() const;                 ///< all text blocks, a line between them
  [[nodiscard]] std::vector<std::string> images() const;  ///< the bytes of each image block
  [[nodiscard]] std::string shown() const;                ///< for the message of a failing test
};

std::ostream& operator<<(std::ostream& out, const ToolResult& result);

/// The path of the binary under test.
std::string binary();

/// The server under test and its pipes. Every wait has a limit, and running into it throws, with
/// what the server wrote to its standard error; every line it writes must be one JSON message.
class Server {
 public:
  explicit Server(const ChildSpec& spec);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  /// The handshake at a revision; returns the result of initialize.
  Json initialize(const std::string& revision = "2025-11-25");

  /// Sends a request and returns its id; wait_for() has the answer.
  int send(const std::string& method, Json params = Json::object());
  /// The whole answer to that id, with its result or error. Others that come first are kept.
  Json wait_for(const Json& id, std::chrono::milliseconds limit = 60s);
  /// Whether the answer to that id comes within the limit; it is kept for wait_for().
  bool answered(const Json& id, std::chrono::milliseconds limit);

  /// The result of a request; throws when it was refused.
  Json request(const std::string& method, Json params = Json::object());
  /// The error of a request; throws when it was granted.
  Json refused(const std::string& method, Json params = Json::object());
  void notify(const std::string& method, Json params = Json::object());

  int send_call(const std::string& tool, Json arguments = Json::object(), Json meta = nullptr);
  ToolResult finish_call(int id, std::chrono::milliseconds limit = 90s);
  ToolResult call(const std::string& tool, Json arguments = Json::object());

  void write(std::string_view bytes);
  void write_line(const Json& message);
  /// The next message that is no answer being waited for; throws when none comes.
  Json next(std::chrono::milliseconds limit = 20s);
  /// True when nothing at all is written for a while.
  bool stays_silent(std::chrono::milliseconds time);
  /// Notifications that came so far, of a method.
  std::vector<Json> notifications(const std::string& method) const;
  bool wait_for_notification(const std::string& method, std::chrono::milliseconds limit = 20s);

  void close_input() { child_.close_input(); }
  void close_output() { child_.close_output(); }
  void kill(int signal) { child_.kill(signal); }
  /// Reads to the end of its output (kept for next() and wait_for()), then waits for its end.
  Ending wait_for_end(std::chrono::milliseconds limit = 10s);
  [[nodiscard]] bool running() { return !child_.wait(0ms).has_value(); }

  [[nodiscard]] pid_t pid() const { return child_.pid(); }
  [[nodiscard]] std::string log() const;
  [[nodiscard]] std::size_t open_descriptors() const;
  [[nodiscard]] std::vector<pid_t> children() const;
  [[nodiscard]] long resident_kilobytes() const;

  /// Ids of sandboxes that calls through this object created and have not removed.
  [[nodiscard]] const std::set<std::string>& created() const { return created_; }
  [[nodiscard]] const std::set<std::string>& removed() const { return removed_; }

 private:
  [[noreturn]] void fail(const std::string& what);
  bool receive(std::chrono::milliseconds limit);
  void take_lines();
  void note(const Json& request_id, const Json& answer);

  ChildSpec spec_;
  Child child_;
  int last_id_ = 0;
  std::deque<Json> inbox_;
  std::map<int, std::pair<std::string, Json>> calls_;
  std::set<std::string> created_;
  std::set<std::string> removed_;
};

}  // namespace omcp_r::e2e
