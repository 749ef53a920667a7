// How the server ends: hosts ask nicely for as little as half a second.

#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGTERM

#include <cstring>

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

class Shutdown : public ServerTest {
 public:
  /// The fastest of some tries, since machines that run tests hesitate; each must end by itself.
  std::chrono::milliseconds fastest(const std::function<void(Server&)>& ask) {
    auto best = std::chrono::milliseconds::max();
    for (int attempt = 0; attempt < 5; ++attempt) {
      Server& server = start({{{"DOCKER_HOST", "unix:///nonexistent/docker.sock"}}, {}, true, {}});
      const auto begin = std::chrono::steady_clock::now();
      ask(server);
      EXPECT_EQ(server.wait_for_end().code, 0);
      best = std::min(best, std::chrono::ceil<std::chrono::milliseconds>(
                                std::chrono::steady_clock::now() - begin));
      if (best < 300ms) break;
    }
    return best;
  }
};

TEST_F(Shutdown, IsPromptAndCleanAtTheEndOfInput) {
  EXPECT_LT(fastest([](Server& server) { server.close_input(); }), 300ms * time_factor());
}

TEST_F(Shutdown, IsPromptAndCleanAtEachSignal) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    SCOPED_TRACE(strsignal(signal));
    EXPECT_LT(fastest([&](Server& server) { server.kill(signal); }), 300ms * time_factor());
  }
}

TEST_F(Shutdown, IsCleanWhenItsOutputIsClosed) {
  Server& server = start();
  server.close_output();
  server.write("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n");
  EXPECT_EQ(server.wait_for_end().code, 0);
}

TEST_F(Shutdown, ComesAfterTheAnswersThatAreDone) {
  Server& server = start();
  std::string lines;
  for (int i = 0; i < 200; ++i) {
    lines += R"({"jsonrpc":"2.0","id":"p)" + std::to_string(i) +
             R"(","method":"tools/list"})"
             "\n";
  }
  server.write(lines);
  server.close_input();
  EXPECT_EQ(server.wait_for_end().code, 0);
  for (int i = 0; i < 200; ++i) {
    EXPECT_TRUE(server.wait_for("p" + std::to_string(i)).contains("result"));
  }
}

TEST_F(Shutdown, DoesNotWaitForAnEngineThatHangs) {
  write_file(folder() / "docker", "#!/bin/sh\nexec sleep 30\n");
  std::filesystem::permissions(folder() / "docker", std::filesystem::perms::owner_all);
  const Environment slow{{"PATH", folder().string() + ":/usr/bin:/bin"}};
  for (const bool by_signal : {false, true}) {
    Server& server = start({slow, {}, true, {}});
    server.send_call("list_sandboxes");
    EXPECT_TRUE(eventually([&] { return !server.children().empty(); }));
    if (by_signal) server.kill(SIGTERM);
    if (!by_signal) server.close_input();
    EXPECT_EQ(server.wait_for_end(5s * time_factor()).code, 0);
  }
  const bool gone = eventually([this] {
    return processes([this](const std::filesystem::path& process) {
             return contains(read_file(process / "environ"), scope());
           })
        .empty();
  });
  EXPECT_TRUE(gone) << "a docker client outlived its server";
}

TEST_F(Shutdown, LeavesNoClientBehindWhenKilled) {
  write_file(folder() / "docker", "#!/bin/sh\nexec sleep 30\n");
  std::filesystem::permissions(folder() / "docker", std::filesystem::perms::owner_all);
  Server& server = start({{{"PATH", folder().string() + ":/usr/bin:/bin"}}, {}, true, {}});
  server.send_call("list_sandboxes");
  EXPECT_TRUE(eventually([&] { return !server.children().empty(); }));
  server.kill(SIGKILL);
  EXPECT_EQ(server.wait_for_end().signal, SIGKILL);
  EXPECT_TRUE(eventually([this] {
    return processes([this](const std::filesystem::path& process) {
             return contains(read_file(process / "environ"), scope());
           })
        .empty();
  }));
}

}  // namespace
}  // namespace omcp_r::e2e
