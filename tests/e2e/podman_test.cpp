// What is podman's alone. The other suites run on it as well: OMCP_TEST_ENGINE=podman.

#include <unistd.h>

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

class Podman : public SandboxTest {
 protected:
  /// What `docker ps` has of this test.
  [[nodiscard]] std::size_t on_docker() const {
    return containers_of_scope(scope(), {.host = "", .client = "docker"}).size();
  }
};

TEST_F(Podman, AutoTakesItWhereDockerDoesNotAnswer) {
  Server& server = start(
      {{{"ENGINE", "auto"}, {"DOCKER_HOST", "unix:///nonexistent/docker.sock"}}, {}, true, {}});
  const Sandbox box = create(server);
  EXPECT_EQ(box.output("cat(6 * 7)"), "42");
  EXPECT_EQ(containers().size(), 1U);
}

TEST_F(Podman, AutoTakesItWhereThereIsNoDocker) {
  Server& server =
      start({{{"ENGINE", "auto"}, {"DOCKER", (folder() / "no-docker").string()}}, {}, true, {}});
  const Sandbox box = create(server);
  EXPECT_EQ(box.output("cat(6 * 7)"), "42");
  EXPECT_EQ(containers().size(), 1U);
}

TEST_F(Podman, AutoTakesDockerWhereItAnswers) {
  Server& server = start({{{"ENGINE", "auto"}}, {}, true, {}});
  const Sandbox box = create(server);
  EXPECT_EQ(containers().size(), 0U);
  EXPECT_EQ(on_docker(), 1U);
  EXPECT_FALSE(box.remove().is_error());
  EXPECT_TRUE(eventually([this] { return on_docker() == 0; }, 20s));
}

// Podman's conmon closes a container's standard input with the first client that ends, unless it is
// told not to: R would end with its server.
TEST_F(Podman, StateSurvivesAServerThatIsKilled) {
  Server& first = start();
  const Sandbox box = create(first);
  box.output("x <- 42");
  first.kill(SIGKILL);
  Server& second = start();
  EXPECT_EQ(Sandbox(second, box.id()).output("cat(x)"), "42");
}

TEST_F(Podman, NothingBesideTheTwoFoldersIsWritable) {
  const Sandbox box = sandbox();
  EXPECT_EQ(box.output("cat(file.access(c('/run', '/var/tmp', '/tmp', '/sandbox'), 2))"),
            "-1 -1 0 0");
}

// Of the server's own environment: podman passes proxies on, and systemd's socket with its folder.
TEST_F(Podman, ProxiesAndSystemdsSocketStayOutside) {
  const std::string socket = (folder() / "notify").string();
  write_file(socket, "");
  Server& server =
      start({{{"https_proxy", "http://me:secret@proxy"}, {"NOTIFY_SOCKET", socket}}, {}, true, {}});
  const Sandbox box = create(server);
  EXPECT_EQ(box.output("cat(Sys.getenv(c('https_proxy', 'NOTIFY_SOCKET')))"), " ");
  EXPECT_EQ(box.output("cat(any(grepl('notify', readLines('/proc/mounts'))))"), "FALSE");
}

// With cgroup v1 or without delegation podman would take the limits and leave them out. It leaves a
// process that holds its user namespace, which ends with the namespace of processes.
TEST_F(Podman, WithoutRootItRefusesWhatItCannotLimit) {
  const auto home = folder() / "nobody";
  std::filesystem::create_directory(home);
  std::filesystem::copy_file(binary(), home / "server");
  constexpr uid_t kNobody = 65534;
  ASSERT_EQ(::chown(home.c_str(), kNobody, kNobody), 0) << "this test needs root";
  std::filesystem::permissions(folder(), std::filesystem::perms(0755));
  const Finished told = run({"unshare",
                             "--pid",
                             "--fork",
                             "--mount-proc",
                             "setpriv",
                             "--reuid=65534",
                             "--regid=65534",
                             "--clear-groups",
                             "env",
                             "-u",
                             "CONTAINERS_STORAGE_CONF",
                             "HOME=" + home.string(),
                             "XDG_RUNTIME_DIR=" + home.string(),
                             "STATE_DIR=" + (home / "state").string(),
                             "SCOPE=" + scope(),
                             "ENGINE=podman",
                             "DOCKER_IMAGE=" + test_image(),
                             (home / "server").string(),
                             "run",
                             "/dev/null"});
  EXPECT_NE(told.ending.code, 0);
  EXPECT_TRUE(contains(told.output, "podman cannot limit these here: memory, CPU, processes"))
      << told.output;
  EXPECT_TRUE(contains(told.output, "delegated to this user")) << told.output;
}

}  // namespace
}  // namespace omcp_r::e2e
