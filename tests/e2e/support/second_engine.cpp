#include "support/second_engine.hpp"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill is POSIX

#include <unistd.h>

#include <stdexcept>

namespace omcp_r::e2e {
namespace {

// A crashed engine's shims outlive their containers, and the engine that comes up after it ends
// them only now and then (20.10): they are known by their folder, which no other process is in.
void end_shims(const std::filesystem::path& exec_root) {
  const auto is_shim = [&](const std::filesystem::path& process) {
    std::error_code gone;  // it has ended since
    const std::string folder = std::filesystem::read_symlink(process / "cwd", gone).string();
    return folder.starts_with(exec_root.string() + "/");
  };
  for (const pid_t shim : processes(is_shim)) ::kill(shim, SIGKILL);
}

constexpr uid_t kNobody = 65534;

// nobody's subordinate ids are known in the engine's own mount namespace only. rootlesskit's /run
// is a copy, in which the first engine's files are links that must go.
Argv as_nobody(const std::filesystem::path& folder, const Argv& daemon) {
  write_file(folder / "ids", "nobody:2000000:65536\n");
  Argv argv{"unshare", "--mount",      "--propagation", "private", "sh", "-c",
            R"sh(
for ids in /etc/subuid /etc/subgid; do [ -e "$ids" ] || : >"$ids"; done
mount --bind "$0/ids" /etc/subuid && mount --bind "$0/ids" /etc/subgid || exit
export HOME="$0" XDG_RUNTIME_DIR="$0"
exec setpriv --reuid 65534 --regid 65534 --clear-groups rootlesskit --state-dir="$0/kit" --net=host \
  --copy-up=/etc --copy-up=/run --propagation=rslave \
  sh -c 'rm -f /run/docker /run/containerd /run/xtables.lock; exec "$@"' sh "$@"
)sh",     folder.string()};
  argv.insert(argv.end(), daemon.begin(), daemon.end());
  argv.insert(argv.end(), {"--rootless", "--storage-driver=overlay2"});
  return argv;
}

}  // namespace

SecondEngine::SecondEngine(std::filesystem::path folder, EngineProgram program)
    : folder_(std::move(folder)), program_(std::move(program)) {
  std::filesystem::create_directories(folder_);
  if (program_.rootless && ::chown(folder_.c_str(), kNobody, kNobody) != 0) {
    throw std::runtime_error("cannot give away " + folder_.string());
  }
  start();
}

SecondEngine::~SecondEngine() {
  try {
    go_on();
    stop();
  } catch (const std::exception&) {  // the test has failed already, or fails by what is left
  }
  end_shims(folder_ / "exec");
  // One that was killed has not taken its data's own mount away, and each start makes another.
  run({"sh", "-c",
       "umount -l \"$0\"/data/overlay2/*/merged \"$0\"/exec/netns/* 2>/dev/null; "
       "while umount -l \"$0\"/data 2>/dev/null; do :; done",
       folder_.string()});
}

EngineAddress SecondEngine::address() const {
  const std::string client = program_.folder.empty() ? "" : (program_.folder / "docker").string();
  return {"unix://" + (folder_ / "sock").string(), client};
}

// Its own network namespace: a second engine in ours would fight the first over its bridge.
void SecondEngine::start() {
  const auto at = [this](const char* name) { return (folder_ / name).string(); };
  Argv argv{"env"};
  for (const auto& [name, value] : program_.environment) argv.push_back(name + "=" + value);
  if (!program_.folder.empty()) {
    argv.push_back("PATH=" + program_.folder.string() + ":" + environment_or("PATH", ""));
  }
  Argv daemon{"dockerd",      "--data-root",      at("data"),          "--exec-root",
              at("exec"),     "--pidfile",        at("pid"),           "--host",
              address().host, "--iptables=false", "--ip6tables=false", "--ip-masq=false",
              "--bridge=none"};
  if (!program_.configuration.empty()) {
    write_file(at("daemon.json"), program_.configuration);
    daemon.insert(daemon.end(), {"--config-file", at("daemon.json")});
  }
  daemon.insert(daemon.end(), program_.arguments.begin(), program_.arguments.end());
  if (program_.rootless) daemon = as_nobody(folder_, daemon);
  argv.insert(argv.end(), {"unshare", "--net"});
  argv.insert(argv.end(), daemon.begin(), daemon.end());
  const ChildSpec spec{argv, {}, folder_, at("log"), {}};
  child_ = std::make_unique<Child>(spec);
  const bool up =
      eventually([this] { return try_docker({"version"}, address()).ending.code == 0; }, 60s);
  if (!up) throw std::runtime_error("the second engine does not start:\n" + read_file(at("log")));
}

void SecondEngine::stop() {
  signal(SIGTERM);
  if (!child_->wait(60s)) throw std::runtime_error("the second engine does not stop");
}

// With its containerd, which would otherwise hold the files that the next one waits for.
void SecondEngine::kill() {
  const std::string containerd = trimmed(read_file(folder_ / "exec/containerd/containerd.pid"));
  signal(SIGKILL);
  if (!containerd.empty()) {
    ::kill(std::stoi(containerd), SIGKILL);
    eventually([&] { return !std::filesystem::exists("/proc/" + containerd); }, 10s);
  }
  if (!child_->wait(60s)) throw std::runtime_error("the second engine does not die");
}

void SecondEngine::hang() {
  signal(SIGSTOP);
}

void SecondEngine::go_on() {
  signal(SIGCONT);
}

void SecondEngine::come_back() {
  go_on();
  if (child_->wait(0ms)) start();
}

void SecondEngine::load(const std::string& image) {
  const Finished copied =
      run(ChildSpec{{"sh", "-c", "docker save \"$1\" | \"${2:-docker}\" --host \"$0\" load",
                     address().host, image, address().client},
                    {},
                    {},
                    {},
                    {}},
          {}, 180s);
  if (copied.ending.code != 0) throw std::runtime_error("cannot copy the image: " + copied.output);
}

// env and unshare become the daemon, or rootlesskit, which passes signals on, by exec.
pid_t SecondEngine::daemon() const {
  return child_->pid();
}

void SecondEngine::signal(int number) const {
  if (!child_->wait(0ms)) ::kill(daemon(), number);
}

}  // namespace omcp_r::e2e
