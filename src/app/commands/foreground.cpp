#include "commands/foreground.hpp"

#include <unistd.h>

#include <boost/asio/post.hpp>
#include <utility>

#include "commands/progress.hpp"
#include "commands/say.hpp"
#include "omcp_r/base/background.hpp"
#include "omcp_r/base/text.hpp"

namespace omcp_r::commands {

std::vector<Flag> with_sandbox_flags(std::vector<Flag> own) {
  own.insert(own.end(),
             {{"--out", "FOLDER", "Keep the plots, and the files that R makes, there."},
              {"--data", "FOLDER", "What the code sees, read-only, as /data.", "DATA_DIR"},
              {"--image", "IMAGE", "The image to run it in.", "DOCKER_IMAGE"},
              {"--timeout", "SECONDS", "Stop the code after this long.", "EXECUTION_TIMEOUT"},
              {"--keep", "", "Leave the sandbox, and say which it is."}});
  return own;
}

void Foreground::heed_signals(std::function<void(int)> also) {
  also_ = std::move(also);
  signals_->watch([self = shared_from_this()](int signal) { self->on_signal(signal); });
}

void Foreground::ignore_signals() {
  signals_->cancel();
  also_ = nullptr;
}

sandbox::PullWatch watch_of_person(Progress& progress) {
  sandbox::PullWatch watch;
  watch.on_line = [&progress](const std::string& line) { progress.take(line + "\n"); };
  watch.wanted = [] { return !signalled(); };
  watch.ends_it = true;
  watch.most = std::chrono::hours{24};
  return watch;
}

asio::awaitable<Result<sandbox::SandboxView>> Foreground::create() {
  sandbox::CreateRequest wanted;
  Progress pulling;
  wanted.pull = ::isatty(STDERR_FILENO) != 0;  // who sees it can stop it
  wanted.watch = watch_of_person(pulling);
  auto made = co_await floors_.sandboxes().create(std::move(wanted));
  if (made) id_ = made->id;
  co_return made;
}

asio::awaitable<void> Foreground::remove() {
  (void)co_await floors_.sandboxes().remove(id_, true);
}

void Foreground::use(std::string id) {
  id_ = std::move(id);
  ours_ = false;
}

void Foreground::begin_anew() {
  stopped_ = false;
  asked_ = false;
  forget_signals();
}

asio::awaitable<Result<sandbox::ExecutionPtr>> Foreground::run(std::string code) {
  sandbox::ExecutionRequest wanted;
  wanted.code = std::move(code);
  wanted.timeout = floors_.sandboxes().settings().execution_timeout;
  wanted.on_output = [this](std::string_view bytes) {
    if (!output_.write(bytes)) stop_soon();
  };
  const auto begun = co_await floors_.sandboxes().execute(id_, std::move(wanted));
  if (!begun) co_return begun.error();
  execution_ = *begun;
  if (stopped_) floors_.sandboxes().stop(id_, execution_);
  while (!execution_->done) {
    co_await execution_->changed.wait();
  }
  output_.end();
  co_return execution_;
}

void Foreground::tell(const sandbox::Execution& execution) {
  constexpr std::size_t kMaxReason = 300;
  for (const std::string& dropped : execution.dropped) complain(printable(dropped, kMaxReason));
  if (!execution.report) return;
  for (const std::string& note : execution.report->notes) complain(printable(note, kMaxReason));
}

void Foreground::tell_kept(const sandbox::SandboxView& made) {
  complain("the sandbox is " + made.id + ", and ends when it is not used for " +
           std::to_string(made.idle) + " s");
}

void Foreground::on_signal(int signal) {
  if (asked_ && ours_ && !id_.empty()) {
    spawn(floors_.io().get_executor(), "removal", end_now(shared_from_this()));
  }
  asked_ = true;
  stop();
  if (also_) also_(signal);
}

asio::awaitable<void> Foreground::end_now(std::shared_ptr<Foreground> self) {
  co_await self->remove();
}

void Foreground::stop() {
  stopped_ = true;
  if (execution_ && !execution_->done) floors_.sandboxes().stop(id_, execution_);
}

/// Not in the midst of what has told us of the output.
void Foreground::stop_soon() {
  if (stopped_) return;
  stopped_ = true;
  asio::post(floors_.io(), [self = shared_from_this()] { self->stop(); });
}

}  // namespace omcp_r::commands
