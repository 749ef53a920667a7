#include "engine/docker_diagnosis.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "support.hpp"

namespace omcp_r::engine {
namespace {

// Of Docker 20.10.24 on Debian 12, shortened.
constexpr const char* kInfo2010 =
    R"({"ID":"ENFS:6E3T","Driver":"overlay2","MemoryLimit":true,"SwapLimit":false,)"
    R"("KernelMemory":true,"CpuCfsPeriod":true,"CpuCfsQuota":true,"PidsLimit":true,)"
    R"("CgroupDriver":"cgroupfs","CgroupVersion":"1","KernelVersion":"6.1.0-18-amd64",)"
    R"j("OperatingSystem":"Debian GNU/Linux 12 (bookworm)","NCPU":2,"MemTotal":25276063744,)j"
    R"("ServerVersion":"20.10.24+dfsg1","Runtimes":{"io.containerd.runc.v2":{"path":"runc"},)"
    R"("runc":{"path":"runc"}},"DefaultRuntime":"runc",)"
    R"("SecurityOptions":["name=apparmor","name=seccomp,profile=default"],"Warnings":null,)"
    R"("ClientInfo":{"Debug":false,"Version":"28.2.2"}})";
constexpr const char* kVersion2010 =
    R"({"Client":{"Version":"28.2.2","ApiVersion":"1.41"},"Server":{"Platform":{"Name":""},)"
    R"("Components":[{"Name":"Engine","Version":"20.10.24+dfsg1","Details":{"ApiVersion":"1.41"}},)"
    R"({"Name":"containerd","Version":"1.6.20~ds1","Details":{"GitCommit":"1.6.20~ds1-1+deb12u3"}},)"
    R"({"Name":"runc","Version":"1.1.5+ds1","Details":{"GitCommit":"1.1.5+ds1-1+deb12u1"}}],)"
    R"("Version":"20.10.24+dfsg1","ApiVersion":"1.41","MinAPIVersion":"1.12"}})";

// Of a rootless Docker 29, shortened: seccomp's profile has another name, and flags are gone.
constexpr const char* kInfo29 =
    R"({"ID":"d1e2","MemoryLimit":true,"SwapLimit":true,"CpuCfsPeriod":true,"CpuCfsQuota":false,)"
    R"("PidsLimit":true,"CgroupDriver":"systemd","CgroupVersion":"2","KernelVersion":"6.17.4",)"
    R"("OperatingSystem":"Fedora Linux 43","NCPU":8,"MemTotal":33568169984,)"
    R"("ServerVersion":"29.0.1","Runtimes":{"io.containerd.runc.v2":{"path":"runc","status":)"
    R"({"org.opencontainers.runtime-spec.features":"{}"}},"runc":{"path":"runc"},)"
    R"("runsc":{"path":"/usr/bin/runsc"}},"DefaultRuntime":"runc",)"
    R"("SecurityOptions":["name=seccomp,profile=builtin","name=rootless","name=cgroupns"],)"
    R"("FirewallBackend":{"Driver":"iptables"},"Warnings":["WARNING: No cpu cfs quota support"]})";
constexpr const char* kVersion29 =
    R"({"Client":{"Version":"29.0.1","ApiVersion":"1.52"},"Server":{"Platform":)"
    R"({"Name":"Docker Engine - Community"},"Version":"29.0.1","ApiVersion":"1.52",)"
    R"("MinAPIVersion":"1.44","Components":[{"Name":"Engine","Version":"29.0.1","Details":)"
    R"({"GitCommit":"198b5e3"}},{"Name":"containerd","Version":"v2.1.5","Details":)"
    R"({"GitCommit":"fcd43222d6b07379a4be9786bda52438f0dd16a1"}},{"Name":"runc","Version":"1.3.3",)"
    R"("Details":{"GitCommit":"v1.3.3-0-gd842d77"}}]}})";

// Of Podman's own socket, which the docker client speaks to.
constexpr const char* kInfoPodman =
    R"({"ID":"1f","CgroupDriver":"systemd","CgroupVersion":"2","MemoryLimit":true,)"
    R"("SwapLimit":true,"NCPU":4,"MemTotal":8000000000,"ServerVersion":"4.3.1","Runtimes":null,)"
    R"("SecurityOptions":null,"KernelVersion":"6.1.0","Warnings":[]})";
constexpr const char* kVersionPodman =
    R"j({"Client":{"Version":"28.2.2"},"Server":{"Version":"4.3.1","ApiVersion":"1.41",)j"
    R"j("Components":[{"Name":"Podman Engine","Version":"4.3.1"},)j"
    R"j({"Name":"OCI Runtime (crun)","Version":"crun version 1.8.1"}]}})j";

Diagnosis diagnosis_of(std::string_view info, std::string_view version) {
  Diagnosis diagnosis;
  take_docker_info(info, diagnosis);
  take_docker_version(version, diagnosis);
  return diagnosis;
}

const Component* component(const Diagnosis& diagnosis, const std::string& name) {
  const auto& all = diagnosis.components;
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.name == name; });
  return found == all.end() ? nullptr : &*found;
}

