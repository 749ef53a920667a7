// What callers wait for, each figure as a ratio against its baseline in the same run, by a
// synchronous client: a table for people on standard error, JSON on standard output.
//
//   bench_calls [--quick] [CURVES.png]
//
// --quick: a tenth of the samples, and status 1 where a ratio is twice off its reach, three times
// in a row. The curves, of how many calls took how long at most, are drawn by R in a sandbox of
// ours.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <functional>
#include <thread>
#include <vector>

#include "samples.hpp"

namespace omcp_r::e2e {
namespace {

constexpr const char* kDrawing = R"(
calls <- read.csv("calls.csv")
rows <- unique(calls$row)
par(mfrow = c(ceiling(length(rows) / 4), 4), mar = c(4, 4, 3, 1))
for (row in rows) {
  one <- calls[calls$row == row, ]
  plot(NULL, xlim = range(one$ms), ylim = 0:1, log = "x", main = row, xlab = "ms", ylab = "share of calls")
  for (side in c("ours", "base")) {
    ms <- sort(one$ms[one$side == side])
    lines(ms, seq_along(ms) / length(ms), type = "s", lwd = 2, col = c(ours = "blue", base = "grey50")[[side]])
  }
}
legend("bottomright", c("ours", "baseline"), col = c("blue", "grey50"), lwd = 2)
)";

/// Off by what factor is far off. A round trip of bytes is out of the reach of what R itself takes
/// for a call, and a tenth of the samples has no tail to speak of.
constexpr double kFar = 2;
constexpr double kFarOfEcho = 4;
constexpr double kNotInQuick = HUGE_VAL;

/// One line of the table. `at` is the quantile that is compared.
struct Row {
  std::string name;
  std::string baseline_name;
  Samples ours;
  Samples baseline;
  double reach;       ///< the ratio that is to be reached
  bool times_faster;  ///< baseline through ours, at least `reach`; else ours through it, at most
  double at = 0.5;
  double far = kFar;

  [[nodiscard]] double ratio() const {
    const double mine = quantile(ours, at);
    const double other = quantile(baseline, at);
    return times_faster ? other / mine : mine / other;
  }
  [[nodiscard]] bool reached() const { return times_faster ? ratio() >= reach : ratio() <= reach; }
  [[nodiscard]] bool far_off() const {
    return times_faster ? ratio() < reach / far : ratio() > reach * far;
  }
};

Json facts_of(const Samples& samples) {
  return {{"n", samples.size()},
          {"p50_ms", median(samples)},
          {"p95_ms", quantile(samples, 0.95)},
          {"p99_ms", quantile(samples, 0.99)}};
}

Json json_of(const Row& row) {
  return {{"name", row.name},           {"baseline_name", row.baseline_name},
          {"ratio", row.ratio()},       {"times_faster", row.times_faster},
          {"reach", row.reach},         {"reached", row.reached()},
          {"ours", facts_of(row.ours)}, {"baseline", facts_of(row.baseline)}};
}

void print(const Row& row) {
  std::fprintf(stderr, "  %-44s %9.2f %9.2f %9.2f %5zu   %9.2f %9.2f %5zu   %8.2f %s %-6g %s\n",
               (row.name + " / " + row.baseline_name).substr(0, 44).c_str(), median(row.ours),
               quantile(row.ours, 0.95), quantile(row.ours, 0.99), row.ours.size(),
               median(row.baseline), quantile(row.baseline, 0.99), row.baseline.size(), row.ratio(),
               row.times_faster ? ">=" : "<=", row.reach, row.reached() ? "" : "not reached");
}

/// What runs the benchmark's commands, and a server of one scope.
class Bench {
 public:
  explicit Bench(bool quick) : quick_(quick) {}

