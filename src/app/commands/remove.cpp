#include "commands/remove.hpp"

#include "commands/floors.hpp"
#include "commands/say.hpp"
#include "commands/which.hpp"

namespace omcp_r::commands {
namespace {

using sandbox::SandboxView;

asio::awaitable<bool> remove_one(sandbox::Sandboxes& sandboxes, std::string id, bool force) {
  const Status removed = co_await sandboxes.remove(id, force);
  const bool busy = !removed && removed.error().code == Errc::kBusy;
  if (removed) say("Removed " + id);
  if (!removed) {
    complain(removed.error().message + (busy && !force ? " --force ends what runs there." : ""));
  }
  co_return removed.ok();
}

asio::awaitable<int> remove_all(sandbox::Sandboxes& sandboxes, std::vector<std::string> words,
                                bool all, bool force) {
  const auto views = co_await sandboxes.list(false);
  if (!views) {
    complain(views.error().message);
    co_return 1;
  }
  std::vector<std::string> ids;
  bool good = true;
  for (const std::string& word : words) {
    const auto id = sandbox_meant(word, *views);
    if (id) ids.push_back(*id);
    if (!id) complain(id.error().message);
    good = good && id;
  }
  for (const SandboxView& view : *views) {
    if (all) ids.push_back(view.id);
  }
  for (const std::string& id : ids) {
    const bool removed = co_await remove_one(sandboxes, id, force);
    good = good && removed;
  }
  co_return good ? 0 : 1;
}

}  // namespace

const Usage& remove_usage() {
  static const Usage kUsageOfRemove{
      "remove",
      "SANDBOX...",
      "Remove sandboxes, by their ids or by how these begin.",
      {{"--all", "", "All of this scope, those that servers have made included."},
       {"--force", "", "Those as well in which code runs."}}};
  return kUsageOfRemove;
}

int remove(const std::vector<std::string>& arguments) {
  return with_sandboxes(remove_usage(), arguments, [](Floors& floors, const Words& words) {
    const bool all = words.has("--all");
    if (all != words.rest.empty()) {
      return refuse(all ? "--all takes no further sandbox"
                        : "which sandbox? omcp-r-sandbox list shows them; --all removes all");
    }
    return remove_all(floors.sandboxes(), words.rest, all, words.has("--force"));
  });
}

}  // namespace omcp_r::commands
