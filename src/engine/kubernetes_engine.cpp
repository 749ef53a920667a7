#include "omcp_r/engine/kubernetes_engine.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <utility>

#include "docker_attachment.hpp"
#include "docker_output.hpp"
#include "kubectl.hpp"
#include "kubernetes_attachment.hpp"
#include "kubernetes_errors.hpp"
#include "kubernetes_pod.hpp"
#include "kubernetes_probe.hpp"
#include "omcp_r/base/background.hpp"
#include "omcp_r/base/clock.hpp"
#include "omcp_r/base/event.hpp"
#include "omcp_r/base/log.hpp"
#include "omcp_r/base/text.hpp"
#include "text_at.hpp"

namespace omcp_r::embedded {
extern const std::string_view kProbe;
}

namespace omcp_r::engine {
namespace {

using Json = nlohmann::json;
using Arguments = Kubectl::Arguments;
using KubectlPtr = std::shared_ptr<Kubectl>;

/// Creations at once: a cluster's scheduler and its nodes have other things to do.
constexpr int kMostCreations = 4;
/// For a node to get room, such as by one that the cluster adds.
constexpr std::chrono::seconds kNodePatience{15};
constexpr std::chrono::milliseconds kWatchPause{300};
/// For a quota to see that a pod is gone.
constexpr std::chrono::seconds kQuotaPatience{10};
constexpr std::chrono::milliseconds kQuotaPause{500};
/// When to look, and look again, for what a silent cluster may have made: pauses in seconds.
constexpr std::array<std::chrono::seconds, 4> kLookForPods{
    std::chrono::seconds{0}, std::chrono::seconds{1}, std::chrono::seconds{5},
    std::chrono::seconds{30}};
constexpr int kMostMarks = 5;
constexpr Kubectl::Limit kSignalLimit = std::chrono::seconds{5};
constexpr std::size_t kMostProbe = std::size_t{64} << 10;

/// "NAME/UID" of a pod: a name may come again.
struct PodHandle {
  explicit PodHandle(const Handle& handle)
      : name(handle.id.substr(0, handle.id.find('/'))),
        uid(handle.id.substr(std::min(handle.id.find('/'), handle.id.size() - 1) + 1)) {}
  std::string name;
  std::string uid;
};

/// Without a uid: whatever has the name, which is as random as one. A pod's grace period is none,
/// so that it is gone with the answer. What is not there is a success.
asio::awaitable<Status> remove_pod(KubectlPtr kubectl, std::string name, std::string uid,
                                   Kubectl::Limit limit) {
  Json options{{"apiVersion", "v1"}, {"kind", "DeleteOptions"}};
  if (!uid.empty()) options["preconditions"] = {{"uid", uid}};
  Arguments arguments{"delete", "--raw",
                      "/api/v1/namespaces/" + kubectl->name_space() + "/pods/" + name, "-f", "-"};
  const auto removed = co_await kubectl->call_through(std::move(arguments), limit, options.dump());
  const bool another = !removed && removed.error().message.find("(Conflict)") != std::string::npos;
  if (removed || another || removed.error().code == Errc::kNotFound) {
    co_return Ok{};
  }
  co_return removed.error();
}

/// The same, and again, in the background: the cluster may yet make what it did not answer for.
asio::awaitable<void> remove_late(KubectlPtr kubectl, std::string name, Kubectl::Limit limit) {
  Timer timer{co_await asio::this_coro::executor};
  for (const std::chrono::seconds pause : kLookForPods) {
    timer.expires_after(pause);
    co_await timer.async_wait(asio::use_awaitable);
    const Status removed = co_await remove_pod(kubectl, name, "", limit);
    if (!removed) {
      log::warning("a pod may be left behind",
                   {{"pod", name}, {"reason", removed.error().message}});
    }
  }
}

/// What is heard of a pod that is on its way.
struct Arrival {
  std::string rest;
  std::optional<PodState> pod;
  std::optional<Error> error;
  std::optional<Clock::time_point> unplaced;  ///< since when no node takes it

