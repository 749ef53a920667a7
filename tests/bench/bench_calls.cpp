// Medians of what a caller waits for, from one run on one engine:
//   execute_r_code, create_sandbox, remove_sandbox, and docker exec … Rscript -e in the same
//   container.

#include <algorithm>
#include <cstdio>
#include <exception>
#include <functional>

#include "support/server.hpp"

namespace omcp_r::e2e {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_of(const std::function<void()>& work) {
  const auto begin = Clock::now();
  work();
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

double median_of(int times, const std::function<void()>& work) {
  std::vector<double> all;
  for (int i = 0; i < times; ++i) all.push_back(milliseconds_of(work));
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

ToolResult expect_success(ToolResult result) {
  if (!result.success()) throw std::runtime_error("a call failed: " + result.shown());
  return result;
}

struct Medians {
  double execute, create, create_warm, remove, docker_exec;
};

std::string create(Server& server) {
  return expect_success(server.call("create_sandbox")).data().at("sandbox_id");
}

void remove(Server& server, const std::string& id) {
  expect_success(server.call("remove_sandbox", Json{{"sandbox_id", id}}));
}

Environment environment(const TemporaryFolder& folder, const std::string& warm_pool) {
  Environment result{{"PATH", environment_or("PATH", "/usr/bin:/bin")},
                     {"HOME", folder.path()},
                     {"STATE_DIR", folder.path() / "state"},
                     {"SCOPE", folder.path().filename()},
                     {"DOCKER_IMAGE", test_image()},
                     {"SANDBOX_TIMEOUT", "120"},
                     {"WARM_POOL", warm_pool}};
  const std::string host = environment_or("DOCKER_HOST", "");
  if (!host.empty()) result["DOCKER_HOST"] = host;
  return result;
}

Medians measure(Server& server, const TemporaryFolder& folder) {
  Medians medians{};
  std::vector<std::string> ids;
  medians.create = median_of(9, [&] { ids.push_back(create(server)); });
  std::size_t next = 1;
  medians.remove = median_of(8, [&] { remove(server, ids[next++]); });
  const Json code{{"sandbox_id", ids[0]}, {"code", "1 + 1"}};
  expect_success(server.call("execute_r_code", code));
  medians.execute = median_of(201, [&] { expect_success(server.call("execute_r_code", code)); });
  const std::string container = containers_of_scope(folder.path().filename()).at(0).id;
  medians.docker_exec = median_of(11, [&] {
    docker({"exec", container, "Rscript", "-e", "1 + 1"});
  });
  remove(server, ids[0]);
  return medians;
}

// A spare needs a moment to be made ready after each creation: that moment is not measured.
double measure_warm(const TemporaryFolder& folder) {
  Server server(
      {{binary()}, environment(folder, "1"), folder.path(), folder.path() / "warm.log", {}});
  server.initialize();
  std::vector<double> all;
  for (int i = 0; i < 5; ++i) {
    const std::string scope = folder.path().filename();
    server.call("list_sandboxes");
    eventually([&] { return containers_of_scope(scope).size() > 1; }, 3s);
    server.stays_silent(1s);
    std::string id;
    all.push_back(milliseconds_of([&] { id = create(server); }));
    remove(server, id);
  }
  server.close_input();
  server.wait_for_end();
  for (const Container& spare : containers_of_scope(folder.path().filename()))
    docker({"kill", spare.id});  // --rm removes it; rm beside that may leave it half removed
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

void print(const Medians& m) {
  std::printf("medians in milliseconds (and how many times docker exec … Rscript -e takes)\n");
  const auto line = [&](const char* name, double time) {
    std::printf("  %-34s %9.2f   %7.2f x\n", name, time, m.docker_exec / time);
  };
  line("execute_r_code, trivial code", m.execute);
  line("create_sandbox", m.create);
  line("create_sandbox, spare ready", m.create_warm);
  line("remove_sandbox", m.remove);
  line("docker exec … Rscript -e", m.docker_exec);
}

}  // namespace
}  // namespace omcp_r::e2e

int main() {
  using namespace omcp_r::e2e;  // NOLINT(google-build-using-namespace)
  try {
    const TemporaryFolder folder;
    Server server(
        {{binary()}, environment(folder, "0"), folder.path(), folder.path() / "server.log", {}});
    server.initialize();
    Medians medians = measure(server, folder);
    server.close_input();
    server.wait_for_end();
    medians.create_warm = measure_warm(folder);
    print(medians);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 1;
  }
  return 0;
}
