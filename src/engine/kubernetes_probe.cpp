#include "kubernetes_probe.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <sstream>

#include "docker_output.hpp"
#include "omcp_r/base/text.hpp"
#include "omcp_r/engine/runtimes.hpp"
#include "text_at.hpp"

namespace omcp_r::engine {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kSection = "omcp ";
constexpr std::array kDirections{"ingress", "egress"};
constexpr std::size_t kMostSaidInside = 200;

std::string_view section(const ProbeAnswer& answer, std::string_view name) {
  const auto found = answer.find(name);
  return found == answer.end() ? std::string_view{} : std::string_view{found->second};
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
  return whole ? std::optional{value} : std::nullopt;
}

/// All numbers that stand in a section.
std::vector<std::uint64_t> numbers(std::string_view text) {
  std::vector<std::uint64_t> found;
  for (const std::string& word : words_of(std::string{text})) {
    if (const auto value = parse_number(word)) found.push_back(*value);
  }
  return found;
}

/// The words behind "NAME:" in /proc/1/status.
std::vector<std::string> status_of(const ProbeAnswer& answer, const std::string& name) {
  for (const std::string& line : non_empty_lines(section(answer, "status"))) {
    auto words = words_of(line);
    if (!words.empty() && words.front() == name + ":") {
      words.erase(words.begin());
      return words;
    }
  }
  return {};
}

/// The hard limit of a line of /proc/1/limits.
std::optional<std::uint64_t> limit_of(const ProbeAnswer& answer, std::string_view name) {
  for (const std::string& line : non_empty_lines(section(answer, "limits"))) {
    if (!line.starts_with(name)) continue;
    const auto words = words_of(line.substr(name.size()));
    return words.size() < 2 ? std::nullopt : parse_number(words[1]);
  }
  return std::nullopt;
}

bool has_no_capability(const ProbeAnswer& answer) {
  constexpr std::array kSets{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};
  return std::all_of(kSets.begin(), kSets.end(), [&answer](const char* set) {
    const auto words = status_of(answer, set);
    return words.size() == 1 && words[0].find_first_not_of('0') == std::string::npos;
  });
}

bool is_user(const ProbeAnswer& answer, const std::string& user) {
  const std::size_t colon = user.find(':');
  for (const std::string& group : status_of(answer, "Groups")) {
    if (group != user.substr(colon + 1)) return false;
  }
  const auto is_all = [](const std::vector<std::string>& ids, const std::string& id) {
    return ids.size() == 4 && std::count(ids.begin(), ids.end(), id) == 4;
  };
  return is_all(status_of(answer, "Uid"), user.substr(0, colon)) &&
         is_all(status_of(answer, "Gid"), user.substr(colon + 1));
}

/// What every pod has, and what the kernel keeps for itself there.
bool is_known_mount(const std::string& place) {
  constexpr std::array<std::string_view, 6> kOurs{"/sandbox",         "/tmp",
                                                  "/etc/hosts",       "/etc/hostname",
                                                  "/etc/resolv.conf", "/dev/termination-log"};
  constexpr std::array<std::string_view, 3> kKernels{"/proc", "/sys", "/dev"};
  const auto is_below = [&place](std::string_view folder) {
    return place == folder || place.starts_with(std::string{folder} + "/");
  };
  return std::find(kOurs.begin(), kOurs.end(), place) != kOurs.end() ||
         std::any_of(kKernels.begin(), kKernels.end(), is_below);
}

/// What else is mounted: an image's VOLUME is a folder of the node's disk, and what somebody in the
/// cluster adds to pods may be the token of an account.
std::string unknown_mounts(const ProbeAnswer& answer, bool has_data) {
  std::string unknown;
  for (const std::string& line : non_empty_lines(section(answer, "mounts"))) {
    const auto words = words_of(line);
    const std::string& place = words.size() < 2 ? line : words[1];
    if (place != "/" && !(has_data && place == "/data") && !is_known_mount(place)) {
      unknown += " " + place;
    }
  }
  return printable(unknown, kMostSaidInside);
}

bool is_read_only(const ProbeAnswer& answer, bool has_data) {
  int in_memory = 0;
  bool root = false;
  bool data = !has_data;
  for (const std::string& line : non_empty_lines(section(answer, "mounts"))) {
    const auto words = words_of(line);
    if (words.size() < 4) return false;
    const bool writable = words[3] == "rw" || words[3].starts_with("rw,");
    const bool is_root = words[1] == "/";
    root = root || is_root;
    data = data || (words[1] == "/data" && !writable);
    in_memory += (words[1] == "/sandbox" || words[1] == "/tmp") && words[2] == "tmpfs" ? 1 : 0;
    if (writable && is_root) return false;
  }
  return root && data && in_memory == 2;
}

/// Whether the users of the pod are mapped to numbers of their own on its node.
bool has_own_users(const ProbeAnswer& answer) {
  const auto lines = non_empty_lines(section(answer, "users"));
  return !lines.empty() && std::none_of(lines.begin(), lines.end(), [](const std::string& line) {
    const auto words = words_of(line);
    return words.size() != 3 || words[0] == words[1];
  });
}

/// No memory beyond the limit: where the node has swap, it has to be forbidden.
bool is_without_swap(const ProbeAnswer& answer, std::uint64_t memory) {
  const std::size_t lines = non_empty_lines(section(answer, "swaps")).size();
  if (lines <= 1) return lines == 1;  // its head
  const auto swap = numbers(section(answer, "swap"));
  return swap.size() == 1 && (swap[0] == 0 || swap[0] == memory);
}

/// "QUOTA PERIOD" of cgroup v2, and of v1 a file each.
bool holds_cpus(const ProbeAnswer& answer, double asked) {
  const auto words = numbers(section(answer, "cpu"));
  constexpr double kNear = 0.02;
  return words.size() == 2 && words[1] > 0 &&
         std::abs(static_cast<double>(words[0]) / static_cast<double>(words[1]) - asked) < kNear;
}

struct Reach {
  bool control = false;
  int tried = 0;
  std::string reached;
  std::uint64_t answers = 1;  ///< until it is told
};

Reach reach_of(const ProbeAnswer& answer) {
  Reach reach;
  for (const std::string& line : non_empty_lines(section(answer, "network"))) {
    const auto words = words_of(line);
    if (words.size() == 2 && words[0] == "control") reach.control = words[1] == "yes";
    if (words.size() == 2 && words[0] == "answers")
      reach.answers = parse_number(words[1]).value_or(1);
    if (words.size() == 3 && words[0] == "target") {
      ++reach.tried;
      if (words[2] != "silent") reach.reached += " " + words[1];
    }
  }
  return reach;
}

/// Of matchExpressions it is said without a look that they select.
bool may_select(const Json& policy, const Json& labels) {
  const Json& wanted = object_at(object_at(policy, "podSelector"), "matchLabels");
  return std::all_of(wanted.items().begin(), wanted.items().end(), [&labels](const auto& one) {
    const auto found = labels.find(one.key());
    return found != labels.end() && *found == one.value();
  });
}

bool opens_nothing(const Json& policy) {
  return std::none_of(kDirections.begin(), kDirections.end(), [&policy](const char* direction) {
    const auto rules = policy.find(direction);
    return rules != policy.end() && !rules->empty();
  });
}

std::string how_to_close(const std::string& name_space) {
  return " An administrator has to install a network plugin that enforces NetworkPolicy (such as "
         "Calico or Cilium), and a policy that lets nothing in or out of the namespace " +
         name_space +
         ", with no other that opens it: {\"apiVersion\": \"networking.k8s.io/v1\", \"kind\": "
         "\"NetworkPolicy\", \"metadata\": {\"name\": \"deny-all\", \"namespace\": \"" +
         name_space +
         "\"}, \"spec\": {\"podSelector\": {}, \"policyTypes\": [\"Ingress\", \"Egress\"]}}, as "
         "docker/kubernetes has it.";
}

}  // namespace