  [[nodiscard]] bool decided() const {
    return error || (pod && pod->found.running) ||
           (unplaced && Clock::now() >= *unplaced + kNodePatience);
  }
};

void take_line(Arrival& arrival, std::string_view line, const std::string& image, bool pulls) {
  auto pod = read_pod(line);
  if (!pod) return;
  auto error = hopeless(*pod, image, pulls);
  const bool unplaced = !pod->unschedulable.empty() && pod->ended.empty();
  if (unplaced && !arrival.unplaced) arrival.unplaced = Clock::now();
  if (!unplaced) arrival.unplaced.reset();
  if (!unplaced) arrival.error = std::move(error);
  arrival.pod = std::move(pod);
}

/// Of what the watching client prints. A pod is some kilobytes.
void take_bytes(Arrival& arrival, std::string_view bytes, const std::string& image, bool pulls) {
  constexpr std::size_t kLongest = std::size_t{1} << 20;
  arrival.rest.append(bytes);
  for (std::size_t end = 0; (end = arrival.rest.find('\n')) != std::string::npos;) {
    take_line(arrival, std::string_view{arrival.rest}.substr(0, end), image, pulls);
    arrival.rest.erase(0, end + 1);
  }
  if (arrival.rest.size() > kLongest) arrival.rest.clear();
}

/// "1.20.2" and 20 of `kubectl version -o json`.
void take_version(const std::string& text, ClusterFacts& facts) {
  const Json all = Json::parse(text, nullptr, false);
  const auto server = all.is_object() ? all.find("serverVersion") : all.end();
  if (!all.is_object() || server == all.end() || !server->is_object()) return;
  facts.version = printable(text_at(*server, "gitVersion"), 40);
  const std::string minor = text_at(*server, "minor");  // clouds write "33+"
  std::from_chars(minor.data(), minor.data() + minor.size(), facts.minor);
}

class KubernetesEngine final : public Engine {
 public:
  KubernetesEngine(asio::any_io_executor executor, KubernetesConfig config,
                   std::unique_ptr<process::CommandRunner> runner)
      : executor_(std::move(executor)),
        config_(std::move(config)),
        kubectl_(std::make_shared<Kubectl>(config_, std::move(runner))),
        room_(executor_) {}

  asio::awaitable<Result<About>> about() override {
    const auto facts = co_await find_facts();
    if (!facts) {
      co_return facts.error();
    }
    co_return About{facts->id, facts->version, 0};
  }

  asio::awaitable<Result<Created>> create(Spec spec) override {
    if (const Status checked = check_pod(spec); !checked) {
      co_return checked.error();
    }
    const auto facts = co_await find_facts();
    if (!facts) {
      co_return facts.error();
    }
    while (creating_ >= kMostCreations) {
      co_await room_.wait();
    }
    const Place place{*this};
    co_return co_await start(spec, *facts);
  }

  asio::awaitable<Result<std::vector<Found>>> list(std::string scope) override {
    Arguments arguments{"get", "pods", "--selector=" + scope_selector(scope),
                        std::string{"--output=jsonpath={range .items[*]}"} + kPodLine + "{end}"};
    const auto listed = co_await kubectl_->call(std::move(arguments), config_.call_limit);
    if (!listed) {
      co_return listed.error();
    }
    if (listed->truncated) {
      co_return Error{Errc::kInternal,
                      "The namespace has too many pods of this scope to list. Remove them: "
                      "kubectl delete pods -l " +
                          scope_selector(scope)};
    }
    std::vector<Found> found;
    for (const std::string& line : non_empty_lines(listed->out)) {
      auto pod = read_pod(line);
      if (pod && pod->found.identity.scope == scope) {
        found.push_back(std::move(pod->found));
      }
    }
    co_return found;
  }

  asio::awaitable<Result<std::unique_ptr<Attachment>>> open(Handle handle) override {
    Arguments arguments{"attach", "--stdin", "--container", kPodContainer, PodHandle{handle}.name};
    auto launch = kubectl_->launch(std::move(arguments));
    if (!launch) {
      co_return launch.error();
    }
    auto attached = attach_with(executor_, std::move(*launch));
    if (!attached) {
      co_return attached.error();
    }
    co_return without_remarks(std::move(*attached));
  }

  asio::awaitable<Status> interrupt(Handle handle) override {
    return signal(std::move(handle), "kill -INT 1");
  }

  asio::awaitable<Status> kill_session(Handle handle) override {
    return signal(std::move(handle), "kill -USR1 1");
  }

