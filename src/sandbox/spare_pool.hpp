#pragma once

#include <deque>
#include <memory>

#include "registry.hpp"

namespace omcp_r::sandbox {

/// Keeps sandboxes ready for who asks next, as long as sandboxes are in use. Chooses; the registry
/// acts.
class SparePool {
 public:
  SparePool(Shared& shared, Registry& registry)
      : shared_(shared), registry_(registry), made_(shared.executor), hurry_(shared.executor) {}

  /// A spare, if there is one and it is what `grant` asks for; it is the caller's then. One that
  /// is being made is waited for, by one caller: it is there sooner than another begun beside it.
  asio::awaitable<SandboxPtr> take(Grant grant);
  /// Takes back one that was not used.
  void give_back(SandboxPtr spare);
  /// Makes what is missing, in the background and one at a time.
  void refill();
  /// Sandboxes are in use: spares that nobody takes are kept for the idle time from now on.
  void note_use() { used_ = Clock::now(); }
  /// Keeps them alive, as a spare ends by itself soon after its server. Replaces what grows old,
  /// and ends all once sandboxes are no longer in use.
  asio::awaitable<void> keep();
  /// Leaves them to their lease, and makes no other.
  void let_go();

 private:
  struct Spare {
    SandboxPtr sandbox;
    Clock::time_point since;
  };

  static asio::awaitable<void> end(Shared& shared, SandboxPtr spare);
  static asio::awaitable<void> make(SparePool& pool);
  asio::awaitable<Result<SandboxPtr>> make_one();
  [[nodiscard]] Grant usual() const;
  void drop(const SandboxPtr& spare);

  Shared& shared_;
  Registry& registry_;
  std::deque<Spare> spares_;
  Clock::time_point used_ = Clock::now();
  Event made_;   ///< or not: it is being made no longer
  Event hurry_;  ///< somebody waits for the next one
  bool making_ = false;
  std::optional<Clock::time_point> loading_;  ///< since when the one being made loads packages
  bool bare_ = false;                         ///< packages are not loaded, since that failed
  bool awaited_ = false;
  bool stopped_ = false;
};

}  // namespace omcp_r::sandbox
