#include "commands/visit.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "commands/foreground.hpp"
#include "commands/signals.hpp"
#include "omcp_r/base/background.hpp"
#include "omcp_r/base/clock.hpp"
#include "omcp_r/tools/verdict.hpp"

namespace omcp_r::commands {
namespace {

constexpr std::size_t kMostPrinted = std::size_t{1} << 20;

/// What a signal stops, and what prints: it outlives neither by itself.
class Visitor : public std::enable_shared_from_this<Visitor> {
 public:
  explicit Visitor(Floors& floors)
      : floors_(floors), signals_(std::make_shared<Signals>(floors.io())) {}

  asio::awaitable<Visit> work(sandbox::CreateRequest request, std::string code,
                              std::chrono::seconds limit) {
    signals_->watch([self = shared_from_this()](int /*signal*/) { self->stop(); });
    Visit visit;
    Progress pulling;
    request.watch = watch_of_person(pulling);
    visit.sandbox = co_await floors_.sandboxes().create(std::move(request));
    pulling.end();
    if (visit.sandbox) {
      id_ = visit.sandbox->id;
      if (!signalled()) {
        visit.ended = co_await run(std::move(code), limit);
      }
      visit.removed = co_await floors_.sandboxes().remove(id_, true);
      // The engine's part of that goes on behind, and would not where a signal ends us.
      constexpr std::size_t kThisOne = 1;
      constexpr std::chrono::seconds kPatience{60};
      co_await background_done(Clock::now() + kPatience, kThisOne);
    }
    signals_->release();
    visit.printed = *printed_;
    co_return visit;
  }

 private:
  asio::awaitable<Status> run(std::string code, std::chrono::seconds limit) {
    sandbox::ExecutionRequest wanted;
    wanted.code = std::move(code);
    wanted.timeout = limit;
    // Not by us: the execution, which we have, has this.
    wanted.on_output = [printed = printed_](std::string_view bytes) {
      *printed += bytes.substr(0, kMostPrinted - std::min(printed->size(), kMostPrinted));
    };
    const auto begun = co_await floors_.sandboxes().execute(id_, std::move(wanted));
    if (!begun) {
      co_return begun.error();
    }
    execution_ = *begun;
    if (signalled()) {
      stop();
    }
    while (!execution_->done) {
      co_await execution_->changed.wait();
    }
    const tools::Verdict verdict = tools::verdict_of(*execution_);
    if (!verdict.message.empty()) {
      co_return Error{Errc::kInternal, verdict.message};
    }
    co_return Ok{};
  }
  void stop() {
    if (execution_ && !execution_->done) floors_.sandboxes().stop(id_, execution_);
  }

  Floors& floors_;
  std::shared_ptr<Signals> signals_;
  std::string id_;
  sandbox::ExecutionPtr execution_;
  std::shared_ptr<std::string> printed_ = std::make_shared<std::string>();
};

}  // namespace

asio::awaitable<Visit> visit_sandbox(Floors& floors, sandbox::CreateRequest request,
                                     std::string code, std::chrono::seconds limit) {
  const auto visitor = std::make_shared<Visitor>(floors);
  co_return co_await visitor->work(std::move(request), std::move(code), limit);
}

}  // namespace omcp_r::commands
