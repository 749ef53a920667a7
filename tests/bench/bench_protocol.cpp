// What the protocol itself costs: start-up, memory, round trips and pipelined throughput of several
// stdio servers, with the same client in one run. Prints a table, and ratios to the first.
//
//   bench_protocol SERVER [ARGUMENT...] -- OTHER-SERVER [ARGUMENT...] ...
//   bench_protocol --tools SERVER [ARGUMENT...]      prints the result of tools/list

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

extern char** environ;

namespace {

using Clock = std::chrono::steady_clock;
using Words = std::vector<std::string>;

constexpr std::string_view kInitialize =
    R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25",)"
    R"("capabilities":{},"clientInfo":{"name":"bench","version":"1"}}})";
constexpr std::string_view kInitialized =
    R"({"jsonrpc":"2.0","method":"notifications/initialized"})";
constexpr std::string_view kPing = R"({"jsonrpc":"2.0","id":1,"method":"ping"})";
constexpr std::string_view kListTools = R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})";

[[noreturn]] void give_up(const char* why) {
  std::fprintf(stderr, "bench_protocol: %s\n", why);
  std::exit(1);
}

double microseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

/// A server on two pipes. Every wait ends after ten seconds.
class Server {
 public:
  explicit Server(const Words& words) {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) {
      give_up("no pipes");
    }
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    std::vector<char*> argv;
    for (const std::string& word : words) {
      argv.push_back(const_cast<char*>(word.c_str()));
    }
    argv.push_back(nullptr);
    if (::posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ) != 0) {
      give_up("cannot start the server");
    }
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    in_ = in[1];
    out_ = out[0];
    ::fcntl(in_, F_SETFL, O_NONBLOCK);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    ::close(in_);
    ::close(out_);
    ::waitpid(pid_, nullptr, 0);
  }

  /// Writes `text` and reads until `answers` lines have come; returns what was read last.
  std::string exchange(std::string_view text, std::size_t answers) {
    std::string last;
    while (answers > 0 || !text.empty()) {
      std::array<pollfd, 2> waits{{{out_, POLLIN, 0}, {text.empty() ? -1 : in_, POLLOUT, 0}}};
      if (::poll(waits.data(), waits.size(), 10'000) <= 0) {
        give_up("no answer for ten seconds");
      }
      if ((waits[1].revents & POLLOUT) != 0) {
        const ssize_t wrote = ::write(in_, text.data(), text.size());
        text.remove_prefix(wrote > 0 ? static_cast<std::size_t>(wrote) : 0);
      }
      if (waits[0].revents != 0) {
        const ssize_t got = ::read(out_, buffer_.data(), buffer_.size());
        if (got <= 0) {
          give_up("the server has gone");
        }
        const std::string_view part{buffer_.data(), static_cast<std::size_t>(got)};
        const auto lines = static_cast<std::size_t>(std::count(part.begin(), part.end(), '\n'));
        answers -= std::min(answers, lines);
        last = part;
      }
    }
    return last;
  }

  [[nodiscard]] double resident_mb() const {
    std::ifstream status{"/proc/" + std::to_string(pid_) + "/status"};
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("VmRSS:")) {
        return std::strtod(line.c_str() + 6, nullptr) / 1024;
      }
    }
    return 0;
  }

 private:
  pid_t pid_ = -1;
  int in_ = -1;
  int out_ = -1;
  std::vector<char> buffer_ = std::vector<char>(std::size_t{1} << 18);
};

std::string line(std::string_view message) {
  return std::string{message} + "\n";
}

std::string many(std::string_view message, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) {
    all.append(message).append("\n");
  }
  return all;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

double round_trip(Server& server, std::string_view message, int times) {
  const std::string request = line(message);
  std::vector<double> samples;
  for (int i = 0; i < times; ++i) {
    const auto start = Clock::now();
    server.exchange(request, 1);
    samples.push_back(microseconds_since(start));
  }
  return median(std::move(samples));
}

double per_second(Server& server, std::string_view message, std::size_t count) {
  const std::string requests = many(message, count);
  const auto start = Clock::now();
  server.exchange(requests, count);
  return static_cast<double>(count) / microseconds_since(start) * 1e6;
}

void shake_hands(Server& server) {
  server.exchange(line(kInitialize), 1);
  server.exchange(line(kInitialized), 0);
}

double start_up_ms(const Words& words) {
  std::vector<double> samples;
  for (int i = 0; i < 9; ++i) {
    const auto start = Clock::now();
    Server server{words};
    server.exchange(line(kInitialize), 1);
    samples.push_back(microseconds_since(start) / 1000);
  }
  return median(std::move(samples));
}

struct Measure {
  const char* name;
  bool more_is_better;
  double value;
  double reach = 0;  ///< how many times better it is to be; 0: shown only
};

std::vector<Measure> measure(const Words& words) {
  std::vector<Measure> all{{"start-up to the first answer, ms", false, start_up_ms(words), 50}};
  Server server{words};
  shake_hands(server);
  server.exchange(line(kListTools), 1);
  all.push_back({"resident memory after tools/list, MB", false, server.resident_mb(), 10});
  round_trip(server, kPing, 500);  // warms up what compiles as it runs
  all.push_back({"ping round trip, us", false, round_trip(server, kPing, 3000)});
  all.push_back({"tools/list round trip, us", false, round_trip(server, kListTools, 2000)});
  per_second(server, kPing, 5000);
  all.push_back({"pings pipelined, per second", true, per_second(server, kPing, 50'000), 4});
  all.push_back(
      {"tools/list pipelined, per second", true, per_second(server, kListTools, 5000), 10});
  all.push_back({"resident memory at the end, MB", false, server.resident_mb()});
  return all;
}

std::vector<Words> split_servers(int argc, char** argv) {
  std::vector<Words> servers(1);
  for (int i = 1; i < argc; ++i) {
    if (std::string_view{argv[i]} == "--") {
      servers.emplace_back();
    } else {
      servers.back().emplace_back(argv[i]);
    }
  }
  return servers;
}

int print_tools(const Words& words) {
  Server server{words};
  shake_hands(server);
  std::string answer = server.exchange(line(kListTools), 1);
  const auto start = answer.find(R"("result":)");
  if (start == std::string::npos) {
    give_up("no result");
  }
  answer.resize(answer.rfind('}'));
  std::printf("%s\n", answer.c_str() + start + 9);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  std::vector<Words> servers = split_servers(argc, argv);
  if (servers.front().empty()) {
    give_up("usage: bench_protocol SERVER [ARGUMENT...] -- OTHER-SERVER [ARGUMENT...]");
  }
  if (servers.front().front() == "--tools") {
    servers.front().erase(servers.front().begin());
    return print_tools(servers.front());
  }
  std::vector<std::vector<Measure>> results;
  for (const Words& words : servers) {
    results.push_back(measure(words));
  }
  for (std::size_t row = 0; row < results.front().size(); ++row) {
    const Measure& ours = results.front()[row];
    std::printf("%-38s %12.1f", ours.name, ours.value);
    for (std::size_t i = 1; i < results.size(); ++i) {
      const double theirs = results[i][row].value;
      const double ratio = ours.more_is_better ? ours.value / theirs : theirs / ours.value;
      std::printf(" %12.1f %8.1fx", theirs, ratio);
      if (ours.reach > 0) {
        std::printf(" >= %-3g %s", ours.reach, ratio < ours.reach ? "not reached" : "");
      }
    }
    std::printf("\n");
  }
}
