#pragma once

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <deque>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "omcp_r/base/clock.hpp"
#include "omcp_r/engine/docker_engine.hpp"
#include "omcp_r/process/command_runner.hpp"

namespace omcp_r::engine {

template <class T>
asio::awaitable<void> store(asio::awaitable<T> work, std::optional<T>* result) {
  result->emplace(co_await std::move(work));
}

/// Runs `io` until `work` is done; an attached client would keep it busy for longer.
inline void run_sync(asio::io_context& io, asio::awaitable<void> work) {
  auto done = asio::co_spawn(io, std::move(work), asio::use_future);
  io.restart();
  while (done.wait_for(std::chrono::seconds{0}) != std::future_status::ready) {
    io.run_one();
  }
  done.get();
}

template <class T>
T run_sync(asio::io_context& io, asio::awaitable<T> work) {
  std::optional<T> result;
  run_sync(io, store(std::move(work), &result));
  return std::move(*result);
}

/// What docker answers to one subcommand.
struct Answer {
  int code = 0;
  std::string out{};
  std::string err{};
  bool timed_out = false;
  bool hangs = false;  ///< until it is wanted no more, or its time is up
  bool slow = false;   ///< gives way to others first, and its time is up then
};

/// Records the calls and plays answers; the last answer of a subcommand is played for ever.
class FakeRunner final : public process::CommandRunner {
 public:
  struct Script {
    std::map<std::string, std::deque<Answer>> answers{};
    std::vector<std::vector<std::string>> calls{};  ///< without the client's path
    std::vector<process::Command> commands{};
  };

  explicit FakeRunner(std::shared_ptr<Script> script) : script_(std::move(script)) {}

  asio::awaitable<Result<process::Exit>> run(process::Command command) override {
    const auto& argv = command.launch.argv;
    script_->calls.emplace_back(argv.begin() + 1, argv.end());
    script_->commands.push_back(command);
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
    // kubectl has what is common to all calls before the subcommand.
    const auto verb = std::find_if(argv.begin() + 1, argv.end(), [](const std::string& word) {
      return !word.starts_with("--namespace=") && !word.starts_with("--context=");
    });
    // Answers to "get pods" come before those to "get".
    std::string asked = verb == argv.end() ? "" : *verb;
    const bool has_object = verb != argv.end() && verb + 1 != argv.end();
    if (has_object && script_->answers.contains(asked + " " + verb[1])) asked += " " + verb[1];
    auto& answers = script_->answers[asked];
    Answer answer = answers.empty() ? Answer{} : answers.front();
    if (answers.size() > 1) {
      answers.pop_front();
    }
    const auto end = Clock::now() + command.time_limit;
    while (answer.hangs && Clock::now() < end && command.wanted()) {
      Clock::advance(std::chrono::milliseconds{100});
      co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
    }
    if (command.wanted && command.on_output) {
      command.on_output(answer.out);  // as who watches gets it
    }
    process::Exit exit;
    exit.status.code = answer.code;
    exit.out = std::move(answer.out);
    exit.err = std::move(answer.err);
    constexpr int kTurns = 1000;
    for (int i = 0; answer.slow && i < kTurns; ++i) {
      co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
    }
    exit.timed_out = answer.timed_out || answer.hangs || answer.slow;
    co_return exit;
  }

 private:
  std::shared_ptr<Script> script_;
};

/// A spec that passes check_isolation().
inline Spec small_spec() {
  Spec spec;
  spec.identity.id = "test";
  spec.identity.scope = "tests";
  spec.identity.domain = "here";
  spec.identity.protocol = 2;
  spec.image = "omcp-r-test:bookworm";
  spec.program = {"sh", "-c", "exec cat"};
  Isolation& isolation = spec.isolation;
  isolation.memory_bytes = 64ULL << 20U;
  isolation.cpus = 0.5;
  isolation.processes = 32;
  isolation.open_files = 512;
  isolation.file_bytes = 1ULL << 20U;
  isolation.tmp_bytes = 4ULL << 20U;
  isolation.work_bytes = 8ULL << 20U;
  isolation.shared_memory_bytes = 1ULL << 20U;
  return spec;
}

/// What inspection prints of a running container made from small_spec().
inline std::string inspected(const std::string& id, const std::string& name,
                             const std::string& role = "sandbox") {
  return R"({"id":")" + id + R"(","name":"/)" + name + R"(","omcp-r.role":")" + role +
         R"(","image":"r:1","digest":"sha256:0","running":true,"created":"2026-11-23T23:37:33.1Z",)"
         R"("memory":67108864,"memory_swap":67108864,"nano_cpus":500000000,"pids":32,)"
         R"("omcp-r.id":"test","omcp-r.scope":"tests","omcp-r.domain":"here",)"
         R"("omcp-r.idle":"300","omcp-r.lifetime":"86400","omcp-r.protocol":"2"})"
         "\n";
}

}  // namespace omcp_r::engine
