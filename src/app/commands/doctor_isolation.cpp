#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>

#include "commands/doctor_checks.hpp"
#include "omcp_r/app/values.hpp"
#include "omcp_r/engine/runtimes.hpp"

// What code in a sandbox has told of what holds it, against what should.

namespace omcp_r::commands::checks {
namespace {

constexpr const char* kHoled =
    "Do not let a model run code here. Something between this server and the engine changes how "
    "sandboxes are made (a wrapper that DOCKER names, the engine's configuration or runtime): "
    "find it, and try again.";
constexpr const char* kNotSeen = "cannot be seen from inside";
constexpr const char* kOwnKernel = "in the hands of the runtime's own kernel";

/// What R told of it; "?" where it cannot tell.
const std::string& told(const Facts& facts, const char* name) {
  return facts.inside->at(name);
}

bool is_told(const std::string& value) {
  return value != "?";
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream{text};
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

bool has_word(const std::string& text, const std::string& word) {
  const auto words = words_of(text);
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// Good where it holds; unknown where R could not tell.
Finding expected(const std::string& value, bool good, const std::string& found) {
  if (!is_told(value)) return unknown(kNotSeen);
  return good ? ok(found) : failure(found, kHoled);
}

std::string runtime_used(const Facts& facts) {
  const std::string& chosen = facts.config.sandbox.runtime;
  return chosen.empty() && facts.engine ? facts.engine->default_runtime : chosen;
}

/// Whether that is known to bring a kernel of its own.
bool own_kernel(const Facts& facts) {
  return engine::runtime_of(runtime_used(facts)).own_kernel;
}

/// Whether sandboxes run in what may not share the engine's kernel, and tells of its own.
bool other_kernel(const Facts& facts) {
  const std::string used = runtime_used(facts);
  constexpr std::array kPlain{"", "runc", "crun", "io.containerd.runc.v2"};
  return std::find(kPlain.begin(), kPlain.end(), used) == kPlain.end();
}

Finding user(const Facts& facts) {
  const std::string& wanted = facts.config.sandbox.user;
  const std::string uid = wanted.substr(0, wanted.find(':'));
  const std::string gid = wanted.substr(wanted.find(':') + 1);
  const auto all_are = [&facts](const char* name, const std::string& id) {
    const auto ids = words_of(told(facts, name));
    return std::all_of(ids.begin(), ids.end(), [&id](const auto& one) { return one == id; });
  };
  const std::string& uids = told(facts, "Uid");
  const std::string& gids = told(facts, "Gid");
  if (!is_told(uids) || !is_told(gids)) return unknown(kNotSeen);
  // Where no other wall keeps pods of one node apart, each has a number of its own.
  constexpr double kOwnNumbers = 1 << 30;
  const double number = app::parse_decimal(words_of(uids + " 0").front()).value_or(0);
  const bool own = facts.in_cluster() && number >= kOwnNumbers;
  const bool good = (all_are("Uid", uid) || own) && all_are("Gid", gid) && all_are("Groups", gid);
  return expected(uids, good,
                  "uid " + words_of(uids + " -").front() + ", gid " +
                      words_of(gids + " -").front() + (good ? "" : ", and not " + wanted));
}

Finding capabilities(const Facts& facts) {
  std::string held;
  for (const char* const set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
    const std::string& value = told(facts, set);
    if (!is_told(value)) return unknown(kNotSeen);
    if (value.find_first_not_of('0') != std::string::npos)
      held += " " + std::string(set) + "=" + value;
  }
  return expected("", held.empty(), held.empty() ? "none" : "some:" + held);
}

Finding privileges(const Facts& facts) {
  const std::string& value = told(facts, "NoNewPrivs");
  if (!is_told(value) && own_kernel(facts)) return ok(kOwnKernel);
  return expected(value, value == "1", value == "1" ? "cannot be gained" : "can be gained");
}

/// With NoNewPrivs they are programs like others.
Finding setuid(const Facts& facts) {
  const std::string& count = told(facts, "setuid");
  if (own_kernel(facts)) return ok(kOwnKernel);
  const bool good = count == "0" || told(facts, "NoNewPrivs") == "1";
  return expected(
      count, good,
      count + " in the image" + (good ? ", without effect" : ", each of which makes root"));
}

Finding system_calls(const Facts& facts) {
  const std::string& mode = told(facts, "Seccomp");
  if (own_kernel(facts)) return ok(kOwnKernel);
  if (mode != "2" && other_kernel(facts)) {
    return unknown("the runtime of sandboxes has a filter of its own, or none");
  }
  if (mode == "2" && facts.in_cluster()) return ok("filtered, by a list of the nodes'");
  if (mode == "2" && facts.config.sandbox.system_calls == "default" &&
      told(facts, "priority") == "changed") {
    return failure("filtered, but not by our list", kHoled);
  }
  return expected(mode, mode == "2", mode == "2" ? "filtered" : "not filtered");
}

Finding confinement(const Facts& facts) {
  const std::string& profile = told(facts, "confined");
  const bool promised =
      facts.engine && facts.engine->guards &&
      (facts.engine->guards->contains("apparmor") || facts.engine->guards->contains("selinux"));
  if (!promised) return ok("none, as the engine says");
  return expected(profile, profile.find("unconfined") == std::string::npos, profile);
}

Finding root(const Facts& facts) {
  const std::string& options = told(facts, "mount /");
  const std::string& written = told(facts, "written");
  std::string bad = has_word(options, "ro") ? "" : "it is not read-only";
  if (written != "none") bad += (bad.empty() ? "" : "; ") + ("can be written at " + written);
  return expected(options, bad.empty(),
                  bad.empty() ? "read-only, and nothing in it can be written" : bad);
}

Finding folders(const Facts& facts) {
  const bool loose = facts.config.sandbox.exec_tmp;
  std::string bad;
  for (const char* const place : {"/tmp", "/sandbox", "/dev/shm"}) {
    const std::string& options = told(facts, (std::string("mount ") + place).c_str());
    if (!is_told(options)) return unknown(kNotSeen);
    if (options == "none" && std::string_view(place) == "/dev/shm") continue;
    for (const char* const option : {"noexec", "nosuid", "nodev"}) {
      if (own_kernel(facts) && option != std::string_view("noexec")) continue;
      const bool chosen =
          loose && place == std::string_view("/tmp") && option == std::string_view("noexec");
      if (!has_word(options, option) && !chosen)
        bad += " " + std::string(place) + " (" + option + ")";
    }
  }
  const std::string& run = told(facts, "run");
  if (run != "none" && is_told(run) && !(loose && run == "/tmp"))
    bad += " " + run + " (a program was run)";
  if (loose && bad.empty()) {
    return warning("what code puts into /tmp can be run",
                   "EXEC_TMP=1 says so. Unset it where nothing has to be compiled.");
  }
  if (facts.in_cluster() && !bad.empty()) {
    return warning("what code puts into /tmp and /sandbox can be run",
                   "No pod can have it otherwise (docs/engines.md). What runs has no more rights "
                   "than R itself.");
  }
  return expected("", bad.empty(),
                  bad.empty() ? std::string("/tmp, /sandbox and /dev/shm: noexec") +
                                    (own_kernel(facts) ? "" : ", nosuid, nodev")
                              : "lacking:" + bad);
}

Finding network(const Facts& facts) {
  const std::string& interfaces = told(facts, "interfaces");
  const bool reached = told(facts, "connected") == "yes";
  if (facts.in_cluster() && !reached) {
    return ok(interfaces + ", and nothing answers: it tried before it was given out");
  }
  const bool good = (interfaces == "lo" || interfaces == "none") && !reached;
  return expected(interfaces, good,
                  (good ? "none but " : "there is one: ") + interfaces +
                      (reached ? ", and 1.1.1.1 answers" : ""));
}

/// A limit as the kernel has it, where it can be seen, else as the engine said after it had made
/// the sandbox, which is refused where it says otherwise.
Finding limit(const Facts& facts, const char* name, double wanted, const std::string& shown) {
  const std::string& value = told(facts, name);
  if (!is_told(value) || own_kernel(facts)) return ok(shown + ", as the engine says");
  const double number = app::parse_decimal(value).value_or(-1);
  const bool good = std::abs(number - wanted) <= wanted / 100;
  return expected(value, good, good ? shown : value + " in place of " + shown);
}

Finding memory_limit(const Facts& facts) {
  const auto bytes = facts.sandbox ? facts.sandbox->memory_bytes : 0;
  return limit(facts, "memory", static_cast<double>(bytes), app::size_text(bytes));
}

Finding swap_limit(const Facts& facts) {
  const std::string& version2 = told(facts, "swap");
  if (is_told(version2))
    return expected(version2, version2 == "0", version2 == "0" ? "none" : version2);
  const auto bytes = static_cast<double>(facts.sandbox ? facts.sandbox->memory_bytes : 0);
  return limit(facts, "memory and swap", bytes, "none");
}

Finding process_limit(const Facts& facts) {
  const int most = facts.config.sandbox.pids;
  if (facts.in_cluster()) {
    const std::string held = std::to_string(most) + " " + std::to_string(most);
    const std::string& limits = told(facts, "Max processes");
    return expected(limits, limits == held, limits == held ? std::to_string(most) : limits);
  }
  return limit(facts, "processes", most, std::to_string(most));
}

Finding processor_limit(const Facts& facts) {
  const double most = facts.sandbox ? facts.sandbox->cpus : 0;
  std::ostringstream text;
  text << most;
  return limit(facts, "processors", most, text.str());
}

Finding file_limits(const Facts& facts) {
  const std::string& core = told(facts, "Max core file size");
  const std::string& open = told(facts, "Max open files");
  const std::string& size = told(facts, "Max file size");
  constexpr const char* kOpen = "1024 1024";  // engine::Isolation::open_files
  const bool good = core == "0 0" && open == kOpen && !has_word(size, "unlimited");
  return expected(core, good,
                  "core dumps " + core + ", open files " + open + ", bytes of a file " + size);
}

Finding kernels_files(const Facts& facts) {
  const std::string& shown = told(facts, "shown");
  const std::string& changeable = told(facts, "changeable");
  const bool good = shown == "none" && changeable == "none";
  return expected(
      shown, good,
      good ? "masked, or read-only" : "shown: " + shown + "; changeable: " + changeable);
}

Finding engines_sockets(const Facts& facts) {
  const std::string& found = told(facts, "sockets");
  return expected(found, found == "none", found == "none" ? "no socket of an engine" : found);
}

Finding descriptors(const Facts& facts) {
  const std::string& found = told(facts, "open in process 1");
  return expected(found, found == "none",
                  found == "none" ? "nothing of the machine is open" : found);
}

Finding supervisor(const Facts& facts) {
  if (told(facts, "process 1") != "open") return ok("cannot be written to by code");
  return warning("can be written to by code, which then disables it",
                 "The limits hold all the same, and a server ends such a sandbox later "
                 "(SECURITY.md). kernel.yama.ptrace_scope=1 on the engine's machine prevents it.");
}

Finding data(const Facts& facts) {
  const std::string& state = told(facts, "data");
  const std::string& claim = facts.config.sandbox.data_volume;
  const std::string& folder = claim.empty() ? facts.config.sandbox.data_dir : claim;
  if (folder.empty()) return expected(state, state == "none", state == "none" ? "none" : state);
  if (state == "closed") {
    return warning(folder + " cannot be read by user " + facts.config.sandbox.user,
                   "chmod o+rx " + folder + ", and o+r for the files in it.");
  }
  const bool good = state == "readable" && has_word(told(facts, "mount /data"), "ro");
  return expected(state, good,
                  folder + (good ? ", read-only" : " is " + state + ", not read-only"));
}

}  // namespace

std::vector<Check> isolation_checks() {
  return {{"user", "User", user},
          {"capabilities", "Capabilities", capabilities},
          {"privileges", "New privileges", privileges},
          {"setuid", "Setuid programs", setuid},
          {"seccomp", "System calls", system_calls},
          {"lsm", "Confined by", confinement},
          {"root", "Root", root},
          {"folders", "Writable folders", folders},
          {"network", "Network", network},
          {"memory", "Memory limit", memory_limit},
          {"swap", "Swap", swap_limit},
          {"processes", "Processes limit", process_limit},
          {"processors", "Processors limit", processor_limit},
          {"files", "Limits on files", file_limits},
          {"kernel", "Kernel's files", kernels_files},
          {"sockets", "Engine in reach", engines_sockets},
          {"descriptors", "Open descriptors", descriptors},
          {"supervisor", "Supervisor", supervisor},
          {"data", "/data", data}};
}

}  // namespace omcp_r::commands::checks
