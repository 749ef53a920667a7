// Which system calls code in a sandbox may make. A probe in DATA_DIR makes every one there is.

#include <map>
#include <regex>
#include <set>

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

class SystemCalls : public SandboxTest {
 public:
  /// A sandbox that sees the probe.
  Sandbox probed(const std::string& filter = "default") {
    return create(start({{{"DATA_DIR", OMCP_PROBE_FOLDER}, {"SECCOMP", filter}}, {}, true, {}}));
  }

  /// What the probe printed: by the name of a call its result, "1" for EPERM.
  static std::map<std::string, std::string> probe(const Sandbox& box, const std::string& what) {
    const std::string printed = box.output(
        "cat(system('/data/system_call_probe " + what + " 2>&1', intern = TRUE), sep = '\\n')",
        Json{{"timeout", 120}});
    std::map<std::string, std::string> results;
    std::istringstream lines(printed);
    for (std::string line; std::getline(lines, line);) {
      const std::regex form{"(.*?) (signal [0-9]+|[0-9]+)"};
      std::smatch parts;
      EXPECT_TRUE(std::regex_match(line, parts, form)) << line;
      results[parts[1]] = parts[2];
    }
    return results;
  }

  static bool is_refused(const std::string& result) {
    return result == std::to_string(EPERM) || result == std::to_string(ENOSYS);
  }

  /// The names of the kernel's calls, by their number as text.
  static std::map<std::string, std::string> names() {
    std::map<std::string, std::string> result;
    const std::string header = read_file(OMCP_SYSTEM_CALL_NUMBERS);
    const std::regex form{"#define __NR_(\\w+) ([0-9]+)"};
    for (std::sregex_iterator it{header.begin(), header.end(), form}; it != std::sregex_iterator{};
         ++it) {
      result[(*it)[2]] = (*it)[1];
    }
    return result;
  }

  /// The calls that src/engine/seccomp.json allows, all or with some arguments.
  static std::set<std::string> allowed() {
    std::set<std::string> result;
    const Json profile = Json::parse(read_file(OMCP_SECCOMP_PROFILE));
    for (const Json& rule : profile.at("syscalls")) {
      for (const Json& name : rule.at("names")) {
        if (rule.at("action") == "SCMP_ACT_ALLOW") {
          result.insert(name.get<std::string>());
        }
      }
    }
    return result;
  }
};

// The calls of which escapes, and the taking of what all sandboxes share, were made.
constexpr const char* kNeverAllowed[] = {"io_setup",
                                         "io_submit",
                                         "io_uring_setup",
                                         "io_uring_enter",
                                         "io_uring_register",
                                         "inotify_init",
                                         "inotify_init1",
                                         "inotify_add_watch",
                                         "fanotify_init",
                                         "fanotify_mark",
                                         "shmget",
                                         "shmat",
                                         "semget",
                                         "semop",
                                         "msgget",
                                         "msgsnd",
                                         "mq_open",
                                         "mq_unlink",
                                         "ptrace",
                                         "process_vm_readv",
                                         "process_vm_writev",
                                         "process_madvise",
                                         "pidfd_getfd",
                                         "kcmp",
                                         "add_key",
                                         "request_key",
                                         "keyctl",
                                         "bpf",
                                         "userfaultfd",
                                         "perf_event_open",
                                         "mount",
                                         "umount2",
                                         "pivot_root",
                                         "chroot",
                                         "setns",
                                         "unshare",
                                         "open_tree",
                                         "move_mount",
                                         "fsopen",
                                         "fsconfig",
                                         "fsmount",
                                         "fspick",
                                         "mount_setattr",
                                         "name_to_handle_at",
                                         "open_by_handle_at",
                                         "memfd_create",
                                         "memfd_secret",
                                         "modify_ldt",
                                         "vmsplice",
                                         "splice",
                                         "tee",
                                         "clone3",
                                         "kexec_load",
                                         "kexec_file_load",
                                         "init_module",
                                         "finit_module",
                                         "delete_module",
                                         "reboot",
                                         "swapon",
                                         "swapoff",
                                         "syslog",
                                         "quotactl",
                                         "acct",
                                         "settimeofday",
                                         "clock_settime",
                                         "adjtimex",
                                         "clock_adjtime",
                                         "sethostname",
                                         "setdomainname",
                                         "iopl",
                                         "ioperm",
                                         "vhangup",
                                         "uselib",
                                         "ustat",
                                         "sysfs",
                                         "lookup_dcookie",
                                         "get_mempolicy",
                                         "set_mempolicy",
                                         "mbind",
                                         "move_pages",
                                         "migrate_pages",
                                         "nfsservctl",
                                         "mknod",
                                         "setuid",
                                         "setgid",
                                         "setgroups",
                                         "setresuid",
                                         "capset",
                                         "landlock_create_ruleset",
                                         "seccomp",
                                         "pkey_alloc",
                                         "mlock",
                                         "mlockall",
                                         "setxattr",
                                         "fsetxattr",
                                         "execveat"};

