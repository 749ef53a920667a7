#include "engine/docker_errors.hpp"

#include <gtest/gtest.h>

#include <ostream>

namespace omcp_r::engine {
namespace {

struct Case {
  const char* name;
  const char* said;  ///< as a real docker wrote it, versions 20.10 to 28
  Errc code;
  const char* quoted;
};
void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

class DockerErrors : public testing::TestWithParam<Case> {};

TEST_P(DockerErrors, AreToldFromWhatDockerWrites) {
  const Error error = classify_docker_error("docker x", GetParam().said);
  EXPECT_EQ(error.code, GetParam().code) << error.message;
  EXPECT_NE(error.message.find(GetParam().quoted), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("docker x"), std::string::npos) << error.message;
}

constexpr const char* kRunHint = "\n\nRun 'docker run --help' for more information\n";

INSTANTIATE_TEST_SUITE_P(
    All, DockerErrors,
    testing::Values(
        Case{"no container", "Error response from daemon: No such container: a1\n", Errc::kNotFound,
             "No such container: a1"},
        Case{"no object", "Error: No such object: a1\n", Errc::kNotFound, "No such object: a1"},
        Case{"rename of none",
             "Error response from daemon: No such container: a1\n"
             "Error: failed to rename container named a1\n",
             Errc::kNotFound, "No such container: a1"},
        Case{"no image, run",
             "docker: Error response from daemon: No such image: x:y\n\n"
             "Run 'docker run --help' for more information\n",
             Errc::kImageNotFound, "No such image: x:y"},
        Case{"no image, run of 20.10",
             "docker: Error response from daemon: No such image: x:y.\n"
             "See 'docker run --help'.\n",
             Errc::kImageNotFound, "No such image: x:y"},
        Case{"no image, inspect",
             "Error response from daemon: no such image: x:y: No such image: x:y\n",
             Errc::kImageNotFound, "no such image: x:y"},
        Case{"image that may not be pulled",
             "Unable to find image 'x:y' locally\ndocker: Error response from daemon: pull access "
             "denied for x, repository does not exist or may require 'docker login'.\n",
             Errc::kImageNotFound, "pull access denied"},
        Case{"bad image name", "docker: invalid reference format\n", Errc::kImageNotFound,
             "Correct DOCKER_IMAGE"},
        Case{"engine stopped",
             "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker "
             "daemon running?\n",
             Errc::kEngineUnavailable, "/var/run/docker.sock"},
        Case{"engine stopped, 29",
             "failed to connect to the docker API at unix:///nope; check if the path is correct "
             "and if the daemon is running: dial unix /nope: connect: no such file or directory\n",
             Errc::kEngineUnavailable, "/nope"},
        Case{"socket forbidden",
             "permission denied while trying to connect to the Docker daemon socket at "
             "unix:///var/run/docker.sock: Get \"http://%2Fvar%2Frun%2Fdocker.sock/v1.24/info\": "
             "dial unix /var/run/docker.sock: connect: permission denied\n",
             Errc::kEngineUnavailable, "usermod"},
        Case{"socket forbidden, 20.10",
             "Got permission denied while trying to connect to the Docker daemon socket\n",
             Errc::kEngineUnavailable, "usermod"},
        Case{"remote engine",
             "error during connect: Get \"http://bad:2375/v1.50/info\": dial tcp: lookup bad: no "
             "such host\n",
             Errc::kEngineUnavailable, "no such host"},
        Case{"engine that dies while it answers", "unexpected EOF\n", Errc::kEngineUnavailable,
             "unexpected EOF"},
        Case{"connection that is cut",
             "Error response from daemon: read unix @->/run/docker.sock: read: connection reset by "
             "peer\n",
             Errc::kEngineUnavailable, "connection reset"},
        Case{"no context",
             "Failed to initialize: unable to resolve docker endpoint: context \"foo\": context "
             "not found: open /root/.docker/contexts/meta/x/meta.json: no such file or directory\n",
             Errc::kEngineUnavailable, "docker context use"},
        Case{"versions",
             "Error response from daemon: client version 1.50 is too new. Maximum supported API "
             "version is 1.41\n",
             Errc::kEngineUnavailable, "too new"},
        Case{"name taken",
             "docker: Error response from daemon: Conflict. The container name \"/a\" is already "
             "in use by container \"0123\". You have to remove (or rename) that container to be "
             "able to reuse that name.\n\nRun 'docker run --help' for more information\n",
             Errc::kBusy, "Conflict."},
        Case{"name it has",
             "Error response from daemon: Renaming a container with the same name as its current "
             "name\nError: failed to rename container named a1\n",
             Errc::kBusy, "same name"},
        Case{"ended",
             "Error response from daemon: Cannot kill container: a: Container 0123 is not "
             "running\n",
             Errc::kEnded, "is not running"},
        Case{"being removed",
             "Error response from daemon: removal of container a is already in progress\n",
             Errc::kEnded, "removal of container a"},
        Case{"half removed",
             "Error response from daemon: container a: driver \"x\" failed: unable to remove "
             "filesystem for a: unlinkat /b/a: directory not empty\n",
             Errc::kEnded, "unable to remove filesystem"},
        Case{"attach to ended", "You cannot attach to a stopped container, start it first\n",
             Errc::kEnded, "stopped container"},
        Case{"runtime, 20.10", "docker: Error response from daemon: Unknown runtime specified x.\n",
             Errc::kInvalidArgument, "RUNTIME"},
        Case{"runtime, 25",
             "docker: Error response from daemon: unknown or invalid runtime name: x\n",
             Errc::kInvalidArgument, "RUNTIME"},
        Case{"image without R",
             "docker: Error response from daemon: failed to create shim task: OCI runtime create "
             "failed: runc create failed: unable to start container process: exec: \"sh\": "
             "executable file not found in $PATH: unknown\n",
             Errc::kInvalidArgument, "has R installed"},
        Case{"other start failure",
             "docker: Error response from daemon: OCI runtime create failed: container_linux.go: "
             "mount failed: unknown.\n",
             Errc::kInternal, "mount failed"},
        Case{"too little memory",
             "docker: Error response from daemon: Minimum memory limit allowed is 6MB\n",
             Errc::kInvalidArgument, "6MB"},
        Case{"too many cpus",
             "docker: Error response from daemon: Range of CPUs is from 0.01 to 2.00, as there are "
             "only 2 CPUs available\n",
             Errc::kInvalidArgument, "from 0.01 to 2.00"},
        Case{"disk full",
             "docker: Error response from daemon: mkdir /var/lib/docker/overlay2/x: no space left "
             "on device.\n",
             Errc::kEngineUnavailable, "docker system prune"},
        Case{"something new", "WARNING: x\nError response from daemon: y happened\n",
             Errc::kInternal, "y happened"},
        Case{"silence", "", Errc::kInternal, "said nothing"}));

TEST(DockerErrors, TheTellingLineIsNoHint) {
  EXPECT_EQ(telling_line(std::string{"one\nlast\r\n"} + kRunHint), "last");
  EXPECT_EQ(telling_line("WARNING: x\ndocker: Error: first\nError: second\n"),
            "docker: Error: first");
  EXPECT_EQ(telling_line("\n \n"), "");
}

TEST(DockerErrors, TheApiVersionThatAnEngineAsksForIsFound) {
  EXPECT_EQ(
      wanted_api_version("Error response from daemon: client version 1.41 is too old. Minimum "
                         "supported API version is 1.44, please upgrade your client"),
      "1.44");
  EXPECT_EQ(wanted_api_version("client version 1.60 is too new. Maximum supported API version is "
                               "1.51."),
            "1.51");
  EXPECT_EQ(wanted_api_version("Minimum supported API version is "), "");
  EXPECT_EQ(wanted_api_version("Minimum supported API version is 1.44.1.2.3.4"), "");
  EXPECT_EQ(wanted_api_version("no such container"), "");
}

TEST(DockerErrors, AnIgnoredLimitIsNoticed) {
  EXPECT_TRUE(says_limit_discarded(
      "WARNING: Your kernel does not support memory limit capabilities or the cgroup is not "
      "mounted. Limitation discarded.\n"));
  EXPECT_TRUE(says_limit_discarded(
      "WARNING: Your kernel does not support CPU CFS scheduler. CPU limits discarded."));
  EXPECT_FALSE(says_limit_discarded(
      "WARNING: Your kernel does not support swap limit capabilities or the cgroup is not "
      "mounted. Memory limited without swap.\n"));
}

}  // namespace
}  // namespace omcp_r::engine