ProbeAnswer read_probe(std::string_view text) {
  ProbeAnswer answer;
  std::string* current = nullptr;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with(kSection)) {
      current = &answer[std::string{line.substr(kSection.size())}];
    } else if (current != nullptr) {
      current->append(line).append("\n");
    }
  }
  return answer;
}

Status check_network(const ProbeAnswer& answer, const std::string& name_space) {
  const Reach reach = reach_of(answer);
  if (!reach.control || reach.tried == 0 || !answer.contains("end")) {
    return Error{Errc::kLimitsNotApplied,
                 "Whether the sandbox's network is closed could not be found out, so it was "
                 "removed. In a pod of " +
                     name_space +
                     " R has to run, to reach itself, and to have an address to try. Try again; if "
                     "it stays, look at the pod's image and its network. (It said \"" +
                     printable(section(answer, "network"), kMostSaidInside) + "\")"};
  }
  if (!reach.reached.empty() || reach.answers > 0) {
    const std::string whom =
        reach.reached.empty() ? "" : " by" + printable(reach.reached, kMostSaidInside);
    return Error{Errc::kLimitsNotApplied, "The sandbox's network is not closed: it was answered" +
                                              whom + ", and was removed." +
                                              how_to_close(name_space)};
  }
  return Ok{};
}