  asio::awaitable<Status> remove(Handle handle) override {
    PodHandle pod{handle};
    auto removed =
        co_await remove_pod(kubectl_, std::move(pod.name), std::move(pod.uid), config_.call_limit);
    removed_at_ = Clock::now();
    co_return removed;
  }

  /// Only unchanged since it was looked at: of two who mark it at once, one has to look again.
  asio::awaitable<Status> mark_given(Handle handle) override {
    const PodHandle pod{handle};
    Status marked = Ok{};
    for (int i = 0; i < kMostMarks; ++i) {
      marked = co_await mark_once(pod);
      if (marked || marked.error().code != Errc::kBusy) {
        break;
      }
    }
    co_return marked;
  }

  /// Which images a cluster's nodes have no API tells: that of a sandbox is known once it runs.
  asio::awaitable<Result<std::string>> image(std::string /*name*/) override {
    co_return Error{Errc::kInternal,
                    "No API of a cluster tells which images its nodes have: a "
                    "sandbox that runs does."};
  }

  asio::awaitable<Status> pull(std::string name, Watcher /*watcher*/) override {
    co_return Error{Errc::kImageNotFound,
                    "No server can get an image for the nodes of a cluster: with PULL=missing they "
                    "get it themselves when a sandbox is created. Ask the user whether the name " +
                        name + " is right and its registry can be reached from every node."};
  }

  asio::awaitable<Result<Diagnosis>> diagnose() override {
    const auto facts = co_await find_facts();
    if (!facts) {
      co_return facts.error();
    }
    Diagnosis diagnosis;
    diagnosis.version = facts->version;
    diagnosis.client_version = client_version_;
    diagnosis.system = "Kubernetes, namespace " + config_.name_space;
    co_return diagnosis;
  }

  asio::awaitable<bool> answers() override { return kubectl_->answers(); }

  asio::awaitable<std::string> address() override {
    Arguments arguments{"config", "view", "--minify",
                        "--output=jsonpath={.clusters[0].cluster.server}"};
    const auto told = co_await kubectl_->call(std::move(arguments), config_.call_limit);
    const auto lines = non_empty_lines(told ? told->out : "");
    co_return lines.size() == 1 ? lines.front() : "";
  }

 private:
  /// One of the creations under way.
  struct Place {
    explicit Place(KubernetesEngine& its) : engine(its) { ++engine.creating_; }
    ~Place() {
      --engine.creating_;
      engine.room_.notify_all();
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    KubernetesEngine& engine;
  };

  /// Asked once, and again as long as the cluster does not answer.
  asio::awaitable<Result<ClusterFacts>> find_facts() {
    if (facts_) {
      co_return *facts_;
    }
    Arguments get{"get", "namespace", config_.name_space, "--output=jsonpath={.metadata.uid}"};
    const auto told = co_await kubectl_->call(std::move(get), config_.call_limit);
    if (!told) {
      co_return told.error();
    }
    ClusterFacts facts;
    facts.id = "kubernetes:" + told->out;
    Arguments version{"version", "--output=json"};
    const auto versions = co_await kubectl_->call(std::move(version), config_.call_limit);
    if (!versions) {
      co_return versions.error();
    }
    take_version(versions->out, facts);
    const Json all = Json::parse(versions->out, nullptr, false);
    if (all.is_object() && all.contains("clientVersion") && all["clientVersion"].is_object()) {
      client_version_ = printable(text_at(all["clientVersion"], "gitVersion"), 40);
    }
    facts_ = facts;
    co_return facts;
  }

  asio::awaitable<Status> mark_once(PodHandle pod) {
    Arguments get{"get", "pod", pod.name,
                  R"(--output=jsonpath={.metadata.uid} {.metadata.resourceVersion} )"
                  R"({.metadata.labels.omcp-r\.given})"};
    const auto seen = co_await kubectl_->call(std::move(get), config_.call_limit);
    if (!seen) {
      co_return seen.error();
    }
    std::istringstream words(seen->out);
    std::string uid;
    std::string version;
    std::string given;
    words >> uid >> version >> given;
    if (uid != pod.uid) {
      co_return Error{Errc::kNotFound, "The pod is not there any more."};
    }
    if (!given.empty()) {
      co_return Ok{};
    }
    Arguments label{"label", "pod", pod.name, "omcp-r.given=1", "--resource-version=" + version};
    const auto marked = co_await kubectl_->call(std::move(label), config_.call_limit);
    if (!marked) {
      co_return marked.error();
    }
    co_return Ok{};
  }

