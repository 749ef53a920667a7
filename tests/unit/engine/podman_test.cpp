// Words and JSON recorded from podman 4.3.1.

#include "engine/podman.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "engine/dialect.hpp"
#include "engine/docker_errors.hpp"
#include "engine/docker_output.hpp"
#include "engine/run_policy.hpp"
#include "support.hpp"

namespace omcp_r::engine {
namespace {

std::string info(const std::string& controllers, const std::string& version = "v2",
                 const std::string& remote = "false") {
  return R"({"host":{"cgroupManager":"cgroupfs","cgroupVersion":")" + version +
         R"(","cgroupControllers":[)" + controllers +
         R"(],"conmon":{"package":"conmon_2.1.6+ds1-1_amd64","path":"/usr/bin/conmon"},"cpus":2,)"
         R"("distribution":{"distribution":"debian","version":"12"},"hostname":"vm",)"
         R"("kernel":"6.1.0","memTotal":25276063744,"ociRuntime":{"name":"runc",)"
         R"("package":"runc_1.1.5+ds1-1+deb12u1_amd64","path":"/usr/bin/runc",)"
         R"("version":"runc version 1.1.5+ds1\ncommit: 1.1.5+ds1-1+deb12u1\nspec: 1.0.2-dev"},)"
         R"("serviceIsRemote":)" +
         remote +
         R"(,"security":{"apparmorEnabled":false,"rootless":true,"seccompEnabled":true,)"
         R"("selinuxEnabled":false}},"store":{"graphRoot":"/var/lib/containers/storage"},)"
         R"("version":{"APIVersion":"4.3.1","Version":"4.3.1","OsArch":"linux/amd64"}})";
}

constexpr const char* kAll = R"("cpuset","cpu","cpuacct","blkio","memory","pids")";

TEST(Podman, TellsWhatItIs) {
  const auto facts = parse_podman_info(info(kAll));
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->id, "podman:vm:/var/lib/containers/storage");
  EXPECT_EQ(facts->version, "4.3.1");
  EXPECT_EQ(facts->memory_bytes, 25276063744U);
  EXPECT_TRUE(facts->cgroup_v2);
  EXPECT_TRUE(facts->limits_it_lacks.empty());
  EXPECT_EQ(facts->podman.conmon, "/usr/bin/conmon");
  EXPECT_GT(facts->podman.most_processes, 0U);
  EXPECT_FALSE(parse_podman_info(info(kAll, "v1"))->cgroup_v2);
}

TEST(Podman, LacksTheLimitsWhoseControllersItDoesNotHave) {
  using Limits = std::vector<std::string>;
  EXPECT_EQ(parse_podman_info(info("", "v1"))->limits_it_lacks,
            (Limits{"memory", "CPU", "processes"}));
  EXPECT_EQ(parse_podman_info(info(R"("memory","pids")"))->limits_it_lacks, Limits{"CPU"});
}

