#include "commands/open.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "commands/floors.hpp"
#include "commands/say.hpp"
#include "commands/which.hpp"
#include "omcp_r/app/values.hpp"
#include "omcp_r/base/text.hpp"
#include "omcp_r/process/find_program.hpp"
#include "omcp_r/sandbox/state.hpp"

namespace omcp_r::commands {
namespace {

namespace fs = std::filesystem;

/// Those of which there are results, however long they have been gone.
std::vector<std::string> sandboxes_in(const fs::path& folder) {
  std::vector<std::string> ids;
  std::error_code failure;
  for (fs::directory_iterator entry{folder, failure}; !failure && entry != fs::directory_iterator{};
       entry.increment(failure)) {
    const std::string name = entry->path().filename().string();
    std::error_code unreadable;
    const bool is_folder = entry->symlink_status(unreadable).type() == fs::file_type::directory;
    if (is_folder && sandbox::is_sandbox_id(name)) ids.push_back(name);
  }
  return ids;
}

Result<std::string> folder_meant(const std::string& output, const std::vector<std::string>& words) {
  if (words.empty()) return output;
  const std::vector<std::string> ids = begun_by(words.front(), sandboxes_in(output));
  if (ids.size() == 1) return (fs::path(output) / ids.front()).string();
  if (!ids.empty()) return ambiguous(words.front(), ids.size());
  return Error{Errc::kNotFound, "nothing was saved of a sandbox " + app::shown(words.front()) +
                                    " in " + app::shown(output) +
                                    ": a folder is made for it with the first file"};
}

/// Starts a program that lives on without us, and says nothing here.
int start(const std::string& program, const std::string& argument) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t how;
  sigset_t ignored;  // by us
  sigemptyset(&ignored);
  sigaddset(&ignored, SIGPIPE);
  posix_spawn_file_actions_init(&files);
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
  }
  posix_spawnattr_init(&how);
  posix_spawnattr_setsigdefault(&how, &ignored);
  posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF);
  std::string name = program;
  std::string what = argument;
  char* const argv[] = {name.data(), what.data(), nullptr};
  const int failure = ::posix_spawn(nullptr, program.c_str(), &files, &how, argv, environ);
  posix_spawnattr_destroy(&how);
  posix_spawn_file_actions_destroy(&files);
  return failure;
}

/// On a desktop, for who looks: a script only wants the path.
void show(const std::string& folder) {
  const auto variable = app::process_surroundings().variable;
  const bool display = variable("DISPLAY") || variable("WAYLAND_DISPLAY");
  if (!display || ::isatty(STDOUT_FILENO) == 0) return;
  const std::string program = process::find_program("xdg-open", variable("PATH").value_or(""));
  if (program.empty()) return;
  const int failure = start(program, folder);
  if (failure != 0) complain("cannot start " + program + ": " + std::strerror(failure));
}

asio::awaitable<int> open_meant(std::string folder) {
  constexpr std::size_t kMaxPath = 4096;
  const bool on_terminal = ::isatty(STDOUT_FILENO) != 0;
  say(on_terminal ? printable(folder, kMaxPath) : folder);
  show(folder);
  co_return 0;
}

}  // namespace

const Usage& open_usage() {
  static const Usage kUsageOfOpen{
      "open",
      "[SANDBOX]",
      "Print the path of OUTPUT_DIR, or of the folder in it with what a sandbox has made, which is "
      "meant by its id or by how that begins. On a desktop the folder is opened as well.",
      {}};
  return kUsageOfOpen;
}

int open_folder(const std::vector<std::string>& arguments) {
  return with_sandboxes(open_usage(), arguments, [](Floors& floors, const Words& words) {
    const std::string& output = floors.config().sandbox.output_dir;
    if (words.rest.size() > 1) return refuse("open takes one sandbox");
    if (output.empty()) {
      return refuse(
          "OUTPUT_DIR is not set here, so nothing is saved: set it to a folder of yours, for "
          "servers and for this command, in ~/.config/omcp-r-sandbox/.env; or name the one that a "
          "server has with --output-dir FOLDER");
    }
    const auto folder = folder_meant(output, words.rest);
    if (!folder) return refuse(folder.error().message);
    return open_meant(*folder);
  });
}

}  // namespace omcp_r::commands
