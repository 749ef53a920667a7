#include "commands/doctor_checks.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <functional>

#include "temporary_folder.hpp"

namespace omcp_r::commands::checks {
namespace {

/// What R tells in a sandbox that is held as it should be.
constexpr const char* kSound = R"(Uid=65532 65532 65532 65532
Gid=65532 65532 65532 65532
Groups=65532
CapInh=0000000000000000
CapPrm=0000000000000000
CapEff=0000000000000000
CapBnd=0000000000000000
CapAmb=0000000000000000
NoNewPrivs=1
Seccomp=2
mount /=ro
mount /tmp=rw noexec nosuid nodev
mount /sandbox=rw noexec nosuid nodev
mount /dev/shm=rw noexec nosuid nodev
mount /data=none
written=none
run=none
interfaces=lo
routes=0
connected=no
Max core file size=0 0
Max open files=1024 1024
Max file size=268435456 268435456
Max processes=unlimited unlimited
memory=1073741824
swap=0
memory and swap=?
processes=128
processors=1
shown=none
changeable=none
sockets=none
setuid=9
priority=kept
confined=docker-default (enforce)
process 1=?
open in process 1=none
data=none
end=yes
)";

engine::Diagnosis sound_engine() {
  engine::Diagnosis engine;
  engine.version = "29.0.1";
  engine.client_version = "29.0.1";
  engine.api_version = "1.52";
  engine.components = {{"runc", "1.3.3", "v1.3.3"}, {"containerd", "v2.1.5", "fcd4322"}};
  engine.system = "Debian";
  engine.kernel = "of another machine";
  engine.memory_bytes = 16ULL << 30U;
  engine.processors = 4;
  engine.cgroup_version = "2";
  engine.cgroup_driver = "systemd";
  engine.limits_memory = engine.limits_swap = engine.limits_cpus = engine.limits_processes = true;
  engine.default_runtime = "runc";
  engine.runtimes = {"runc", "runsc"};
  engine.guards = {{{"seccomp", "builtin"}, {"apparmor", ""}}};
  return engine;
}

class Doctor : public testing::Test {
 protected:
  Doctor() {
    facts_.surroundings.home = "/nonexistent";
    facts_.address = "ssh://elsewhere";
    facts_.engine = sound_engine();
    facts_.images.insert_or_assign(config_.sandbox.image, Ok{});
    sandbox::SandboxView view;
    view.id = "a-sandbox";
    view.r_version = "4.5.1";
    view.memory_bytes = 1ULL << 30U;
    view.cpus = 1;
    facts_.sandbox = view;
    facts_.inside = read_facts(kSound);
    facts_.removed = Ok{};
  }

  [[nodiscard]] Row row(const Group& group, const std::string& id) const {
    for (const Row& one : rows_of(group, facts_)) {
      if (one.id == id) return one;
    }
    ADD_FAILURE() << "there is no check " << id;
    return {};
  }
  [[nodiscard]] Health health(const Group& group, const std::string& id) const {
    return row(group, id).health;
  }
  /// The checks of a group that are not well.
  [[nodiscard]] std::string unwell(const Group& group) const {
    std::string ids;
    for (const Row& one : rows_of(group, facts_)) {
      if (one.health != Health::kOk) ids += one.id + " ";
      EXPECT_EQ(one.advice.empty(), one.health == Health::kOk || one.health == Health::kUnknown)
          << one.id;
    }
    return ids;
  }