TEST(Podman, IsRefusedWhereItIsAnotherMachinesOrAnotherProgram) {
  const auto remote = parse_podman_info(info(kAll, "v2", "true"));
  ASSERT_FALSE(remote);
  EXPECT_EQ(remote.error().code, Errc::kEngineUnavailable);
  EXPECT_NE(remote.error().message.find("another machine"), std::string::npos);
  for (const char* other : {"", "[]", "{}", R"({"host":[]})", R"({"ID":"docker's"})"}) {
    EXPECT_FALSE(parse_podman_info(other)) << other;
  }
}

TEST(Podman, IsDiagnosed) {
  Diagnosis told;
  take_podman_info(info(R"("memory","pids")"), told);
  EXPECT_EQ(told.version, "4.3.1");
  EXPECT_EQ(told.system, "debian 12");
  EXPECT_EQ(told.cgroup_version, "2");
  EXPECT_EQ(told.limits_memory, true);
  EXPECT_EQ(told.limits_cpus, false);
  EXPECT_EQ(told.default_runtime, "runc");
  ASSERT_EQ(told.components.size(), 1U);
  EXPECT_EQ(told.components[0].version, "1.1.5+ds1");
  ASSERT_TRUE(told.guards);
  EXPECT_TRUE(told.guards->contains("seccomp"));
  EXPECT_TRUE(told.guards->contains("rootless"));
  EXPECT_FALSE(told.guards->contains("apparmor"));
  for (const char* other : {"", "[]", "{}", R"({"host":{"cgroupControllers":{}}})"}) {
    take_podman_info(other, told);  // whatever it is
  }
}

// What it has not is left out, what it does on its own is said no to; the rest is docker's.
TEST(Podman, HasWordsOfItsOwnToRunOne) {
  const Spec spec = small_spec();
  EngineFeatures features;
  const std::vector<std::string> docker = docker_run_argv(spec, features);
  features.podman_processes = 32768;
  const std::vector<std::string> podman = docker_run_argv(spec, features);
  std::vector<std::string> added;
  for (const std::string& word : podman) {
    if (std::find(docker.begin(), docker.end(), word) == docker.end()) added.push_back(word);
  }
  const std::vector<std::string> expected{
      "--tmpfs=/tmp:rw,noexec,nosuid,nodev,size=4194304,mode=1777",
      "--tmpfs=/sandbox:rw,noexec,nosuid,nodev,size=8388608,U,mode=0700",
      "--read-only-tmpfs=false",
      "--http-proxy=false",
      "--sdnotify=ignore",
      "--ulimit=nproc=32768:32768"};
  EXPECT_EQ(added, expected);
  EXPECT_EQ(podman.size(), docker.size() + 4);
}

TEST(Podman, NamesContainersAndImagesInFullAndDigestsInShort) {
  const std::string digest(64, 'a');
  const auto list = parse_containers(
      R"({"id":"c1","name":"omcp-r-spare-u","image":"localhost/omcp-r-test:bookworm","digest":")" +
      digest +
      R"(","running":true,"created":"2026-11-29T23:16:59.55373672Z","memory":536870912,)"
      R"("omcp-r.id":"u","omcp-r.role":"spare"})");
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 1U);
  EXPECT_EQ(list->front().found.image, "omcp-r-test:bookworm");
  EXPECT_EQ(list->front().found.image_digest, "sha256:" + digest);
  EXPECT_FALSE(list->front().found.given);
  EXPECT_NE(inspect_format("ID").find("{{json .ID}}"), std::string::npos);

  const Dialect& podman = dialect_of("podman");
  EXPECT_EQ(full_image_name(podman, "rocker/r-ver:4"), "docker.io/rocker/r-ver:4");
  EXPECT_EQ(full_image_name(podman, "r-base"), "docker.io/library/r-base");
  EXPECT_EQ(full_image_name(podman, "r-base:4.2"), "docker.io/library/r-base:4.2");
  EXPECT_EQ(full_image_name(podman, "localhost/r:1"), "localhost/r:1");
  EXPECT_EQ(full_image_name(podman, "ghcr.io/a/b"), "ghcr.io/a/b");
  EXPECT_EQ(full_image_name(podman, "host:5000/b"), "host:5000/b");
  EXPECT_EQ(full_image_name(dialect_of("docker"), "rocker/r-ver:4"), "rocker/r-ver:4");
}

TEST(Podman, ErrorsAreToldFromItsWords) {
  const auto code = [](const char* said) { return classify_docker_error("podman x", said).code; };
  EXPECT_EQ(code("Error: nosuch:x: image not known\n"), Errc::kImageNotFound);
  EXPECT_EQ(code("Error: inspecting object: nosuch:x: image not known\n"), Errc::kImageNotFound);
  EXPECT_EQ(
      code("Error: short-name \"a/b:x\" did not resolve to an alias and no "
           "unqualified-search registries are defined in \"/etc/containers/registries.conf\""),
      Errc::kImageNotFound);
  EXPECT_EQ(code("Error: invalid reference format\n"), Errc::kImageNotFound);
  EXPECT_EQ(code("Error: inspecting object: no such container nosuch\n"), Errc::kNotFound);
  EXPECT_EQ(code("Error: no container with name or ID \"x\" found: no such container\n"),
            Errc::kNotFound);
  EXPECT_EQ(code("Error: creating container storage: the container name \"omcp-r-x1\" is already "
                 "in use by ef8a. You have to remove that container to be able to reuse that name: "
                 "that name is already in use\n"),
            Errc::kBusy);
  EXPECT_EQ(code("Error: you can only attach to running containers\n"), Errc::kEnded);
  EXPECT_EQ(code("Error: can only kill running containers. ef8a is in state exited: container "
                 "state improper\n"),
            Errc::kEnded);
  EXPECT_EQ(code("Error: default OCI runtime \"runsc\" not found: invalid argument\n"),
            Errc::kInvalidArgument);
  EXPECT_EQ(code("Error: OCI runtime error: runc: runc create failed: unable to start container "
                 "process: error during container init: error setting cgroup config for procHooks "
                 "process: unable to set memory limit to 1000 (current usage: 2621440)\n"),
            Errc::kInvalidArgument);
  EXPECT_EQ(code("Error: opening seccomp profile failed: open /none: no such file or directory\n"),
            Errc::kInvalidArgument);
}

