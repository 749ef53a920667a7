#include "commands/doctor.hpp"

#include <csignal>
#include <iterator>
#include <utility>

#include "commands/doctor_checks.hpp"
#include "commands/floors.hpp"
#include "commands/say.hpp"
#include "commands/signals.hpp"

namespace omcp_r::commands {
namespace {

/// In the order in which they are looked at and told. The hosts come last: they take time, and
/// nothing is left behind where they are interrupted.
std::vector<const checks::Group*> groups() {
  return {&checks::settings_group(), &checks::engine_group(),  &checks::machine_group(),
          &checks::image_group(),    &checks::sandbox_group(), &checks::folders_group(),
          &checks::hosts_group()};
}

asio::awaitable<int> look_at_all(Floors& floors, bool json) {
  checks::Facts facts{.config = floors.config(), .surroundings = app::process_surroundings()};
  std::vector<checks::Row> all;
  for (const checks::Group* const group : groups()) {
    if (group->ask != nullptr) {
      co_await group->ask(floors, facts);
    }
    if (signalled()) {
      complain("stopped");
      co_return kStopped;
    }
    std::vector<checks::Row> rows = checks::rows_of(*group, facts);
    if (!json && !rows.empty()) {
      say(checks::text_of(*group, rows));
    }
    all.insert(all.end(), std::make_move_iterator(rows.begin()),
               std::make_move_iterator(rows.end()));
  }
  say(json ? checks::json_of(all).dump(2) : checks::summary_of(all));
  co_return checks::fails(all) || std::ferror(stdout) != 0 ? 1 : 0;
}

}  // namespace

const Usage& doctor_usage() {
  static const Usage kUsageOfDoctor{
      "doctor",
      "",
      "Look at all that sandboxes depend on: the settings, the engine and its machine, the image, "
      "a sandbox from inside, folders, and the hosts that start this server. What is not well is "
      "told with what to do. The exit code is 1 where something fails; a warning is no failure.",
      {{"--json", "", "As JSON: ok, and checks with id, group, status, what, found and advice."}}};
  return kUsageOfDoctor;
}

int doctor(const std::vector<std::string>& arguments) {
  std::signal(SIGPIPE, SIG_IGN);  // who reads our output may end before us
  return with_sandboxes(doctor_usage(), arguments, [](Floors& floors, const Words& words) {
    return look_at_all(floors, words.has("--json"));
  });
}

}  // namespace omcp_r::commands
