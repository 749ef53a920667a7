#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "fakes/fake_engine.hpp"
#include "fakes/fake_pipes.hpp"

// What happens inside a sandbox: the wire, the worker and the supervisor.

namespace omcp_r::fakes {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kMagic = "\x02OM2";
constexpr std::size_t kHeader = 36;
constexpr std::size_t kPayload = 4096 - kHeader - 1;
const std::string kNoId(16, '0');  // NOLINT: may throw before main

/// Lower-case hexadecimal digits as a number; nullopt for anything else.
std::optional<std::uint32_t> hex(const std::string& text) {
  if (text.find_first_not_of("0123456789abcdef") != std::string::npos) {
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(std::stoul(text, nullptr, 16));
}

/// A request's "name value" lines, and what follows the empty line behind them.
struct Fields {
  explicit Fields(const std::string& bytes) {
    std::size_t at = 0;
    for (;;) {
      const std::size_t end = std::min(bytes.find('\n', at), bytes.size());
      const std::string line = bytes.substr(at, end - at);
      at = std::min(end + 1, bytes.size());
      if (line.empty()) {
        break;
      }
      const std::size_t space = line.find(' ');
      values[line.substr(0, space)] = std::stoll(line.substr(space + 1));
    }
    body = bytes.substr(at);
  }
  [[nodiscard]] std::size_t at(const std::string& name) const {
    return static_cast<std::size_t>(values.at(name));
  }
  std::map<std::string, std::int64_t> values;
  std::string body;
};

std::string error_report() {
  const Json error{{"message", "a fake error"}, {"call", "f()"}, {"class", {"simpleError"}}};
  return Json{{"status", "error"}, {"error", error}}.dump();
}

}  // namespace

Play World::play(const std::string& code) {
  Play play;
  if (code.rfind("print ", 0) == 0) {
    play.prints = code.substr(6) + "\n";
  } else if (code == "hang") {
    play.hangs = true;
  } else if (code == "error") {
    play.report = error_report();
  } else if (code == "quit") {
    play.report = R"({"status":"quit"})";
    play.exits = "0 0";
  } else if (code == "crash") {
    play.report = "";
    play.exits = "139 0";
  }
  return play;
}

void FakeSandbox::send(char writer, char type, const std::string& id, std::string_view message) {
  do {
    const std::string_view payload = message.substr(0, kPayload);
    message.remove_prefix(payload.size());
    std::array<char, kHeader + 1> header{};
    std::snprintf(header.data(), header.size(), "\x02OM2%c%c%c%08x%s%04x:", writer, type,
                  message.empty() ? '.' : '+', ++sequences_[writer], id.c_str(),
                  static_cast<unsigned>(payload.size()));
    write_control(std::string{header.data(), kHeader}.append(payload) + "\x03");
  } while (!message.empty());
}

void FakeSandbox::mark(char letter, const std::string& id) {
  write_transcript(std::string{kMagic} + letter + id + "\n");
}

// Takes a frame, or a byte that begins none, off the input; false when more bytes are needed.
bool FakeSandbox::take_frame() {
  input_.erase(0, std::min(input_.find(kMagic[0]), input_.size()));
  if (input_.size() < kHeader) {
    return false;
  }
  const auto sequence = hex(input_.substr(7, 8));
  const auto size = hex(input_.substr(31, 4));
  const bool good = input_.substr(0, 4) == kMagic && input_[4] == 'C' && input_[35] == ':' &&
                    (input_[6] == '+' || input_[6] == '.') && sequence && size &&
                    *size <= kPayload && hex(input_.substr(15, 8)) && hex(input_.substr(23, 8));
  if (good && input_.size() < kHeader + *size + 1) {
    return false;
  }
  if (!good || input_[kHeader + *size] != '\x03') {
    input_.erase(0, 1);
    return true;
  }
  const std::string id = input_.substr(15, 16);
  if (partial_.type != input_[5] || partial_.id != id) {
    partial_ = Request{input_[5], id, "", false};
  } else if (*sequence != heard_ + 1) {
    partial_.broken = true;
  }
  heard_ = *sequence;
  partial_.bytes += input_.substr(kHeader, *size);
  if (input_[6] == '.') {
    requests_.push_back(std::exchange(partial_, {}));
  }
  input_.erase(0, kHeader + *size + 1);
  return true;
}

void FakeSandbox::take_input(std::string_view bytes) {
  input_ += bytes;
  while (take_frame()) {
  }
  work_soon();
}

// Never within the call that asks: an answer takes at least one turn of the loop.
void FakeSandbox::work_soon() {
  asio::post(executor_, [self = shared_from_this()] { self->work(); });
}

void FakeSandbox::work() {
  while (!requests_.empty() && run_.empty() && !starting_ && !silent_ && !ended_) {
    const Request request = std::move(requests_.front());
    requests_.pop_front();
    serve(request);
  }
}

void FakeSandbox::serve(const Request& request) {
  const bool of_a_run = request.type == 'r' || request.type == 'c';
  if (request.broken) {
    send('R', of_a_run ? 'U' : 'F', request.id, of_a_run ? "{}" : "torn");
  } else if (request.type == 'h') {
    greet(request);
  } else if (request.type == 'r') {
    const Fields fields{request.bytes};
    const auto meant = fields.values.find("session");
    if (meant != fields.values.end() && meant->second != session) {
      send('R', 'U', request.id, "{}");
    } else {
      run(request.id, fields.body);
    }
  } else if (request.type == 'c') {
    const auto report = reports_.find(request.id);
    const bool known = report != reports_.end();
    send('R', known ? 'D' : 'U', request.id, known ? report->second : "{}");
  } else if (request.type == 'p') {
    put(request);
  } else if (request.type == 'g') {
    get(request);
  } else if (request.type == 'l') {
    list_files(request);
  } else if (request.type == 's') {
    const Json told{{"r_version", "R version 4.2.2"}, {"seed", "1"}, {"code", code}};
    send('R', 'A', request.id, told.dump());
  } else if (request.type == 'n') {
    preloaded = request.bytes.substr(1);
    if (const auto world = world_.lock(); world && world->preload_hangs) {
      silent_ = true;
    } else {
      send('R', 'A', request.id, "");
    }
  } else {
    send('R', 'F', request.id, "no such request");
  }
}

void FakeSandbox::greet(const Request& request) {
  const Fields fields{request.bytes};
  if (const auto told = fields.values.find("idle"); told != fields.values.end()) {
    idle = told->second;
  }
  given = given || fields.values.count("given") > 0;
  ++greetings;
  uses += fields.values.count("quiet") > 0 ? 0 : 1;
  const Json honest{{"r_version", "4.2.2"},
                    {"executions", code.size()},
                    {"given", given},
                    {"session", session},
                    {"idle", idle}};
  send('R', 'H', request.id, greeting.empty() ? honest.dump() : greeting);
}

void FakeSandbox::put(const Request& request) {
  const Fields fields{request.bytes};
  std::string& file = files[fields.body.substr(0, fields.at("path_bytes"))];
  if (fields.at("offset") > file.size()) {
    send('R', 'F', request.id, "was changed while it was being written");
    return;
  }
  file = file.substr(0, fields.at("offset")) + fields.body.substr(fields.at("path_bytes"));
  send('R', 'A', request.id, "");
}

void FakeSandbox::get(const Request& request) {
  const Fields fields{request.bytes};
  const auto file = files.find(fields.body);
  if (file == files.end()) {
    send('R', 'F', request.id, "There is no file '" + fields.body + "'.");
    return;
  }
  const std::size_t from = std::min(fields.at("offset"), file->second.size());
  send('R', 'A', request.id,
       std::to_string(file->second.size()) + "\n" + file->second.substr(from, fields.at("max")));
}

void FakeSandbox::list_files(const Request& request) {
  Json listed = Json::array();
  for (const auto& [path, bytes] : files) {
    listed.push_back({{"path", path}, {"size", bytes.size()}});
  }
  send('R', 'A', request.id, listed.dump());
}

void FakeSandbox::run(const std::string& id, const std::string& text) {
  code.push_back(text);
  const auto known = plays.find(text);
  play_ = known != plays.end() ? known->second : World::play(text);
  run_ = id;
  mark('B', id);
  if (!play_.prints.empty()) {
    write_transcript(play_.prints);
  }
  for (const std::string& warning : play_.warnings) {
    send('R', 'W', id, warning);
  }
  for (const std::string& page : play_.pages) {
    send('R', 'P', id, page);
  }
  if (!play_.hangs) {
    conclude();
  } else if (heartbeat.count() > 0) {
    asio::co_spawn(executor_, beat(weak_from_this(), id), asio::detached);
  }
}

// What becomes of the run under way when its code has come to its end.
void FakeSandbox::conclude() {
  if (play_.ends_sandbox) {
    end();
    return;
  }
  if (!play_.report.empty()) {
    const std::string id = std::exchange(run_, {});
    reports_[id] = play_.report;
    if (play_.exits.empty()) {
      mark('E', id);  // where R has ended, what it printed ends at the supervisor's mark
    }
    send('R', 'D', id, play_.report);
  }
  if (!play_.exits.empty()) {
    restart_session(play_.exits);
  }
  work_soon();
}

void FakeSandbox::finish(const std::string& report) {
  if (!run_.empty()) {
    play_.report = report.empty() ? play_.report : report;
    conclude();
  }
}

asio::awaitable<void> FakeSandbox::beat(std::weak_ptr<FakeSandbox> sandbox, std::string run) {
  Timer timer{co_await asio::this_coro::executor};
  for (;;) {
    {
      const auto self = sandbox.lock();
      if (!self || self->ended_ || self->run_ != run) {
        co_return;
      }
      timer.expires_after(self->heartbeat);
    }
    co_await timer.async_wait(asio::use_awaitable);
    const auto self = sandbox.lock();
    if (self && !self->ended_ && self->run_ == run && !self->silent_) {
      self->send('S', 't', kNoId, "");
    }
  }
}

void FakeSandbox::interrupt() {
  if (silent_) {
    return;
  }
  send('S', 'i', kNoId, "");
  if (!run_.empty() && !ignores_interrupts) {
    play_ = Play{};
    play_.report = R"({"status":"interrupted"})";
    conclude();
  }
}

void FakeSandbox::kill_session() {
  if (!silent_) {
    send('S', 'k', kNoId, "");
    restart_session("137 1");
  }
}

void FakeSandbox::restart_session(const std::string& exit_words) {
  mark('X', kNoId);
  send('S', 'x', kNoId, exit_words);
  ++session;
  code.clear();
  reports_.clear();
  partial_ = {};
  starting_ = true;
  asio::co_spawn(executor_, renew(shared_from_this(), std::exchange(run_, {})), asio::detached);
}

// A new R tells of what the last one was running before it says that it is up.
asio::awaitable<void> FakeSandbox::renew(std::shared_ptr<FakeSandbox> self, std::string crashed) {
  Timer timer{self->executor_, self->session_start};
  co_await timer.async_wait(asio::use_awaitable);
  if (self->ended_) {
    co_return;
  }
  self->starting_ = false;
  self->sequences_['R'] = 0;
  if (!crashed.empty()) {
    self->reports_[crashed] = R"({"status":"crashed"})";
    self->send('R', 'D', crashed, self->reports_[crashed]);
  }
  self->send('R', 'R', kNoId, R"({"r_version":"4.2.2","executions":0})");
  self->work();
}

}  // namespace omcp_r::fakes
