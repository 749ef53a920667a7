#pragma once

#include <string>
#include <string_view>

#include "docker_features.hpp"
#include "omcp_r/engine/diagnosis.hpp"

namespace omcp_r::engine {

/// How the command line of an engine differs from docker's, whose words all of this floor speaks.
struct Dialect {
  const char* program;  ///< the client's name
  const char* id;       ///< the field of an id in a template
  Result<EngineFacts> (*read_info)(std::string_view json);
  void (*take_info)(std::string_view json, Diagnosis& diagnosis);
  bool has_context;  ///< and with it an address
};

/// Of an ENGINE other than auto.
const Dialect& dialect_of(std::string_view kind);

/// A text for people that speaks of docker, in the words of this engine.
std::string in_words_of(const Dialect& dialect, std::string text);

/// The name by which an image can be got from docker.io, unless it names another registry: podman
/// knows no default one.
std::string full_image_name(const Dialect& dialect, std::string name);

/// What a person types to get an image.
std::string pull_command(const Dialect& dialect, const std::string& name);

}  // namespace omcp_r::engine