Status check_policies(std::string_view lines, const Json& labels, const std::string& name_space) {
  for (const std::string& line : non_empty_lines(lines)) {
    const Json policy = Json::parse(line, nullptr, false);
    const bool read = policy.is_array() && policy.size() == 2 && policy[1].is_object();
    if (read && (!may_select(policy[1], labels) || opens_nothing(policy[1]))) continue;
    const std::string name = read && policy[0].is_string() ? policy[0].get<std::string>() : line;
    return Error{Errc::kLimitsNotApplied,
                 "The NetworkPolicy " + printable(name, kMostSaidInside) + " of the namespace " +
                     name_space +
                     " opens the network of sandboxes, so none is created. An administrator has to "
                     "remove it, or to have it choose other pods by their labels."};
  }
  return Ok{};
}

std::vector<std::string> not_in_force_inside(const Isolation& asked, const Inside& inside,
                                             const ProbeAnswer& answer) {
  std::vector<std::string> missing;
  const auto require = [&missing](bool holds, const char* what) {
    if (!holds) missing.emplace_back(what);
  };
  const bool own_kernel = runtime_of(asked.runtime).own_kernel;
  const auto is = [&answer](const char* name, const char* value) {
    return status_of(answer, name) == std::vector<std::string>{value};
  };
  require(is_user(answer, inside.user), "the user");
  require(!inside.own_users || has_own_users(answer), "users of its own (hostUsers: false)");
  require(has_no_capability(answer), "no capabilities");
  require(own_kernel || is("NoNewPrivs", "1"), "no new privileges");
  require(own_kernel || is("Seccomp", "2"), "the list of system calls");
  require(is_read_only(answer, inside.has_data), "a read-only file system");
  const std::string mounts = unknown_mounts(answer, inside.has_data);
  require(mounts.empty(), ("nothing mounted besides what a sandbox needs (an image that declares a "
                           "VOLUME does not serve, nor does what the cluster adds:" +
                           mounts + ")")
                              .c_str());
  require(limit_of(answer, "Max processes") == static_cast<std::uint64_t>(asked.processes),
          "processes");
  require(limit_of(answer, "Max open files") == static_cast<std::uint64_t>(asked.open_files),
          "open files");
  constexpr std::uint64_t kBlock = 512;
  require(limit_of(answer, "Max file size") == asked.file_bytes / kBlock * kBlock, "file size");
  if (!own_kernel) {  // it shows its own
    require(numbers(section(answer, "memory")) == std::vector<std::uint64_t>{asked.memory_bytes},
            "memory");
    require(is_without_swap(answer, asked.memory_bytes), "memory with swap");
    require(holds_cpus(answer, asked.cpus), "CPU");
  }
  return missing;
}

}  // namespace omcp_r::engine