  app::Config config_;
  Facts facts_{.config = config_, .surroundings = {}};
};

TEST_F(Doctor, FindsASoundSandboxSound) {
  ASSERT_TRUE(facts_.inside) << facts_.inside.error().message;
  EXPECT_EQ(unwell(sandbox_group()), "");
  EXPECT_EQ(unwell(engine_group()), "");
  EXPECT_EQ(unwell(machine_group()), "machine.yama ");  // of another machine
  EXPECT_EQ(unwell(image_group()), "");
}

struct Change {
  const char* fact;
  const char* value;
  const char* unwell;
  Health health = Health::kFailure;
};

// Each is what a sandbox tells where one flag of `docker run` is missing, or something else wrong.
TEST_F(Doctor, SeesEachFlagThatIsMissing) {
  for (const Change& change :
       std::initializer_list<Change>{{"Uid", "0 0 0 0", "user"},
                                     {"Groups", "65532 0", "user"},
                                     {"Uid", "?", "user", Health::kUnknown},
                                     {"CapBnd", "00000000a80425fb", "capabilities"},
                                     {"NoNewPrivs", "?", "privileges", Health::kUnknown},
                                     {"Seccomp", "0", "seccomp"},
                                     {"priority", "changed", "seccomp"},
                                     {"confined", "unconfined", "lsm"},
                                     {"mount /", "rw", "root"},
                                     {"written", "/var/tmp", "root"},
                                     {"mount /tmp", "rw nosuid nodev", "folders"},
                                     {"mount /sandbox", "none", "folders"},
                                     {"run", "/sandbox", "folders"},
                                     {"interfaces", "lo eth0", "network"},
                                     {"connected", "yes", "network"},
                                     {"memory", "max", "memory"},
                                     {"memory", "2147483648", "memory"},
                                     {"swap", "max", "swap"},
                                     {"processes", "max", "processes"},
                                     {"processors", "2", "processors"},
                                     {"Max core file size", "unlimited unlimited", "files"},
                                     {"Max open files", "1048576 1048576", "files"},
                                     {"Max file size", "unlimited unlimited", "files"},
                                     {"shown", "/proc/kcore", "kernel"},
                                     {"changeable", "/proc/sys/kernel/core_pattern", "kernel"},
                                     {"sockets", "/var/run/docker.sock", "sockets"},
                                     {"open in process 1", "/sys/fs/cgroup", "descriptors"},
                                     {"process 1", "open", "supervisor", Health::kWarning},
                                     {"data", "written", "data"}}) {
    facts_.inside = read_facts(kSound);
    (*facts_.inside)[change.fact] = change.value;
    const std::string id = std::string("sandbox.") + change.unwell;
    EXPECT_EQ(health(sandbox_group(), id), change.health) << change.fact << "=" << change.value;
    const std::string all = unwell(sandbox_group());
    EXPECT_TRUE(all == id + " " || all == id + " sandbox.setuid ") << all;
  }
}

TEST_F(Doctor, TakesTheEnginesWordForLimitsThatCannotBeSeen) {
  for (const char* name : {"memory", "swap", "memory and swap", "processes", "processors"}) {
    (*facts_.inside)[name] = "?";
  }
  EXPECT_EQ(unwell(sandbox_group()), "");
  EXPECT_EQ(row(sandbox_group(), "sandbox.memory").found, "1g, as the engine says");
  (*facts_.inside)["memory and swap"] = "2147483648";
  EXPECT_EQ(unwell(sandbox_group()), "sandbox.swap ");
}

TEST_F(Doctor, SetuidProgramsMatterOnlyWhereTheyHaveEffect) {
  (*facts_.inside)["NoNewPrivs"] = "0";
  EXPECT_EQ(unwell(sandbox_group()), "sandbox.privileges sandbox.setuid ");
  (*facts_.inside)["setuid"] = "0";
  EXPECT_EQ(unwell(sandbox_group()), "sandbox.privileges ");
}

TEST_F(Doctor, LeavesTheFilterOfAnotherKernelToIt) {
  config_.sandbox.runtime = "kata";
  (*facts_.inside)["Seccomp"] = "0";
  EXPECT_EQ(health(sandbox_group(), "sandbox.seccomp"), Health::kUnknown);
}

TEST_F(Doctor, KnowsWhatPodsOfAClusterAreHeldBy) {
  config_.engine.kind = "kubernetes";
  facts_.engine->version = "v1.33.1+k3s";
  (*facts_.inside)["Uid"] = "1231764386 1231764386 1231764386 1231764386";
  (*facts_.inside)["priority"] = "changed";
  (*facts_.inside)["interfaces"] = "lo eth0";
  (*facts_.inside)["processes"] = "max";
  (*facts_.inside)["Max processes"] = "128 128";
  EXPECT_EQ(unwell(sandbox_group()), "");
  EXPECT_EQ(health(engine_group(), "engine.versions"), Health::kOk);
  facts_.engine->version = "v1.20.2";
  EXPECT_EQ(health(engine_group(), "engine.versions"), Health::kWarning);
  (*facts_.inside)["mount /tmp"] = "rw";
  EXPECT_EQ(health(sandbox_group(), "sandbox.folders"), Health::kWarning);
  for (const auto& [fact, value, check] :
       {std::array{"Uid", "2000 2000 2000 2000", "sandbox.user"},
        std::array{"Max processes", "unlimited unlimited", "sandbox.processes"},
        std::array{"connected", "yes", "sandbox.network"},
        std::array{"Seccomp", "0", "sandbox.seccomp"}}) {
    (*facts_.inside)[fact] = value;
    EXPECT_EQ(health(sandbox_group(), check), Health::kFailure) << fact;
  }
}

TEST_F(Doctor, KnowsWhatGvisorShowsInside) {
  (*facts_.inside)["NoNewPrivs"] = "?";
  (*facts_.inside)["Seccomp"] = "0";
  for (const char* place : {"mount /tmp", "mount /sandbox", "mount /dev/shm"}) {
    (*facts_.inside)[place] = "rw noexec";
  }
  for (const char* limit : {"memory", "memory and swap", "processes", "processors"}) {
    (*facts_.inside)[limit] = "max";
  }
  EXPECT_NE(unwell(sandbox_group()), "");
  config_.sandbox.runtime = "runsc-kvm";
  EXPECT_EQ(unwell(sandbox_group()), "");
  (*facts_.inside)["mount /tmp"] = "rw";
  EXPECT_EQ(unwell(sandbox_group()), "sandbox.folders ");
}

TEST_F(Doctor, KnowsOurFilterOnlyWhereItIsAskedFor) {
  config_.sandbox.system_calls = "engine";
  (*facts_.inside)["priority"] = "changed";
  EXPECT_EQ(unwell(sandbox_group()), "");
}

TEST_F(Doctor, WarnsOfProgramsInTmpWhereTheyAreAllowed) {
  (*facts_.inside)["mount /tmp"] = "rw nosuid nodev";
  (*facts_.inside)["run"] = "/tmp";
  EXPECT_EQ(health(sandbox_group(), "sandbox.folders"), Health::kFailure);
  config_.sandbox.exec_tmp = true;
  EXPECT_EQ(health(sandbox_group(), "sandbox.folders"), Health::kWarning);
  (*facts_.inside)["run"] = "/tmp /sandbox";
  EXPECT_EQ(health(sandbox_group(), "sandbox.folders"), Health::kFailure);
  (*facts_.inside)["run"] = "/tmp";
  (*facts_.inside)["mount /tmp"] = "rw nodev";
  EXPECT_EQ(health(sandbox_group(), "sandbox.folders"), Health::kFailure);
}

TEST_F(Doctor, LooksAtDataWhereItIsShared) {
  config_.sandbox.data_dir = "/srv/data";
  (*facts_.inside)["mount /data"] = "ro nosuid";
  for (const auto& [state, expected] : std::map<std::string, Health>{{"readable", Health::kOk},
                                                                     {"closed", Health::kWarning},
                                                                     {"written", Health::kFailure},
                                                                     {"none", Health::kFailure}}) {
    (*facts_.inside)["data"] = state;
    EXPECT_EQ(health(sandbox_group(), "sandbox.data"), expected) << state;
  }
  (*facts_.inside)["data"] = "readable";
  (*facts_.inside)["mount /data"] = "rw";
  EXPECT_EQ(health(sandbox_group(), "sandbox.data"), Health::kFailure);
}

TEST_F(Doctor, CarriesTheReasonWhyThereIsNoSandbox) {
  facts_.sandbox = Error{Errc::kLimitsNotApplied, "not in force: memory"};
  facts_.inside = Error{};
  const Row starts = row(sandbox_group(), "sandbox.starts");
  EXPECT_EQ(starts.health, Health::kFailure);
  EXPECT_EQ(starts.advice, "not in force: memory");
  for (const Row& one : rows_of(sandbox_group(), facts_)) {
    EXPECT_TRUE(one.health == Health::kUnknown || one.id == starts.id) << one.id;
  }
  facts_.sandbox = Error{Errc::kLimitReached, "too many"};
  EXPECT_EQ(health(sandbox_group(), "sandbox.starts"), Health::kWarning);
  facts_.images.insert_or_assign(config_.sandbox.image, Error{Errc::kImageNotFound, "no"});
  EXPECT_EQ(health(sandbox_group(), "sandbox.starts"), Health::kUnknown);
  EXPECT_EQ(health(image_group(), "image.there." + config_.sandbox.image), Health::kFailure);
}

TEST_F(Doctor, SaysThatASandboxWasLeft) {
  facts_.removed = Error{Errc::kTimeout, "no answer"};
  EXPECT_EQ(unwell(sandbox_group()), "sandbox.removed ");
}

TEST(DoctorFacts, AreReadStrictly) {
  const std::string sound = kSound;
  ASSERT_TRUE(read_facts(sound));
  EXPECT_FALSE(read_facts(""));
  EXPECT_FALSE(read_facts(sound.substr(0, sound.size() - 8))) << "the end is missing";
  EXPECT_FALSE(read_facts(sound + "Uid=65532\n")) << "told twice";
  EXPECT_FALSE(read_facts("hello\n" + sound));
  EXPECT_FALSE(read_facts(sound + "more=1\n"));
  std::string orders = sound;
  orders.replace(orders.find("lo\n"), 2, "\x1b]0;lo\x07");
  EXPECT_EQ(read_facts(orders)->at("interfaces"), "?]0;lo?");
}

TEST_F(Doctor, SaysWhatIsWrongWithAnEngine) {
  using Engine = engine::Diagnosis;
  const std::vector<std::tuple<std::function<void(Engine&)>, std::string, Health>> changes{
      {[](Engine& e) { e.version = "19.03.1"; }, "engine.versions", Health::kWarning},
      {[](Engine& e) {
         e.components.push_back({"Podman Engine", "4.3.1", ""});
       },
       "engine.versions", Health::kWarning},
      {[](Engine& e) { e.version = ""; }, "engine.versions", Health::kUnknown},
      {[](Engine& e) { e.components[0].version = "1.1.5"; }, "engine.component.runc",
       Health::kWarning},
      {[](Engine& e) { e.components[0].version = "new"; }, "engine.component.runc",
       Health::kUnknown},
      {[](Engine& e) { e.components.pop_back(); }, "engine.component.containerd", Health::kUnknown},
      {[](Engine& e) { e.cgroup_driver = "none"; }, "engine.cgroups", Health::kFailure},
      {[](Engine& e) { e.cgroup_driver = ""; }, "engine.cgroups", Health::kUnknown},
      {[](Engine& e) { e.limits_swap = false; }, "engine.limits", Health::kFailure},
      {[](Engine& e) { e.guards->erase("seccomp"); }, "engine.seccomp", Health::kFailure},
      {[](Engine& e) { e.memory_bytes = 2ULL << 30U; }, "engine.memory", Health::kWarning},
      {[](Engine& e) { e.memory_bytes = 0; }, "engine.memory", Health::kUnknown},
      {[](Engine& e) { e.runtimes = {"crun"}; }, "engine.runtimes", Health::kFailure},
      {[](Engine& e) { e.runtimes.clear(); }, "engine.runtimes", Health::kUnknown},
      {[](Engine& e) { e.warnings = {"open to all"}; }, "engine.warnings", Health::kWarning},
  };
  for (const auto& [change, id, expected] : changes) {
    engine::Diagnosis engine = sound_engine();
    change(engine);
    facts_.engine = engine;
    EXPECT_EQ(health(engine_group(), id), expected) << id;
    EXPECT_EQ(unwell(engine_group()), id + " ");
  }
  facts_.engine = engine::Diagnosis{};  // it tells nothing: nothing crashes, and nothing is well
  for (const Row& one : rows_of(engine_group(), facts_)) {
    EXPECT_TRUE(one.health == Health::kUnknown || one.id == "engine.answers") << one.id;
  }
}

TEST_F(Doctor, NamesWhatMendsAnOldRuncAndThatDistributionsDoSo) {
  facts_.engine->components[0] = {"runc", "1.1.5+ds1", "1.1.5+ds1-1+deb12u1"};
  const Row runc = row(engine_group(), "engine.component.runc");
  for (const char* part : {"1.1.5+ds1-1+deb12u1", "CVE-2024-21626 (1.1.12)",
                           "CVE-2025-52881 (1.2.8/1.3.3/1.4.0-rc.3)"}) {
    EXPECT_NE(runc.found.find(part), std::string::npos) << runc.found;
  }
  EXPECT_NE(runc.advice.find("Distributions mend"), std::string::npos) << runc.advice;
  EXPECT_NE(runc.advice.find("GHSA-xr7r-f8xq-vfvv"), std::string::npos) << runc.advice;
}

TEST_F(Doctor, HoldsSettingsAgainstTheMachine) {
  config_.sandbox.cpus = 8;
  EXPECT_EQ(unwell(engine_group()), "engine.machine ");
  config_.sandbox.cpus = 1;
  config_.sandbox.memory_bytes = 4ULL << 30U;
  EXPECT_EQ(unwell(engine_group()), "engine.memory ");
  config_.sandbox.memory_fits_machine = true;
  EXPECT_EQ(unwell(engine_group()), "") << "then each gets its share";
  config_.sandbox.runtime = "kata";
  EXPECT_EQ(unwell(engine_group()), "engine.runtimes ");
}

TEST_F(Doctor, AnEngineThatIsOutIsOneFailureAndTheRestUnknown) {
  facts_.engine = Error{Errc::kEngineUnavailable, "Start Docker."};
  const auto rows = rows_of(engine_group(), facts_);
  EXPECT_EQ(rows.front().health, Health::kFailure);
  EXPECT_EQ(rows.front().advice, "Start Docker.");
  const std::string text = text_of(engine_group(), rows);
  EXPECT_NE(text.find(std::to_string(rows.size() - 1) + " checks"), std::string::npos) << text;
  EXPECT_NE(text.find("-> Start Docker."), std::string::npos) << text;
}

TEST_F(Doctor, LooksAtWhoMayUseTheEnginesSocket) {
  const app::TemporaryFolder folder;
  const std::string path = folder.path() + "/engine.sock";
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  facts_.address = "unix://" + path;
  ASSERT_EQ(::chmod(path.c_str(), 0660), 0);
  EXPECT_EQ(health(machine_group(), "machine.socket"), Health::kOk);
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  EXPECT_EQ(health(machine_group(), "machine.socket"), Health::kFailure);
  if (::geteuid() != 0) {
    ASSERT_EQ(::chmod(path.c_str(), 0), 0);
    EXPECT_EQ(health(machine_group(), "machine.socket"), Health::kFailure);
  }
  ::close(descriptor);
  facts_.address = "unix://" + folder.path() + "/nothing";
  EXPECT_EQ(health(machine_group(), "machine.socket"), Health::kFailure);
  facts_.address = "unix://" + folder.path();
  EXPECT_EQ(health(machine_group(), "machine.socket"), Health::kFailure) << "it is a folder";
  facts_.address = config_.engine.docker_host = "tcp://10.0.0.1:2375";
  EXPECT_EQ(health(machine_group(), "machine.socket"), Health::kWarning);
  config_.engine.certificates = "/keys";
  EXPECT_EQ(health(machine_group(), "machine.socket"), Health::kOk);
  config_.engine = {};
  EXPECT_EQ(health(machine_group(), "machine.socket"), Health::kUnknown) << "a context may say it";
  facts_.address = "";
  EXPECT_EQ(health(machine_group(), "machine.socket"), Health::kUnknown);
}

TEST_F(Doctor, LooksAtFolders) {
  const app::TemporaryFolder folder;
  config_.sandbox.state_dir = folder.path() + "/state";
  EXPECT_EQ(unwell(folders_group()), "") << "it is made when it is needed";
  folder.folder("state");
  ASSERT_EQ(::chmod(config_.sandbox.state_dir.c_str(), 0700), 0);
  config_.sandbox.output_dir = folder.folder("output");
  config_.sandbox.data_dir = folder.folder("data");
  EXPECT_EQ(unwell(folders_group()), "");
  ASSERT_EQ(::chmod(config_.sandbox.state_dir.c_str(), 0777), 0);
  EXPECT_EQ(unwell(folders_group()), "folders.state ");
  config_.sandbox.state_dir = folder.file("file", "");
  config_.sandbox.output_dir = folder.path() + "/nothing";
  config_.sandbox.data_dir = folder.path() + "/nothing";
  EXPECT_EQ(unwell(folders_group()), "folders.state folders.output folders.data ");
}

TEST_F(Doctor, TellsOfSettingsThatSomebodyChose) {
  config_.origins = {{"SCOPE", "me", "default", true},
                     {"SANDBOX_PIDS", "64", "--sandbox-pids", false}};
  config_.warnings = {"a.env:3: no such thing", "a.env:4: nor this"};
  config_.env_files = {"a.env"};
  EXPECT_EQ(row(settings_group(), "settings.files.a.env").found, "read");
  EXPECT_EQ(row(settings_group(), "settings.given.SANDBOX_PIDS").found, "64  (--sandbox-pids)");
  EXPECT_EQ(unwell(settings_group()), "settings.warnings settings.warnings.2 ");
  config_.origins.pop_back();
  EXPECT_EQ(row(settings_group(), "settings.given").found, "all have their defaults");
}

TEST_F(Doctor, ReportsForPeopleAndPrograms) {
  const Group group{
      "g",
      "Group",
      nullptr,
      nullptr,
      {{"a", "Good", +[](const Facts&) { return ok("well"); }},
       {"b", "Bad", +[](const Facts&) { return failure("\x1b[2Jno", "Do this.\nAnd that."); }}}};
  const auto rows = rows_of(group, facts_);
  const std::string text = text_of(group, rows);
  EXPECT_NE(text.find("Group\n  ok       Good "), std::string::npos) << text;
  EXPECT_NE(text.find("  FAILURE  Bad "), std::string::npos) << text;
  EXPECT_NE(text.find("-> Do this.?And that."), std::string::npos) << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_TRUE(fails(rows));
  EXPECT_EQ(summary_of(rows), "1 failure; 0 warnings; 1 check passed.");
  const auto json = json_of(rows);
  EXPECT_EQ(json.at("ok"), false);
  EXPECT_EQ(json.at("checks").at(1).dump(),
            R"({"id":"g.b","group":"g","status":"failure","what":"Bad","found":"?[2Jno",)"
            R"("advice":"Do this.?And that."})");
}

}  // namespace
}  // namespace omcp_r::commands::checks
