#include "engine/docker_output.hpp"

#include <gtest/gtest.h>

#include "engine/docker_features.hpp"
#include "engine/docker_names.hpp"

namespace omcp_r::engine {
namespace {

TEST(DockerOutput, ReadsContainersWithAnyLabels) {
  const auto list = parse_containers(
      R"({"id":"a1","name":"/one","image":"r:1","digest":"sha256:0","omcp-r.id":"u1",)"
      R"("omcp-r.scope":"x,y=z\n","omcp-r.domain":"d","omcp-r.role":"spare","omcp-r.idle":"30",)"
      R"("omcp-r.lifetime":"60","omcp-r.protocol":"2","running":true,"memory":67108864,)"
      R"("nano_cpus":500000000,"created":"2026-11-23T23:37:33.123456789Z"})"
      "\n\n"
      R"({"id":"b2","name":"/two","omcp-r.id":"u2","running":false,"created":"bad"})"
      "\n");
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 2U);
  const Found& one = (*list)[0].found;
  EXPECT_EQ(one.handle.id, "a1");
  EXPECT_EQ((*list)[0].name, "one");
  EXPECT_EQ(one.image, "r:1");
  EXPECT_EQ(one.image_digest, "sha256:0");
  EXPECT_EQ(one.identity.id, "u1");
  EXPECT_EQ(one.identity.scope, "x,y=z\n");
  EXPECT_EQ(one.identity.domain, "d");
  EXPECT_EQ(one.identity.role, Role::kSpare);
  EXPECT_EQ(one.identity.idle, 30);
  EXPECT_EQ(one.identity.lifetime, 60);
  EXPECT_EQ(one.identity.protocol, 2);
  EXPECT_TRUE(one.running);
  EXPECT_EQ(one.since, 1795477053);
  EXPECT_EQ(one.memory_bytes, 67108864U);
  EXPECT_DOUBLE_EQ(one.cpus, 0.5);
  EXPECT_FALSE((*list)[1].found.running);
  EXPECT_EQ((*list)[1].found.since, 0);
}

TEST(DockerOutput, ASpareIsGivenWhenItsNameSaysSo) {
  const auto given = [](const std::string& name, const std::string& role) {
    return parse_containers(R"({"omcp-r.id":"u","name":"/)" + name + R"(","omcp-r.role":")" + role +
                            "\"}")
        ->front()
        .found.given;
  };
  EXPECT_FALSE(given("omcp-r-spare-u", "spare"));
  EXPECT_TRUE(given("omcp-r-u", "spare"));
  EXPECT_FALSE(given("omcp-r-u", "sandbox"));
  EXPECT_FALSE(given("omcp-r-u", ""));
}

TEST(DockerOutput, LabelsThatSayNothingLeaveTheDefault) {
  const Identity plain;
  for (const char* labels :
       {R"({"omcp-r.id":"u"})", R"({"omcp-r.id":"u","omcp-r.idle":"","omcp-r.protocol":""})",
        R"({"omcp-r.id":"u","omcp-r.idle":"1h","omcp-r.lifetime":"x"})",
        R"({"omcp-r.id":"u","omcp-r.idle":null,"omcp-r.role":7})",
        R"({"omcp-r.id":"u","omcp-r.idle":"99999999999999999999"})"}) {
    const auto list = parse_containers(labels);
    ASSERT_EQ(list->size(), 1U) << labels;
    const Identity& identity = list->front().found.identity;
    EXPECT_EQ(identity.idle, plain.idle) << labels;
    EXPECT_EQ(identity.lifetime, plain.lifetime) << labels;
    EXPECT_EQ(identity.protocol, plain.protocol) << labels;
    EXPECT_EQ(identity.role, plain.role) << labels;
    EXPECT_EQ(identity.scope, "") << labels;
  }
}

TEST(DockerOutput, AContainerWithoutAnIdOfOursIsLeftOut) {
  EXPECT_TRUE(parse_containers(R"({"id":"a1","omcp-r.id":"","omcp-r.scope":"s"})")->empty());
  EXPECT_TRUE(parse_containers(R"({"id":"a1"})")->empty());
}

