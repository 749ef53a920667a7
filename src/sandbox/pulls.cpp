#include "pulls.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "omcp_r/base/background.hpp"
#include "omcp_r/base/event.hpp"
#include "omcp_r/base/log.hpp"
#include "omcp_r/base/text.hpp"

namespace omcp_r::sandbox {
namespace {

constexpr std::size_t kMostOfLine = 200;
/// How often who waits is asked whether he still does.
constexpr std::chrono::milliseconds kLook{200};

}  // namespace

struct Pulls::Pull {
  explicit Pull(const asio::any_io_executor& executor) : changed(executor) {}
  std::optional<Status> status;
  std::string line;         ///< the last whole one
  std::string begun;        ///< one that is not whole yet
  std::size_t lines = 0;    ///< that there were
  std::size_t waiting = 0;  ///< callers
  bool stopped = false;
  Event changed;

  void take(std::string_view bytes) {
    for (const char c : bytes) {
      if (c != '\n' && c != '\r') {
        if (begun.size() < kMostOfLine) begun += c;
      } else if (!begun.empty()) {
        line = std::exchange(begun, "");
        ++lines;
      }
    }
    changed.notify_all();
  }
};

asio::awaitable<void> Pulls::run(engine::Engine& engine, std::string image, PullPtr pull) {
  log::info("getting an image", {{"image", image}});
  const auto since = Clock::now();
  engine::Watcher watcher;
  watcher.on_output = [pull](std::string_view bytes) { pull->take(bytes); };
  watcher.wanted = [pull] { return !pull->stopped; };
  const Status status = co_await engine.pull(image, std::move(watcher));
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - since);
  log::info(status ? "got the image" : "could not get the image",
            {{"image", image}, {"seconds", seconds.count()}});
  pull->status = status;
  pull->changed.notify_all();
}

Pulls::PullPtr Pulls::begin(const std::string& image) {
  PullPtr& pull = pulls_[image];
  if (!pull || pull->status || pull->stopped) {
    pull = std::make_shared<Pull>(executor_);
    spawn(executor_, "pull of " + image, run(engine_, image, pull));
  }
  return pull;
}

asio::awaitable<Status> Pulls::get(std::string image, Clock::time_point deadline, PullWatch watch) {
  const PullPtr pull = begin(image);
  ++pull->waiting;
  std::size_t told = 0;
  while (!pull->status && !pull->stopped && Clock::now() < deadline) {
    if (watch.on_line && pull->lines > told) {
      told = pull->lines;
      watch.on_line(pull->line);
    }
    if (watch.wanted && !watch.wanted()) {
      break;
    }
    co_await pull->changed.wait_until(std::min(deadline, Clock::now() + kLook));
  }
  --pull->waiting;
  if (pull->status) {
    co_return *pull->status;
  }
  const bool wanted = !watch.wanted || watch.wanted();
  // Who has hung up may come again, and finds it; who has typed Ctrl-C is alone.
  if (!wanted && watch.ends_it && pull->waiting == 0) {
    pull->stopped = true;
  }
  if (!wanted || pull->stopped) {
    co_return Error{Errc::kEnded, "Getting the image " + image + " was stopped."};
  }
  co_return Error{Errc::kTimeout,
                  "The image " + image + " is still being got" +
                      (pull->line.empty() ? "" : " (" + printable(pull->line, kMostOfLine) + ")") +
                      ". That goes on: try again in a minute."};
}

void Pulls::stop() {
  for (const auto& [image, pull] : pulls_) {
    pull->stopped = true;
    pull->changed.notify_all();
  }
}

}  // namespace omcp_r::sandbox
