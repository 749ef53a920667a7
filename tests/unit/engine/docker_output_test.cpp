#include "engine/docker_output.hpp"

#include <gtest/gtest.h>

#include "engine/docker_features.hpp"

namespace omcp_r::engine {
namespace {

TEST(DockerOutput, ReadsContainersWithAnyLabels) {
  const auto list = parse_containers(
      R"({"id":"a1","name":"/one","image":"r:1","labels":{"k":"x,y=z\n","e":""},"running":true,)"
      R"("created":"2026-11-23T23:37:33.123456789Z"})"
      "\n\n"
      R"({"id":"b2","name":"/two","image":"r:1","labels":null,"running":false,"created":"bad"})"
      "\n");
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 2U);
  const ContainerInfo& one = (*list)[0];
  EXPECT_EQ(one.id, "a1");
  EXPECT_EQ(one.name, "one");
  EXPECT_EQ(one.image, "r:1");
  EXPECT_EQ(one.labels, (Labels{{"k", "x,y=z\n"}, {"e", ""}}));
  EXPECT_TRUE(one.running);
  EXPECT_EQ(one.created_at, 1795477053);
  EXPECT_FALSE((*list)[1].running);
  EXPECT_EQ((*list)[1].created_at, 0);
}

TEST(DockerOutput, ReadsTheStateWithTheLimitsThatHold) {
  const auto state = parse_state(
      R"({"running":false,"exit_code":137,"oom_killed":true,"image":"sha256:0","memory":67108864,)"
      R"("memory_swap":67108864,"nano_cpus":500000000,"pids":32})");
  ASSERT_TRUE(state);
  EXPECT_FALSE(state->running);
  EXPECT_EQ(state->exit_code, 137);
  EXPECT_TRUE(state->oom_killed);
  EXPECT_EQ(state->image_id, "sha256:0");
  EXPECT_EQ(state->limits.memory_bytes, 67108864);
  EXPECT_EQ(state->limits.memory_swap_bytes, 67108864);
  EXPECT_DOUBLE_EQ(state->limits.cpus, 0.5);
  EXPECT_EQ(state->limits.pids, 32);
}

TEST(DockerOutput, ALimitThatDoesNotHoldIsZero) {
  const auto state = parse_state(R"({"running":true,"memory":0,"pids":null})");
  ASSERT_TRUE(state);
  EXPECT_EQ(state->limits.memory_bytes, 0);
  EXPECT_EQ(state->limits.pids, 0);
}

TEST(DockerOutput, ReadsImages) {
  const auto image = parse_image(R"({"id":"sha256:1","repo_digests":["r@sha256:2"]})");
  ASSERT_TRUE(image);
  EXPECT_EQ(image->id, "sha256:1");
  EXPECT_EQ(image->repo_digests, std::vector<std::string>{"r@sha256:2"});
  EXPECT_TRUE(parse_image(R"({"id":"sha256:1","repo_digests":null})"));
}

TEST(DockerOutput, GarbageIsAnErrorAndNoCrash) {
  for (const char* text : {"", "hello", "[1]", "{\"a\":", "\xff\xfe", "null"}) {
    EXPECT_FALSE(parse_state(text)) << text;
    EXPECT_FALSE(parse_image(text)) << text;
  }
  EXPECT_FALSE(parse_containers("{}\nhello\n"));
  EXPECT_TRUE(parse_containers("")->empty());
  EXPECT_TRUE(parse_state(R"({"running":"yes","exit_code":"x","memory":{}})"));
}

TEST(DockerOutput, ReadsTimesWithZones) {
  EXPECT_EQ(parse_time("1970-01-01T00:00:01Z"), 1);
  EXPECT_EQ(parse_time("1970-01-01T02:00:01.5+02:00"), 1);
  EXPECT_EQ(parse_time("1969-12-31T19:00:01-05:00"), 1);
  EXPECT_EQ(parse_time("yesterday"), 0);
}

TEST(DockerOutput, TheIdIsTheLastLine) {
  const std::string id(64, 'a');
  EXPECT_EQ(parse_container_id("Unable to find…\n" + id + "\n"), id);
  EXPECT_EQ(parse_container_id("hello\n"), "");
  EXPECT_EQ(parse_container_id(""), "");
}

TEST(DockerFeatures, AreToldFromInfoAndVersion) {
  const auto facts =
      parse_docker_info(R"({"CgroupVersion":"2","ClientInfo":{"Version":"28.2.2"}})");
  ASSERT_TRUE(facts);
  const EngineFeatures features = features_of(*facts, parse_version(facts->client_version));
  EXPECT_TRUE(features.pull_never);
  EXPECT_TRUE(features.private_cgroupns);
  EXPECT_FALSE(parse_docker_info(R"({"CgroupVersion":"1"})")->cgroup_v2);
  EXPECT_FALSE(parse_docker_info("{}")->cgroup_v2);
  EXPECT_FALSE(features_of({.cgroup_v2 = true, .client_version = ""}, 1903).private_cgroupns);
  EXPECT_FALSE(features_of({.cgroup_v2 = true, .client_version = ""}, 1903).pull_never);
}

TEST(DockerFeatures, VersionsAreCompared) {
  EXPECT_EQ(parse_version("Docker version 20.10.24+dfsg1, build 297e128"), 2010);
  EXPECT_EQ(parse_version("28.2.2"), 2802);
  EXPECT_EQ(parse_version("19.03.15"), 1903);
  EXPECT_EQ(parse_version("unknown"), 0);
  EXPECT_EQ(parse_version("99999999999.1"), 0);
}

TEST(DockerFeatures, AnUnreachableEngineInTheAnswerIsAnError) {
  const auto facts = parse_docker_info(
      R"({"ServerErrors":["Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?"]})");
  ASSERT_FALSE(facts);
  EXPECT_EQ(facts.error().code, Errc::kEngineUnavailable);
  EXPECT_FALSE(parse_docker_info("hello"));
}

}  // namespace
}  // namespace omcp_r::engine
