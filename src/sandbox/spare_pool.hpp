#pragma once

#include <memory>

#include "registry.hpp"

namespace omcp_r::sandbox {

/// Keeps a sandbox ready for who asks next, once sandboxes are in use. Chooses; the registry acts.
class SparePool {
 public:
  SparePool(Shared& shared, Registry& registry)
      : shared_(shared), registry_(registry), made_(shared.executor) {}

  /// The spare, if there is one and it is what `grant` asks for; it is the caller's then. One that
  /// is being made is waited for, by one caller: it is there sooner than another begun beside it.
  asio::awaitable<SandboxPtr> take(Grant grant);
  /// Takes back one that was not used.
  void give_back(SandboxPtr spare);
  /// Makes one in the background, where one is missing.
  void refill();
  /// Keeps it alive: a spare ends by itself soon after its server.
  asio::awaitable<void> keep();
  /// Leaves it to its lease, and makes no other.
  void let_go();

 private:
  static asio::awaitable<void> end(Shared& shared, SandboxPtr spare);
  static asio::awaitable<void> make(SparePool& pool);
  [[nodiscard]] Grant usual() const;

  Shared& shared_;
  Registry& registry_;
  SandboxPtr spare_;
  Event made_;  ///< or not: it is being made no longer
  bool making_ = false;
  bool awaited_ = false;
  bool stopped_ = false;
};

}  // namespace omcp_r::sandbox