  /// A start of ours with `settings` beside what all have.
  [[nodiscard]] ChildSpec spec(const Environment& settings = {}) const {
    Environment environment{{"PATH", environment_or("PATH", "/usr/bin:/bin")},
                            {"HOME", folder_.path()},
                            {"STATE_DIR", folder_.path() / "state"},
                            {"SCOPE", scope()},
                            {"DOCKER_IMAGE", test_image()},
                            {"STRUCTURED_CONTENT", "always"},
                            {"MAX_SANDBOXES", "40"},
                            {"WARM_POOL", "0"}};
    const std::string host = environment_or("DOCKER_HOST", "");
    if (!host.empty()) environment["DOCKER_HOST"] = host;
    for (const auto& [name, value] : settings) environment[name] = value;
    return {{binary()}, environment, folder_.path(), folder_.path() / "server.log", {}};
  }
  std::unique_ptr<Server> start(const Environment& settings = {}) const {
    auto server = std::make_unique<Server>(spec(settings));
    server->initialize();
    return server;
  }

  [[nodiscard]] std::string container() const { return containers().at(0); }
  [[nodiscard]] std::vector<std::string> containers() const {
    std::vector<std::string> ids;
    for (const Container& one : containers_of_scope(scope())) ids.push_back(one.id);
    return ids;
  }
  [[nodiscard]] std::string scope() const { return folder_.path().filename(); }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }

  /// A container as somebody would start it who runs each piece of code by docker exec.
  [[nodiscard]] std::string docker_run(const std::string& name) const {
    docker({"run", "--detach", "--rm", "--init", "--network", "none", "--label",
            "omcp-r.bench=" + scope(), "--name", name, test_image(), "sleep", "600"});
    return name;
  }
  static void docker_exec(const std::string& container, const char* code = kRscript) {
    docker({"exec", container, "Rscript", "-e", code});
  }

  [[nodiscard]] int times(int all, int least = 3) const {
    return quick_ ? std::max(least, all / 10) : all;
  }
  void add(Row row) {
    print(row);
    rows_.push_back(std::move(row));
  }
  [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }

  /// Measures a part: again where it is far off and its rows are to be judged, since for a moment a
  /// machine can be slow at anything.
  void measure(const std::function<void(Bench&)>& part) {
    constexpr int kTries = 3;
    const auto begin = rows_.size();
    for (int i = 1;; ++i) {
      part(*this);
      const auto first = rows_.begin() + static_cast<std::ptrdiff_t>(begin);
      const bool far_off =
          std::any_of(first, rows_.end(), [](const Row& row) { return row.far_off(); });
      if (!quick_ || !far_off || i == kTries) return;
      std::fprintf(stderr, "  that is far off: once more\n");
      rows_.erase(first, rows_.end());
    }
  }

 private:
  bool quick_;
  TemporaryFolder folder_;
  std::vector<Row> rows_;
};

/// A hundred bytes there and back through `docker exec -i … cat`.
class Echo {
 public:
  explicit Echo(const std::string& container)
      : child_({{"docker", "exec", "-i", container, "cat"}, {}, {}, "/dev/null", {}}) {
    once();
  }
  void once() {
    const std::string sent(100, 'x');
    child_.write(sent, 10s);
    while (child_.received().size() < sent.size()) {
      if (!child_.read(10s)) throw std::runtime_error("cat gave no answer");
    }
    child_.received().clear();
  }

 private:
  Child child_;
};

/// A client that adds next to nothing: it writes lines that are made beforehand, and of an answer
/// looks at the id alone.
class PlainClient {
 public:
  explicit PlainClient(const ChildSpec& spec) : child_(spec) {
    exchange(
        R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",)"
        R"("capabilities":{},"clientInfo":{"name":"bench","version":"1"}}})");
    child_.write("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n", 10s);
  }

  static std::string line_of(const std::string& method, const Json& params) {
    return Json{{"jsonrpc", "2.0"}, {"id", 1}, {"method", method}, {"params", params}}.dump();
  }
  static std::string execution(const std::string& id, const std::string& code) {
    return line_of("tools/call", Json{{"name", "execute_r_code"},
                                      {"arguments", {{"sandbox_id", id}, {"code", code}}}});
  }

