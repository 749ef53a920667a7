#include "commands/list.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "commands/commands.hpp"
#include "commands/floors.hpp"
#include "commands/say.hpp"
#include "commands/table.hpp"
#include "omcp_r/base/clock.hpp"
#include "omcp_r/tools/results.hpp"

namespace omcp_r::commands {
namespace {

using sandbox::SandboxView;

/// A time as people say it, in the largest unit of which there are two.
std::string span(double seconds) {
  struct Unit {
    double seconds;
    const char* name;
  };
  constexpr std::array kUnits{Unit{86400, " d"}, Unit{3600, " h"}, Unit{60, " min"}};
  for (const Unit& unit : kUnits) {
    if (seconds >= 2 * unit.seconds) {
      return std::to_string(static_cast<long long>(seconds / unit.seconds)) + unit.name;
    }
  }
  return std::to_string(static_cast<long long>(std::max(seconds, 0.0))) + " s";
}

std::string when_it_ends(const SandboxView& view) {
  const bool ended = view.phase == sandbox::Phase::kEnded;
  if (ended) return span(Clock::wall() - view.ended_at) + " ago: " + view.end_reason;
  return "in " + span(view.expires_at - Clock::wall()) + " without use";
}

void print_views(const std::vector<SandboxView>& views) {
  std::vector<std::vector<std::string>> lines{{"SANDBOX", "STATE", "R", "IMAGE", "RUNS", "ENDS"}};
  for (const SandboxView& view : views) {
    lines.push_back({view.id, phase_name(view.phase), view.r_version, view.image,
                     std::to_string(view.executions), when_it_ends(view)});
  }
  print_table(lines);
}

asio::awaitable<int> print_list(sandbox::Sandboxes& sandboxes, bool all, bool json) {
  const auto views = co_await sandboxes.list(all);
  if (!views) {
    complain(views.error().message);
    co_return 1;
  }
  if (json) {
    say(tools::sandboxes_json(*views).dump(2, ' ', false, mcp::Json::error_handler_t::replace));
  } else if (views->empty()) {
    say("There is no sandbox.");
  } else {
    print_views(*views);
  }
  co_return 0;
}

}  // namespace

const Usage& list_usage() {
  static const Usage kUsageOfList{
      "list",
      "",
      "List the sandboxes of this scope, those that servers have made included.",
      {{"--all", "", "Those that have ended within a day as well."},
       {"--json", "", "As JSON, in the form of the tool list_sandboxes."}}};
  return kUsageOfList;
}

int list(const std::vector<std::string>& arguments) {
  return with_sandboxes(list_usage(), arguments, [](Floors& floors, const Words& words) {
    return print_list(floors.sandboxes(), words.has("--all"), words.has("--json"));
  });
}

}  // namespace omcp_r::commands