  /// By a process in the pod, the only way that there is: code can stop it, end it, and speak for
  /// it.
  asio::awaitable<Status> signal(Handle handle, const char* command) {
    Arguments arguments{
        "exec", PodHandle{handle}.name, "--container", kPodContainer, "--", "sh", "-c", command};
    const auto limit = std::min(config_.call_limit, kSignalLimit);
    const auto sent = co_await kubectl_->try_call(std::move(arguments), limit);
    if (!sent) {
      co_return sent.error();
    }
    // What process 1 does with the signal reaches the one who sent it, too.
    constexpr int kInterrupted = 130;
    constexpr int kKilled = 137;
    const int code = sent->status.code;
    if (code != 0 && code != kInterrupted && code != kKilled) {
      co_return classify_kubectl_error("kubectl exec", sent->err);
    }
    co_return Ok{};
  }

  /// Makes the pod, waits until it runs, and looks at it from inside. On failure nothing is left.
  asio::awaitable<Result<Created>> start(Spec spec, ClusterFacts facts) {
    const std::string name = pod_name(spec.identity.id);
    // No validation here: it takes the client as long as all the rest, and the server does it.
    Arguments arguments{"create", "--filename=-", "--validate=false", "--output=name"};
    const Json pod = pod_manifest(spec, config_, facts);
    const std::string manifest = pod.dump();
    if (const Status closed = co_await check_policies_for(pod); !closed) {
      co_return closed.error();
    }
    auto made = co_await kubectl_->call_through(arguments, config_.call_limit, manifest);
    // The place of what was just removed is counted free a moment later.
    Timer timer{co_await asio::this_coro::executor};
    while (!made && made.error().code == Errc::kLimitReached && removed_at_ &&
           Clock::now() < *removed_at_ + kQuotaPatience) {
      timer.expires_after(kQuotaPause);
      co_await timer.async_wait(asio::use_awaitable);
      made = co_await kubectl_->call_through(arguments, config_.call_limit, manifest);
    }
    if (!made) {
      const Errc why = made.error().code;
      const bool refused = why == Errc::kMisconfigured || why == Errc::kLimitReached;
      if (!refused) {  // then it may be there all the same
        spawn(executor_, "removal of what was made late",
              remove_late(kubectl_, name, config_.call_limit));
      }
      co_return made.error();
    }
    auto created = co_await arrive(spec, facts);
    if (!created) {
      const Status removed = co_await remove_pod(kubectl_, name, "", config_.call_limit);
      if (!removed) {
        spawn(executor_, "removal of a pod", remove_late(kubectl_, name, config_.call_limit));
      }
    }
    co_return created;
  }

  /// What a pod tries cannot show that there is no way out at all: a policy that opens one does.
  asio::awaitable<Status> check_policies_for(const Json& pod) {
    Arguments get{"get", "networkpolicies", std::string{"--output=jsonpath="} + kPolicyLine};
    const auto told = co_await kubectl_->call(std::move(get), config_.call_limit);
    if (!told) {
      co_return told.error();
    }
    co_return check_policies(told->out, pod.at("metadata").at("labels"), config_.name_space);
  }

  asio::awaitable<Result<Created>> arrive(const Spec& spec, const ClusterFacts& facts) {
    const auto pod = co_await wait_for(spec);
    if (!pod) {
      co_return pod.error();
    }
    const auto answer = co_await probe(*pod);
    if (!answer) {
      co_return answer.error();
    }
    if (const Status closed = check_network(*answer, config_.name_space); !closed) {
      co_return closed.error();
    }
    Created created;
    created.handle = pod->found.handle;
    created.image_digest = pod->found.image_digest;
    const Inside inside{pod_user(spec, facts), !config_.data_volume.empty(),
                        facts.minor >= kUserNamespaces && spec.isolation.user == Isolation{}.user};
    created.not_in_force = not_in_force_inside(spec.isolation, inside, *answer);
    co_return created;
  }

