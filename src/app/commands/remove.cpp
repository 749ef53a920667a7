#include "commands/remove.hpp"

#include <algorithm>

#include "commands/commands.hpp"
#include "commands/floors.hpp"
#include "commands/say.hpp"
#include "omcp_r/base/text.hpp"
#include "omcp_r/sandbox/state.hpp"

namespace omcp_r::commands {
namespace {

using sandbox::SandboxView;

/// The ids that begin so.
std::vector<std::string> meant(const std::string& word, const std::vector<SandboxView>& views) {
  std::vector<std::string> ids;
  for (const SandboxView& view : views) {
    if (view.id.starts_with(word)) ids.push_back(view.id);
  }
  return ids;
}

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
  if (all) words = {""};
  bool good = true;
  for (const std::string& word : words) {
    std::vector<std::string> ids;
    if (all || !word.empty()) ids = meant(word, *views);
    if (ids.empty() && sandbox::is_sandbox_id(word)) ids = {word};  // one that has ended, perhaps
    if (!all && ids.size() != 1) {
      complain(ids.empty() ? "there is no sandbox \"" + printable(word, 64) + "\"" +
                                 "; omcp-r-sandbox list shows those that are"
                           : printable(word, 64) + " begins the ids of " +
                                 std::to_string(ids.size()) + " sandboxes: give more of it");
      good = false;
      continue;
    }
    for (const std::string& id : ids) {
      const bool removed = co_await remove_one(sandboxes, id, force);
      good = good && removed;
    }
  }
  co_return good ? 0 : 1;
}

asio::awaitable<int> refuse(const char* why) {
  complain(why);
  co_return kUsage;
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
