#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include "omcp_r/app/config.hpp"

namespace omcp_r::app {
namespace {

std::optional<std::string> environment_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

/// Hosts start us without HOME; then the user database knows.
std::string home_folder() {
  std::string configured = environment_variable("HOME").value_or("");
  if (configured.starts_with('/')) return configured;
  constexpr std::size_t kRoom = 16384;
  std::vector<char> room(kRoom);
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(::geteuid(), &entry, room.data(), room.size(), &found);
  return found == nullptr || found->pw_dir == nullptr ? "" : found->pw_dir;
}

}  // namespace

Surroundings process_surroundings() {
  std::array<char, 256> name{};
  const bool named = ::gethostname(name.data(), name.size() - 1) == 0;
  std::error_code ignored;
  return {.variable = environment_variable,
          .working_directory = std::filesystem::current_path(ignored).string(),
          .home = home_folder(),
          .host_name = named ? name.data() : "",
          .uid = ::geteuid(),
          .in_container = environment_variable("OMCP_R_CONTAINER") == "1"};
}

}  // namespace omcp_r::app