  /// The line of the answer, to a request with the id 1.
  std::string exchange(const std::string& line) {
    child_.write(line + "\n", 60s);
    std::string& received = child_.received();
    for (std::size_t from = 0;;) {
      const std::size_t end = received.find('\n', from);
      if (end == std::string::npos) {
        from = received.size();
        if (!child_.read(60s)) throw std::runtime_error("the server gave no answer");
        continue;
      }
      std::string answer = received.substr(0, end);
      received.erase(0, end + 1);
      from = 0;
      if (answer.compare(0, 30, R"({"jsonrpc":"2.0","id":1,"resul)") == 0) return answer;
      if (answer.find(R"("id":1)") == 15U) throw std::runtime_error("refused: " + answer);
    }
  }
  void expect_success(const std::string& line) {
    if (exchange(line).find(R"("isError":true)") != std::string::npos) {
      throw std::runtime_error("a call failed");
    }
  }
  void end() {
    child_.close_input();
    child_.wait(10s);
  }

 private:
  Child child_;
};

void bench_execute(Bench& bench) {
  const auto server = bench.start();
  const std::string id = create(*server);
  settle();
  PlainClient client{bench.spec()};
  const std::string line = PlainClient::execution(id, kRscript);
  Samples all = samples_of(bench.times(5050, 500), [&] { client.expect_success(line); });
  const std::string container = bench.container();
  Echo echo{container};
  const Samples echoes = samples_of(bench.times(2000, 300), [&] { echo.once(); });
  const Samples scripts = samples_of(bench.times(15, 5), [&] { Bench::docker_exec(container); });
  const Samples warm(all.begin() + 50, all.begin() + 450);
  bench.add({"execute_r_code", "docker exec Rscript", warm, scripts, 220, true});
  bench.add({"execute_r_code", "echo", warm, echoes, 4, false, 0.5, kFarOfEcho});
  bench.add({"execute_r_code, p99", "echo, p99", warm, echoes, 6, false, 0.99, kNotInQuick});
  bench.add({"the last 100 calls of a session",
             "those around the 50th",
             {all.end() - 100, all.end()},
             {all.begin() + 20, all.begin() + 120},
             1.1,
             false});
  client.end();
  remove(*server, id);
  stop(*server);
}

void bench_first(Bench& bench) {
  const auto server = bench.start({{"WARM_POOL", "1"}});
  Samples first;
  Samples tenth;
  for (int i = 0; i < bench.times(9); ++i) {
    const std::string id = create(*server);
    const Samples ten = samples_of(10, [&] { execute(*server, id); });
    first.push_back(ten.front());
    tenth.push_back(ten.back());
    remove(*server, id);
  }
  bench.add({"first execution", "tenth", first, tenth, 3, false});
  stop(*server);
}

void bench_create(Bench& bench) {
  Samples theirs;
  Samples cold;
  Samples spare;
  Samples removed;
  Samples docker_remove;
  for (int i = 0; i < bench.times(11); ++i) {
    const std::string name = bench.scope() + "-" + std::to_string(i);
    theirs.push_back(milliseconds_of([&] { Bench::docker_exec(bench.docker_run(name)); }));
    docker_remove.push_back(milliseconds_of([&] { docker({"rm", "--force", name}); }));
    const auto server = bench.start();
    std::string id;
    cold.push_back(milliseconds_of([&] {
      id = create(*server);
      execute(*server, id);
    }));
    removed.push_back(milliseconds_of([&] { remove(*server, id); }));
    stop(*server);
  }
  const auto server = bench.start({{"WARM_POOL", "1"}});
  std::string last = create(*server);
  for (int i = 0; i < bench.times(11); ++i) {
    settle();
    const std::string before = last;
    spare.push_back(milliseconds_of([&] {
      last = create(*server);
      execute(*server, last);
    }));
    remove(*server, before);
  }
  remove(*server, last);
  stop(*server);
  bench.add({"create to first result", "docker run, exec Rscript", cold, theirs, 1.2, true});
  bench.add({"the same from a spare", "docker run, exec Rscript", spare, theirs, 60, true});
  bench.add({"remove_sandbox", "docker rm --force", removed, docker_remove, 0.1, false});
}

void bench_preload(Bench& bench) {
  const std::string plot = "library(ggplot2); print(ggplot(mtcars, aes(mpg, hp)) + geom_point())";
  const std::string as_file = "png('/tmp/plot.png'); " + plot + "; invisible(dev.off())";
  const auto server = bench.start({{"WARM_POOL", "1"}, {"PRELOAD", "ggplot2"}});
  std::string last = create(*server);
  const std::string container = bench.container();
  const Samples scripts =
      samples_of(bench.times(9), [&] { Bench::docker_exec(container, as_file.c_str()); });
  Samples ours;
  for (int i = 0; i < bench.times(9); ++i) {
    settle();
    const std::string id = create(*server);
    ours.push_back(milliseconds_of([&] { execute(*server, id, plot); }));
    remove(*server, id);
  }
  remove(*server, last);
  stop(*server);
  bench.add({"ggplot2's first plot, PRELOAD", "docker exec Rscript", ours, scripts, 4, true});
}

/// How long until the last of ten is done, which each begin at once.
double last_of_ten(const std::function<void(int)>& one) {
  return milliseconds_of([&] {
    std::vector<std::thread> threads;
    threads.reserve(10);
    for (int i = 0; i < 10; ++i) threads.emplace_back(one, i);
    for (std::thread& thread : threads) thread.join();
  });
}

void bench_ten(Bench& bench) {
  Samples theirs;
  Samples ours;
  for (int i = 0; i < bench.times(3, 1); ++i) {
    const std::string name = bench.scope() + "-ten-";
    theirs.push_back(last_of_ten(
        [&](int n) { Bench::docker_exec(bench.docker_run(name + std::to_string(n))); }));
    for (int n = 0; n < 10; ++n) docker({"rm", "--force", name + std::to_string(n)});
    const auto server = bench.start();
    ours.push_back(milliseconds_of([&] {
      std::vector<int> calls;
      for (int n = 0; n < 10; ++n) calls.push_back(server->send_call("create_sandbox"));
      std::vector<int> runs;
      for (const int call : calls) {
        const std::string id = expect_success(server->finish_call(call)).data().at("sandbox_id");
        runs.push_back(
            server->send_call("execute_r_code", Json{{"sandbox_id", id}, {"code", kRscript}}));
      }
      for (const int call : runs) expect_success(server->finish_call(call));
    }));
    const std::set<std::string> made = server->created();
    for (const std::string& id : made) remove(*server, id);
    stop(*server);
  }
  bench.add(
      {"ten creates at once, the last result", "the same by docker", ours, theirs, 1.2, true});
}

void bench_list(Bench& bench) {
  const auto server = bench.start();
  PlainClient client{bench.spec()};
  const std::string line = PlainClient::line_of(
      "tools/call", Json{{"name", "list_sandboxes"}, {"arguments", Json::object()}});
  const auto list = [&] { client.expect_success(line); };
  const auto ps = [] { docker({"ps"}); };
  std::vector<std::string> ids{create(*server)};
  settle();
  const Samples one = samples_of(200, list);
  bench.add(
      {"list_sandboxes, 1 there", "docker ps", one, samples_of(bench.times(20), ps), 0.2, false});
  while (ids.size() < 10) ids.push_back(create(*server));
  for (int i = 0; i < 3; ++i) settle();  // ten of them have ten times as much to do
  const Samples ten = samples_of(200, list);
  bench.add(
      {"list_sandboxes, 10 there", "docker ps", ten, samples_of(bench.times(20), ps), 0.2, false});
  bench.add({"list_sandboxes, 10 there", "1 there", ten, one, 1.5, false, 0.5, kNotInQuick});
  client.end();
  for (const std::string& id : ids) remove(*server, id);
  stop(*server);
}

/// The whole of a file of ours, of x only, by its parts.
void read_back(PlainClient& client, const std::string& uri, std::size_t size) {
  std::size_t read = 0;
  for (int part = 1; read < size; ++part) {
    const Json params{{"uri", uri + "?part=" + std::to_string(part)}};
    const std::string answer = client.exchange(PlainClient::line_of("resources/read", params));
    const std::size_t text = answer.find(R"("text":"x)");
    if (text == std::string::npos) throw std::runtime_error("no part: " + answer.substr(0, 500));
    read += answer.find('"', text + 8) - (text + 8);
  }
  if (read != size) throw std::runtime_error("another file came back");
}

void bench_bulk(Bench& bench) {
  const auto server = bench.start();
  const std::string id = create(*server);
  const std::string container = bench.container();
  const std::string code =
      "x <- strrep('0123456789', 1e5); for (i in 1:100) cat(x, '\\n', sep = '')";
  const long before = server->resident_kilobytes();
  const Samples output = samples_of(bench.times(5, 2), [&] { execute(*server, id, code); });
  const long grown = server->resident_kilobytes() - before;
  const Samples scripts =
      samples_of(bench.times(5, 2), [&] { Bench::docker_exec(container, code.c_str()); });
  bench.add({"100 MB of output", "docker exec Rscript", output, scripts, 1.3, false});
  std::fprintf(stderr, "  the server grew by %.1f MB over it (to stay below 16)\n",
               static_cast<double>(grown) / 1024);
  const std::string five_megabytes(5'000'000, 'x');
  PlainClient client{bench.spec()};
  const std::string put = PlainClient::line_of(
      "tools/call",
      Json{{"name", "execute_r_code"},
           {"arguments",
            {{"sandbox_id", id},
             {"code", "1"},
             {"files", Json::array({{{"path", "in.txt"}, {"text", five_megabytes}}})}}}});
  const Samples in = samples_of(bench.times(9), [&] { client.expect_success(put); });
  const Samples cat_in = samples_of(bench.times(9), [&] {
    run(ChildSpec{{"docker", "exec", "-i", container, "sh", "-c", "cat > /sandbox/cat.txt"},
                  {},
                  {},
                  {},
                  {}},
        five_megabytes);
  });
  bench.add({"5 MB in by files", "docker exec -i cat", in, cat_in, 2, false});
  const Samples out = samples_of(bench.times(9), [&] {
    read_back(client, "sandbox://" + id + "/in.txt", five_megabytes.size());
  });
  const Samples cat_out = samples_of(bench.times(9), [&] {
    if (docker({"exec", container, "cat", "/sandbox/in.txt"}).size() != five_megabytes.size()) {
      throw std::runtime_error("docker exec cat gave another file");
    }
  });
  bench.add({"5 MB read back", "docker exec cat", out, cat_out, 2, false});
  client.end();
  remove(*server, id);
  stop(*server);
}

/// For each row the share of calls that took at most so many milliseconds: ours, and the baseline.
void draw_curves(Bench& bench, const std::filesystem::path& path) {
  std::string table = "row,side,ms\n";
  for (const Row& row : bench.rows()) {
    for (const auto& [side, samples] : {std::pair{"ours", &row.ours}, {"base", &row.baseline}}) {
      for (const double ms : *samples) {
        table += "\"" + row.name + " / " + row.baseline_name + "\"," + side + "," +
                 std::to_string(ms) + "\n";
      }
    }
  }
  const auto server = bench.start();
  const std::string id = create(*server);
  const ToolResult drawn = expect_success(server->call(
      "execute_r_code", Json{{"sandbox_id", id},
                             {"code", kDrawing},
                             {"width", 1600},
                             {"height", 1600},
                             {"files", Json::array({{{"path", "calls.csv"}, {"text", table}}})}}));
  if (drawn.images().size() != 1) throw std::runtime_error("no curves: " + drawn.shown());
  write_file(path, drawn.images().front());
  remove(*server, id);
  stop(*server);
}

}  // namespace
}  // namespace omcp_r::e2e

int main(int argc, char** argv) {
  using namespace omcp_r::e2e;  // NOLINT(google-build-using-namespace)
  const std::vector<std::string> words(argv + 1, argv + argc);
  const bool quick = !words.empty() && words.front() == "--quick";
  const std::string curves = words.size() > (quick ? 1U : 0U) ? words.back() : "";
  try {
    Bench bench{quick};
    std::fprintf(stderr, "  %-44s %9s %9s %9s %5s   %9s %9s %5s   %8s\n", "milliseconds", "p50",
                 "p95", "p99", "n", "base p50", "p99", "n", "ratio");
    // First those that start no spare: of one that a server has left, a list asks whose it is.
    for (const auto part : {bench_execute, bench_list, bench_bulk, bench_first, bench_create,
                            bench_preload, bench_ten}) {
      bench.measure(part);
    }
    Json rows = Json::array();
    bool far_off = false;
    for (const Row& row : bench.rows()) {
      rows.push_back(json_of(row));
      far_off = far_off || row.far_off();
    }
    std::printf("%s\n", rows.dump(1).c_str());
    if (!curves.empty()) draw_curves(bench, curves);
    return quick && far_off ? 1 : 0;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 2;
  }
}
