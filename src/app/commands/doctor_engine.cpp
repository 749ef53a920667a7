#include <algorithm>
#include <cstdlib>
#include <utility>

#include "commands/doctor_checks.hpp"
#include "omcp_r/app/values.hpp"
#include "omcp_r/sandbox/policy.hpp"

// The engine, and what it says of its machine.

namespace omcp_r::commands::checks {
namespace {

using engine::Diagnosis;

constexpr const char* kNotTold = "the engine does not tell";

asio::awaitable<void> ask_engine(Floors& floors, Facts& facts) {
  facts.address = co_await floors.engine().address();
  facts.engine = co_await floors.engine().diagnose();
}

std::string or_unknown(const std::string& text) {
  return text.empty() ? "unknown" : text;
}

Finding answers(const Facts& facts) {
  const std::string where = facts.address.empty() ? "" : "at " + facts.address;
  if (!facts.engine) {
    return failure("no" + (where.empty() ? "" : " answer " + where), facts.engine.error().message);
  }
  return ok("yes" + (where.empty() ? "" : ", " + where));
}

const engine::Component* component_of(const Diagnosis& engine, std::string_view name) {
  const auto& all = engine.components;
  const auto found = std::find_if(
      all.begin(), all.end(), [name](const engine::Component& one) { return one.name == name; });
  return found == all.end() ? nullptr : &*found;
}

/// Of a cluster, "v1.33.1".
Finding cluster_version(const Diagnosis& engine) {
  const std::string found =
      "Kubernetes " + or_unknown(engine.version) + ", kubectl " + or_unknown(engine.client_version);
  constexpr int kSizes = 22;
  const std::size_t place = std::min(engine.version.find('.') + 1, engine.version.size());
  const int minor = std::atoi(engine.version.c_str() + place);  // NOLINT(cert-err34-c): 0 is none
  if (engine.version.empty()) return unknown(found);
  if (minor >= kSizes) return ok(found);
  return warning(
      found + ": /tmp and /sandbox have no size of their own",
      "Update the cluster to 1.22 or later. Before that, files that are too many end the "
      "session as too much memory does.");
}

Finding versions(const Facts& facts) {
  const Diagnosis& engine = *facts.engine;
  if (facts.in_cluster()) return cluster_version(engine);
  const std::string found = "engine " + or_unknown(engine.version) + ", client " +
                            or_unknown(engine.client_version) + ", API " +
                            or_unknown(engine.api_version);
  if (engine.version.empty()) return unknown(found);
  if (component_of(engine, "Podman Engine") != nullptr) {
    return warning(found + ", and it is Podman",
                   "Podman is not supported: what it does not tell, or does otherwise, was not "
                   "looked at. Use a Docker engine.");
  }
  constexpr int kOldest = 20;
  if (std::atoi(engine.version.c_str()) < kOldest) {  // NOLINT(cert-err34-c): 0 is no version
    return warning(found, "Engines before 20.10 were never tried. Update it.");
  }
  return ok(found);
}

Finding machine(const Facts& facts) {
  const Diagnosis& engine = *facts.engine;
  const std::string found =
      or_unknown(engine.system) + ", kernel " + or_unknown(engine.kernel) + ", " +
      (engine.processors == 0 ? "unknown" : std::to_string(engine.processors)) + " processors";
  if (engine.system.empty() && engine.kernel.empty()) return unknown(kNotTold);
  const double wanted = facts.config.sandbox.cpus;
  if (engine.processors > 0 && wanted > engine.processors) {
    return failure(found + ", and SANDBOX_CPUS is more",
                   "Set SANDBOX_CPUS to " + std::to_string(engine.processors) + " at most.");
  }
  return ok(found);
}

/// Against the published ways out that it is too old for.
Finding judged(const engine::Component& component) {
  const bool packaged = component.build.find_first_not_of("0123456789abcdef") != std::string::npos;
  const std::string found =
      component.version + (packaged ? " (" + component.build + ")" : std::string());
  const auto open = engine::escapes_of(component);
  if (!open) return unknown(found + ": this version cannot be read");
  if (open->empty()) return ok(found + ", no escape known to us is open");
  std::string names;
  std::string sources;
  for (const engine::Escape* const escape : *open) {
    std::string mended;
    for (const char* const version : escape->mended) {
      mended += (mended.empty() ? "" : "/") + std::string(version);
    }
    names += (names.empty() ? "" : ", ") + std::string(escape->name) + " (" + mended + ")";
    sources += " " + std::string(escape->source);
  }
  return warning(found + " is older than what mends " + names,
                 "Update " + component.name +
                     ". Distributions mend an older version without another number: the changelog "
                     "of their package names the CVEs (apt changelog " +
                     component.name + "). See" + sources);
}

Findings components(const Facts& facts) {
  Findings found;
  for (const char* const name : {"runc", "containerd"}) {
    const engine::Component* const one = component_of(*facts.engine, name);
    found.push_back(of(name, one == nullptr ? unknown(kNotTold) : judged(*one)));
  }
  return found;
}

Finding rootless(const Facts& facts) {
  const auto& guards = facts.engine->guards;
  if (!guards) return unknown(kNotTold);
  if (guards->contains("rootless")) return ok("yes: who gets out is a plain user there");
  if (guards->contains("userns")) return ok("no, but in a user namespace");
  return ok("no: its processes are root's");
}

Finding control_groups(const Facts& facts) {
  const Diagnosis& engine = *facts.engine;
  const std::string found = "version " + or_unknown(engine.cgroup_version) + ", driver " +
                            or_unknown(engine.cgroup_driver);
  if (engine.cgroup_driver.empty()) return unknown(found);
  if (engine.cgroup_driver == "none") {
    return failure(found + ": no limit can be put in force",
                   "Give the rootless engine the right to set limits: cgroup version 2, with "
                   "systemd's delegation (https://docs.docker.com/engine/security/rootless/).");
  }
  return ok(found);
}

Finding limits(const Facts& facts) {
  const Diagnosis& engine = *facts.engine;
  std::string lacking;
  std::string held;
  bool told = false;
  for (const auto& [flag, name] : {std::pair{engine.limits_memory, "memory"},
                                   {engine.limits_swap, "swap"},
                                   {engine.limits_cpus, "processors"},
                                   {engine.limits_processes, "processes"}}) {
    told = told || flag;
    std::string& list = flag.value_or(true) ? held : lacking;
    if (flag) list += (list.empty() ? "" : ", ") + std::string(name);
  }
  if (!told) return unknown(kNotTold);
  if (lacking.empty()) return ok("can be set on " + held);
  return failure("cannot be set on " + lacking + ", so that sandboxes are refused",
                 "A rootless engine needs cgroup version 2 and its delegation; for swap a kernel "
                 "may have to be started with swapaccount=1.");
}

Finding seccomp(const Facts& facts) {
  const auto& guards = facts.engine->guards;
  if (!guards) return unknown(kNotTold);
  const auto found = guards->find("seccomp");
  if (found == guards->end()) {
    return failure("the engine cannot filter system calls",
                   "Use a kernel and an engine with seccomp. SECCOMP=engine runs there all the "
                   "same, less well guarded.");
  }
  const std::string& chosen = facts.config.sandbox.system_calls;
  if (chosen == "engine" && found->second == "unconfined") {
    return failure("SECCOMP=engine, and the engine's own profile allows everything",
                   "Leave SECCOMP out, or remove seccomp-profile from the engine's configuration.");
  }
  return ok("there; sandboxes have " + (chosen == "default"  ? "our list"
                                        : chosen == "engine" ? "the engine's profile"
                                                             : chosen));
}

Finding memory(const Facts& facts) {
  const std::uint64_t machine = facts.engine->memory_bytes;
  if (machine == 0) return unknown(kNotTold);
  constexpr std::uint64_t kMegabyte = 1ULL << 20U;
  const sandbox::Settings& settings = facts.config.sandbox;
  const std::uint64_t each = sandbox::usual_memory(settings, machine) / kMegabyte;
  const auto most = static_cast<std::uint64_t>(settings.max_sandboxes);
  const std::string found = std::to_string(machine / kMegabyte) + " MB, for at most " +
                            std::to_string(most) + " sandboxes of " + std::to_string(each) + " MB";
  if (each * most <= machine / kMegabyte) return ok(found);
  return warning(found + ", which is more",
                 "When all are full, some are killed. Lower MAX_SANDBOXES or SANDBOX_MEMORY.");
}

Finding runtimes(const Facts& facts) {
  const std::string& wanted = facts.config.sandbox.runtime;
  const std::vector<std::string>& there = facts.engine->runtimes;
  std::string names;
  for (const std::string& name : there) names += (names.empty() ? "" : ", ") + name;
  const std::string used = wanted.empty() ? facts.engine->default_runtime : wanted;
  if (there.empty()) return unknown(kNotTold);
  if (std::find(there.begin(), there.end(), used) == there.end()) {
    return failure("the engine does not have " + or_unknown(used) + ", but " + names,
                   "Correct RUNTIME, or install it in the engine's configuration.");
  }
  return ok(used + " is used, of " + names);
}

Findings engine_warnings(const Facts& facts) {
  Findings found;
  for (const std::string& text : facts.engine->warnings) {
    // Of networks, which sandboxes do not have.
    if (text.find("bridge-nf-call") != std::string::npos) continue;
    found.push_back(warning(text, "The engine says so itself (docker info)."));
  }
  return found;
}

}  // namespace

std::string no_engine(const Facts& facts) {
  return facts.engine ? "" : "not looked at, since the engine does not answer";
}

const Group& engine_group() {
  static const Group kGroup{"engine",
                            "Engine",
                            ask_engine,
                            no_engine,
                            {{"answers", "Answers", answers, true},
                             {"versions", "Versions", versions},
                             {"machine", "Its machine", machine},
                             {"component", "Component", components},
                             {"rootless", "Rootless", rootless},
                             {"cgroups", "Control groups", control_groups},
                             {"limits", "Limits", limits},
                             {"seccomp", "Seccomp", seccomp},
                             {"memory", "Memory", memory},
                             {"runtimes", "Runtime", runtimes},
                             {"warnings", "Its warning", engine_warnings}}};
  return kGroup;
}

}  // namespace omcp_r::commands::checks
