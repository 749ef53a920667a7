#pragma once

#include <span>
#include <string>
#include <string_view>

#include "omcp_r/base/result.hpp"

namespace omcp_r::engine {

/// What a client's words mean.
struct ErrorRule {
  std::string_view words;  ///< lower case; part of what it wrote
  Errc code;
  std::string_view message;  ///< what happened, and what to do
};

/// The error of the first rule that matches what a client wrote; kInternal where none does. `line`
/// is what is shown of that.
Error error_by(std::span<const ErrorRule> rules, std::string_view action,
               std::string_view stderr_text, const std::string& line);

/// What went wrong, from what docker wrote to stderr: docker has no other way to tell. `action`
/// names the call ("docker run"). The message says what happened, what to do, and docker's own
/// line.
Error classify_docker_error(std::string_view action, std::string_view stderr_text);

/// An error for an image that the engine lacks, with the image's name and the command that gets it;
/// any other error as it is.
Error name_image(Error error, std::string_view image, std::string_view pull);

/// The line of `stderr_text` that says most: the first error, else the last one that is no hint.
std::string telling_line(std::string_view stderr_text);

/// The API version that the engine asks for where it finds the client's too old or too new, such as
/// "1.44"; "" where `text` says nothing of the kind.
std::string wanted_api_version(std::string_view text);

/// Whether docker warns that it ignored a limit we asked for ("… Limitation discarded.").
bool says_limit_discarded(std::string_view stderr_text);

}  // namespace omcp_r::engine
