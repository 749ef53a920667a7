#include "support/server.hpp"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGKILL

#include <algorithm>
#include <fstream>
#include <iterator>
#include <ostream>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace omcp_r::e2e {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLongestLine = 1'000'000;
constexpr std::size_t kShownOfLog = 6000;

std::chrono::milliseconds left_until(Clock::time_point end) {
  return std::max(0ms, std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()));
}

std::string tail(const std::string& text, std::size_t size) {
  return text.size() <= size ? text : "…" + text.substr(text.size() - size);
}

}  // namespace

const Json& ToolResult::data() const {
  const auto found = result.find("structuredContent");
  if (found == result.end()) throw std::runtime_error("no structuredContent: " + shown());
  return *found;
}

std::string ToolResult::error_code() const {
  const auto error = data().find("error");
  return error == data().end() || !error->is_object() ? "" : error->value("code", "");
}

std::string ToolResult::error_message() const {
  const auto error = data().find("error");
  return error == data().end() || !error->is_object() ? "" : error->value("message", "");
}

bool ToolResult::tells_that_sandbox_is_gone() const {
  const std::string code = error_code();
  return is_error() && (code == "sandbox_ended" || code == "sandbox_not_found") &&
         contains(error_message(), "create_sandbox");
}

std::string ToolResult::text() const {
  std::string all;
  for (const Json& block : result.at("content")) {
    if (block.value("type", "") == "text") all += block.at("text").get<std::string>() + "\n";
  }
  return all;
}

std::vector<std::string> ToolResult::images() const {
  std::vector<std::string> all;
  for (const Json& block : result.at("content")) {
    if (block.value("type", "") != "image") continue;
    all.push_back(base64_decode(block.at("data").get<std::string>()));
  }
  return all;
}

std::string ToolResult::shown() const {
  return tail(result.dump(1, ' ', false, Json::error_handler_t::replace), 3000);
}

std::ostream& operator<<(std::ostream& out, const ToolResult& result) {
  return out << result.shown();
}

std::string binary() {
  return environment_or("OMCP_BINARY", OMCP_BINARY_PATH);
}

Server::Server(const ChildSpec& spec) : spec_(spec), child_(spec) {}

Server::~Server() = default;

Json Server::initialize(const std::string& revision) {
  Json client{{"name", "omcp-e2e"}, {"version", "1"}};
  Json params{{"protocolVersion", revision}, {"capabilities", Json::object()}};
  params["clientInfo"] = std::move(client);
  Json result = request("initialize", std::move(params));
  notify("notifications/initialized");
  return result;
}

int Server::send(const std::string& method, Json params) {
  const int id = ++last_id_;
  Json message{{"jsonrpc", "2.0"}, {"id", id}, {"method", method}};
  if (!params.is_null()) message["params"] = std::move(params);
  write_line(message);
  return id;
}

Json Server::wait_for(const Json& id, std::chrono::milliseconds limit) {
  if (!answered(id, limit)) fail("no answer to request " + id.dump());
  const auto found = std::find_if(inbox_.begin(), inbox_.end(), [&](const Json& message) {
    return !message.contains("method") && message.value("id", Json()) == id;
  });
  Json answer = std::move(*found);
  inbox_.erase(found);
  note(id, answer);
  return answer;
}

bool Server::answered(const Json& id, std::chrono::milliseconds limit) {
  const auto end = Clock::now() + limit;
  for (;;) {
    for (const Json& message : inbox_) {
      if (!message.contains("method") && message.value("id", Json()) == id) return true;
    }
    if (child_.at_end() || Clock::now() >= end) return false;
    receive(left_until(end));
  }
}

Json Server::request(const std::string& method, Json params) {
  Json answer = wait_for(send(method, std::move(params)));
  if (!answer.contains("result")) fail(method + " was refused: " + answer.dump());
  return std::move(answer.at("result"));
}

Json Server::refused(const std::string& method, Json params) {
  Json answer = wait_for(send(method, std::move(params)));
  if (!answer.contains("error")) fail(method + " was granted: " + answer.dump());
  return std::move(answer.at("error"));
}

void Server::notify(const std::string& method, Json params) {
  write_line(Json{{"jsonrpc", "2.0"}, {"method", method}, {"params", std::move(params)}});
}

int Server::send_call(const std::string& tool, Json arguments, Json meta) {
  Json params{{"name", tool}, {"arguments", arguments}};
  if (!meta.is_null()) params["_meta"] = std::move(meta);
  const int id = send("tools/call", std::move(params));
  calls_[id] = {tool, std::move(arguments)};
  return id;
}

ToolResult Server::finish_call(int id, std::chrono::milliseconds limit) {
  Json answer = wait_for(id, limit);
  if (!answer.contains("result")) fail("the call was refused: " + answer.dump());
  return {std::move(answer.at("result"))};
}

