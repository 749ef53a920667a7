#include "dialect.hpp"

#include <array>
#include <cstring>

#include "docker_diagnosis.hpp"
#include "podman.hpp"

namespace omcp_r::engine {
namespace {

constexpr Dialect kDocker{"docker", "Id", parse_docker_info, take_docker_info, true};
constexpr Dialect kPodman{"podman", "ID", parse_podman_info, take_podman_info, false};

struct Words {
  std::string_view of_docker;
  std::string_view of_podman;
};

/// Commands and the client; what says how Docker is installed or started is no command.
constexpr std::array kWords{
    Words{"Start Docker (Docker Desktop, or `sudo systemctl start docker`) or correct DOCKER_HOST",
          "See what `podman info` says"},
    Words{"Install Docker (https://docs.docker.com/get-docker/) and start it",
          "Install podman (https://podman.io/docs/installation)"},
    Words{", restart Docker if not", ""},
    Words{"installation of Docker", "installation of podman"},
    Words{"`docker ", "`podman "},
    Words{": docker ", ": podman "},
    Words{"| xargs docker", "| xargs podman"},
    Words{"docker client", "podman client"},
};

}  // namespace

const Dialect& dialect_of(std::string_view kind) {
  return kind == kPodman.program ? kPodman : kDocker;
}

std::string in_words_of(const Dialect& dialect, std::string text) {
  if (&dialect != &kPodman) {
    return text;
  }
  for (const Words& words : kWords) {
    std::size_t at = 0;
    while ((at = text.find(words.of_docker, at)) != std::string::npos) {
      text.replace(at, words.of_docker.size(), words.of_podman);
      at += words.of_podman.size();
    }
  }
  return text;
}

std::string pull_command(const Dialect& dialect, const std::string& name) {
  return std::string{dialect.program} + " pull " + full_image_name(dialect, name);
}

std::string full_image_name(const Dialect& dialect, std::string name) {
  const std::string registry = name.substr(0, name.find('/'));
  const bool alone = registry.size() == name.size();
  const bool named =
      !alone && (registry == "localhost" || registry.find_first_of(".:") != std::string::npos);
  if (&dialect != &kPodman || named) {
    return name;
  }
  return (alone ? "docker.io/library/" : "docker.io/") + name;
}

}  // namespace omcp_r::engine
