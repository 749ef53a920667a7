#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "../rpc/pipes.hpp"
#include "fixture_tools.hpp"
#include "omcp_r/mcp/server.hpp"
#include "omcp_r/rpc/stdio_transport.hpp"

namespace omcp_r::mcp {

using namespace std::chrono_literals;

/// A client of the fixture server, in the same thread. A test reads as what is said on both sides.
class Dialogue {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Dialogue(ServerLimits limits = {}, rpc::TransportLimits transport_limits = {})
      : server_(io_.get_executor(), fixture::server_info(), limits),
        transport_(io_.get_executor(), in_.read_end(), out_.write_end(), transport_limits) {
    std::signal(SIGPIPE, SIG_IGN);
    fixture::add_tools(server_, io_.get_executor());
    server_.set_resources(&resources_);
    server_.set_log([this](std::string_view message) { log_.append(message).append("\n"); });
    asio::co_spawn(io_, serve(*this), asio::detached);
  }

  Server& server() { return server_; }
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] const std::string& log() const { return log_; }

  void say(std::string_view line) {
    ASSERT_TRUE(in_.write(std::string{line} + "\n"));
    turn(0ms);
  }
  void say_without_end(std::string_view bytes) { ASSERT_TRUE(in_.write(bytes)); }
  /// Says as much as the pipe takes.
  std::size_t pour(const std::string& line, std::size_t times) {
    ::fcntl(in_.write_end(), F_SETFL, O_NONBLOCK);
    std::size_t said = 0;
    while (said < times && in_.write(line + "\n")) {
      ++said;
      if (said % 16 == 0) {
        turn(0ms);
      }
    }
    return said;
  }
  void hang_up() { in_.close_write_end(); }
  void stop_reading_for_good() { out_.close_read_end(); }

  void turn(std::chrono::milliseconds time) {
    io_.restart();
    time == 0ms ? io_.poll() : io_.run_for(time);
  }

  /// The next line, or nothing if none comes.
  std::optional<std::string> hear_line(std::chrono::milliseconds patience = 5s) {
    const auto until = Clock::now() + patience;
    while (true) {
      heard_ += out_.read_available();
      if (const auto end = heard_.find('\n'); end != std::string::npos) {
        std::string line = heard_.substr(0, end);
        heard_.erase(0, end + 1);
        return line;
      }
      if (Clock::now() > until) {
        return std::nullopt;
      }
      turn(1ms);
    }
  }
  Json hear() {
    const auto line = hear_line();
    if (!line) {
      ADD_FAILURE() << "no answer";
      return Json::object();
    }
    return Json::parse(*line);
  }
  void expect_silence(std::chrono::milliseconds time = 30ms) {
    const auto line = hear_line(time);
    EXPECT_FALSE(line) << *line;
  }

  /// A request without an envelope.
  void ask(const Json& id, std::string_view method, Json params = Json::object()) {
    const Json request = {
        {"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", std::move(params)}};
    say(request.dump());
  }
  /// A request of 2026-07-28.
  void ask_modern(const Json& id, std::string_view method, Json params = Json::object()) {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28";
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = Json::object();
    ask(id, method, std::move(params));
  }
  void call(const Json& id, std::string_view tool, Json arguments = Json::object()) {
    Json params = {{"name", tool}, {"arguments", std::move(arguments)}};
    ask(id, "tools/call", std::move(params));
  }
  void cancel(const Json& id) {
    const Json notification = {
        {"jsonrpc", "2.0"}, {"method", "notifications/cancelled"}, {"params", {{"requestId", id}}}};
    say(notification.dump());
  }
  Json shake_hands(std::string_view version) {
    Json params = {{"protocolVersion", version},
                   {"capabilities", Json::object()},
                   {"clientInfo", {{"name", "test"}, {"version", "1"}}}};
    ask("hello", "initialize", std::move(params));
    Json result = hear()["result"];
    say(R"({"jsonrpc":"2.0","method":"notifications/initialized"})");
    return result;
  }

  /// How long serve() takes to return from here on.
  std::chrono::milliseconds time_to_end(std::chrono::milliseconds patience = 5s) {
    const auto start = Clock::now();
    while (!ended_ && Clock::now() < start + patience) {
      turn(1ms);
    }
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
  }

 private:
  static asio::awaitable<void> serve(Dialogue& self) {
    co_await self.server_.serve(self.transport_);
    self.ended_ = true;
  }

  rpc::Pipe in_;
  rpc::Pipe out_;
  asio::io_context io_{1};
  fixture::Resources resources_;
  std::string log_;
  std::string heard_;
  bool ended_ = false;
  Server server_;
  rpc::StdioTransport transport_;
};

inline Json with(Json object, const char* key, Json value) {
  object[key] = std::move(value);
  return object;
}

}  // namespace omcp_r::mcp