TEST(DockerOutput, WhatIsWrittenOnAContainerIsReadBack) {
  Identity identity;
  identity.id = "u";
  identity.scope = "a,b=c";
  identity.role = Role::kSpare;
  identity.idle = 7;
  const Identity read = identity_of(labels_of(identity));
  EXPECT_EQ(read.id, "u");
  EXPECT_EQ(read.scope, "a,b=c");
  EXPECT_EQ(read.role, Role::kSpare);
  EXPECT_EQ(read.idle, 7);
}

TEST(DockerOutput, ReadsTheLimitsThatHold) {
  const auto list = parse_containers(
      R"({"omcp-r.id":"u","memory":67108864,"memory_swap":67108864,"nano_cpus":500000000,"pids":32})");
  ASSERT_TRUE(list);
  const AppliedLimits& limits = list->front().limits;
  EXPECT_EQ(limits.memory_bytes, 67108864);
  EXPECT_EQ(limits.memory_swap_bytes, 67108864);
  EXPECT_DOUBLE_EQ(limits.cpus, 0.5);
  EXPECT_EQ(limits.processes, 32);
}

TEST(DockerOutput, ALimitThatDoesNotHoldIsZero) {
  const auto list = parse_containers(R"({"omcp-r.id":"u","memory":-1,"pids":null})");
  ASSERT_TRUE(list);
  EXPECT_EQ(list->front().limits.processes, 0);
  EXPECT_EQ(list->front().found.memory_bytes, 0U);
}

TEST(DockerOutput, GarbageIsAnErrorAndNoCrash) {
  for (const char* text : {"hello", "[1]", "{\"a\":", "\xff\xfe", "null"}) {
    EXPECT_FALSE(parse_containers(text)) << text;
  }
  EXPECT_FALSE(parse_containers("{}\nhello\n"));
  EXPECT_TRUE(parse_containers("")->empty());
  EXPECT_TRUE(parse_containers(R"({"omcp-r.id":"u","running":"yes","memory":{},"name":1})"));
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
  EngineFacts old;
  old.cgroup_v2 = true;
  EXPECT_FALSE(features_of(old, 1903).private_cgroupns);
  EXPECT_FALSE(features_of(old, 1903).pull_never);
}

TEST(DockerFeatures, TheEngineSaysWhichLimitsItLacks) {
  EXPECT_EQ(parse_docker_info(R"({"MemoryLimit":true,"PidsLimit":false})")->limits_it_lacks,
            std::vector<std::string>{"processes"});
  EXPECT_TRUE(parse_docker_info(R"({"MemoryLimit":"no"})")->limits_it_lacks.empty());
}

TEST(DockerFeatures, TheEngineSaysItsVersionAndMemory) {
  const auto facts = parse_docker_info(R"({"ServerVersion":"20.10.24","MemTotal":1024})");
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->version, "20.10.24");
  EXPECT_EQ(facts->memory_bytes, 1024U);
  EXPECT_EQ(parse_docker_info(R"({"MemTotal":-1})")->memory_bytes, 0U);
}

TEST(DockerFeatures, VersionsAreCompared) {
  EXPECT_EQ(parse_version("Docker version 20.10.24+dfsg1, build 297e128"), 2010);
  EXPECT_EQ(parse_version("28.2.2"), 2802);
  EXPECT_EQ(parse_version("19.03.15"), 1903);
  EXPECT_EQ(parse_version("unknown"), 0);
  EXPECT_EQ(parse_version("99999999999.1"), 0);
}

TEST(DockerFeatures, AnUnreachableEngineIsToldInTheAnswer) {
  const auto facts = parse_docker_info(
      R"({"ServerErrors":["Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?"]})");
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->errors,
            "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?\n");
  EXPECT_FALSE(parse_docker_info("hello"));
}

}  // namespace
}  // namespace omcp_r::engine