ToolResult Server::call(const std::string& tool, Json arguments) {
  return finish_call(send_call(tool, std::move(arguments)));
}

void Server::write(std::string_view bytes) {
  const bool written = child_.write(bytes, 30s);
  take_lines();
  if (!written) fail("the server does not read its input");
}

void Server::write_line(const Json& message) {
  write(message.dump() + "\n");
}

Json Server::next(std::chrono::milliseconds limit) {
  const auto end = Clock::now() + limit;
  while (inbox_.empty()) {
    if (child_.at_end() || Clock::now() >= end) fail("no message came");
    receive(left_until(end));
  }
  Json message = std::move(inbox_.front());
  inbox_.pop_front();
  return message;
}

bool Server::stays_silent(std::chrono::milliseconds time) {
  const auto end = Clock::now() + time;
  while (inbox_.empty() && Clock::now() < end && !child_.at_end()) receive(left_until(end));
  return inbox_.empty();
}

std::vector<Json> Server::notifications(const std::string& method) const {
  std::vector<Json> found;
  for (const Json& message : inbox_) {
    if (message.value("method", "") == method) found.push_back(message.at("params"));
  }
  return found;
}

bool Server::wait_for_notification(const std::string& method, std::chrono::milliseconds limit) {
  const auto end = Clock::now() + limit;
  while (notifications(method).empty()) {
    if (child_.at_end() || Clock::now() >= end) return false;
    receive(left_until(end));
  }
  return true;
}

Ending Server::wait_for_end(std::chrono::milliseconds limit) {
  const auto end = Clock::now() + limit;
  while (!child_.at_end() && !child_.wait(0ms) && Clock::now() < end) receive(10ms);
  const auto ending = child_.wait(left_until(end));
  while (child_.read(0ms)) {
  }
  take_lines();
  if (!ending) fail("the server does not end");
  return *ending;
}

std::string Server::log() const {
  return read_file(spec_.log);
}

std::size_t Server::open_descriptors() const {
  const std::filesystem::path folder = "/proc/" + std::to_string(pid()) + "/fd";
  const std::filesystem::directory_iterator entries(folder);
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

std::vector<pid_t> Server::children() const {
  return processes([this](const std::filesystem::path& process) {
    const std::string stat = read_file(process / "stat");
    std::istringstream fields(stat.substr(std::min(stat.size(), stat.rfind(')') + 1)));
    char state = 0;
    pid_t parent = -1;
    return fields >> state >> parent && parent == pid();
  });
}

long Server::resident_kilobytes() const {
  std::ifstream status("/proc/" + std::to_string(pid()) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmRSS:", 0) == 0) return std::stol(line.substr(6));
  }
  return -1;
}

void Server::fail(const std::string& what) {
  const auto ending = child_.wait(0ms);
  throw std::runtime_error(what + (ending ? "; the server has ended: " + to_string(*ending) : "") +
                           "\n--- its log:\n" + tail(log(), kShownOfLog));
}

bool Server::receive(std::chrono::milliseconds limit) {
  const bool more = child_.read(std::min(limit, std::chrono::milliseconds(500)));
  take_lines();
  return more;
}

void Server::take_lines() {
  std::string& bytes = child_.received();
  std::size_t start = 0;
  for (std::size_t end = 0; (end = bytes.find('\n', start)) != std::string::npos; start = end + 1) {
    const std::string_view line = std::string_view(bytes).substr(start, end - start);
    if (line.size() >= kLongestLine) {
      fail("a line of " + std::to_string(line.size()) + " bytes on stdout");
    }
    Json message = Json::parse(line, nullptr, false);
    if (message.is_discarded()) fail("no JSON on stdout: " + tail(std::string(line), 500));
    inbox_.push_back(std::move(message));
  }
  bytes.erase(0, start);
}

// Keeps account of what the sandboxes of this test are.
void Server::note(const Json& request_id, const Json& answer) {
  if (!request_id.is_number_integer()) return;
  const auto call = calls_.find(request_id.get<int>());
  if (call == calls_.end()) return;
  const auto [tool, arguments] = call->second;
  calls_.erase(call);
  if (!answer.contains("result") || answer.at("result").value("isError", false)) return;
  const Json& result = answer.at("result");
  const Json data = result.value("structuredContent", Json::object());
  if (tool == "create_sandbox" && data.contains("sandbox_id")) created_.insert(data["sandbox_id"]);
  if (tool == "remove_sandbox" && arguments.contains("sandbox_id")) {
    created_.erase(arguments["sandbox_id"]);
    removed_.insert(arguments["sandbox_id"]);
  }
}

}  // namespace omcp_r::e2e