TEST(Diagnosis, ReadsAnEngineOf2010) {
  const Diagnosis told = diagnosis_of(kInfo2010, kVersion2010);
  EXPECT_EQ(told.version, "20.10.24+dfsg1");
  EXPECT_EQ(told.client_version, "28.2.2");
  EXPECT_EQ(told.api_version, "1.41");
  EXPECT_EQ(told.kernel, "6.1.0-18-amd64");
  EXPECT_EQ(told.memory_bytes, 25276063744U);
  EXPECT_EQ(told.processors, 2);
  EXPECT_EQ(told.cgroup_version + told.cgroup_driver, "1cgroupfs");
  EXPECT_EQ(told.limits_memory, true);
  EXPECT_EQ(told.limits_swap, false);
  EXPECT_EQ(told.default_runtime, "runc");
  EXPECT_EQ(told.runtimes, (std::vector<std::string>{"io.containerd.runc.v2", "runc"}));
  EXPECT_EQ(told.guards,
            (std::map<std::string, std::string>{{"apparmor", ""}, {"seccomp", "default"}}));
  EXPECT_TRUE(told.warnings.empty());
  ASSERT_NE(component(told, "runc"), nullptr);
  EXPECT_EQ(component(told, "runc")->version, "1.1.5+ds1");
  EXPECT_EQ(component(told, "runc")->build, "1.1.5+ds1-1+deb12u1");
}

TEST(Diagnosis, ReadsARootlessEngineOf29) {
  const Diagnosis told = diagnosis_of(kInfo29, kVersion29);
  EXPECT_EQ(told.version, "29.0.1");
  EXPECT_EQ(told.limits_cpus, false);
  EXPECT_EQ(told.guards->at("seccomp"), "builtin");
  EXPECT_TRUE(told.guards->contains("rootless"));
  EXPECT_FALSE(told.guards->contains("apparmor"));
  EXPECT_EQ(told.runtimes.size(), 3U);
  EXPECT_EQ(told.warnings, (std::vector<std::string>{"WARNING: No cpu cfs quota support"}));
  EXPECT_EQ(component(told, "containerd")->version, "v2.1.5");
}

TEST(Diagnosis, LeavesOutWhatPodmanDoesNotTell) {
  const Diagnosis told = diagnosis_of(kInfoPodman, kVersionPodman);
  EXPECT_EQ(told.version, "4.3.1");
  EXPECT_EQ(told.limits_processes, std::nullopt);
  EXPECT_TRUE(told.runtimes.empty());
  EXPECT_EQ(told.default_runtime, "");
  EXPECT_EQ(component(told, "runc"), nullptr);
  ASSERT_NE(component(told, "OCI Runtime (crun)"), nullptr);
}

TEST(Diagnosis, TakesNothingOfAnotherKind) {
  for (const char* text : {"", "null", "[]", "nonsense", "{\"NCPU\":-3,\"MemTotal\":\"a\"}",
                           R"({"Runtimes":[1],"SecurityOptions":[{}],"Warnings":"w",)"
                           R"("Server":{"Components":[3,{"Name":4,"Details":[]}]},"Client":7})"}) {
    const Diagnosis told = diagnosis_of(text, text);
    EXPECT_EQ(told.processors, 0) << text;
    EXPECT_EQ(told.memory_bytes, 0U) << text;
    EXPECT_TRUE(told.runtimes.empty() && told.warnings.empty()) << text;
  }
}

std::string open_in(const std::string& name, const std::string& version) {
  const auto open = escapes_of({name, version, ""});
  if (!open) return "unreadable";
  std::string text;
  for (const Escape* const escape : *open) text += std::string(escape->name).substr(4) + " ";
  return text;
}

TEST(Escapes, AreOpenInWhatIsOlderThanWhatMendsThem) {
  const std::string of2025 = "2025-31133 2025-52565 2025-52881 ";
  EXPECT_EQ(open_in("runc", "1.0.0-rc6"), "2019-5736 2024-21626 " + of2025);
  EXPECT_EQ(open_in("runc", "1.0.0~rc93+ds1"), "2024-21626 " + of2025);
  EXPECT_EQ(open_in("runc", "1.1.5+ds1"), "2024-21626 " + of2025);
  EXPECT_EQ(open_in("runc", "1.1.12-0ubuntu3"), of2025);
  EXPECT_EQ(open_in("runc", "1.2.7"), of2025);
  EXPECT_EQ(open_in("runc", "1.2.8"), "");
  EXPECT_EQ(open_in("runc", "1.3.0"), of2025);
  EXPECT_EQ(open_in("runc", "v1.3.3"), "");
  EXPECT_EQ(open_in("runc", "1.4.0-rc.2"), of2025);
  EXPECT_EQ(open_in("runc", "1.4.0-rc.3"), "");
  EXPECT_EQ(open_in("runc", "1.4.0"), "");
  EXPECT_EQ(open_in("runc", "2.0.0"), "");
  EXPECT_EQ(open_in("containerd", "1.4.2"), "2020-15257 ");
  EXPECT_EQ(open_in("containerd", "1.6.20~ds1"), "");
  EXPECT_EQ(open_in("containerd", "v2.1.5"), "");
  EXPECT_EQ(open_in("crun", "0.1.0"), "");
  for (const char* text : {"", "unknown", "1", "1.2", "1.2.x", "99999999999.1.1"}) {
    EXPECT_EQ(open_in("runc", text), "unreadable") << text;
  }
}

TEST(Escapes, EachNamesItsSource) {
  const auto open = escapes_of({"runc", "0.0.1", ""});
  ASSERT_TRUE(open);
  for (const Escape* const escape : *open) {
    EXPECT_TRUE(std::string_view(escape->source).starts_with("https://")) << escape->name;
  }
}

}  // namespace
}  // namespace omcp_r::engine
