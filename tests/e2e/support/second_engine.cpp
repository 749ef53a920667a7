#include "support/second_engine.hpp"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill is POSIX

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

}  // namespace

SecondEngine::SecondEngine(std::filesystem::path folder, EngineProgram program)
    : folder_(std::move(folder)), program_(std::move(program)) {
  std::filesystem::create_directories(folder_);
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
  const Argv daemon{"unshare",           "--net",           "dockerd",      "--data-root",
                    at("data"),          "--exec-root",     at("exec"),     "--pidfile",
                    at("pid"),           "--host",          address().host, "--iptables=false",
                    "--ip6tables=false", "--ip-masq=false", "--bridge=none"};
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

// env and unshare become the daemon by exec.
pid_t SecondEngine::daemon() const {
  return child_->pid();
}

void SecondEngine::signal(int number) const {
  if (!child_->wait(0ms)) ::kill(daemon(), number);
}

}  // namespace omcp_r::e2e
