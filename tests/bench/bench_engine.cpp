// What a sandbox costs on an engine, by a synchronous client: JSON on standard output; and a table
// with a column per engine, each figure beside the first engine's.
//
//   bench_engine NAME [--runsc PROGRAM] [SETTING=VALUE]...
//   bench_engine --table NAME.json...
//
// The first measures, with these settings of the server; the second prints the table.
// --runsc: on a Docker engine of its own, whose runtime is gVisor's PROGRAM.

#include <cstdio>
#include <exception>
#include <sstream>

#include "samples.hpp"
#include "support/second_engine.hpp"

namespace omcp_r::e2e {
namespace {

/// In kB, of the machine's memory.
double available() {
  std::istringstream lines(read_file("/proc/meminfo"));
  std::string name;
  double value = 0;
  while (lines >> name >> value && name != "MemAvailable:") lines.ignore(80, '\n');
  return value;
}

/// What it is to create, to have the first result of, to use and to remove sandboxes, in ms, and
/// how much memory of the machine each of some idle ones takes with all that serves it, in MB.
Json measured(const ChildSpec& spec) {
  constexpr int kTimes = 7;
  constexpr int kIdle = 4;
  Samples creating;
  Samples first;
  Samples executing;
  Samples removing;
  for (int i = 0; i < kTimes; ++i) {
    Server server{spec};
    server.initialize();
    std::string id;
    creating.push_back(milliseconds_of([&] { id = create(server); }));
    first.push_back(creating.back() + milliseconds_of([&] { execute(server, id); }));
    if (i == 0) {
      settle();
      executing = samples_of(200, [&] { execute(server, id); });
    }
    removing.push_back(milliseconds_of([&] { remove(server, id); }));
    stop(server);
  }
  Server server{spec};
  server.initialize();
  settle();
  const double before = available();
  std::vector<std::string> idle;
  while (idle.size() < kIdle) idle.push_back(create(server));
  settle();
  const double taken = (before - available()) / kIdle / 1024;
  for (const std::string& id : idle) remove(server, id);
  stop(server);
  return {{"create, ms", median(creating)},   {"create and first result, ms", median(first)},
          {"execute, ms", median(executing)}, {"execute, p99, ms", quantile(executing, 0.99)},
          {"remove, ms", median(removing)},   {"memory of an idle sandbox, MB", taken}};
}

Json measure(std::vector<std::string> words) {
  const TemporaryFolder folder;
  Environment environment{{"PATH", environment_or("PATH", "/usr/bin:/bin")},
                          {"HOME", folder.path()},
                          {"STATE_DIR", folder.path() / "state"},
                          {"SCOPE", folder.path().filename()},
                          {"DOCKER_IMAGE", test_image()},
                          {"STRUCTURED_CONTENT", "always"},
                          {"WARM_POOL", "0"}};
  const std::string name = words.front();
  std::unique_ptr<SecondEngine> engine;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::size_t is = words[i].find('=');
    if (words[i] == "--runsc" && i + 1 < words.size()) {
      const Json runtime{{"path", words[++i]},
                         {"runtimeArgs", {"--platform=systrap", "--network=none"}}};
      engine = std::make_unique<SecondEngine>(
          folder.path() / "engine",
          EngineProgram{{}, {}, false, Json{{"runtimes", {{"runsc", runtime}}}}.dump(), {}});
      engine->load(test_image());
      environment["DOCKER_HOST"] = engine->address().host;
      environment["RUNTIME"] = "runsc";
    } else if (is == std::string::npos) {
      throw std::runtime_error("not SETTING=VALUE: " + words[i]);
    } else {
      environment[words[i].substr(0, is)] = words[i].substr(is + 1);
    }
  }
  const ChildSpec spec{{binary()}, environment, folder.path(), folder.path() / "server.log", {}};
  return {{"engine", name}, {"figures", measured(spec)}};
}

void print_table(const std::vector<std::string>& files) {
  std::vector<Json> engines;
  for (const std::string& file : files) engines.push_back(Json::parse(read_file(file)));
  std::printf("%-32s", "");
  for (const Json& one : engines) {
    std::printf(" %18s", one.at("engine").get<std::string>().c_str());
  }
  for (const auto& [row, base] : engines.at(0).at("figures").items()) {
    std::printf("\n%-32s", row.c_str());
    for (const Json& one : engines) {
      const double value = one.at("figures").at(row);
      std::printf(" %9.1f %7.2fx", value, value / base.get<double>());
    }
  }
  std::printf("\n");
}

}  // namespace
}  // namespace omcp_r::e2e

int main(int argc, char** argv) {
  using namespace omcp_r::e2e;  // NOLINT(google-build-using-namespace)
  std::vector<std::string> words(argv + 1, argv + argc);
  try {
    if (words.empty()) throw std::runtime_error("usage: bench_engine NAME [SETTING=VALUE]...");
    if (words.front() == "--table") {
      print_table({words.begin() + 1, words.end()});
    } else {
      std::printf("%s\n", measure(std::move(words)).dump(1).c_str());
    }
    return 0;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 2;
  }
}