TEST_F(SystemCalls, NoneIsOpenThatIsNotListed) {
  const std::map<std::string, std::string> results = probe(probed(), "all");
  ASSERT_GE(results.size(), 470U);
  const std::map<std::string, std::string> name_of = names();
  const std::set<std::string> listed = allowed();
  ASSERT_GE(name_of.size(), 300U);
  for (const auto& [number, result] : results) {
    const auto name = name_of.find(number);
    if (name != name_of.end() && !listed.contains(name->second)) {
      EXPECT_TRUE(is_refused(result)) << name->second << ": " << result;
    }
  }
  std::map<std::string, std::string> by_name;
  for (const auto& [number, name] : name_of) by_name[name] = number;
  for (const char* name : kNeverAllowed) {
    EXPECT_FALSE(listed.contains(name)) << name;
    if (const auto number = by_name.find(name); number != by_name.end()) {
      const auto result = results.find(number->second);
      EXPECT_TRUE(result == results.end() || is_refused(result->second)) << name;
    }
  }
}

// So the test above can fail: the engine's own filter leaves much open that ours does not.
TEST_F(SystemCalls, TheEnginesOwnFilterLeavesMore) {
  const std::map<std::string, std::string> results = probe(probed("engine"), "all");
  const std::map<std::string, std::string> name_of = names();
  const std::set<std::string> listed = allowed();
  std::set<std::string> open;
  for (const auto& [number, result] : results) {
    const auto name = name_of.find(number);
    if (name != name_of.end() && !listed.contains(name->second) && !is_refused(result)) {
      open.insert(name->second);
    }
  }
  for (const char* name : {"io_setup", "inotify_init1", "semget", "memfd_create"}) {
    EXPECT_TRUE(open.contains(name)) << name;
  }
}

TEST_F(SystemCalls, SocketsAreLocalOrOfTheInternetAndNothingElse) {
  std::set<std::string> open;
  for (const auto& [family, result] : probe(probed(), "sockets")) {
    if (!is_refused(result)) open.insert(family);
  }
  EXPECT_EQ(open, (std::set<std::string>{"1", "2", "10"}));
}

TEST_F(SystemCalls, NamespacesAndOtherEntriesAreClosed) {
  const Sandbox box = probed();
  for (const auto& [call, result] : probe(box, "namespaces")) {
    EXPECT_EQ(is_refused(result), call != "clone 0") << call << ": " << result;
  }
  for (const auto& [entry, result] : probe(box, "entries")) {
    EXPECT_TRUE(is_refused(result) || result == "signal 31") << entry << ": " << result;
  }
}

TEST_F(SystemCalls, AProfileOfTheUsersIsTaken) {
  const std::string file = folder() / "profile.json";
  Json profile = Json::parse(read_file(OMCP_SECCOMP_PROFILE));
  profile.at("syscalls").push_back({{"names", {"semget"}}, {"action", "SCMP_ACT_ALLOW"}});
  write_file(file, profile.dump());
  const std::map<std::string, std::string> results = probe(probed(file), "all");
  for (const auto& [number, name] : names()) {
    if (name == "semget" || name == "shmget") {
      EXPECT_EQ(is_refused(results.at(number)), name == "shmget") << name;
    }
  }
}

TEST_F(SystemCalls, OneSandboxTakesNothingThatAllShare) {
  const Sandbox box = probed();
  const std::string before = read_file("/proc/sys/fs/aio-nr");
  box.run("for (i in 1:50) system('/data/system_call_probe all', intern = TRUE) -> o",
          Json{{"timeout", 5}});
  EXPECT_EQ(read_file("/proc/sys/fs/aio-nr"), before);
}

}  // namespace
}  // namespace omcp_r::e2e
