#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "omcp_r/sandbox/sandbox.hpp"
#include "pause.hpp"

namespace omcp_r::sandbox {

using SandboxPtr = std::shared_ptr<Sandbox>;

/// Joins what the engine has and what the state folder says into sandboxes and views, and acts on
/// them: creates, finds, removes. Known ids are read first, then the engine is asked; and even then
/// only who can take a sandbox's lock declares it gone.
class Registry {
 public:
  explicit Registry(Shared& shared);

  /// Bytes of memory that the engine's machine has; 0 where it does not say.
  asio::awaitable<Result<std::uint64_t>> machine_memory();
  [[nodiscard]] std::uint64_t known_machine_memory() const { return machine_memory_; }
  /// Makes a sandbox of `spare`, or a new one where there is none or it does not answer.
  asio::awaitable<Result<SandboxPtr>> create(Grant grant, SandboxPtr spare);
  /// One that is ready to be given out. It is in nobody's count and in no list.
  asio::awaitable<Result<SandboxPtr>> make_spare(Grant grant);
  asio::awaitable<Result<SandboxPtr>> find(std::string id);
  asio::awaitable<Result<std::vector<SandboxView>>> list(bool include_ended);
  /// Ends a sandbox, whose container is removed behind the answer. It holds its place until then.
  asio::awaitable<Status> remove(std::string id, bool force);
  [[nodiscard]] std::optional<SandboxView> look_up(const std::string& id) const;
  [[nodiscard]] SandboxPtr known(const std::string& id) const;

  /// Ends what has expired among the sandboxes that this process knows.
  asio::awaitable<void> end_expired();
  /// A look at all of the scope: ends what outlived its lifetime, removes what is dead, tries again
  /// what could not be removed, forgets what ended a day ago.
  asio::awaitable<void> sweep();
  /// Lets go of every sandbox, whatever it does.
  void let_go();
  /// Whether anybody has asked for anything yet: until then the engine is left alone.
  [[nodiscard]] bool used() const { return used_; }

 private:
  /// One answer of the engine, and what was known before it was asked.
  struct Look {
    Clock::time_point asked{};
    std::vector<std::string> known;
    Result<std::vector<engine::Found>> found = std::vector<engine::Found>{};
    std::map<std::string, std::string> ended;  ///< why, of what the engine only keeps
  };
  using LookPtr = std::shared_ptr<const Look>;
  enum class Kind { kSandbox, kSpare, kUndecided, kNone };

  asio::awaitable<LookPtr> look(Clock::time_point not_before);
  static asio::awaitable<void> refresh(Registry& registry);
  static asio::awaitable<void> finish_removal(Registry& registry, SandboxPtr sandbox);
  asio::awaitable<Status> ask_engine();
  [[nodiscard]] bool is_elsewhere(const std::string& id) const;
  [[nodiscard]] Kind kind_of(const engine::Found& found);
  asio::awaitable<bool> is_sandbox(engine::Found found);
  SandboxPtr adopt(const engine::Found& found);
  asio::awaitable<void> settle(LookPtr look);
  asio::awaitable<void> end_overdue(std::string id);
  [[nodiscard]] std::vector<std::string> suspects(const Look& look) const;
  void set_apart_ended(Look& look);
  void settle_missing(const std::vector<std::string>& missing, const Look& look, const Look& again);
  void settle_gone(const std::string& id, const std::string& why);
  void forget_old(const Look& look);
  /// Ends what a server that is gone was about to make, and says whether it did.
  [[nodiscard]] bool is_abandoned(const std::string& id) const;
  [[nodiscard]] const char* is_over(const engine::Found& found) const;
  void finish_off(const engine::Found& found, const char* why);
  static asio::awaitable<void> remove_for_good(Shared& shared, engine::Handle handle,
                                               std::shared_ptr<std::set<std::string>> removing);
  [[nodiscard]] engine::Found unnamed(const std::string& id) const;
  [[nodiscard]] SandboxView view_of(const engine::Found& found) const;
  void add_unlisted(std::vector<SandboxView>& views, const std::set<std::string>& listed,
                    bool include_ended) const;

  asio::awaitable<Result<FileLock>> creation_lock();
  asio::awaitable<Result<Ok>> reserve(SandboxPtr sandbox, Grant grant, Clock::time_point arrived);
  asio::awaitable<Result<Ok>> enter(SandboxPtr sandbox, Grant grant, Clock::time_point arrived);
  [[nodiscard]] std::size_t count(const Look& look);
  [[nodiscard]] bool has_ending(const Look& look) const;
  asio::awaitable<Status> launch(SandboxPtr sandbox, engine::Spec spec);
  asio::awaitable<Status> give_out(SandboxPtr spare, Grant grant);
  asio::awaitable<void> drop(SandboxPtr spare);
  asio::awaitable<void> clear_away(SandboxPtr sandbox, engine::Handle handle);

  Shared& shared_;
  std::map<std::string, SandboxPtr> sandboxes_;
  std::shared_ptr<std::set<std::string>> removing_;  ///< handles that are being removed
  std::set<std::string> left_over_;   ///< spares whose maker died before giving them out
  std::string engine_;                ///< which one it is; "" is not known
  std::uint64_t machine_memory_ = 0;  ///< of its machine, in bytes; 0 is not known
  LookPtr last_;
  std::shared_ptr<Gate> looking_;   ///< one asks the engine for all who come meanwhile
  std::shared_ptr<Gate> entering_;  ///< one is counted and entered at a time
  bool used_ = false;
};

}  // namespace omcp_r::sandbox