TEST(Podman, AdviceNamesItsCommands) {
  const Dialect& podman = dialect_of("podman");
  EXPECT_EQ(in_words_of(podman, "Get it with `docker pull`."), "Get it with `podman pull`.");
  EXPECT_EQ(in_words_of(dialect_of("docker"), "`docker pull`"), "`docker pull`");
  const Error error = name_image(classify_docker_error("podman run", "Error: r:9: image not known"),
                                 "r:9", pull_command(podman, "r:9"));
  EXPECT_NE(error.message.find("run `podman pull docker.io/library/r:9`"), std::string::npos)
      << error.message;
  EXPECT_EQ(in_words_of(podman, error.message).find("docker pull"), std::string::npos);
}

TEST(Podman, ItsConmonIsToldToLeaveStandardInputOpen) {
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / ("conmon-" + std::to_string(::getpid()));
  const auto path = lasting_conmon("/usr/bin/con mon", folder);
  ASSERT_TRUE(path);
  std::ifstream file(*path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(text, "#!/bin/sh\nexec \"/usr/bin/con mon\" --leave-stdin-open \"$@\"\n");
  EXPECT_EQ(std::filesystem::status(*path).permissions(), std::filesystem::perms::owner_all);
  std::filesystem::remove_all(folder);
  EXPECT_FALSE(lasting_conmon("/usr/bin/conmon", "/proc/none"));
}

class PodmanEngine : public testing::Test {
 protected:
  PodmanEngine() {
    config_.docker = "/bin/true";  // never run
    config_.kind = "podman";
    config_.folder = testing::TempDir();
    script_->answers["info"] = {{.out = info(kAll)}};
  }
  Result<Created> create() {
    auto engine =
        make_docker_engine(io_.get_executor(), config_, std::make_unique<FakeRunner>(script_));
    return run_sync(io_, engine->create(small_spec()));
  }
  asio::io_context io_;
  EngineConfig config_;
  std::shared_ptr<FakeRunner::Script> script_ = std::make_shared<FakeRunner::Script>();
};

TEST_F(PodmanEngine, RefusesWhatItWouldNotLimitBeforeAnythingIsMade) {
  script_->answers["info"] = {{.out = info("", "v1")}};
  const auto created = create();
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code, Errc::kLimitsNotApplied);
  EXPECT_NE(created.error().message.find("memory, CPU, processes"), std::string::npos);
  EXPECT_EQ(script_->calls.size(), 1U);
}

TEST_F(PodmanEngine, RunsWithAConmonThatLasts) {
  const std::string id(64, 'a');
  const std::string conmon = "--conmon=" + testing::TempDir() + "conmon";
  script_->answers[conmon] = {{.out = id + "\n"}};
  script_->answers["inspect"] = {{.out = engine::inspected(id, "omcp-r-test")}};
  const auto created = create();
  ASSERT_TRUE(created) << created.error().message;
  EXPECT_TRUE(created->not_in_force.empty());
  ASSERT_GE(script_->calls.size(), 2U);
  EXPECT_EQ(script_->calls[1][0], conmon);
  EXPECT_EQ(script_->calls[1][1], "run");
  EXPECT_FALSE(script_->commands[1].input.empty()) << "the list of system calls";
}

}  // namespace
}  // namespace omcp_r::engine