  asio::awaitable<Result<PodState>> wait_for(const Spec& spec) {
    const std::string name = pod_name(spec.identity.id);
    const auto arrival = std::make_shared<Arrival>();
    const auto deadline = Clock::now() + config_.create_limit;
    Timer timer{co_await asio::this_coro::executor};
    while (!arrival->decided() && Clock::now() < deadline) {
      const Status seen = co_await look(spec, name, arrival, deadline);
      if (!seen) {
        co_return seen.error();
      }
      if (!arrival->decided()) {
        timer.expires_after(kWatchPause);
        co_await timer.async_wait(asio::use_awaitable);
      }
    }
    if (arrival->error) {
      co_return *arrival->error;
    }
    if (arrival->pod && arrival->pod->found.running) {
      co_return *arrival->pod;
    }
    co_return late(arrival->pod, spec.image);
  }

  /// Watches the pod until something is decided, or the client ends, as it does now and then.
  asio::awaitable<Status> look(const Spec& spec, const std::string& name,
                               std::shared_ptr<Arrival> arrival, Clock::time_point deadline) {
    arrival->rest.clear();
    Arguments arguments{"get", "pod", name, "--watch",
                        std::string{"--output=jsonpath="} + kPodLine};
    Watcher watcher;
    watcher.on_output = [arrival, image = spec.image, pulls = config_.pull](
                            std::string_view bytes) { take_bytes(*arrival, bytes, image, pulls); };
    watcher.wanted = [arrival] { return !arrival->decided(); };
    const auto left = std::chrono::duration_cast<Kubectl::Limit>(deadline - Clock::now());
    const auto seen = co_await kubectl_->watch(std::move(arguments), left, std::move(watcher));
    if (!seen) {
      co_return seen.error();
    }
    if (!arrival->decided() && !seen->timed_out && seen->status.code != 0) {
      const Error error = classify_kubectl_error("kubectl get", seen->err);
      if (error.code != Errc::kEngineUnavailable) {
        co_return error;
      }
    }
    co_return Ok{};
  }

  [[nodiscard]] Error late(const std::optional<PodState>& pod, const std::string& image) const {
    if (pod) {
      auto error = hopeless(*pod, image, config_.pull);
      if (error) {
        return std::move(*error);
      }
    }
    const std::string node = pod && !pod->node.empty() ? "Its node is " + pod->node + "." : "";
    return Error{
        Errc::kTimeout,
        "The pod did not run within " + std::to_string(config_.create_limit.count() / 1000) +
            " s and was removed. " +
            (config_.pull ? "Its node may still be getting the image: try again in a "
                            "minute. "
                          : "Try again; if it stays, see what `kubectl get events` says. ") +
            node};
  }

  /// What holds in the pod, and whether it gets out. Nothing of a user's has run there yet.
  asio::awaitable<Result<ProbeAnswer>> probe(const PodState& pod) {
    Arguments arguments{"exec",      pod.name, "--container", kPodContainer,
                        "--",        "sh",     "-c",          std::string{embedded::kProbe},
                        "omcp-probe"};
    for (const char* const port : {":10250", ":22"}) {  // the kubelet's, which is always open
      if (!pod.node_address.empty()) arguments.push_back(pod.node_address + port);
    }
    const auto told = co_await kubectl_->call(std::move(arguments), config_.call_limit);
    if (!told) {
      co_return told.error();
    }
    co_return read_probe(std::string_view{told->out}.substr(0, kMostProbe));
  }

  asio::any_io_executor executor_;
  KubernetesConfig config_;
  KubectlPtr kubectl_;  ///< shared with removals, which may outlive the engine
  std::optional<ClusterFacts> facts_;
  std::string client_version_;
  int creating_ = 0;
  std::optional<Clock::time_point> removed_at_;  ///< a pod, last
  Event room_;
};

}  // namespace

std::unique_ptr<Engine> make_kubernetes_engine(asio::any_io_executor executor,
                                               KubernetesConfig config,
                                               std::unique_ptr<process::CommandRunner> runner) {
  return std::make_unique<KubernetesEngine>(std::move(executor), std::move(config),
                                            std::move(runner));
}

std::unique_ptr<Engine> make_kubernetes_engine(asio::any_io_executor executor,
                                               KubernetesConfig config) {
  auto runner = process::make_command_runner(executor);
  return make_kubernetes_engine(std::move(executor), std::move(config), std::move(runner));
}

}  // namespace omcp_r::engine
