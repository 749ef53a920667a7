#include "omcp_r/app/options.hpp"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <filesystem>

#include "kinds.hpp"

namespace omcp_r::app {
namespace {

namespace fs = std::filesystem;
using sandbox::Settings;

constexpr std::int64_t kDay = 86400;
constexpr std::int64_t kMonth = 30 * kDay;

/// Whether `path` could be made: its nearest part that exists is a folder that we may write to.
bool could_be_made(fs::path path) {
  std::error_code failure;
  while (!fs::exists(path, failure) && path.has_relative_path()) path = path.parent_path();
  return fs::is_directory(path, failure) && ::access(path.c_str(), W_OK | X_OK) == 0;
}

/// The state serves the processes of one user on one host. Whoever makes the folder gives it mode
/// 0700 and makes sure that it is ours: anybody could have made one in /tmp.
std::string default_state_dir(const Surroundings& surroundings) {
  const std::string configured = surroundings.variable("XDG_STATE_HOME").value_or("");
  std::vector<std::string> folders;
  if (configured.starts_with('/')) folders.push_back(configured);
  if (!surroundings.home.empty()) folders.push_back(surroundings.home + "/.local/state");
  for (const std::string& folder : folders) {
    if (could_be_made(folder)) return folder + "/omcp-r-sandbox";
  }
  return "/tmp/omcp-r-sandbox-" + std::to_string(surroundings.uid);
}

std::string default_scope(const Surroundings& surroundings) {
  constexpr std::size_t kLongest = 64;
  std::string scope = std::to_string(surroundings.uid) + "@" + surroundings.host_name;
  const auto foreign = [](unsigned char c) {
    return std::isalnum(c) == 0 && c != '_' && c != '.' && c != '@' && c != '-';
  };
  std::replace_if(scope.begin(), scope.end(), foreign, '-');
  return scope.substr(0, kLongest);
}

std::vector<Option> sandbox_options() {
  const std::string group = "Sandboxes";
  return {
      {group, "DOCKER_IMAGE", "rocker/r-ver:latest", image(in(&Settings::image)),
       "The image that a sandbox runs unless the call names another. It needs R 4.1 or later on "
       "its "
       "PATH and must already be on the engine: images are never pulled by a call."},
      {group, "ALLOWED_IMAGES", "", images(in(&Settings::allowed_images)),
       "Further images that a call may name. DOCKER_IMAGE is always allowed."},
      {group, "MAX_SANDBOXES", "10", number(in(&Settings::max_sandboxes), 1, 1000),
       "How many sandboxes may exist at once in one scope."},
      {group, "SANDBOX_TIMEOUT", "300", seconds(in(&Settings::idle_timeout), 1, kMonth),
       "A sandbox that has not been used for this long is removed, also when no server runs."},
      {group, "SANDBOX_MAX_LIFETIME", "86400", seconds(in(&Settings::max_lifetime), 1, kMonth),
       "A sandbox is removed at this age, however much it is used."},
      {group, "WARM_POOL", "1", number(in(&Settings::warm_pool), 0, 1),
       "1 keeps a spare sandbox started, so that a new one is there at once; 0 keeps none."},
      {group, "SANDBOX_MEMORY", "512m", size(in(&Settings::memory_bytes), "64m", "1t"),
       "Memory of a sandbox, its files included, and no swap beyond it. A call may ask for less."},
      {group, "SANDBOX_CPUS", "1", decimal(in(&Settings::cpus), 0.1, 256),
       "Processor cores of a sandbox. A call may ask for less."},
      {group, "SANDBOX_PIDS", "128", number(in(&Settings::pids), 16, 32768),
       "How many processes and threads a sandbox may have."},
      {group, "SANDBOX_USER", "65532:65532", user(in(&Settings::user)),
       "The numeric user and group that R runs as in the container."},
  };
}

std::vector<Option> execution_options() {
  const std::string group = "Running code";
  return {
      {group, "EXECUTION_TIMEOUT", "30", seconds(in(&Settings::execution_timeout), 1, kMonth),
       "Code is interrupted after this long unless the call sets its own limit."},
      {group, "MAX_EXECUTION_TIMEOUT", "3600",
       seconds(in(&Settings::max_execution_timeout), 1, kMonth),
       "The longest limit that a call may set."},
      {group, "EXECUTION_WAIT", "45", seconds(in(&Settings::execution_wait), 1, 3600),
       "A call answers after this long even if the code still runs; a later call collects the "
       "rest. "
       "Many hosts give up on a call after 60 seconds."},
      {group, "MAX_OUTPUT_CHARS", "50000", number(in(&Settings::max_output_chars), 100, 10'000'000),
       "Longest output in one answer. Of a longer one the middle is left out."},
      {group, "MAX_OUTPUT_BYTES", "1g", size(in(&Settings::max_output_bytes), "64k", "1t"),
       "Code that prints more than this is stopped."},
      {group, "DATA_DIR", "", folder(in(&Settings::data_dir), Sharing::kRead),
       "A folder of this machine that every sandbox sees, read-only, as /data."},
      {group, "OUTPUT_DIR", "", folder(in(&Settings::output_dir), Sharing::kWrite),
       "A folder of this machine that receives copies of the files R makes in its working "
       "directory."},
  };
}

std::vector<Option> engine_options() {
  const std::string group = "Engine";
  return {
      {group, "ENGINE", "docker",
       choice<std::string>(in(&EngineSettings::kind), {{"docker", "docker"}}),
       "The kind of container engine."},
      {group, "DOCKER", "", program(in(&EngineSettings::docker)),
       "The docker command. By default it is looked for in PATH, then in its usual places. Not "
       "taken "
       "from a .env file of the working directory or its parents.",
       nullptr, true},
      {group, "DOCKER_HOST", "", engine_address(in(&EngineSettings::docker_host)),
       "The engine's address. By default the docker command decides by its context."},
      {group, "RUNTIME", "", word(in(&Settings::runtime), "._-"),
       "The engine's runtime for sandboxes, such as runsc (gVisor). By default the engine's own."},
  };
}

std::vector<Option> program_options() {
  const std::string group = "The server";
  return {
      {group, "SCOPE", "", word(in(&Settings::scope), "_.@-"),
       "Servers of one scope on one engine share their sandboxes. By default the user's number and "
       "the machine's name, as in 1000@laptop.",
       default_scope},
      {group, "STATE_DIR", "", file(in(&Settings::state_dir)),
       "Where locks and times of last use are kept. By default omcp-r-sandbox in $XDG_STATE_HOME "
       "or "
       "~/.local/state; without a home that can be written to, /tmp/omcp-r-sandbox-UID.",
       default_state_dir},
      {group, "LOG_LEVEL", "INFO",
       choice<log::Level>(in(&Config::log_level), {{"DEBUG", log::Level::kDebug},
                                                   {"INFO", log::Level::kInfo},
                                                   {"WARNING", log::Level::kWarning},
                                                   {"ERROR", log::Level::kError}}),
       "What is logged, on stderr. Only DEBUG shows code and its output."},
      {group, "LOG_FORMAT", "text",
       choice<log::Format>(in(&Config::log_format),
                           {{"text", log::Format::kText}, {"json", log::Format::kJson}}),
       "Lines for people, or one JSON object a line."},
      {group, "AUDIT_LOG", "", file(in(&Config::audit_log)),
       "A file that gets one JSON line for each event in the life of a sandbox. Not taken from a "
       ".env file of the working directory or its parents.",
       nullptr, true},
  };
}

}  // namespace

const std::vector<Option>& options() {
  static const std::vector<Option> table = [] {
    std::vector<Option> all;
    for (const auto part : {sandbox_options, execution_options, engine_options, program_options}) {
      for (Option& option : part()) all.push_back(std::move(option));
    }
    return all;
  }();
  return table;
}

std::string flag_of(std::string_view variable) {
  std::string flag = "--";
  for (const char c : variable) {
    flag += c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return flag;
}

}  // namespace omcp_r::app
